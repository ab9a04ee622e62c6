"""Suggests cleaning rules for an outlet from a handful of its pages. No gold text is needed.

1. The story's box: the named element that holds most of the prose that cleaning left.
2. cut: named elements whose text survived cleaning although they never hold the story. They stand behind its last
   paragraph, or have the same text on several pages, or are made of links.
3. lines: a line that survives on at least half of the pages.
4. keep: paragraphs of the story's box that general rules cut, if their text differs from page to page.
5. Each proposal is tried out. One that costs a paragraph of the story, or changes nothing, is dropped.
6. Fields that some pages state and others do not (field_suggestions.py).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from cleaning.clutter.outlet_rules import check_rules, compile_rules
from cleaning.records import Rules
from cleaning.rule_authoring.field_suggestions import FieldProposal, suggest_fields, with_field
from cleaning.rule_authoring.samples import Sample, clean_sample, cleaned_text, element_names
from cleaning.text.characters import fold, is_sentence, word_count
from cleaning.text.shown_text import shown_text, unlinked_text
from cleaning.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lxml.html import HtmlElement

    from cleaning.records import RawPage

MIN_PAGES = 5  # fewer pages do not show what belongs to the outlet and what to one story
MAX_PROPOSALS = 12  # of one kind
_MIN_PROSE_WORDS = 8  # of a paragraph of the story
_MIN_BOX_SHARE = 0.5  # of a page's prose that is directly in the story's box
_MIN_TWIN_PARAGRAPHS = 4  # in a second box, which then holds story too; no teaser has as many
_MIN_LINKED_SHARE = 0.6  # of the text of an element that is made of links
Key = Literal["cut", "keep", "lines", "ends"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposed rule."""

    key: Key
    value: str  # a selector or a pattern
    pages: int  # number of pages on which it has an effect
    why: str  # the reason, for people

    def evidence(self, page_count: int) -> str:
        """Return reason and number of pages in words. page_count: of all pages that were read."""
        return f"{self.why}, on {self.pages} of {page_count} pages"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """All proposals for one outlet."""

    pages: int  # number of pages that held an article
    box: tuple[str, ...]  # selectors of the story's box
    proposals: tuple[Proposal, ...]
    fields: tuple[FieldProposal, ...] = ()
    what: str = "page"  # was read

    @property
    def rules(self) -> Rules:
        """The proposals as rules."""
        return self.added_to(Rules())

    def added_to(self, rules: Rules) -> Rules:
        """Return the rules with the proposals."""
        rules = add_proposals(rules, self.proposals)
        for proposal in self.fields:
            rules = with_field(rules, proposal)
        return rules

    def __bool__(self) -> bool:
        """Whether anything is proposed."""
        return bool(self.proposals or self.fields)

    def toml(self) -> str:
        """Return the sections [clutter] and [fields] for the outlet's file, with the evidence as comments."""
        read = f"read off {counted(self.pages, self.what)}"
        return "\n".join(
            [
                *(self._clutter(read) if self.proposals else ()),
                *([""] if self.proposals and self.fields else ()),
                *(self._fields(read) if self.fields else ()),
                "",
            ]
        )

    def _fields(self, read: str) -> Iterator[str]:
        yield from ("[fields]", f"# {read}")
        for proposal in self.fields:
            yield f"{proposal.name} = {_toml_string(proposal.selector)}  # {proposal.evidence()}"

    def _clutter(self, read: str) -> Iterator[str]:
        story = f"; the story stands in {', '.join(self.box)}" if self.box else ""
        yield from ("[clutter]", f"# {read}{story}")
        for key in ("cut", "keep", "lines", "ends"):
            proposals = [proposal for proposal in self.proposals if proposal.key == key]
            if proposals:
                yield f"{key} = ["
                yield from (f"    {_toml_string(p.value)},  # {p.evidence(self.pages)}" for p in proposals)
                yield "]"


