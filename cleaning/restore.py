"""Subheads and list items that extraction lost, put back where they stood.

Where trafilatura does not recognise the story's container it collects paragraphs and leaves the rest. What stands
between two paragraphs of the story, as their sibling, belongs to the story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleaning.characters import fold, is_sentence
from cleaning.extraction import Kind, Line
from cleaning.measures import shown_text

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


def restore(lines: list[Line], tree: HtmlElement) -> list[Line]:
    """The lines with lost subheads and items between them."""
    places = {fold(line.text): place for place, line in enumerate(lines)}
    blocks = [(element, shown_text(element)) for element in tree.iter(*_KINDS)]
    matched = {id(element): places[key] for element, text in blocks if (key := fold(text)) in places}
    found = [n for n, (element, _) in enumerate(blocks) if id(element) in matched]
    if len(found) < _FEWEST:
        return lines
    parents = {_parent(element) for element, _ in blocks if id(element) in matched and element.tag == "p"}
    have = fold("".join(line.text for line in lines))
    after: dict[int, list[Line]] = {}
    last = 0
    end = found[-1] + 1
    while end < len(blocks) and blocks[end][0].tag == "li" and _follows(blocks[end][0], blocks[found[-1]][0]):
        end += 1
    for element, text in blocks[found[0] : end]:
        last = matched.get(id(element), last)
        lost = id(element) not in matched and element.tag != "p" and _parent(element) in parents
        if lost and len(key := fold(text)) > 1 and key not in have:
            after.setdefault(last, []).append(Line(text, _KINDS[element.tag]))
    return (
        [out for place, line in enumerate(lines) for out in (line, *after.get(place, []))] if after else lines
    )


def _follows(item: HtmlElement, paragraph: HtmlElement) -> bool:
    """The item of a list of sentences that stands right behind the story's last paragraph."""
    items = item.getparent()
    return items is not None and items.getprevious() is paragraph and is_sentence(shown_text(item))


def _parent(element: HtmlElement) -> HtmlElement | None:
    """The block that holds the element; for an item, the block that holds its list."""
    parent = element.getparent()
    return parent.getparent() if parent is not None and element.tag == "li" else parent
