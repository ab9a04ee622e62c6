"""Finds the standfirst (deck) of an article: the summary that the page shows between headline and story.

A description in the page's head is often only the first paragraph, cut short. It is a standfirst only where the page
shows it as a block of its own, apart from the paragraphs of the story.
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

_MIN_WORDS = 4
_MAX_WORDS = 90
_STORY_PARAGRAPHS = 3  # after this many the story has begun: a block named "lead" there is a teaser
_MIN_PARAGRAPH_WORDS = 20
_BLOCK_TAGS = ("p", "div", "h2", "h3", "h4", "span", "strong", "section", "ul", "header")
_SIDE_BOXES = frozenset(
    ["a", "li", "aside", "nav", "footer", "figure", "figcaption", "form", "button", "table"]
)
_NESTED_BLOCK_TAGS = frozenset(
    ["p", "div", "h1", "h2", "h3", "h4", "ul", "ol", "section", "article", "figure", "table"]
)
_BLOCKS_AFTER = 8  # siblings among which a first paragraph has two long ones
_SHARED_START = 60  # folded characters; texts that share such a beginning are one text, cut short


def standfirst(
    tree: HtmlElement, descriptions: Iterable[str], cut_elements: Iterable[HtmlElement] = ()
) -> str | None:
    """Return the text of the standfirst, the summary between headline and story; None if there is none.

    It is the first block whose text is one of the descriptions and that is no paragraph of the story; else the first
    block whose class or id calls it a standfirst. descriptions: what JSON-LD and the meta tags say of the article.
    cut_elements: elements of the tree that the outlet's rules will cut; blocks inside them are passed over.
    """
    description_keys = [
        key for text in descriptions if (key := fold(text.rstrip(" .…"))) and word_count(text) >= _MIN_WORDS
    ]
    named_candidate: str | None = None
    paragraph_count = 0
    for element in _candidates(tree, frozenset(cut_elements)):
        text = shown_text(element)
        if paragraph_count == _STORY_PARAGRAPHS:
            break
        if not _MIN_WORDS <= word_count(text) <= _MAX_WORDS:
            continue
        is_description = _is_any_description(fold(text), description_keys)
        is_named_standfirst = markup_names.names_standfirst(_label(element))
        if is_description and not _is_first_paragraph(element, is_named_standfirst=is_named_standfirst):
            return text
        if is_named_standfirst and not named_candidate and not is_description:
            named_candidate = text
        paragraph_count += (
            element.tag == "p" and not is_named_standfirst and word_count(text) >= _MIN_PARAGRAPH_WORDS
        )
    return named_candidate


def _candidates(tree: HtmlElement, cut_elements: frozenset[HtmlElement]) -> Iterator[HtmlElement]:
    """Yield the innermost blocks after the <h1>, outside side boxes and cut elements; all where there is no <h1>."""
    headline = next(tree.iter("h1"), None)
    is_after_headline = headline is None
    for element in tree.iter("h1", *_BLOCK_TAGS):
        if element is headline:
            is_after_headline = True
        elif (
            is_after_headline
            and element.tag != "h1"
            and not (
                len(element) and any(child.tag in _NESTED_BLOCK_TAGS for child in element.iterdescendants())
            )
            and not any(
                outer.tag in _SIDE_BOXES or outer in cut_elements for outer in element.iterancestors()
            )
        ):
            yield element


def _is_first_paragraph(element: HtmlElement, *, is_named_standfirst: bool) -> bool:
    """Return whether the block is the first paragraph of the story: at least two long paragraphs follow it.

    They have to be of the same class where the block is a <div> or is named a standfirst.
    """
    while element.tag in ("span", "strong") and _fills(element, element.getparent()):
        element = element.getparent()
    if element.tag not in ("p", "div"):
        return False
    must_share_class = is_named_standfirst or element.tag == "div"
    siblings = (
        sibling
        for sibling in element.itersiblings()
        if sibling.tag == element.tag
        and (not must_share_class or sibling.get("class") == element.get("class"))
    )
    long_count = sum(word_count(shown_text(sibling)) >= 15 for sibling in islice(siblings, _BLOCKS_AFTER))
    return long_count >= 2


def _fills(element: HtmlElement, outer: HtmlElement | None) -> bool:
    """Return whether an inline element is all that its paragraph shows, such as a first paragraph in bold type."""
    return (
        outer is not None
        and outer.tag in ("p", "div", "span", "strong")
        and shown_text(outer) == shown_text(element)
    )


def _is_any_description(key: str, description_keys: list[str]) -> bool:
    """Return whether a folded text equals one of the folded descriptions, or one is the other cut short."""
    return any(
        key == description_key
        or (len(description_key) >= _SHARED_START and key.startswith(description_key))
        or (len(key) >= _SHARED_START and description_key.startswith(key))
        for description_key in description_keys
    )


def _label(element: HtmlElement) -> str:
    """Return the class, id and other names of the element, and the class of a box that holds little else."""
    outer = element.getparent()
    names = f"{element.get('class') or ''} {element.get('id') or ''} {element.get('itemprop') or ''} {element.get('data-testid') or ''}"
    if outer is not None and len(outer) <= 2:  # <div class="deck"><p>…</p></div>
        names += f" {outer.get('class') or ''}"
    return names
