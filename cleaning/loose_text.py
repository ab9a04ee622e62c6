"""Text that stands loose in a block, parted by <br>, becomes paragraphs: the later steps know only blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml.html import Element

from cleaning.measures import INLINE

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_CONTAINERS = ("div", "td", "section", "article", "main", "body", "center")
_FEWEST = 60  # characters; less is a label, not a paragraph


def wrap(tree: HtmlElement) -> None:
    """In place. Only containers that hold a long loose text beside blocks or a doubled <br> are touched."""
    for container in list(tree.iter(*_CONTAINERS)):
        runs = _runs(container)
        if len(runs) > 1 or (runs and any(_is_block(child) for child in container)):
            if any(length >= _FEWEST for length, _ in runs):
                _rebuild(container)


def _runs(container: HtmlElement) -> list[tuple[int, int]]:
    """(characters, breaks after it) of every run of loose text and inline elements."""
    runs: list[tuple[int, int]] = []
    length, breaks = len((container.text or "").strip()), 0
    for child in container:
        if child.tag == "br" or _is_block(child):
            breaks += 1
        else:
            length, breaks = length + len((child.text or "").strip()), 0
        if breaks and (breaks > 1 or child.tag != "br") and length:
            runs.append((length, breaks))
            length = 0
        if tail := len((child.tail or "").strip()):
            length, breaks = length + tail, 0
    return [*runs, (length, 0)] if length else runs


def _rebuild(container: HtmlElement) -> None:
    children = list(container)
    first, container.text = container.text, None
    for child in children:
        container.remove(child)
    paragraph = _Paragraph(container)
    paragraph.add_text(first)
    for child in children:
        tail, child.tail = child.tail, None
        if _is_block(child):
            paragraph.close()
            container.append(child)
        else:
            paragraph.add(child)
        paragraph.add_text(tail)
    paragraph.close()


class _Paragraph:
    """Collects a run and closes it at a block or at the second <br>."""

    def __init__(self, container: HtmlElement) -> None:
        self._container = container
        self._element = Element("p")

    def add_text(self, text: str | None) -> None:
        if not text:
            return
        if len(self._element):
            last = self._element[-1]
            last.tail = (last.tail or "") + text
        else:
            self._element.text = (self._element.text or "") + text

    def add(self, child: HtmlElement) -> None:
        last = self._element[-1] if len(self._element) else None
        if child.tag == "br" and last is not None and last.tag == "br" and not (last.tail or "").strip():
            self.close()
        else:
            self._element.append(child)

    def close(self) -> None:
        if len(self._element) or (self._element.text or "").strip():
            while (
                len(self._element)
                and self._element[-1].tag == "br"
                and not (self._element[-1].tail or "").strip()
            ):
                self._element.remove(self._element[-1])
            self._container.append(self._element)
        self._element = Element("p")


def _is_block(element: HtmlElement) -> bool:
    return isinstance(element.tag, str) and element.tag not in INLINE and element.tag != "br"
