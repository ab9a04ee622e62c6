"""One page of an outlet as the suggestions read it: its cleaned text, its blocks, and the names of its elements.

An element's "name" is a selector made from its class, id, attributes or tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from cleaning.cleaner import clean
from cleaning.records import NoArticle
from cleaning.text import loose_text
from cleaning.text.characters import fold
from cleaning.text.document import Document
from cleaning.text.shown_text import shown_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.html import HtmlElement

    from cleaning.records import Article, RawPage, Rules

_BLOCK_TAGS = ("p", "li", "h2", "h3", "h4", "blockquote", "figcaption", "td", "dd", "div", "span")
_INNER_BLOCK_TAGS = frozenset(
    ["p", "li", "h1", "h2", "h3", "h4", "blockquote", "ul", "ol", "table", "div", "section", "figure"]
)
_UNSHOWN_TAGS = ("script", "style", "noscript", "template", "iframe", "svg")
_NAME = re.compile(r"[A-Za-z][A-Za-z_-]*(?:\d{1,2})?")
_MIXED_CASE = re.compile(
    r"[a-z]+[A-Z][A-Za-z]*|[A-Z]+[a-z]+[A-Z][A-Za-z]*"
)  # generated, as kOmjHQ; real words in mixed case are longer
_GENERATED_PREFIX = re.compile(r"(?:sc|css|jsx|dcr|emotion|svelte|i-amphtml)-")  # prefixes of generated names
_GENERIC_NAMES = frozenset(
    [
        "container",
        "wrapper",
        "row",
        "col",
        "column",
        "content",
        "section",
        "inner",
        "outer",
        "block",
        "item",
        "clearfix",
        "main",
        "body",
        "text",
    ]
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One page of the outlet and its cleaned text."""

    page: RawPage
    elements: list[
        HtmlElement
    ]  # referenced so that lxml does not create a new object for an element at each visit
    blocks: list[tuple[HtmlElement, str]]  # in order, each with its folded text
    line_keys: frozenset[str]  # folded lines of the cleaned text
    lines: dict[str, str]  # folded line -> line
    fields: frozenset[str]  # folded headline and standfirst

    def survived(self, key: str) -> bool:
        """Return whether the folded text is a line of the cleaned text."""
        return key in self.line_keys


def clean_sample(page: RawPage, rules: Rules) -> Sample | None:
    """Clean one page and read its blocks; None where it holds no article."""
    try:
        article = clean(page, rules)
        tree = Document(page).tree
    except NoArticle:
        return None
    etree.strip_elements(tree, *_UNSHOWN_TAGS, with_tail=False)
    loose_text.wrap_loose_text(tree)
    elements = list(tree.iter())
    blocks = [
        (element, key)
        for element in tree.iter(*_BLOCK_TAGS)
        if not any(inner.tag in _INNER_BLOCK_TAGS for inner in element.iterdescendants())
        and (key := fold(shown_text(element)))
    ]
    lines = {fold(line): line for line in article.text.splitlines()}
    fields = frozenset(fold(text) for text in (article.title, article.summary or "") if text)
    return Sample(page, elements, blocks, frozenset(lines), lines, fields)


def article_of(page: RawPage, rules: Rules) -> Article | None:
    """Return the page, cleaned by these rules; None where it is no article then."""
    try:
        return clean(page, rules)
    except NoArticle:
        return None


def cleaned_text(sample: Sample, rules: Rules) -> str:
    """Return the text of a page, cleaned by these rules; "" where it is no article then."""
    article = article_of(sample.page, rules)
    return article.text if article else ""


# ---------------------------------------------------------------- names


def element_names(element: HtmlElement) -> Iterator[str]:
    """Yield selectors of an element that probably match on other pages too, by class, id, attribute and tag."""
    for token in (element.get("class") or "").split():
        if name := stable_name(token):
            yield f".{name}" if name == token else f"[class*='{name}']"
    identity = element.get("id") or ""
    if identity and (
        stable_name(identity) == identity or identity in _GENERIC_NAMES
    ):  # an id is unique in its page
        yield f"#{identity}"
    for attribute in ("data-testid", "data-component", "itemprop"):
        value = element.get(attribute) or ""
        if stable_name(value) == value and value:
            yield f"[{attribute}='{value}']"
    if "-" in element.tag and re.fullmatch(r"[a-z-]+", element.tag):
        yield element.tag


def stable_name(token: str) -> str:
    """Return the part of a class name or id that a person chose; "" where there is none, or it is too generic.

    What a build tool appended is removed: `story__text__1FZLe` -> `story__text`."""
    pieces = re.split(r"([_-]+)", token)
    chosen: list[str] = []
    for piece in pieces:
        if piece and not _is_word(piece):
            break
        chosen.append(piece)
    name = "" if _GENERATED_PREFIX.match(token) else "".join(chosen).rstrip("_-")
    is_whole = name == token
    if not _NAME.fullmatch(name) or name.lower() in _GENERIC_NAMES:
        return ""
    return name if is_whole or (len(name) >= 8 and re.search(r"[_-]", name)) else ""


def _is_word(piece: str) -> bool:
    """Return whether a piece of a name may be a word or a short number, and was not generated."""
    if not piece.strip("_-"):
        return True
    if re.search(r"\d", piece):
        return piece.isdigit() and len(piece) <= 2
    is_generated = len(piece) <= 7 and _MIXED_CASE.fullmatch(piece)
    return not is_generated and bool(re.search(r"[aeiouyAEIOUY]", piece) or len(piece) <= 3)
