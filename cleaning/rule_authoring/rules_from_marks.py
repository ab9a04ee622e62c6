"""Makes an outlet's rules from pages that somebody has marked: which blocks are story, and which are furniture.

1. Candidates: names and signatures of elements that hold furniture that survived cleaning (`cut`), or story that did not
   (`keep`); lines of furniture that recur (`lines`); the line at which the furniture behind the story begins (`ends`).
2. A candidate that matches a marked block of the other kind on any page is dropped.
3. The rest is tried on all marked pages, what takes most first. What brings the texts nearer to the marks stays, if it costs
   no marked block of the story on any page.

Gold texts serve as marks too: `marks_of_gold`. Pages that nobody has marked show how far a rule reaches.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from lxml.cssselect import CSSSelector, SelectorError

from cleaning.clutter.outlet_rules import check_rules
from cleaning.records import FIELD_NAMES, Rules
from cleaning.rule_authoring.field_suggestions import suggest_fields
from cleaning.rule_authoring.marks import MIN_KEY, value_of
from cleaning.rule_authoring.rule_suggestions import (
    MAX_PROPOSALS,
    Key,
    Proposal,
    Suggestion,
    add_proposals,
)
from cleaning.rule_authoring.samples import (
    Sample,
    article_of,
    clean_sample,
    cleaned_text,
    element_names,
)
from cleaning.text.characters import fold, word_count
from cleaning.text.shown_text import shown_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lxml.html import HtmlElement

    from cleaning.records import Article, RawPage
    from cleaning.rule_authoring.marks import Marks

MAX_PAGES = 5  # marked pages that are read: nobody marks more
_MAX_CANDIDATES = 60  # that are tried, of one kind
_MAX_LEVELS = 6  # elements around a block whose names are tried
_MIN_START_WORDS = 3  # of the beginning of a line that recurs
_MIN_END_CHARS = 12
_OUTER_TAGS = frozenset({"html", "body"})


@dataclass(frozen=True, slots=True)
class MarkedPage:
    """A page and its marks, as folded texts of blocks."""

    page: RawPage
    story: frozenset[str]
    furniture: frozenset[str]
    by_hand: frozenset[str] = frozenset()  # of both: those that a person chose, one by one
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def marked_page(page: RawPage, marks: Marks) -> MarkedPage:
    """Return the page with the marks of its file."""
    return MarkedPage(page, marks.story, marks.furniture, marks.by_hand, marks.fields)


def marks_of_gold(page: RawPage, gold: str) -> MarkedPage:
    """Return the page with all its blocks marked by the text that it should have: what is not in it is furniture."""
    sample = clean_sample(page, Rules())
    whole, lines = fold(gold), {fold(line) for line in gold.splitlines()}
    keys = {key for _, key in sample.blocks} | set(sample.line_keys) if sample else set()
    story = {key for key in keys if key in lines or (len(key) >= MIN_KEY and key in whole)}
    fields = sample.fields if sample else frozenset()
    return MarkedPage(page, frozenset(story), frozenset(keys - story - fields))


def suggest_from_marks(
    marked: Sequence[MarkedPage], rules: Rules | None = None, unmarked: Sequence[RawPage] = ()
) -> Suggestion:
    """Return proposed rules by the marks of one to MAX_PAGES pages. rules: what the outlet's file already says.
    unmarked: more pages of the outlet."""
    existing = rules or Rules()
    read = [(one, sample) for one in marked[:MAX_PAGES] if (sample := clean_sample(one.page, existing))]
    others = [sample for page in unmarked if (sample := clean_sample(page, existing))]
    candidates = [*_cuts(read), *_keeps(read), *_ends(read), *_lines(read, others)]
    proposals = tuple(_tried(candidates, read, existing))
    fields = suggest_fields(
        [*(one.page for one, _ in read), *(sample.page for sample in others)],
        [*(one.fields for one, _ in read), *({} for _ in others)],
        add_proposals(existing, proposals),
    )
    return Suggestion(len(read), (), proposals, tuple(fields), "marked page")


@dataclass(frozen=True, slots=True)
class PageChange:
    """What proposed rules change on one page."""

    page: RawPage
    lost: tuple[str, ...]  # lines that are no longer in the text
    gained: tuple[str, ...]
    fields: tuple[str, ...]  # in words

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.lost or self.gained or self.fields)


def page_change(page: RawPage, before: Rules, after: Rules) -> PageChange:
    """Return what the rules `after` make of a page otherwise than the rules `before`."""
    was, becomes = article_of(page, before), article_of(page, after)
    old, new = _lines_of(was), _lines_of(becomes)
    fields = [
        f"{name}: {' | '.join(values_before) or 'none'} → {' | '.join(values_after) or 'none'}"
        for name in FIELD_NAMES
        if was
        and becomes
        and (values_before := value_of(was, name)) != (values_after := value_of(becomes, name))
    ]
    if (was is None) != (becomes is None):
        fields.append("no article any more" if was else "an article now")
    lost, gained = (
        tuple(line for line in some if line not in others) for some, others in ((old, new), (new, old))
    )
    return PageChange(page, lost, gained, tuple(fields))


def _lines_of(article: Article | None) -> dict[str, None]:
    return dict.fromkeys(article.text.splitlines() if article else ())


# ---------------------------------------------------------------- candidates

Read = tuple[MarkedPage, Sample]


def _cuts(read: Sequence[Read]) -> list[Proposal]:
    """Return selectors of elements that hold furniture which survived, and no block of the story on any page."""
    survived = [
        [element for element, key in sample.blocks if key in marks.furniture and sample.survived(key)]
        for marks, sample in read
    ]
    return _proposals(
        "cut", survived, read, "story", "holds blocks that are marked as furniture, and no story"
    )


def _keeps(read: Sequence[Read]) -> list[Proposal]:
    """Return selectors of elements that hold story which did not survive, and no furniture on any page."""
    lost = []
    for marks, sample in read:
        text = "".join(sample.line_keys)
        keys = {key for key in marks.story - sample.fields if len(key) >= MIN_KEY and key not in text}
        lost.append([element for element, key in sample.blocks if key in keys])
    return _proposals(
        "keep", lost, read, "furniture", "holds blocks that are marked as story, and no furniture"
    )


def _proposals(
    key: Key, wrong: Sequence[Sequence[HtmlElement]], read: Sequence[Read], other_kind: str, why: str
) -> list[Proposal]:
    """Return selectors of the blocks that came out wrong, and of what holds them; those with the most text first.

    wrong: by page. other_kind: of the marked blocks that none may touch."""
    chars: dict[str, int] = defaultdict(int)
    pages: dict[str, set[int]] = defaultdict(set)
    for number, elements in enumerate(wrong):
        for element in elements:
            for selector in _selectors(element):
                chars[selector] += len(shown_text(element))
                pages[selector].add(number)
    sound = [selector for selector in chars if not _touches(selector, read, other_kind)]
    sound.sort(key=lambda selector: (-chars[selector], len(selector)))
    return [Proposal(key, selector, len(pages[selector]), why) for selector in sound[:_MAX_CANDIDATES]]


def _selectors(element: HtmlElement) -> Iterator[str]:
    """Yield the names of the element and of those around it, and the element's tag inside each."""
    yield from _signatures(element)
    for level, outer in enumerate(element.iterancestors()):
        if level == _MAX_LEVELS or outer.tag in _OUTER_TAGS:
            return
        for name in element_names(outer):
            yield name
            if level < 2:
                yield f"{name} > {element.tag}" if level == 0 else f"{name} {element.tag}"


