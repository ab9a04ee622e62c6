"""Finds where another story begins on the page, and the subheads of this one that are marked up as headlines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleaning.text.characters import fold
from cleaning.text.shown_text import shown_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_MIN_PARAGRAPHS = 2  # of another story
_BOX_TAGS = frozenset({"div", "article", "section", "main", "li"})


def next_stories(tree: HtmlElement, titles: frozenset[str]) -> list[HtmlElement]:
    """Return the boxes of other stories behind this one: of the same tag and class as a box around its headline, each with
    a headline of its own. titles: the folded headlines of this page."""
    headline = _headline(tree, titles)
    if headline is None:
        return []
    for box in headline.iterancestors():
        if box.tag not in _BOX_TAGS:
            continue
        alike = [
            other
            for other in box.itersiblings()
            if (other.tag, other.get("class")) == (box.tag, box.get("class"))
            and (other_headline := next(other.iter("h1"), None)) is not None
            and fold(shown_text(other_headline)) not in titles
            and len(list(other.iter("p"))) >= _MIN_PARAGRAPHS
        ]
        if alike:
            return alike
    return []


def demote_subheads(tree: HtmlElement, titles: frozenset[str]) -> None:
    """Turn each <h1> behind the headline that has paragraphs before and behind it into an <h2>, in place."""
    headline = _headline(tree, titles)
    if headline is None:
        return
    is_behind = has_paragraph = False
    for element in list(tree.iter("h1", "p")):
        if element is headline:
            is_behind = True
        elif element.tag == "p":
            has_paragraph = has_paragraph or is_behind
        elif is_behind and has_paragraph and fold(shown_text(element)) not in titles:
            element.tag = "h2"


def _headline(tree: HtmlElement, titles: frozenset[str]) -> HtmlElement | None:
    """Return the first <h1> that shows the page's headline."""
    return next((h1 for h1 in tree.iter("h1") if fold(shown_text(h1)) in titles), None)
