"""What a reader sees of an element: its text, its blocks, what follows it, what stands above the headline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from cleaning.text.characters import fold, tidy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.html import HtmlElement

_MOST_ABOVE = 60  # blocks before the headline that are looked at
_HOLDERS = ("p", "div", "li", "section", "h1")
SILENT = frozenset({"script", "style", "noscript", "template", "head", "svg"})
_PICTURES = frozenset({"figure", "figcaption", "button"})
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


def shown_text(element: HtmlElement) -> str:
    """The text that a reader sees, one line; blocks are separated by a space."""
    if not len(element):
        return "" if element.tag in SILENT else tidy(element.text or "")
    if INLINE.issuperset(
        [inner.tag for inner in element.iterdescendants()]
    ):  # most blocks, in a fifth of the time
        return tidy("".join(element.itertext()))
    return tidy("".join(_pieces(element)))


def unlinked_text(element: HtmlElement) -> str:
    """As shown_text, without what stands in links."""
    return tidy("".join(_pieces(element, links=False)))


def _pieces(element: HtmlElement, *, links: bool = True) -> list[str]:
    found: list[str] = []
    opaque = SILENT if links else SILENT | {"a"}
    hidden = 0  # open elements whose text is not shown
    for event, node in etree.iterwalk(element, events=("start", "end")):
        tag = node.tag
        if event == "start":
            hidden += tag in opaque
            if not hidden and (text := node.text):
                found.append(text)
            continue
        hidden -= tag in opaque
        if node is not element and not hidden:
            if tag not in INLINE:
                found.append(" ")
            if tail := node.tail:
                found.append(tail)
    return found


def following(element: HtmlElement, *tags: str) -> Iterator[HtmlElement]:
    """What begins after the element's end, in the order of the page."""
    here: HtmlElement | None = element
    while here is not None:
        for sibling in here.itersiblings():
            yield from sibling.iter(*tags)
        here = here.getparent()


def block_texts(tree: HtmlElement) -> tuple[list[str], list[str]]:
    """All that is shown, in order, parted where a block begins or ends and at line ends; and what stands outside
    pictures and buttons, by whole blocks."""
    blocks: list[str] = []
    outside: list[str] = []
    pieces: list[str] = []
    block: list[str] = []
    inside = 0  # open pictures and buttons
    body = tree.find("body")
    for event, element in etree.iterwalk(tree if body is None else body, events=("start", "end")):
        if (tag := element.tag) not in INLINE:
            if pieces:
                if text := tidy("".join(pieces)):
                    blocks.append(text)
                    if not inside:
                        block.append(text)
                pieces.clear()
            if block and tag != "br":
                outside.append(" ".join(block))
                block.clear()
            if tag in _PICTURES:
                inside += 1 if event == "start" else -1
        piece = element.text if event == "start" else element.tail
        if piece and (pieces or not piece.isspace()):  # between most tags stands nothing else
            pieces.append(piece)
    return blocks, outside


def above_headline(tree: HtmlElement, titles: frozenset[str]) -> list[tuple[HtmlElement, str]]:
    """The small blocks before the first <h1> that says the title, with what they show; none where no <h1> does."""
    above: list[tuple[HtmlElement, str]] = []
    for block in tree.iter("p", "div", "span", "li", "h1"):
        if block.tag == "h1" and fold(shown_text(block)) in titles:
            return above
        small = len(above) < _MOST_ABOVE and not (
            len(block) and any(inner.tag in _HOLDERS for inner in block.iterdescendants())
        )
        if small and (text := shown_text(block)):
            above.append((block, text))
    return []