def _signatures(element: HtmlElement) -> Iterator[str]:
    """Yield the names of an element, with its tag, and what it is made of: a paragraph all in bold, or all one link."""
    yield from element_names(element)
    parent = element.getparent()
    outer = next(element_names(parent), parent.tag) if parent is not None else ""
    for child in element:
        if child.tag in ("a", "strong", "em", "b", "i", "small") and len(element) == 1:
            yield f"{outer} > {element.tag} > {child.tag}:only-child"


def _touches(selector: str, read: Sequence[Read], kind: str) -> bool:
    """Whether a selector matches an element that is, holds or lies in a marked block of the kind, on any page."""
    try:
        compiled = CSSSelector(selector, translator="html")
    except (SelectorError, ValueError):
        return True
    for marks, sample in read:
        keys = marks.story if kind == "story" else marks.furniture
        found = set(cast("list[HtmlElement]", compiled(sample.elements[0])))
        if not found:
            continue
        for element, key in sample.blocks:
            if key in keys and (element in found or any(outer in found for outer in element.iterancestors())):
                return True
    return False


def _lines(read: Sequence[Read], others: Sequence[Sample]) -> list[Proposal]:
    """Return patterns of furniture lines: whole lines, and beginnings that recur, which no line of a story matches. One page
    suffices for a line that somebody chose."""
    counts: dict[str, set[int]] = defaultdict(set)
    chosen: set[str] = set()
    furniture = {key for marks, _ in read for key in marks.furniture}
    for number, sample in enumerate([*(sample for _, sample in read), *others]):
        for key, text in sample.lines.items():
            if key not in furniture:
                continue
            counts[f"^{re.escape(text)}$"].add(number)
            if number < len(read) and key in read[number][0].by_hand:
                chosen.add(f"^{re.escape(text)}$")
            words = text.split()
            for size in range(_MIN_START_WORDS, min(len(words), 6)):
                counts[f"^{re.escape(' '.join(words[:size]))}"].add(number)
    story = [text for marks, sample in read for key, text in sample.lines.items() if key in marks.story]
    sound = [
        pattern
        for pattern, numbers in counts.items()
        if (len(numbers) > 1 or pattern in chosen)
        and not any(re.search(pattern, text, re.I) for text in story)
    ]
    sound.sort(key=lambda pattern: (-len(counts[pattern]), len(pattern)))
    return [
        Proposal("lines", pattern, len(counts[pattern]), "a line that is marked as furniture")
        for pattern in sound[:_MAX_CANDIDATES]
    ]


