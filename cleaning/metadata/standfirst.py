"""The standfirst: the deck between headline and story, found where it stands in the page.

A description in the page's head is often only the first paragraph cut short; it is a standfirst only where the
page shows it as a block of its own, apart from the paragraphs of the story.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from cleaning.text.characters import fold, word_count
from cleaning.text.shown_text import shown_text
from cleaning.vocabulary import markup_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lxml.html import HtmlElement

_FEWEST_WORDS = 4
_MOST_WORDS = 90
_FEW_PARAGRAPHS = 3  # below as many the story has begun: what is called "lead" there is a teaser
_PARAGRAPH_WORDS = 20
_BLOCKS = ("p", "div", "h2", "h3", "h4", "span", "strong", "section", "ul", "header")
_APART = frozenset(["a", "li", "aside", "nav", "footer", "figure", "figcaption", "form", "button", "table"])
_NESTED = frozenset(["p", "div", "h1", "h2", "h3", "h4", "ul", "ol", "section", "article", "figure", "table"])
_NEAR = 8  # blocks after a first paragraph, of which two are long
_SAME = 60  # folded characters: two texts that share as many from the start are one text, cut short


def standfirst(
    tree: HtmlElement, descriptions: Iterable[str], furniture: Iterable[HtmlElement] = ()
) -> str | None:
    """The first block that is called a standfirst, or shows one of the descriptions apart from the story; none in
    what an outlet's file calls furniture."""
    keys = [
        key
        for text in descriptions
        if (key := fold(text.rstrip(" .…"))) and word_count(text) >= _FEWEST_WORDS
    ]
    named: str | None = None
    paragraphs = 0
    for element in _candidates(tree, frozenset(furniture)):
        text = shown_text(element)
        if paragraphs == _FEW_PARAGRAPHS:
            break
        if not _FEWEST_WORDS <= word_count(text) <= _MOST_WORDS:
            continue
        described = _is_any(fold(text), keys)
        called = markup_names.names_standfirst(_label(element))
        if described and not _first_paragraph(element, called=called):
            return text
        if called and not named and not described:
            named = text
        paragraphs += element.tag == "p" and not called and word_count(text) >= _PARAGRAPH_WORDS
    return named


def _candidates(tree: HtmlElement, furniture: frozenset[HtmlElement]) -> Iterator[HtmlElement]:
    """Leaf blocks after the headline; all of them where no headline is marked up."""
    headline = next(tree.iter("h1"), None)
    started = headline is None
    for element in tree.iter("h1", *_BLOCKS):
        if element is headline:
            started = True
        elif (
            started
            and element.tag != "h1"
            and not (len(element) and any(child.tag in _NESTED for child in element.iterdescendants()))
            and not any(outer.tag in _APART or outer in furniture for outer in element.iterancestors())
        ):
            yield element


def _first_paragraph(element: HtmlElement, *, called: bool) -> bool:
    """The block is one of the story's paragraphs: paragraphs follow it, of the same name where it is called a deck."""
    while element.tag in ("span", "strong") and _fills(element, element.getparent()):
        element = element.getparent()
    if element.tag not in ("p", "div"):
        return False
    strict = called or element.tag == "div"
    alike = (
        s
        for s in element.itersiblings()
        if s.tag == element.tag and (not strict or s.get("class") == element.get("class"))
    )
    long = sum(word_count(shown_text(sibling)) >= 15 for sibling in islice(alike, _NEAR))
    return long >= 2


def _fills(element: HtmlElement, outer: HtmlElement | None) -> bool:
    """The inline element is all that the paragraph around it shows: a first paragraph in bold type."""
    return (
        outer is not None
        and outer.tag in ("p", "div", "span", "strong")
        and shown_text(outer) == shown_text(element)
    )


def _is_any(key: str, wanted: list[str]) -> bool:
    return any(
        key == w or (len(w) >= _SAME and key.startswith(w)) or (len(key) >= _SAME and w.startswith(key))
        for w in wanted
    )


def _label(element: HtmlElement) -> str:
    outer = element.getparent()
    own = f"{element.get('class') or ''} {element.get('id') or ''} {element.get('itemprop') or ''} {element.get('data-testid') or ''}"
    if outer is not None and len(outer) <= 2:  # <div class="deck"><p>…</p></div>
        own += f" {outer.get('class') or ''}"
    return own
