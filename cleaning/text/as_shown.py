"""Makes the parsed tree what a reader sees: text in <noscript> and in shadow DOM is there, hidden text is not.

A hidden box that holds a large part of the page's prose stays: a script shows it, or a click.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from lxml import etree

from cleaning.text.characters import rough_word_count

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_MAX_HIDDEN_SHARE = 0.25  # of the page's text, in elements that are hidden in one way
_MIN_NOSCRIPT_WORDS = 40
_NO_SCRIPT_NOTICE = re.compile(r"java\s?script", re.I)
_HIDING_STYLE = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|em)?\s*(?:!|;|$)|(?:left|top|text-indent)\s*:\s*-\d{3,})",
    re.I,
)
_BLOCK_STYLE = re.compile(r"(?:^|;)\s*display\s*:\s*(?:block|flex|grid|table)\b", re.I)
_STYLE_RULE = re.compile(r"([^{}]*)\{|\}")
_HIDDEN_RULE = re.compile(r"display\s*:\s*none\b", re.I)
_NAME_SELECTOR = re.compile(r"[a-z]*([.#][\w-]+)\s*$", re.I)
_PARAGRAPH_TAGS = frozenset({"p", "li", "blockquote", "h2", "h3", "h4", "dd"})
_TEXT_PARENTS = frozenset(
    {"p", "li", "h1", "h2", "h3", "h4", "h5", "h6", "a", "span", "b", "strong", "em", "i", "td", "blockquote"}
)
_BLOCK_TAGS = (
    "p",
    "div",
    "section",
    "ul",
    "ol",
    "table",
    "h2",
    "h3",
    "h4",
    "li",
    "blockquote",
    "figure",
    "img",
)
_MIN_PARAGRAPH = 60  # characters of direct text, from which an element of no known kind is a paragraph


def make_as_shown(tree: HtmlElement) -> list[str]:
    """Change the tree, in place, into what is shown. Return the hidden texts that were removed."""
    hiding_names = _hiding_names(tree)
    for template in list(tree.iter("template")):
        if template.get("shadowrootmode") or template.get("shadowroot"):
            template.drop_tag()
    for notice in list(tree.iter("noscript")):
        text = " ".join("".join(p.itertext()) for p in notice.iter("p"))
        if rough_word_count(text) >= _MIN_NOSCRIPT_WORDS and not _NO_SCRIPT_NOTICE.search(text):
            notice.drop_tag()
    _name_blocks(tree)
    return _cut_hidden(tree, hiding_names)


def _hiding_names(tree: HtmlElement) -> frozenset[str]:
    """Return the classes (".x") and ids ("#x") that a <style> of the page hides, outside @media and the like."""
    names: set[str] = set()
    for style in tree.iter("style"):
        css = style.text or ""
        if not _HIDDEN_RULE.search(css):
            continue
        depth, selectors, start = 0, "", 0
        for match in _STYLE_RULE.finditer(css):
            if match[0] == "}":
                if (
                    depth == 1
                    and not selectors.lstrip().startswith("@")
                    and _HIDDEN_RULE.search(css, start, match.start())
                ):
                    names |= {
                        found[1]
                        for part in selectors.split(",")
                        if (found := _NAME_SELECTOR.fullmatch(part.strip()))
                    }
                depth = max(0, depth - 1)
            else:
                depth, start = depth + 1, match.end()
                selectors = match[1] if depth == 1 else selectors
    return frozenset(names)


def _name_blocks(tree: HtmlElement) -> None:
    """Give elements of no known kind the tags of what they look like: custom elements and <span style="display:block">."""
    for element in list(tree.iter(etree.Element)):
        is_custom = "-" in element.tag
        if not is_custom and not (element.tag == "span" and _BLOCK_STYLE.search(element.get("style") or "")):
            continue
        parent = element.getparent()
        if is_custom and (parent is None or parent.tag in _TEXT_PARENTS):
            continue
        own_text = (element.text or "") + "".join(child.tail or "" for child in element)
        holds_blocks = next(element.iterdescendants(*_BLOCK_TAGS), None) is not None
        if own_text.strip() or not is_custom:
            if is_custom:
                element.set("class", f"{element.get('class') or ''} {element.tag}".strip())
            element.tag = "p" if not holds_blocks and len(own_text.strip()) >= _MIN_PARAGRAPH else "div"


def _cut_hidden(tree: HtmlElement, hiding_names: frozenset[str]) -> list[str]:
    """Remove hidden elements. Those that are hidden in one way and hold much of the page's words stay."""
    groups: dict[tuple[str, str], list[HtmlElement]] = defaultdict(list)
    for element in tree.iter(etree.Element):
        if way := _way_of_hiding(element, hiding_names):
            groups[way, element.tag].append(element)
    if not groups:
        return []
    body = tree.find("body")
    most = _MAX_HIDDEN_SHARE * (_length(tree if body is None else body) or 1)
    hidden: list[str] = []
    for elements in groups.values():
        small = [(element, length) for element in elements if (length := _length(element)) <= most]
        if sum(length for _, length in small) > most:
            continue
        for element, length in small:
            if element.getparent() is not None:
                hidden += [" ".join("".join(element.itertext()).split())] if length else []
                element.drop_tree()
    return hidden


def _way_of_hiding(element: HtmlElement, hiding_names: frozenset[str]) -> str | None:
    """Return how an element is hidden; None where it is shown. Input fields and the page's frame are left alone."""
    if element.tag in ("html", "body", "head", "main", "article", "script", "style", "img", "svg"):
        return None
    if (style := element.get("style")) and (match := _HIDING_STYLE.search(style)):
        return match[0].strip("; ")[:7]
    if element.get("hidden") is not None and element.get("hidden") != "until-found":
        return "hidden"
    if element.get("aria-hidden") == "true" and element.tag in _PARAGRAPH_TAGS:
        return "aria-hidden"
    if hiding_names and hiding_names.intersection(
        (*(f".{name}" for name in (element.get("class") or "").split()), f"#{element.get('id')}")
    ):
        return "class"
    return None


def _length(element: HtmlElement) -> int:
    """Return the characters of text in an element, without those of scripts and styles."""
    shown = (node for node in element.iter(etree.Element) if node.tag not in ("script", "style"))
    return sum(
        len((text or "").strip())
        for node in shown
        for text in (node.text, node.tail if node is not element else "")
    )
