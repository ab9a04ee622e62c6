"""Makes the parsed tree what a reader sees: text in <noscript> and in shadow DOM is there, hidden text is not.

A hidden box that holds a large part of the page's prose stays: a script shows it, or a click.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, cast

from lxml import etree

from cleaning.text.characters import fold, rough_word_count

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
_MAX_CSS = 200_000  # characters of one <style> that are read
# the letters stand first, so that the search skips all others quickly
_DISPLAY_RULE = re.compile(r"display(?<![\w-]display)\s*:\s*(none|block)\b")
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.S)
_NAME_SELECTOR = re.compile(r"(?:div|p|span|section|ul|li)?([.#][\w-]+)", re.I)
_MAY_BE_BLOCKS = etree.XPath("//*[contains(name(), '-')] | //span[@style]")
_SPANS_TOO = etree.XPath("//*[contains(name(), '-')] | //span[@style or @class]")
_MAY_BE_HIDDEN = etree.XPath("//*[@style or @hidden or @aria-hidden]")
_NAMED = etree.XPath("//*[@class or @id]")
_TEXT_LENGTH = etree.XPath("string-length(normalize-space(.))")
_NEVER_HIDDEN = frozenset({"html", "body", "head", "main", "article", "script", "style", "img", "svg"})
_PARAGRAPH_TAGS = frozenset({"p", "li", "blockquote", "h2", "h3", "h4", "dd"})
_HANDLE_TAGS = frozenset({"button", "summary", "h2", "h3", "h4", "h5", "dt"})
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
    hiding_names, block_names = _names_in_styles(tree)
    for template in list(tree.iter("template")):
        if template.get("shadowrootmode") or template.get("shadowroot"):
            template.drop_tag()
    for notice in list(tree.iter("noscript")):
        text = " ".join("".join(p.itertext()) for p in notice.iter("p"))
        if rough_word_count(text) >= _MIN_NOSCRIPT_WORDS and not _NO_SCRIPT_NOTICE.search(text):
            notice.drop_tag()
    _name_blocks(tree, block_names)
    return _cut_hidden(tree, hiding_names)


def _names_in_styles(tree: HtmlElement) -> tuple[frozenset[str], frozenset[str]]:
    """Return the classes (".x") and ids ("#x") that a <style> of the page hides, and those that it makes blocks, outside
    @media and the like."""
    hidden: set[str] = set()
    blocks: set[str] = set()
    for style in tree.iter("style"):
        css = (style.text or "")[:_MAX_CSS]
        if "display" not in css:
            continue
        css = _COMMENT.sub("", css) if "/*" in css else css
        depth = counted = 0  # of open braces, and up to where they are counted
        for rule in _DISPLAY_RULE.finditer(css):
            opened = css.rfind("{", counted, rule.start())
            if opened < 0 or (counted and opened == counted):
                continue  # no rule, or another statement of the same
            depth += css.count("{", counted, opened) - css.count("}", counted, opened)
            start = max(css.rfind("}", counted, opened), css.rfind("{", counted, opened)) + 1
            counted = opened
            if depth:
                continue  # inside @media
            names = {name for part in css[start:opened].split(",") if (name := _name_in(part))}
            (hidden if rule[1] == "none" else blocks).update(names)
    return frozenset(hidden), frozenset(blocks)


def _name_in(selector: str) -> str | None:
    """Return the class or id of a selector that is nothing else; None for any other."""
    match = _NAME_SELECTOR.fullmatch(selector.strip())
    return match[1] if match else None


def _name_blocks(tree: HtmlElement, block_names: frozenset[str]) -> None:
    """Give elements of no known kind the tags of what they look like: custom elements, and <span> that are shown as blocks."""
    found = cast("list[HtmlElement]", (_SPANS_TOO if block_names else _MAY_BE_BLOCKS)(tree))
    for element in reversed(found):  # the inner ones first: an element that holds paragraphs is none
        is_custom = "-" in element.tag
        is_block = is_custom or _is_shown_as_block(element, block_names)
        parent = element.getparent()
        if (
            not is_block
            or parent is None
            or (parent.tag in _TEXT_PARENTS and (is_custom or parent.tag != "p"))
        ):
            continue
        holds_blocks = next(element.iterdescendants(*_BLOCK_TAGS), None) is not None
        own = [element.text or "", *(child.tail or "" for child in element)]
        own_text = "".join(own if holds_blocks else element.itertext()).strip()
        if own_text or not is_custom:
            if is_custom:
                element.set("class", f"{element.get('class') or ''} {element.tag}".strip())
            elif parent is not None and parent.tag == "p":
                parent.tag = "div"  # a paragraph holds none
            element.tag = "p" if not holds_blocks and len(own_text) >= _MIN_PARAGRAPH else "div"


def _is_shown_as_block(element: HtmlElement, block_names: frozenset[str]) -> bool:
    if _BLOCK_STYLE.search(element.get("style") or ""):
        return True
    return bool(block_names) and any(
        f".{name}" in block_names for name in (element.get("class") or "").split()
    )


def _cut_hidden(tree: HtmlElement, hiding_names: frozenset[str]) -> list[str]:
    """Remove hidden elements. Those that are hidden in one way and hold much of the page's words stay."""
    groups: dict[tuple[str, str], list[HtmlElement]] = defaultdict(list)
    for element in cast("list[HtmlElement]", _MAY_BE_HIDDEN(tree)):
        if way := _way_of_hiding(element):
            groups[way, element.tag].append(element)
    for element in cast("list[HtmlElement]", _NAMED(tree)) if hiding_names else ():
        if _is_hidden_by_name(element, hiding_names) and element.tag not in _NEVER_HIDDEN:
            groups["class", element.tag].append(element)
    if not groups:
        return []
    body = tree.find("body")
    most = _MAX_HIDDEN_SHARE * (_length(tree if body is None else body) or 1)
    descriptions = {
        fold(meta.get("content") or "") for meta in tree.iter("meta") if "description" in _name_of(meta)
    } - {""}
    hidden: list[str] = []
    for elements in groups.values():
        small = [(element, length) for element in elements if (length := _length(element)) <= most]
        if sum(length for _, length in small) > most:
            continue
        for element, length in small:
            text = " ".join("".join(element.itertext()).split())
            is_kept = _is_folded_up(element) or (text and fold(text) in descriptions)
            if element.getparent() is not None and not is_kept:
                hidden += [text] if length else []
                element.drop_tree()
    return hidden


