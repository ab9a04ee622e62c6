"""Reads the JSON-LD of a page, malformed as it often is, and finds the node that describes the page's own article.

A page names other stories too: in lists, as citations, as what it is about. `page_article` tells them apart by address,
headline and place; what belongs to another story gives nothing.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from lxml.html import HtmlElement

from cleaning.metadata.lenient_json import read_leniently
from cleaning.text.characters import fold

Node = dict[str, Any]

_ARTICLE_TYPE = re.compile(r"article|blogposting|reportage|newsstory|liveblog", re.I)
_PAGE_TYPE = re.compile(r"WebPage\b")
_MAX_CHARACTERS = 2_000_000
_MAX_NODES = 5_000
# keys under which other stories stand: a node under them is the page's own only where something says so
_OTHER_STORIES = frozenset({
    "itemListElement", "citation", "mentions", "liveBlogUpdate", "hasPart", "about", "relatedLink", "significantLink", "isBasedOn",
    "subjectOf", "review", "comment", "blogPost", "publisher", "author", "isPartOf", "workExample", "exampleOfWork", "associatedArticle",
})  # fmt: skip
_MAIN_KEYS = ("headline", "datePublished", "author", "description")
_ALIKE = (
    0.6  # share of the shorter headline's words that two headlines have in common, from which they are one
)
_UNLIKE = 0.2  # likewise; below it they are two
_MAX_HEADLINE = 300  # characters of a headline that are compared
_WORD = re.compile(r"[^\W_]+")


class Placed(NamedTuple):
    """An object of JSON-LD. is_elsewhere: whether it stands under a key of other stories."""

    node: Node
    is_elsewhere: bool


class Identity(NamedTuple):
    """What a page says of itself. urls: its addresses. titles: its headlines, as it shows and states them."""

    urls: tuple[str, ...]
    titles: tuple[str, ...]


def read(tree: HtmlElement) -> list[Placed]:
    """Return every object of every JSON-LD script, outer before inner. Broken scripts give what can be read of them."""
    placed: list[Placed] = []
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            for value in _parse_script(script.text or ""):
                placed += _iterate_objects(value)
    return placed[:_MAX_NODES]


def nodes(tree: HtmlElement) -> list[Node]:
    """Return every object of every JSON-LD script, outer before inner."""
    return [node for node, _ in read(tree)]


def articles(all_nodes: Iterable[Node]) -> list[Node]:
    """Return the nodes that describe an article, of this page or another."""
    return [node for node in all_nodes if is_article(node)]


def is_article(node: Node) -> bool:
    """Return whether the node describes an article."""
    return bool(_ARTICLE_TYPE.search(type_of(node)))


def page_article(placed: list[Placed], page: Identity) -> Node:
    """Return the node of the page's own article, or of the page where no article is described; {} where there is none.

    Objects that it names by @id stand in their places. What it lacks is taken from other nodes of the same article."""
    by_id = _nodes_by_id(placed)
    for is_kind in (is_article, _is_page):
        found = [
            (agreement, sum(key in node for key in _MAIN_KEYS), node)
            for node, is_elsewhere in placed
            if is_kind(node) and (agreement := _agreement(node, page, is_elsewhere=is_elsewhere)) is not None
        ]
        if not found:
            continue
        found.sort(key=lambda of: of[:2], reverse=True)
        if found[0][0] == 0 and len({fold(text(node.get("headline")) or "") for *_, node in found}) > 1:
            continue  # several stories, and none of them is known to be this page's
        article: Node = {}
        for agreement, _, node in found:
            if not article or agreement > 0:
                for key, value in node.items():
                    article.setdefault(key, value)
        return {key: _resolved(value, by_id) for key, value in article.items()}
    return {}


def _is_page(node: Node) -> bool:
    return bool(_PAGE_TYPE.search(type_of(node)))


def _agreement(node: Node, page: Identity, *, is_elsewhere: bool) -> int | None:
    """Return how much says that the node is the page's: 2 for its address, 1 for its headline; None where it is not."""
    addresses = {key for url in _addresses(node) if (key := _address_key(url, page.urls[0]))}
    own_addresses = {_address_key(url, page.urls[0]) for url in page.urls}
    headlines = [name for key in ("headline", "name") if (name := text(node.get(key)))]
    likeness = max((_likeness(name, title) for name in headlines for title in page.titles), default=None)
    is_page_url = bool(addresses & own_addresses)
    is_headline = likeness is not None and likeness >= _ALIKE
    if is_page_url or is_headline:
        # the address of a list's page is on all its nodes
        return (
            None
            if likeness is not None and likeness < _UNLIKE and is_elsewhere
            else 2 * is_page_url + is_headline
        )
    is_unlike = likeness is not None and likeness < _UNLIKE
    return None if is_elsewhere or (is_unlike and addresses) else 0