def suggest_rules(pages: Sequence[RawPage], rules: Rules | None = None) -> Suggestion:
    """Return proposed rules for an outlet.

    pages: of that outlet; pages without an article are passed over. Less than MIN_PAGES give no reliable
    result. rules: what the outlet's file already says."""
    existing = rules or Rules()
    samples = [sample for page in pages if (sample := clean_sample(page, existing))]
    boxes = _find_story_boxes(samples)
    candidates = [*_propose_cuts(samples, boxes), *_propose_keeps(samples, boxes), *_propose_lines(samples)]
    proposals = tuple(_try_out(candidates, samples, boxes, existing))
    with_them = add_proposals(existing, proposals)
    fields = suggest_fields([sample.page for sample in samples], [{}] * len(samples), with_them)
    return Suggestion(len(samples), tuple(boxes), proposals, tuple(fields))


# ---------------------------------------------------------------- one page


def _is_prose(element: HtmlElement) -> bool:
    """Return whether an element shows a paragraph: a sentence that is mostly outside links."""
    text = shown_text(element)
    return (
        is_sentence(text)
        and word_count(text) >= _MIN_PROSE_WORDS
        and len(unlinked_text(element)) > 0.5 * len(text)
    )


# ---------------------------------------------------------------- the story's box


def _find_story_boxes(samples: Sequence[Sample]) -> list[str]:
    """Return the names of the elements that directly hold most of a page's prose.

    The name that does so on the most pages comes first; each further name covers two of the other pages at least."""
    shares: dict[str, dict[int, float]] = defaultdict(
        dict
    )  # name -> {page number: share of the page's prose}
    for number, sample in enumerate(samples):
        chars_by_name: Counter[str] = Counter()
        total_chars = 0
        for element, key in sample.blocks:
            if sample.survived(key) and element.getparent() is not None and _is_prose(element):
                total_chars += len(key)
                chars_by_name.update(dict.fromkeys(element_names(element.getparent()), len(key)))
        for name, chars in chars_by_name.items():
            shares[name][number] = chars / total_chars
    boxes: list[str] = []
    uncovered = set(range(len(samples)))
    while uncovered:
        covered = {
            name: {n for n in uncovered if by_page.get(n, 0) >= _MIN_BOX_SHARE}
            for name, by_page in shares.items()
            if name not in boxes
        }
        best = max(covered, key=lambda name: (len(covered[name]), sum(shares[name].values())), default=None)
        if best is None or not covered[best] or (boxes and len(covered[best]) < 2):
            break
        boxes.append(best)
        uncovered -= covered[best]
    return boxes


def _in_box(element: HtmlElement, boxes: Iterable[str]) -> bool:
    """Return whether an element stands directly in a story box."""
    parent = element.getparent()
    return parent is not None and any(name in boxes for name in element_names(parent))


# ---------------------------------------------------------------- cuts


@dataclass(slots=True)
class _NameOccurrences:
    """On which pages, by number, surviving text stands in an element of this name."""

    pages: set[int]
    behind_story: set[int]  # of these, where the text is behind the story's last paragraph
    recurring: set[int]  # of these, where the text is also on other pages
    linked: set[int]  # of these, where the text is made of links
    chars: int = 0  # of all that text