def _is_folded_up(element: HtmlElement) -> bool:
    """Whether a box is an answer or a section that a click on what stands before it unfolds."""
    handle = element.getprevious()
    if handle is None or element.tag in _PARAGRAPH_TAGS:
        return False
    return (
        handle.tag in _HANDLE_TAGS
        or next(handle.iter("button", "h2", "h3", "h4"), None) is not None
        or any(part.get("aria-expanded") is not None for part in handle.iter(etree.Element))
    )


def _name_of(meta: HtmlElement) -> str:
    return (meta.get("name") or meta.get("property") or "").lower()


def _way_of_hiding(element: HtmlElement) -> str | None:
    """Return how an element is hidden by its own attributes; None where it is not. Pictures and the page's frame are left alone."""
    if element.tag in _NEVER_HIDDEN:
        return None
    if (style := element.get("style")) and (match := _HIDING_STYLE.search(style)):
        return match[0].strip("; ")[:7]
    if element.get("hidden") is not None and element.get("hidden") != "until-found":
        return "hidden"
    if element.get("aria-hidden") == "true" and element.tag in _PARAGRAPH_TAGS:
        return "aria-hidden"
    return None


def _is_hidden_by_name(element: HtmlElement, names: frozenset[str]) -> bool:
    """Whether a rule of the page's styles hides the element by its class or id."""
    classes, name = element.get("class"), element.get("id")
    return bool(classes and not names.isdisjoint([f".{one}" for one in classes.split()])) or (
        name is not None and f"#{name}" in names
    )


def _length(element: HtmlElement) -> int:
    """Return the characters of text in an element, without those of scripts and styles."""
    scripts = sum(len(script.text or "") for script in element.iter("script", "style"))
    return max(0, int(cast("float", _TEXT_LENGTH(element))) - scripts)
