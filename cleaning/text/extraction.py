"""Runs trafilatura on the tree after the tree cuts and returns its text as lines, each with its kind."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lxml import etree

from cleaning.text.characters import tidy

if TYPE_CHECKING:
    from lxml.html import HtmlElement

LineKind = Literal["p", "head", "item", "quote", "row"]

_BLOCK_KINDS: dict[str, LineKind] = {
    "p": "p", "div": "p", "body": "p", "head": "head", "item": "item", "list": "p", "quote": "quote", "row": "row",
    "table": "p", "lb": "p", "code": "p", "h1": "head", "h2": "head", "h3": "head", "h4": "head", "h5": "head",
    "h6": "head", "li": "item", "ul": "p", "ol": "p", "blockquote": "quote", "tr": "row", "section": "p",
    "article": "p", "br": "p", "main": "p",
}  # fmt: skip
_ENCLOSING_KINDS: tuple[LineKind, ...] = ("item", "quote", "head")  # a <p> inside one of these takes its kind

# trafilatura would log a warning for every page without text. NoArticle already reports those pages.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


_SHORT_TEXT = 500  # characters; less extracted text than this is checked with the full extraction
_ENOUGH_SHARE = 0.6  # share of the characters in the page's paragraphs
_MAX_CHARACTERS = 500_000  # of extracted text; as much as a long novel, more than any article


@dataclass(frozen=True, slots=True)
class Line:
    """One line of extracted text."""

    text: str
    kind: LineKind = "p"


def load_extractor() -> None:
    """Import trafilatura now, so that the first page of a worker process does not wait for it."""
    import trafilatura  # noqa: F401


def extract(tree: HtmlElement, url: str | None = None) -> list[Line]:
    """Return the lines of the story in order; [] where trafilatura finds none. The tree is not changed.

    The fast extraction runs first. The full one, with trafilatura's fallback extractors, takes three times as long. It
    runs where the fast one returned little text, a small share of the page's paragraphs, or one glued block.
    """
    lines = _run_trafilatura(tree, url, fast=True)
    extracted_length = sum(len(line.text) for line in lines)
    paragraph_length = sum(len("".join(p.itertext()).strip()) for p in tree.iter("p"))
    is_glued = max((len(line.text) for line in lines), default=0) > max(_SHORT_TEXT, extracted_length / 2)
    return (
        lines
        if extracted_length >= max(_SHORT_TEXT, _ENOUGH_SHARE * paragraph_length) and not is_glued
        else _run_trafilatura(tree, url, fast=False)
    )


def is_cut(lines: list[Line]) -> bool:
    """Whether `extract` cut these lines off at its limit."""
    return sum(len(line.text) for line in lines) >= _MAX_CHARACTERS


def _run_trafilatura(tree: HtmlElement, url: str | None, *, fast: bool) -> list[Line]:
    import trafilatura  # imported late: the crawl process never cleans, its workers do

    document = trafilatura.bare_extraction(
        tree,
        url=url,
        include_comments=False,
        with_metadata=False,
        fast=fast,
        output_format="txt",  # with "python" trafilatura would also build the text, which nobody reads
    )
    body = getattr(document, "body", None)
    return [] if body is None else limit_length(lines_of(body))


def lines_of(body: etree._Element) -> list[Line]:
    """Return one line for each block of the body. Inline elements stay within their line, white space included."""
    lines: list[Line] = []
    pieces: list[str] = []
    kinds: list[LineKind] = ["p"]

    def close_line() -> None:
        if text := tidy("".join(pieces)):
            lines.append(Line(text, kinds[-1]))
        pieces.clear()

    for event, element in etree.iterwalk(body, events=("start", "end")):
        block = _BLOCK_KINDS.get(element.tag)
        if event == "start":
            if block:
                close_line()
                kinds.append(kinds[-1] if block == "p" and kinds[-1] in _ENCLOSING_KINDS else block)
            pieces.append(element.text or "")
        else:
            if block:
                close_line()
                kinds.pop()
            elif element.tag in ("cell", "td", "th"):
                pieces.append(" ")
            if element is not body:
                pieces.append(element.tail or "")
    close_line()
    return lines


def limit_length(lines: list[Line]) -> list[Line]:
    """Return the lines up to _MAX_CHARACTERS in all; the last one is cut there."""
    total = 0
    for index, line in enumerate(lines):
        total += len(line.text)
        if total > _MAX_CHARACTERS:
            rest = Line(line.text[: len(line.text) - (total - _MAX_CHARACTERS)], line.kind)
            return [*lines[:index], *([rest] if rest.text else [])]
    return lines