def _ends(read: Sequence[Read]) -> list[Proposal]:
    """Return the beginnings of lines behind which all is furniture, on two pages or more."""
    counts: dict[str, set[int]] = defaultdict(set)
    for number, (marks, sample) in enumerate(read):
        texts = list(sample.lines.items())
        last = max((place for place, (key, _) in enumerate(texts) if key in marks.story), default=-1)
        for _, text in texts[last + 1 : last + 3]:
            words = text.split()
            for size in range(2, min(len(words), 7) + 1):
                phrase = " ".join(words[:size])
                if len(phrase) >= _MIN_END_CHARS:
                    counts[phrase].add(number)
    story = fold(
        "\n".join(text for marks, sample in read for key, text in sample.lines.items() if key in marks.story)
    )
    sound = [phrase for phrase, numbers in counts.items() if len(numbers) > 1 and fold(phrase) not in story]
    sound.sort(key=lambda phrase: (-len(counts[phrase]), -len(phrase)))
    return [
        Proposal("ends", phrase, len(counts[phrase]), "the furniture behind the story begins so")
        for phrase in sound[:_MAX_CANDIDATES]
    ]


# ---------------------------------------------------------------- trying out


def _tried(candidates: Iterable[Proposal], read: Sequence[Read], existing: Rules) -> Iterator[Proposal]:
    """Yield the candidates that bring the texts nearer to the marks, each tried with all that came before it."""
    accepted: list[Proposal] = []
    texts = [cleaned_text(sample, existing) for _, sample in read]
    for trial in candidates:
        if sum(proposal.key == trial.key for proposal in accepted) >= MAX_PROPOSALS:
            continue
        rules = add_proposals(existing, [*accepted, trial])
        if check_rules(rules):
            continue
        after = [cleaned_text(sample, rules) for _, sample in read]
        changed = [number for number, text in enumerate(after) if text != texts[number]]
        if not changed or any(_costs_story(read[n][0], texts[n], after[n]) for n in changed):
            continue
        if sum(_distance(read[n][0], after[n]) - _distance(read[n][0], texts[n]) for n in changed) >= 0:
            continue
        trial = replace(trial, pages=len(changed))
        accepted.append(trial)
        texts = after
        yield trial


def _costs_story(marks: MarkedPage, before: str, after: str) -> bool:
    """Whether a marked block of the story was in the text and is no longer."""
    folded_before, folded_after = fold(before), fold(after)
    return any(key in folded_before and key not in folded_after for key in marks.story if len(key) >= MIN_KEY)


def _distance(marks: MarkedPage, text: str) -> int:
    """Return the words of furniture in the text and of story that is not."""
    lines = {fold(line): word_count(line) for line in text.splitlines()}
    folded = "".join(lines)
    wrong = sum(count for key, count in lines.items() if key in marks.furniture)
    missing = sum(len(key) for key in marks.story if len(key) >= MIN_KEY and key not in folded) // 5
    return wrong + missing
