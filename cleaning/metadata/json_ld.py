"""Reads the JSON-LD of a page, malformed as it often is, and finds the nodes that describe an article.

It copes with comments, trailing commas, raw line ends, arrays, @graph and wrong types.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from lxml.html import HtmlElement

Node = dict[str, Any]

_ARTICLE_TYPE = re.compile(r"article|blogposting|reportage|newsstory|liveblog", re.I)
_SCRIPT_WRAPPER = re.compile(
    r"^\s*(?:<!--|/\*.*?\*/|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|//\s*\]\]>|\]\]>|;)\s*$", re.S
)
# group 1 is a string, which is kept; comments and commas before a closing bracket are removed. What never ends goes on
# to the end of the script: else each of its quotation marks would be looked at as a beginning
_STRING_OR_NOISE = re.compile(
    r'("(?:[^"\\]|\\.)*+(?:"|\\?\Z))|/\*.*?(?:\*/|\Z)|(?<![:"])//[^\n]*|,(?=\s*[}\]])', re.S
)
_MAX_CHARACTERS = 2_000_000
_MAX_NODES = 5_000


def nodes(tree: HtmlElement) -> list[Node]:
    """Return every object of every JSON-LD script, outer before inner. Broken scripts give none."""
    all_nodes: list[Node] = []
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            all_nodes += _iterate_objects(_parse_script(script.text or ""))
    return all_nodes[:_MAX_NODES]


def articles(all_nodes: list[Node]) -> list[Node]:
    """Return the nodes that describe an article; those with the most of the important keys come first."""
    article_nodes = [node for node in all_nodes if _ARTICLE_TYPE.search(type_of(node))]
    return sorted(
        article_nodes,
        key=lambda n: -sum(key in n for key in ("headline", "datePublished", "author", "description")),
    )


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
        return texts(value.get("name") or value.get("@value"))
    return []


def text(value: Any) -> str | None:
    """Return the first text of a value; None where it holds none."""
    return next(iter(texts(value)), None)


def _parse_script(script: str) -> Any:
    """Return the parsed value of a script, repaired step by step where needed; None where it stays broken."""
    script = script[:_MAX_CHARACTERS].strip()
    if not script:
        return None
    for repair in (
        lambda s: s,
        lambda s: _STRING_OR_NOISE.sub(lambda m: m[1] or "", _SCRIPT_WRAPPER.sub("", s)),
        html.unescape,
    ):
        script = repair(script).strip()
        try:
            return json.JSONDecoder(strict=False).raw_decode(script)[0]
        except (ValueError, RecursionError):
            continue
    return None


def _iterate_objects(value: Any) -> Iterator[Node]:
    """Yield every object in the value, outer before inner."""
    stack = [value]  # a stack instead of recursion: the page decides how deep it nests
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack += [child for child in reversed(node.values()) if isinstance(child, dict | list)]
        elif isinstance(node, list):
            stack += reversed(node)