def _addresses(node: Node) -> Iterator[str]:
    """Yield the addresses at which a node says that its article stands."""
    for value in (node.get("url"), node.get("mainEntityOfPage"), node.get("@id")):
        for item in value[:10] if isinstance(value, list) else [value]:
            told = (item.get("@id") or item.get("url")) if isinstance(item, dict) else item
            if isinstance(told, str) and ("/" in told):
                yield told


def _address_key(url: str, base: str) -> str | None:
    """Return what identifies the address of a story; None for the front page of a site, or what is no address."""
    try:
        parts = urlsplit(urljoin(base, url))
    except ValueError:
        return None
    path = unquote(parts.path).rstrip("/").lower()
    if not path:
        return f"?{parts.query}" if parts.query else None
    return re.sub(r"(?:/amp|\.amp)(?=$|\.html)", "", path)


def _likeness(name: str, title: str) -> float:
    """Return the share of the shorter headline's words, or pairs of letters without spaces, that both have."""
    first, second = _units(name), _units(title)
    return len(first & second) / min(len(first), len(second)) if first and second else 0.0


@lru_cache(maxsize=256)
def _units(headline: str) -> frozenset[str]:
    headline = headline[:_MAX_HEADLINE]
    words = frozenset(_WORD.findall(headline.casefold()))
    if len(words) > 2 or len(headline) < 6:
        return words
    letters = "".join(sorted(words, key=headline.casefold().find))
    return frozenset(letters[i : i + 2] for i in range(len(letters) - 1))


def _nodes_by_id(placed: list[Placed]) -> dict[str, Node]:
    """Return @id -> the node that says most about it."""
    by_id: dict[str, Node] = {}
    for node, _ in placed:
        name = node.get("@id")
        if isinstance(name, str) and len(node) > len(by_id.get(name, {})):
            by_id[name] = node
    return by_id


def _resolved(value: Any, by_id: dict[str, Node]) -> Any:
    """Return the value with the object that it only names by its @id; one level of a list is followed."""
    if isinstance(value, list):
        return [_resolved(item, by_id) if not isinstance(item, list) else item for item in value]
    name = value.get("@id") if isinstance(value, dict) and not value.get("name") else value
    return by_id.get(name, value) if isinstance(name, str) and len(name) < 500 else value


def type_of(node: Node) -> str:
    """Return @type as one text, with spaces between several types; "" where there is none."""
    types = node.get("@type")
    return " ".join(str(k) for k in types) if isinstance(types, list) else str(types or "")


def texts(value: Any) -> list[str]:
    """Return the texts of a value, which may be a text, a list, an object with a name, or anything else."""
    if isinstance(value, str):
        # twice: some sites escape once for JSON and once for HTML
        text = html.unescape(html.unescape(value)).strip()
        return [text] if text else []
    if isinstance(value, list):
        return [text for item in value[:100] for text in texts(item)]
    if isinstance(value, dict):
        if named := texts(value.get("name") or value.get("@value")):
            return named
        parts = [part for key in ("givenName", "familyName") for part in texts(value.get(key))[:1]]
        return [" ".join(parts)] if parts else []
    return []


def text(value: Any) -> str | None:
    """Return the first text of a value; None where it holds none."""
    return next(iter(texts(value)), None)


def _parse_script(script: str) -> list[Any]:
    """Return the values of a script, in order, repaired where needed."""
    script = script[:_MAX_CHARACTERS].strip()
    try:
        return [json.loads(script, strict=False)] if script else []
    except (ValueError, RecursionError):
        if '"' not in script:
            script = html.unescape(script)
        return read_leniently(script)


def _iterate_objects(value: Any) -> Iterator[Placed]:
    """Yield every object in the value, outer before inner."""
    stack = [(value, False)]  # a stack instead of recursion: the page decides how deep it nests
    while stack:
        node, is_elsewhere = stack.pop()
        if isinstance(node, dict):
            yield Placed(node, is_elsewhere)
            stack += [
                (child, is_elsewhere or key in _OTHER_STORIES)
                for key, child in reversed(node.items())
                if isinstance(child, dict | list)
            ]
        elif isinstance(node, list):
            stack += [(child, is_elsewhere) for child in reversed(node)]
