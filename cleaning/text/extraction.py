"""trafilatura on the pruned tree; its result as lines that know what they are."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lxml import etree

from cleaning.text.characters import tidy

if TYPE_CHECKING:
    from lxml.html import HtmlElement

Kind = Literal["p", "head", "item", "quote", "row"]

_BLOCKS: dict[str, Kind] = {
    "p": "p", "div": "p", "body": "p", "head": "head", "item": "item", "list": "p", "quote": "quote", "row": "row",
    "table": "p", "lb": "p", "code": "p", "h1": "head", "h2": "head", "h3": "head", "h4": "head", "h5": "head",
    "h6": "head", "li": "item", "ul": "p", "ol": "p", "blockquote": "quote", "tr": "row", "section": "p",
    "article": "p", "br": "p", "main": "p",
}  # fmt: skip
_OUTER: tuple[Kind, ...] = ("item", "quote", "head")  # a <p> inside these stays what they are

# every page without text would be a warning in the crawl's log; NoArticle says the same
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


_LITTLE = 500  # characters
_ENOUGH = 0.6  # of the text of the page's paragraphs
_MOST = 500_000  # characters of text; a long novel, and no article


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    kind: Kind = "p"


def load_extractor() -> None:
    """Load now what the first page would load: for a process that does nothing but clean."""
    import trafilatura  # noqa: F401


def extract(tree: HtmlElement, url: str | None = None) -> list[Line]:
    """The lines of the story, in order; [] where trafilatura finds none. The tree is left as it is.

    Its fast way first; the full one, with the fallback extractors at a third of its time, where the fast one found
    little, of the page's paragraphs or at all, or glued everything together.
    """
    lines = _extracted(tree, url, fast=True)
    found = sum(len(line.text) for line in lines)
    prose = sum(len("".join(p.itertext()).strip()) for p in tree.iter("p"))
    glued = max((len(line.text) for line in lines), default=0) > max(_LITTLE, found / 2)
    return (
        lines if found >= max(_LITTLE, _ENOUGH * prose) and not glued else _extracted(tree, url, fast=False)
    )


def _extracted(tree: HtmlElement, url: str | None, *, fast: bool) -> list[Line]:
    import trafilatura  # not where nothing is cleaned: a crawl leaves that to its workers

    found = trafilatura.bare_extraction(
        tree,
        url=url,
        include_comments=False,
        with_metadata=False,
        fast=fast,
        output_format="txt",  # of "python" it would make the text, too, which nobody reads
    )
    body = getattr(found, "body", None)
    return [] if body is None else _bounded(lines_of(body))


def lines_of(body: etree._Element) -> list[Line]:
    """Blocks become lines; inline elements do not, and the white space around them stays."""
    lines: list[Line] = []
    parts: list[str] = []
    kinds: list[Kind] = ["p"]

    def close() -> None:
        if text := tidy("".join(parts)):
            lines.append(Line(text, kinds[-1]))
        parts.clear()

    for event, element in etree.iterwalk(body, events=("start", "end")):
        block = _BLOCKS.get(element.tag)
        if event == "start":
            if block:
                close()
                kinds.append(kinds[-1] if block == "p" and kinds[-1] in _OUTER else block)
            parts.append(element.text or "")
        else:
            if block:
                close()
                kinds.pop()
            elif element.tag in ("cell", "td", "th"):
                parts.append(" ")
            if element is not body:
                parts.append(element.tail or "")
    close()
    return lines


def _bounded(lines: list[Line]) -> list[Line]:
    """The lines up to _MOST characters."""
    total = 0
    for place, line in enumerate(lines):
        total += len(line.text)
        if total > _MOST:
            rest = Line(line.text[: len(line.text) - (total - _MOST)], line.kind)
            return [*lines[:place], *([rest] if rest.text else [])]
    return lines
