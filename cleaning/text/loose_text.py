"""Text that stands loose in a block, parted by <br>, becomes paragraphs: the later steps know only blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml.html import Element

from cleaning.text.shown_text import INLINE

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_CONTAINERS = ("div", "td", "section", "article", "main", "body", "center")
_FEWEST = 60  # characters; less is a label, not a paragraph
_MAX_CAPTION = 300  # characters


def wrap_loose_text(tree: HtmlElement) -> None:
    """In place. Only containers that hold a long loose text beside blocks or a doubled <br> are touched."""
    for wrapper in list(tree.iter(*INLINE)):
        if _holds_blocks(wrapper) and wrapper.getparent() is not None:
            wrapper.drop_tag()
    for container in list(tree.iter(*_CONTAINERS)):
        runs = _runs(container)
        parted = len(runs) > 1 or (runs and any(_is_block(child) for child in container))
        if runs and max(runs) <= _MAX_CAPTION and all(_is_picture_or_text(child) for child in container):
            continue  # a picture and its caption
        if parted and any(length >= _FEWEST for length in runs):
            _rebuild(container)


def _holds_blocks(wrapper: HtmlElement) -> bool:
    """<font> or <span> around paragraphs: a container by what it holds, and none by its name."""
    if wrapper.tag == "a":
        return False
    breaks = 0
    for child in wrapper:
        if _is_block(child) and child.tag != "img":
            return True
        breaks = breaks + 1 if child.tag == "br" else 0
        if breaks > 1:
            return True
        if (child.tail or "").strip():
            breaks = 0
    return False


def _runs(container: HtmlElement) -> list[int]:
    """The characters of every run of loose text and inline elements."""
    runs: list[int] = []
    length, breaks = len((container.text or "").strip()), 0
    for child in container:
        if child.tag == "br" or _is_block(child):
            breaks += 1
        else:
            length, breaks = length + len((child.text or "").strip()), 0
        if breaks and (breaks > 1 or child.tag != "br") and length:
            runs.append(length)
            length = 0
        if tail := len((child.tail or "").strip()):
            length, breaks = length + tail, 0
    return [*runs, length] if length else runs


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
        self._last: HtmlElement | None = None  # lxml counts all children for len(element)

    def add_text(self, text: str | None) -> None:
        if not text:
            return
        if self._last is not None:
            self._last.tail = (self._last.tail or "") + text
        else:
            self._element.text = (self._element.text or "") + text

    def add(self, child: HtmlElement) -> None:
        last = self._last
        if child.tag == "br" and last is not None and last.tag == "br" and not (last.tail or "").strip():
            self.close()
        else:
            self._element.append(child)
            self._last = child

    def close(self) -> None:
        last = self._last
        if last is not None and last.tag == "br" and not (last.tail or "").strip():
            self._element.remove(last)
        if last is not None or (self._element.text or "").strip():
            self._container.append(self._element)
        self._element, self._last = Element("p"), None


def _is_block(element: HtmlElement) -> bool:
    return isinstance(element.tag, str) and element.tag not in INLINE and element.tag != "br"


def _is_picture_or_text(element: HtmlElement) -> bool:
    return element.tag in ("img", "picture") or not _is_block(element)
