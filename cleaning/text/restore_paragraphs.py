"""What extraction lost, put back where it stood: paragraphs, subheads, list items, the list of key points.

trafilatura takes the first container that it knows and may stop there, while the story goes on in a twin of it (two
halves around an advertisement, a teaser and the rest). Blocks that stand in the same kind of box as most of what it
found belong to the story; so does what stands between two of the story's paragraphs as their sibling.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cleaning.text.characters import fold, is_sentence, word_count
from cleaning.text.extraction import Kind, Line
from cleaning.text.shown_text import shown_text, unlinked_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_KINDS: dict[str, Kind] = {
    "p": "p",
    "li": "item",
    "h2": "head",
    "h3": "head",
    "h4": "head",
    "h5": "head",
    "blockquote": "quote",
}
_FEWEST = 3  # matched paragraphs, to be sure of the place
_DOMINANT = 0.3  # of the extracted characters; a kind of box that holds as much holds the story
_PARAGRAPH_WORDS = 8  # of a lost paragraph; fewer is a label
_POINTS = range(2, 9)  # items in a list of key points
_POINT_WORDS, _LONGEST_POINT = 7, 70  # words of one item: in the mean, at most
_APART = frozenset(["a", "aside", "nav", "footer", "figure", "form", "button", "table", "label", "dialog"])

Box = tuple[str, ...] | int  # tags and names of the two blocks around; the block itself where it has no name


def restore_paragraphs(lines: list[Line], tree: HtmlElement) -> list[Line]:
    """The lines with the lost blocks between them."""
    page = _Page(lines, tree)
    after: dict[int, list[Line]] = defaultdict(list)
    last = -1
    for number, (element, text) in enumerate(page.blocks):
        place = page.matched.get(number)
        if place is not None:
            last = place
        elif (key := fold(text)) not in page.have and len(key) > 1 and page.is_story(number):
            after[last].append(Line(text, _KINDS[element.tag]))
    return [
        line for n in range(-1, len(lines)) for line in ([*lines[n : n + 1]] if n >= 0 else []) + after[n]
    ]


class _Page:
    """The page's blocks beside the lines that extraction gave."""

    def __init__(self, lines: list[Line], tree: HtmlElement) -> None:
        places = {fold(line.text): place for place, line in enumerate(lines)}
        self.blocks = [(element, shown_text(element)) for element in tree.iter(*_KINDS)]
        taken: dict[int, int] = {}  # place -> the first block that shows it: readers quote a story's lines
        for n, (_, text) in enumerate(self.blocks):
            if (key := fold(text)) in places:
                taken.setdefault(places[key], n)
        self.matched = {n: place for place, n in taken.items()}
        self.have = fold("".join(line.text for line in lines))
        found = [n for n in self.matched if self.blocks[n][0].tag == "p"]
        self._parents = {_parent(self.blocks[n][0]) for n in found}
        self._first, self._end = min(self.matched, default=0), max(self.matched, default=-1) + 1
        self._sure = len(self.matched) >= _FEWEST
        self._boxes = self._dominant(found)
        self._extend()
        headline = next(tree.iter("h1"), None)
        self._points = self._key_points(headline) if headline is not None else set()

    def is_story(self, number: int) -> bool:
        """The lost block belongs to the story."""
        element, text = self.blocks[number]
        if number in self._points:
            return True
        if element.tag == "p":
            return _box(element) in self._boxes and _is_paragraph(element, text)
        if not (self._sure and self._first <= number < self._end) or (
            element.tag == "li" and not _is_unlinked(element, text)
        ):
            return False
        return _parent(element) in self._parents or _box(element) in self._boxes

    def _dominant(self, found: list[int]) -> set[Box]:
        sizes: dict[Box, int] = defaultdict(int)
        for n in found:
            sizes[_box(self.blocks[n][0])] += len(self.blocks[n][1])
        return {box for box, size in sizes.items() if size >= _DOMINANT * len(self.have)}

    def _extend(self) -> None:
        """The end moves behind the last paragraph that is_story would restore, and the list that follows it."""
        for n, (element, text) in enumerate(self.blocks):
            if element.tag == "p" and _box(element) in self._boxes and _is_paragraph(element, text):
                self._first, self._end = min(self._first, n), max(self._end, n + 1)
                self._parents.add(_parent(element))
        last = self._end - 1
        while (
            last >= 0
            and self._end < len(self.blocks)
            and self.blocks[self._end][0].tag == "li"
            and _follows(self.blocks[self._end][0], self.blocks[last][0])
        ):
            self._end += 1

    def _key_points(self, headline: HtmlElement) -> set[int]:
        """Numbers of the items of a list of sentences between the headline and the story."""
        lists: dict[HtmlElement, list[int]] = defaultdict(list)
        started = False
        order = {element: n for n, (element, _) in enumerate(self.blocks[: self._first])}
        for element in headline.getroottree().iter("h1", "li"):
            started = started or element is headline
            if started and element in order and element.getparent() is not None:
                lists[element.getparent()].append(order[element])
        return {n for items in lists.values() if self._are_points(items) for n in items}

    def _are_points(self, items: list[int]) -> bool:
        blocks = [self.blocks[n] for n in items]
        counts = [word_count(text) for _, text in blocks]
        return (
            len(items) in _POINTS
            and sum(counts) >= _POINT_WORDS * len(items)
            and min(counts) > 2
            and max(counts) <= _LONGEST_POINT
            and all(_is_unlinked(element, text) for element, text in blocks)
            and not any(
                next(element.iterdescendants(*_KINDS, "form"), None) is not None for element, _ in blocks
            )
            and not any(outer.tag in _APART for outer in blocks[0][0].iterancestors())
        )


def _is_unlinked(element: HtmlElement, text: str) -> bool:
    """text: what the element shows."""
    if not len(element) or next(element.iterdescendants("a"), None) is None:
        return bool(text)
    return len(unlinked_text(element)) > 0.5 * len(text)


def _is_paragraph(element: HtmlElement, text: str) -> bool:
    """Prose of its own, not a teaser in a box apart."""
    return (
        is_sentence(text)
        and word_count(text) >= _PARAGRAPH_WORDS
        and _is_unlinked(element, text)
        and not any(outer.tag in _APART for outer in element.iterancestors())
    )


def _follows(item: HtmlElement, paragraph: HtmlElement) -> bool:
    """The item of a list of sentences that stands right behind the story's last paragraph."""
    items = item.getparent()
    return items is not None and items.getprevious() is paragraph and is_sentence(shown_text(item))


def _parent(element: HtmlElement) -> HtmlElement | None:
    """The block that holds the element; for an item, the block that holds its list."""
    parent = element.getparent()
    return parent.getparent() if parent is not None and element.tag == "li" else parent


def _box(element: HtmlElement) -> Box:
    """What kind of box the block stands in. Two are one kind if their names and those of the boxes around them are
    equal: readers' comments often share the story's own box, and stand in another one."""
    parent = _parent(element)
    if parent is None:
        return id(element)
    own, outer = _named(parent), parent.getparent()
    return (*own, *(_named(outer) if outer is not None else ())) if any(own[1:]) else id(parent)


def _named(element: HtmlElement) -> tuple[str, str, str]:
    return element.tag, element.get("class") or "", element.get("itemprop") or ""
