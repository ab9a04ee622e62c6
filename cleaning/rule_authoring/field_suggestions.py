"""Suggests the [fields] of an outlet's file: selectors of the elements that state a field.

1. What is known: by marks, what a person says the field should be; without marks, what cleaning reads on the pages
   that state it, which helps the others of the outlet.
2. Candidates: elements and attributes of those pages that state the known value, each by the selectors that probably
   hold on other pages too.
3. Each is tried by cleaning. It must give the known value on every page where that is known, and mend one page.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from cleaning.clutter.outlet_rules import check_rules, compile_rules
from cleaning.metadata.dates import parse_date
from cleaning.records import FIELD_NAMES, Rules
from cleaning.rule_authoring.marks import DATE_FIELDS, is_as_marked, value_of
from cleaning.rule_authoring.samples import article_of, element_names
from cleaning.text.characters import fold
from cleaning.text.document import Document
from cleaning.text.shown_text import shown_text
from cleaning.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lxml.html import HtmlElement

    from cleaning.records import Article, RawPage

# a page without one of these lacks something; no summary, or no date of a change, is usual
_EXPECTED_FIELDS = frozenset({"authors", "published_at", "section"})
_MIN_AGREEING = 2  # pages that state the value at the selector, where nobody has marked it
_MAX_CANDIDATES = 24  # of one field, that are tried
_MAX_TEXT = 300  # characters of an element that states a field and little else
_DATE_TEXT = 80
_MAX_ELEMENTS = 20  # in one that states a field
_BESIDES_NAMES = 30  # characters in a byline besides the names
_VALUE_ATTRIBUTES = (
    "datetime",
    "content",
    "title",
    "data-date",
    "data-time",
    "data-timestamp",
    "data-published",
)
_HEAD_NAMES = ("property", "name", "itemprop")
_PLAIN_NAME = re.compile(r"[\w.:-]{1,60}")


@dataclass(frozen=True, slots=True)
class FieldProposal:
    """A selector for one field."""

    name: str
    selector: str
    mended: int  # number of pages on which the field comes out right, or at all, because of it
    agreeing: int  # number of pages on which it gives the known value
    why: str

    def evidence(self) -> str:
        """Return the reason and the numbers of pages in words."""
        return f"{self.why}; right on {counted(self.agreeing, 'page')}, of which {self.mended} only with it"


@dataclass(frozen=True, slots=True)
class _Sample:
    """One page, cleaned, with the value that a field should have."""

    page: RawPage
    tree: HtmlElement
    article: Article
    marked: Mapping[str, tuple[str, ...]]

    def is_right(self, article: Article, name: str, value: tuple[str, ...]) -> bool:
        """Whether a field comes out as it should; where that is unknown, whether it comes out at all."""
        return is_as_marked(article, name, value) if value else bool(value_of(article, name))


def suggest_fields(
    pages: Sequence[RawPage], marked: Sequence[Mapping[str, tuple[str, ...]]], rules: Rules
) -> list[FieldProposal]:
    """Return the proposed selectors. marked: of each page, field -> value; empty where nobody has marked it. Pages
    without an article are passed over."""
    samples = [
        _Sample(page, Document(page).tree, article, fields)
        for page, fields in zip(pages, marked, strict=True)
        if (article := article_of(page, rules))
    ]
    proposals: list[FieldProposal] = []
    for name in FIELD_NAMES:
        if proposal := _best(name, samples, rules):
            proposals.append(proposal)
            rules = with_field(rules, proposal)
    return proposals


def with_field(rules: Rules, proposal: FieldProposal) -> Rules:
    """Return the rules with this selector in the place of what they say of the field."""
    others = tuple((name, selector) for name, selector in rules.fields if name != proposal.name)
    return replace(rules, fields=(*others, (proposal.name, proposal.selector)))


def _best(name: str, samples: Sequence[_Sample], rules: Rules) -> FieldProposal | None:
    """Return the selector that mends most pages and is wrong on none; None where there is nothing to mend."""
    by_hand = any(sample.marked.get(name) for sample in samples)
    if not by_hand and name not in _EXPECTED_FIELDS:
        return None
    values = [
        sample.marked.get(name, ()) if by_hand else value_of(sample.article, name) for sample in samples
    ]
    judged = [(sample, value) for sample, value in zip(samples, values, strict=True) if value or not by_hand]
    if all(sample.is_right(sample.article, name, value) for sample, value in judged):
        return None
    found_on: dict[str, set[int]] = defaultdict(set)
    for number, (sample, value) in enumerate(judged):
        for selector in _selectors(sample, name, value, rules) if value else ():
            found_on[selector].add(number)
    least = 1 if by_hand else _MIN_AGREEING
    counts = {
        selector: _counts(name, selector, samples)
        for selector, numbers in found_on.items()
        if len(numbers) >= least
    }
    # what is right on most pages first; then what is not found twice on a page, for that names the field and nothing else
    candidates = sorted(
        counts,
        key=lambda one: (
            -len(found_on[one]),
            sum(count > 1 for count in counts[one]),
            -sum(map(bool, counts[one])),
            len(one),
        ),
    )
    why = "marked" if by_hand else "stated elsewhere on other pages"
    tried = (
        _try(FieldProposal(name, selector, 0, 0, why), judged, rules)
        for selector in candidates[:_MAX_CANDIDATES]
    )
    return max((one for one in tried if one), key=lambda one: (one.mended, one.agreeing), default=None)


def _counts(name: str, selector: str, samples: Sequence[_Sample]) -> list[int]:
    """Return how many texts a selector finds on each page."""
    rules = Rules(fields=((name, selector),))
    if check_rules(rules):
        return []
    return [len(compile_rules(rules).fields_of(sample.tree)[name]) for sample in samples]


def _try(
    proposal: FieldProposal, judged: Sequence[tuple[_Sample, tuple[str, ...]]], rules: Rules
) -> FieldProposal | None:
    """Return the proposal with its counts, if it mends a page and no page comes out worse; None otherwise."""
    name, with_it = proposal.name, with_field(rules, proposal)
    if check_rules(with_it):
        return None
    agreeing = mended = 0
    for sample, value in judged:
        was_right = sample.is_right(sample.article, name, value)
        after = article_of(sample.page, with_it)
        is_right = after is not None and sample.is_right(after, name, value)
        if not is_right and (
            was_right or after is None or value_of(after, name) != value_of(sample.article, name)
        ):
            return None
        agreeing += is_right
        mended += is_right and not was_right
    return replace(proposal, mended=mended, agreeing=agreeing) if mended else None


# ---------------------------------------------------------------- where a value is stated


def _selectors(sample: _Sample, name: str, values: tuple[str, ...], rules: Rules) -> Iterator[str]:
    """Yield selectors of the elements that state a value, each once."""
    seen: set[str] = set()
    for element in sample.tree.iter():
        if not isinstance(element.tag, str):
            continue
        for attribute in (None, *_VALUE_ATTRIBUTES):
            if attribute and not element.get(attribute):
                continue
            text = _text(element, attribute)
            if not (
                _is_near(text, values[0], sample, rules)
                if name in DATE_FIELDS
                else _states(text, name, values)
            ):
                continue
            for selector in _names(element):
                whole = f"{selector}::attr({attribute})" if attribute else selector
                if whole not in seen:
                    seen.add(whole)
                    yield whole


def _text(element: HtmlElement, attribute: str | None) -> str:
    """Return what an attribute says, or what a small element shows; "" for one that is not small."""
    if attribute:
        text = element.get(attribute) or ""
    else:
        text = "" if sum(1 for _ in element.iter()) > _MAX_ELEMENTS else shown_text(element)
    return text if len(text) <= _MAX_TEXT else ""


def _states(text: str, name: str, values: tuple[str, ...]) -> bool:
    """Whether a text states the value and little else. Of authors, one may stand in each element."""
    if name == "authors":
        return fold(values[0]) in fold(text) and len(text) <= sum(map(len, values)) + _BESIDES_NAMES
    return fold(text) == fold(values[0])


def _is_near(text: str, value: str, sample: _Sample, rules: Rules) -> bool:
    """Whether a text is a date of the marked day or one beside it: cleaning tells which zone it is in."""
    if len(text) > _DATE_TEXT or not any(character.isdigit() for character in text):
        return False
    language, fetched_at = sample.tree.get("lang"), sample.page.fetched_at
    found = parse_date(text, rules.timezone, language=language, fetched_at=fetched_at)
    return found is not None and abs((found[0].date() - date.fromisoformat(value[:10])).days) <= 1


def _names(element: HtmlElement) -> Iterator[str]:
    """Yield selectors of an element: by its own names, by its tag inside a named element, by its tag."""
    for attribute in _HEAD_NAMES:
        value = element.get(attribute) or ""
        if element.tag == "meta" and _PLAIN_NAME.fullmatch(value):
            yield f"meta[{attribute}='{value}']"
    if element.tag == "meta":
        return
    own = list(element_names(element))
    yield from own
    yield from (f"{element.tag}{name}" for name in own if not name[0].isalpha())
    for outer in list(element.iterancestors())[:2]:
        for name in element_names(outer):
            yield f"{name} {element.tag}"
            yield from (f"{name} {inner}" for inner in own)
    if element.tag in ("h1", "time", "address"):
        yield element.tag