def _propose_cuts(samples: Sequence[Sample], boxes: Sequence[str]) -> list[Proposal]:
    """Return cuts of named elements that never hold the story; those with the most text first."""
    recurring = _recurring_lines(samples)
    occurrences: dict[str, _NameOccurrences] = defaultdict(
        lambda: _NameOccurrences(set(), set(), set(), set())
    )
    story_names: set[str] = set()  # names of elements that hold the story on some page
    for number, sample in enumerate(samples):
        story = _story_elements(sample, boxes, recurring)
        holders = {outer for element in story for outer in (element, *element.iterancestors())}
        story_names.update(name for outer in holders for name in element_names(outer))
        order = {element: index for index, (element, _) in enumerate(sample.blocks)}
        last = max((order[element] for element in story if element in order), default=len(sample.blocks))
        for index, (element, key) in enumerate(sample.blocks):
            if (
                not sample.survived(key)
                or _in_box(element, boxes)
                or key in sample.fields
                or element in holders
            ):
                continue
            for outer in (element, *element.iterancestors()):
                if outer in holders or outer.tag in ("body", "html", "main", "article"):
                    break
                for name in element_names(outer):
                    occurrence = occurrences[name]
                    occurrence.pages.add(number)
                    occurrence.chars += len(key)
                    if index > last and story:
                        occurrence.behind_story.add(number)
                    if key in recurring:
                        occurrence.recurring.add(number)
                    text = shown_text(outer)
                    if len(text) - len(unlinked_text(outer)) > _MIN_LINKED_SHARE * len(text):
                        occurrence.linked.add(number)
    proposals: list[tuple[int, Proposal]] = []
    for name, occurrence in occurrences.items():
        if name in story_names:
            continue
        reason = _cut_reason(occurrence)
        if reason:
            proposals.append((occurrence.chars, Proposal("cut", name, len(occurrence.pages), reason)))
    proposals.sort(key=lambda pair: -pair[0])
    return [proposal for _, proposal in proposals][: 2 * MAX_PROPOSALS]


def _story_elements(sample: Sample, boxes: Sequence[str], recurring: frozenset[str]) -> list[HtmlElement]:
    """Return the story's paragraphs: those in a story box, and those in an element with as many as no teaser has."""
    prose = [
        element
        for element, key in sample.blocks
        if sample.survived(key) and key not in recurring and _is_prose(element)
    ]
    paragraph_counts = Counter(element.getparent() for element in prose)
    return [e for e in prose if _in_box(e, boxes) or paragraph_counts[e.getparent()] >= _MIN_TWIN_PARAGRAPHS]


def _cut_reason(occurrence: _NameOccurrences) -> str | None:
    """Return why elements of a name should be cut, which holds on all of its pages; None where no reason does."""
    if occurrence.behind_story == occurrence.pages:
        return "text behind the story's last paragraph"
    if len(occurrence.recurring) >= 2 and occurrence.recurring == occurrence.pages:
        return "the same text"
    if len(occurrence.linked) >= 2 and occurrence.linked == occurrence.pages:
        return "made of links, outside the story's box"
    return None


def _recurring_lines(samples: Sequence[Sample]) -> frozenset[str]:
    """Return the folded lines that survive on two pages or more."""
    counts = Counter(key for sample in samples for key in sample.line_keys)
    return frozenset(key for key, count in counts.items() if count > 1 and len(key) > 3)


# ---------------------------------------------------------------- lines and what to keep


def _propose_lines(samples: Sequence[Sample]) -> list[Proposal]:
    """Return patterns of the lines that are the same on at least half of the pages, and on three."""
    counts = Counter(key for sample in samples for key in sample.line_keys if len(key) > 3)
    texts = {key: text for sample in samples for key, text in sample.lines.items()}
    return [
        Proposal("lines", f"^{re.escape(texts[key])}$", count, "the same line")
        for key, count in counts.most_common(MAX_PROPOSALS)
        if count >= max(3, len(samples) / 2)
    ]


def _propose_keeps(samples: Sequence[Sample], boxes: Sequence[str]) -> list[Proposal]:
    """Return selectors of the story box's paragraphs that did not survive, though no other block has their text."""
    counts = Counter(key for sample in samples for _, key in sample.blocks)
    lost: dict[str, set[int]] = defaultdict(set)  # selector -> numbers of the pages
    for number, sample in enumerate(samples):
        folded_text = "".join(sample.line_keys)
        for element, key in sample.blocks:
            parent = element.getparent()
            if (
                element.tag not in ("p", "div")
                or parent is None
                or key in folded_text
                or counts[key] > 1
                or key in sample.fields
            ):
                continue
            if _is_prose(element) and word_count(shown_text(element)) >= 2 * _MIN_PROSE_WORDS:
                for box in boxes:
                    if box in element_names(parent):
                        lost[f"{box} > {element.tag}"].add(number)
    return [
        Proposal("keep", name, len(numbers), "paragraphs of the story's box that did not come through")
        for name, numbers in lost.items()
    ]


