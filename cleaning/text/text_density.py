"""Text density: how much text an element holds, and how much of it in links and in paragraphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from cleaning.text.shown_text import SILENT

if TYPE_CHECKING:
    from lxml.html import HtmlElement


@dataclass(slots=True)
class TextDensity:
    """Characters in an element: all, inside links that lead elsewhere, inside paragraphs but not links."""

    text: int = 0
    linked: int = 0
    prose: int = 0
    links: int = 0


def measure_density(tree: HtmlElement) -> dict[HtmlElement, TextDensity]:
    """Sizes of the root and of every element that shows text or holds a link, in one pass from the leaves up."""
    sizes: dict[HtmlElement, TextDensity] = {}
    for element in reversed(list(tree.iter(etree.Element))):
        tag, text, tail = element.tag, element.text, element.tail
        size = sizes.pop(element, None)
        if text and (text := text.strip()):
            size = size or TextDensity()
            size.text += len(text)
        if tag == "a" and not (element.get("href") or "#").startswith(("#", "javascript:")):
            size = size or TextDensity()
            size.linked, size.links = size.text, 1
        elif size and tag == "p":
            size.prose = size.text - size.linked
        if tag in SILENT:
            size = None
        elif size:
            sizes[element] = size
        behind = len(tail.strip()) if tail else 0
        if element is tree or not (size or behind):
            continue
        if (outer := element.getparent()) is None:
            continue
        if (whole := sizes.get(outer)) is None:
            whole = sizes[outer] = TextDensity()
        whole.text += behind
        if size:
            whole.text += size.text
            whole.linked += size.linked
            whole.prose += size.prose
            whole.links += size.links
    sizes.setdefault(tree, TextDensity())
    return sizes
