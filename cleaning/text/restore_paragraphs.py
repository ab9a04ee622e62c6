"""Restores paragraphs, subheads, list items and lists of key points that extraction lost, at their old place.

trafilatura takes the first container that it recognises and may stop there, although the story goes on in a second
one (two halves around an advertisement, or a teaser and the rest). A lost block belongs to the story where it stands
in the same kind of box as most of the extracted text, or as a sibling between two paragraphs of the story.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from cleaning.text.characters import fold, is_sentence, word_count
from cleaning.text.extraction import Line, LineKind
from cleaning.text.shown_text import shown_text, unlinked_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_LINE_KINDS: dict[str, LineKind] = {
    "p": "p",
    "li": "item",
    "h2": "head",
    "h3": "head",
    "h4": "head",
    "h5": "head",
    "blockquote": "quote",
}
_MIN_MATCHED = 3  # matched blocks; with fewer it is uncertain where the story begins and ends
_DOMINANT_SHARE = 0.3  # of the extracted characters; a kind of box with at least this share holds the story
_MIN_PARAGRAPH_WORDS = 8  # of a lost paragraph; a shorter one is a label
_KEY_POINT_COUNTS = range(2, 9)  # items in a list of key points
_MIN_MEAN_KEY_POINT_WORDS, _MAX_KEY_POINT_WORDS = 7, 70  # words of an item
_SIDE_BOXES = frozenset(
    ["a", "aside", "nav", "footer", "figure", "form", "button", "table", "label", "dialog"]
)

# tags and names of the two enclosing blocks; the id of the enclosing block where it has no name
BoxKey = tuple[str, ...] | int


def restore_paragraphs(lines: list[Line], tree: HtmlElement) -> list[Line]:
    """Return the lines with the lost blocks inserted where the page shows them. The tree is not changed."""
    page_blocks = _PageBlocks(lines, tree)
    restored_after: dict[int, list[Line]] = defaultdict(list)
    last_line = -1
    for block_number, (element, text) in enumerate(page_blocks.blocks):
        line_number = page_blocks.line_of_block.get(block_number)
        if line_number is not None:
            last_line = line_number
        elif (
            (key := fold(text)) not in page_blocks.extracted_text
            and len(key) > 1
            and page_blocks.is_story(block_number)
        ):
            restored_after[last_line].append(Line(text, _LINE_KINDS[element.tag]))
    return [
        line
        for n in range(-1, len(lines))
        for line in ([*lines[n : n + 1]] if n >= 0 else []) + restored_after[n]
    ]


class _PageBlocks:
    """The blocks of a page, matched with the extracted lines."""

    def __init__(self, lines: list[Line], tree: HtmlElement) -> None:
        line_numbers = {fold(line.text): line_number for line_number, line in enumerate(lines)}
        self.blocks = [(element, shown_text(element)) for element in tree.iter(*_LINE_KINDS)]
        # line number -> the first block that shows the line: later ones may be readers' quotations
        first_block: dict[int, int] = {}
        for n, (_, text) in enumerate(self.blocks):
            if (key := fold(text)) in line_numbers:
                first_block.setdefault(line_numbers[key], n)
        self.line_of_block = {n: line_number for line_number, n in first_block.items()}
        self.extracted_text = fold("".join(line.text for line in lines))
        paragraphs = [n for n in self.line_of_block if self.blocks[n][0].tag == "p"]
        self._story_parents = {_enclosing_block(self.blocks[n][0]) for n in paragraphs}
        self._first, self._end = min(self.line_of_block, default=0), max(self.line_of_block, default=-1) + 1
        self._is_located = len(self.line_of_block) >= _MIN_MATCHED
        self._story_boxes = self._dominant_boxes(paragraphs)
        self._extend_to_last_paragraph()
        headline = next(tree.iter("h1"), None)
        self._key_points = self._find_key_points(headline) if headline is not None else set()

    def is_story(self, block_number: int) -> bool:
        """Return whether a block that extraction lost belongs to the story."""
        element, text = self.blocks[block_number]
        if block_number in self._key_points:
            return True
        if element.tag == "p":
            return _box_key(element) in self._story_boxes and _is_paragraph(element, text)
        if not (self._is_located and self._first <= block_number < self._end) or (
            element.tag == "li" and not _is_unlinked(element, text)
        ):
            return False
        return _enclosing_block(element) in self._story_parents or _box_key(element) in self._story_boxes

    def _dominant_boxes(self, paragraphs: list[int]) -> set[BoxKey]:
        """Return the kinds of box that hold at least _DOMINANT_SHARE of the extracted characters each."""
        sizes: dict[BoxKey, int] = defaultdict(int)
        for n in paragraphs:
            sizes[_box_key(self.blocks[n][0])] += len(self.blocks[n][1])
        return {box for box, size in sizes.items() if size >= _DOMINANT_SHARE * len(self.extracted_text)}

    def _extend_to_last_paragraph(self) -> None:
        """Widen the story to the paragraphs that is_story would restore, and to a list right after the last one."""
        for n, (element, text) in enumerate(self.blocks):
            if element.tag == "p" and _box_key(element) in self._story_boxes and _is_paragraph(element, text):
                self._first, self._end = min(self._first, n), max(self._end, n + 1)
                self._story_parents.add(_enclosing_block(element))
        last = self._end - 1
        while (
            last >= 0
            and self._end < len(self.blocks)
            and self.blocks[self._end][0].tag == "li"
            and _is_closing_item(self.blocks[self._end][0], self.blocks[last][0])
        ):
            self._end += 1

    def _find_key_points(self, headline: HtmlElement) -> set[int]:
        """Return the block numbers of the key points: the items of a list between the headline and the story."""
        lists: dict[HtmlElement, list[int]] = defaultdict(list)
        started = False
        order = {element: n for n, (element, _) in enumerate(self.blocks[: self._first])}
        for element in headline.getroottree().iter("h1", "li"):
            started = started or element is headline
            if started and element in order and element.getparent() is not None:
                lists[element.getparent()].append(order[element])
        return {n for items in lists.values() if self._are_key_points(items) for n in items}

    def _are_key_points(self, items: list[int]) -> bool:
        """Return whether the items of a list are sentences without links, of the number and length of key points."""
        blocks = [self.blocks[n] for n in items]
        counts = [word_count(text) for _, text in blocks]
        return (
            len(items) in _KEY_POINT_COUNTS
            and sum(counts) >= _MIN_MEAN_KEY_POINT_WORDS * len(items)
            and min(counts) > 2
            and max(counts) <= _MAX_KEY_POINT_WORDS
            and all(_is_unlinked(element, text) for element, text in blocks)
            and not any(
                next(element.iterdescendants(*_LINE_KINDS, "form"), None) is not None for element, _ in blocks
            )
            and not any(outer.tag in _SIDE_BOXES for outer in blocks[0][0].iterancestors())
        )


def _is_unlinked(element: HtmlElement, text: str) -> bool:
    """Return whether more than half of the element's shown text stands outside links. text: its shown text."""
    if not len(element) or next(element.iterdescendants("a"), None) is None:
        return bool(text)
    return len(unlinked_text(element)) > 0.5 * len(text)