# ---------------------------------------------------------------- trying out


def _try_out(
    candidates: Sequence[Proposal], samples: Sequence[Sample], boxes: Sequence[str], existing: Rules
) -> Iterator[Proposal]:
    """Clean the pages with each candidate and yield those that change a text without costing story.

    Each candidate is tried with the existing rules and all proposals that were accepted before it."""
    accepted: list[Proposal] = []
    recurring = _recurring_lines(samples)
    texts = {number: cleaned_text(sample, existing) for number, sample in enumerate(samples)}
    for candidate in candidates:
        if sum(proposal.key == candidate.key for proposal in accepted) >= MAX_PROPOSALS:
            continue
        for value in _selector_variants(candidate):
            trial = replace(candidate, value=value)
            rules = add_proposals(existing, [*accepted, trial])
            if check_rules(rules):
                continue
            after = {
                n: cleaned_text(sample, rules) for n, sample in enumerate(samples) if _applies(trial, sample)
            }
            changed = [n for n, text in after.items() if text != texts[n]]
            stories = {n: _story_paragraphs(samples[n], boxes) - recurring for n in changed}
            if changed and all(_is_sound(trial, stories[n], texts[n], after[n]) for n in changed):
                trial = replace(trial, pages=len(changed))
                accepted.append(trial)
                texts.update(after)
                yield trial
                break


def _selector_variants(candidate: Proposal) -> list[str]:
    """Return the values to try, in order: for a cut also the element's descendants, down to depth 3.

    An element that holds more than an outlet's rule may cut at once can be cut piece by piece."""
    if candidate.key != "cut":
        return [candidate.value]
    return [candidate.value, *(f"{candidate.value}{' > *' * depth}" for depth in (1, 2, 3))]


def _applies(trial: Proposal, sample: Sample) -> bool:
    """Return whether the pattern or selector matches anything in a page."""
    if trial.key == "lines":
        return any(re.search(trial.value, text, re.I) for text in sample.lines.values())
    root = sample.elements[0]
    compiled = compile_rules(Rules(cut=(trial.value,)))
    return bool(compiled.elements_to_cut(root))


def _story_paragraphs(sample: Sample, boxes: Sequence[str]) -> set[str]:
    """Return the folded paragraphs in a story box that survived cleaning."""
    return {
        key
        for element, key in sample.blocks
        if sample.survived(key) and _in_box(element, boxes) and _is_prose(element)
    }


def _is_sound(trial: Proposal, story: set[str], before: str, after: str) -> bool:
    """Return whether a trial cost no paragraph of the story, and added text (`keep`) or removed text (the others).

    story: folded paragraphs; before, after: the text without and with the trial."""
    folded_after = fold(after)
    return all(key in folded_after for key in story) and (len(after) > len(before)) == (trial.key == "keep")


def add_proposals(rules: Rules, proposals: Iterable[Proposal]) -> Rules:
    """Return the rules with the proposals added."""
    values: dict[str, list[str]] = {"cut": [], "keep": [], "lines": [], "ends": []}
    for proposal in proposals:
        values[proposal.key].append(proposal.value)
    return replace(
        rules,
        cut=(*rules.cut, *values["cut"]),
        keep=(*rules.keep, *values["keep"]),
        lines=(*rules.lines, *values["lines"]),
        ends=(*rules.ends, *values["ends"]),
    )


def _toml_string(text: str) -> str:
    """Return the text as a TOML string."""
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
