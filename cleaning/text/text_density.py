"""Measures text density: how much text each element holds, and how much of it stands in links and in paragraphs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from cleaning.text.shown_text import HIDDEN_TAGS

if TYPE_CHECKING:
    from lxml.html import HtmlElement


@dataclass(slots=True)
class TextDensity:
    """Text of an element. text: all characters; linked: characters in links to other pages; prose: characters in
    paragraphs outside links; links: the number of links to other pages."""

    text: int = 0
    linked: int = 0
    prose: int = 0
    links: int = 0


def measure_density(tree: HtmlElement) -> dict[HtmlElement, TextDensity]:
    """Return the density of the root and of each element that shows text or holds a link. One pass, leaves first."""
    densities: dict[HtmlElement, TextDensity] = {}
    for element in reversed(list(tree.iter(etree.Element))):
        tag, text, tail = element.tag, element.text, element.tail
        density = densities.pop(element, None)
        if text and (text := text.strip()):
            density = density or TextDensity()
            density.text += len(text)
        if tag == "a" and not (element.get("href") or "#").startswith(("#", "javascript:")):
            density = density or TextDensity()
            density.linked, density.links = density.text, 1
        elif density and tag == "p":
            density.prose = density.text - density.linked
        if tag in HIDDEN_TAGS:
            density = None
        elif density:
            densities[element] = density
        tail_length = len(tail.strip()) if tail else 0
        if element is tree or not (density or tail_length):
            continue
        if (parent := element.getparent()) is None:
            continue
        if (parent_density := densities.get(parent)) is None:
            parent_density = densities[parent] = TextDensity()
        parent_density.text += tail_length
        if density:
            parent_density.text += density.text
            parent_density.linked += density.linked
            parent_density.prose += density.prose
            parent_density.links += density.links
    densities.setdefault(tree, TextDensity())
    return densities
