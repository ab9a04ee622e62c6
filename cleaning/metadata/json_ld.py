"""JSON-LD as it is found in the wild: comments, trailing commas, raw line ends, arrays, @graph, wrong types."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from lxml.html import HtmlElement

Node = dict[str, Any]

_ARTICLE = re.compile(r"article|blogposting|reportage|newsstory|liveblog", re.I)
_WRAPPING = re.compile(
    r"^\s*(?:<!--|/\*.*?\*/|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>|;)\s*$", re.S
)
# a string, which is kept, or a comment or a comma before a closing bracket, which goes
_NOISE = re.compile(r'("(?:[^"\\]|\\.)*")|/\*.*?\*/|(?<![:"])//[^\n]*|,(?=\s*[}\]])', re.S)
_MAX_CHARACTERS = 2_000_000
_MAX_NODES = 5_000


def nodes(tree: HtmlElement) -> list[Node]:
    """Every object of every JSON-LD script, outer before inner; broken scripts give none."""
    found: list[Node] = []
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            found += _objects(_load(script.text or ""))
    return found[:_MAX_NODES]


def articles(found: list[Node]) -> list[Node]:
    """The nodes that describe an article, the fullest first."""
    hits = [node for node in found if _ARTICLE.search(type_of(node))]
    return sorted(
        hits, key=lambda n: -sum(key in n for key in ("headline", "datePublished", "author", "description"))
    )


def type_of(node: Node) -> str:
    """@type as one text, types separated by spaces."""
    kind = node.get("@type")
    return " ".join(str(k) for k in kind) if isinstance(kind, list) else str(kind or "")


def texts(value: Any) -> list[str]:
    """The texts of a value that should be a text and may be a list, an object with a name, or anything else."""
    if isinstance(value, str):
        text = html.unescape(html.unescape(value)).strip()  # twice: escaped once for JSON, once for HTML
        return [text] if text else []
    if isinstance(value, list):
        return [text for item in value[:100] for text in texts(item)]
    if isinstance(value, dict):
        return texts(value.get("name") or value.get("@value"))
    return []


def text(value: Any) -> str | None:
    """The first text of a value; None where it holds none."""
    return next(iter(texts(value)), None)


def _load(script: str) -> Any:
    script = script[:_MAX_CHARACTERS].strip()
    if not script:
        return None
    for repair in (
        lambda s: s,
        lambda s: _NOISE.sub(lambda m: m[1] or "", _WRAPPING.sub("", s)),
        html.unescape,
    ):
        script = repair(script).strip()
        try:
            return json.JSONDecoder(strict=False).raw_decode(script)[0]
        except (ValueError, RecursionError):
            continue
    return None


def _objects(value: Any) -> Iterator[Node]:
    stack = [value]  # no recursion: nesting is the page's choice
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack += [v for v in reversed(node.values()) if isinstance(v, dict | list)]
        elif isinstance(node, list):
            stack += reversed(node)