def _is_paragraph(element: HtmlElement, text: str) -> bool:
    """Return whether the element is a paragraph of prose, and no teaser in a side box. text: its shown text."""
    return (
        is_sentence(text)
        and word_count(text) >= _MIN_PARAGRAPH_WORDS
        and _is_unlinked(element, text)
        and not any(outer.tag in _SIDE_BOXES for outer in element.iterancestors())
    )


def _is_closing_item(item: HtmlElement, paragraph: HtmlElement) -> bool:
    """Return whether the item is a sentence in a list that directly follows the paragraph."""
    item_list = item.getparent()
    return item_list is not None and item_list.getprevious() is paragraph and is_sentence(shown_text(item))


def _enclosing_block(element: HtmlElement) -> HtmlElement | None:
    """Return the block that holds the element. For a list item, return the block that holds its list."""
    parent = element.getparent()
    return parent.getparent() if parent is not None and element.tag == "li" else parent


def _box_key(element: HtmlElement) -> BoxKey:
    """Return the kind of box that the block stands in.

    Two boxes are of one kind where their names and the names of the boxes around them are equal. One level is not
    enough: readers' comments often use the same box as the story, inside another one.
    """
    parent = _enclosing_block(element)
    if parent is None:
        return id(element)
    names, outer = _markup_names(parent), parent.getparent()
    return (*names, *(_markup_names(outer) if outer is not None else ())) if any(names[1:]) else id(parent)


def _markup_names(element: HtmlElement) -> tuple[str, str, str]:
    """Return tag, class and itemprop."""
    return element.tag, element.get("class") or "", element.get("itemprop") or ""
