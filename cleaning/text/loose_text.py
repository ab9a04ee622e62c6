"""Wraps text that stands directly in a container, separated by <br>, in <p>, because later steps only see blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml.html import Element

from cleaning.text.shown_text import INLINE_TAGS

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_CONTAINERS = ("div", "td", "section", "article", "main", "body", "center")
_MIN_PARAGRAPH = 60  # characters; less is a label, not a paragraph
_MAX_CAPTION = 300  # characters


def wrap_loose_text(tree: HtmlElement) -> None:
    """Wrap loose text in <p>, in place. Inline elements that hold blocks are unwrapped first.

    Only containers are changed that hold a long loose text next to blocks or to two <br> in a row.
    """
    for wrapper in list(tree.iter(*INLINE_TAGS)):
        if _is_container_by_content(wrapper) and wrapper.getparent() is not None:
            wrapper.drop_tag()
    for container in list(tree.iter(*_CONTAINERS)):
        run_lengths = _run_lengths(container)
        is_split = len(run_lengths) > 1 or (run_lengths and any(_is_block(child) for child in container))
        if (
            run_lengths
            and max(run_lengths) <= _MAX_CAPTION
            and all(_is_picture_or_text(child) for child in container)
        ):
            continue  # a picture with its caption
        if is_split and any(length >= _MIN_PARAGRAPH for length in run_lengths):
            _wrap_runs(container)


def _is_container_by_content(wrapper: HtmlElement) -> bool:
    """Return whether an inline element such as <font> or <span> holds blocks or two <br> in a row."""
    if wrapper.tag == "a":
        return False
    consecutive_breaks = 0
    for child in wrapper:
        if _is_block(child) and child.tag != "img":
            return True
        consecutive_breaks = consecutive_breaks + 1 if child.tag == "br" else 0
        if consecutive_breaks > 1:
            return True
        if (child.tail or "").strip():
            consecutive_breaks = 0
    return False


def _run_lengths(container: HtmlElement) -> list[int]:
    """Return the number of characters of each run of loose text and inline elements."""
    run_lengths: list[int] = []
    run_length, consecutive_breaks = len((container.text or "").strip()), 0
    for child in container:
        if child.tag == "br" or _is_block(child):
            consecutive_breaks += 1
        else:
            run_length, consecutive_breaks = run_length + len((child.text or "").strip()), 0
        if consecutive_breaks and (consecutive_breaks > 1 or child.tag != "br") and run_length:
            run_lengths.append(run_length)
            run_length = 0
        if tail_length := len((child.tail or "").strip()):
            run_length, consecutive_breaks = run_length + tail_length, 0
    return [*run_lengths, run_length] if run_length else run_lengths


def _wrap_runs(container: HtmlElement) -> None:
    """Put each run of loose text and inline elements into a <p> of its own, in place."""
    children = list(container)
    leading_text, container.text = container.text, None
    for child in children:
        container.remove(child)
    paragraph = _ParagraphBuilder(container)
    paragraph.add_text(leading_text)
    for child in children:
        tail, child.tail = child.tail, None
        if _is_block(child):
            paragraph.close()
            container.append(child)
        else:
            paragraph.add(child)
        paragraph.add_text(tail)
    paragraph.close()


class _ParagraphBuilder:
    """Collects a run of text and inline elements in a <p>. A block or the second <br> in a row closes it."""

    def __init__(self, container: HtmlElement) -> None:
        self._container = container
        self._element = Element("p")
        # kept because lxml counts all children at each len(element)
        self._last_child: HtmlElement | None = None

    def add_text(self, text: str | None) -> None:
        """Append text to the paragraph."""
        if not text:
            return
        if self._last_child is not None:
            self._last_child.tail = (self._last_child.tail or "") + text
        else:
            self._element.text = (self._element.text or "") + text

    def add(self, child: HtmlElement) -> None:
        """Append an inline element or a <br> to the paragraph."""
        last_child = self._last_child
        if (
            child.tag == "br"
            and last_child is not None
            and last_child.tag == "br"
            and not (last_child.tail or "").strip()
        ):
            self.close()
        else:
            self._element.append(child)
            self._last_child = child

    def close(self) -> None:
        """Put the paragraph into the container, without a <br> at its end, and begin a new one. Drop an empty one."""
        last_child = self._last_child
        if last_child is not None and last_child.tag == "br" and not (last_child.tail or "").strip():
            self._element.remove(last_child)
        if last_child is not None or (self._element.text or "").strip():
            self._container.append(self._element)
        self._element, self._last_child = Element("p"), None


def _is_block(element: HtmlElement) -> bool:
    return isinstance(element.tag, str) and element.tag not in INLINE_TAGS and element.tag != "br"


def _is_picture_or_text(element: HtmlElement) -> bool:
    return element.tag in ("img", "picture") or not _is_block(element)
