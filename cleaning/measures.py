"""What an element shows: its text and how much of it stands in links and in paragraphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from cleaning.characters import fold, tidy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.html import HtmlElement

_MOST_ABOVE = 60  # blocks before the headline that are looked at
_HOLDERS = ("p", "div", "li", "section", "h1")
_SILENT = frozenset({"script", "style", "noscript", "template", "head", "svg"})
INLINE = frozenset(
    [
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "mark",
        "q",
        "s",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "time",
        "u",
        "wbr",
    ]
)


@dataclass(slots=True)
class Size:
    """Characters in an element: all, inside links that lead elsewhere, inside paragraphs but not links."""

    text: int = 0
    linked: int = 0
    prose: int = 0
    links: int = 0


def measure(tree: HtmlElement) -> dict[HtmlElement, Size]:
    """Sizes of every element that shows text, in one pass from the leaves up."""
    sizes: dict[HtmlElement, Size] = {}
    for element in reversed(list(tree.iter(etree.Element))):
        if element.tag in _SILENT:
            continue
        size = Size(text=len((element.text or "").strip()))
        for child in element:
            size.text += len((child.tail or "").strip())
            if (inner := sizes.get(child)) is not None:
                size.text += inner.text
                size.linked += inner.linked
                size.prose += inner.prose
                size.links += inner.links
        if element.tag == "a" and not (element.get("href") or "#").startswith(("#", "javascript:")):
            size.linked, size.links = size.text, 1
        elif element.tag == "p":
            size.prose = size.text - size.linked
        sizes[element] = size
    return sizes


def shown_text(element: HtmlElement) -> str:
    """The text that a reader sees, one line; blocks are separated by a space."""
    if not len(element):
        return "" if element.tag in _SILENT else tidy(element.text or "")
    if all(inner.tag in INLINE for inner in element.iterdescendants()):  # most blocks, in a fifth of the time
        return tidy("".join(element.itertext()))
    return tidy("".join(_pieces(element)))


def unlinked_text(element: HtmlElement) -> str:
    """As shown_text, without what stands in links."""
    return tidy("".join(_pieces(element, links=False)))


def _pieces(element: HtmlElement, *, links: bool = True) -> Iterator[str]:
    hidden = 0  # open elements whose text is not shown
    for event, node in etree.iterwalk(element, events=("start", "end")):
        opaque = node.tag in _SILENT or (node.tag == "a" and not links)
        if event == "start":
            hidden += opaque
            if not hidden:
                yield node.text or ""
            continue
        hidden -= opaque
        if node is not element and not hidden:
            yield (" " if node.tag not in INLINE else "") + (node.tail or "")


def following(element: HtmlElement, *tags: str) -> Iterator[HtmlElement]:
    """What begins after the element's end, in the order of the page."""
    here: HtmlElement | None = element
    while here is not None:
        for sibling in here.itersiblings():
            yield from sibling.iter(*tags)
        here = here.getparent()


def leaf_texts(tree: HtmlElement) -> list[str]:
    """The shown texts of the blocks that hold no block, in order."""
    blocks = tree.iter("p", "div", "span", "li", "section")
    return [
        shown_text(b) for b in blocks if all(c.tag in INLINE or c.tag == "br" for c in b.iterdescendants())
    ]


def texts_above_headline(tree: HtmlElement, titles: frozenset[str]) -> list[str]:
    """The shown texts of the small blocks before the first <h1> that says the title; none where no <h1> does."""
    above: list[str] = []
    for block in tree.iter("p", "div", "span", "li", "h1"):
        if block.tag == "h1" and fold(shown_text(block)) in titles:
            return above
        small = len(above) < _MOST_ABOVE and next(block.iterdescendants(*_HOLDERS), None) is None
        if small and (text := shown_text(block)):
            above.append(text)
    return []
