"""Cuts on the parsed tree, before extraction: what is furniture by its place, its links or its name.

A general cut never takes a large share of the page's paragraph text: names lie (an article in
<div class="related-wrapper">), and losing the story is worse than keeping a box.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from lxml import etree

from cleaning.records import Removed, cut
from cleaning.text.characters import is_sentence, word_count
from cleaning.text.shown_text import shown_text, unlinked_text
from cleaning.text.text_density import TextDensity
from cleaning.vocabulary import markup_names, phrases

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.clutter.outlet_rules import CompiledRules

_MAX_SHARE = 0.25  # of the paragraph text, for general rules
_MAX_OUTLET_SHARE = 0.6  # for an outlet's own selectors: a slip in one file must not empty its articles
_BOXES = frozenset(
    [
        "div",
        "section",
        "aside",
        "ul",
        "ol",
        "p",
        "nav",
        "span",
        "a",
        "figure",
        "figcaption",
        "footer",
        "form",
        "header",
        "details",
        "table",
    ]
)
_BLOCKS = frozenset(["p", "div", "li", "h2", "h3", "h4", "h5", "h6", "blockquote", "section", "aside"])
_CAPTIONS = frozenset(
    ["div", "span", "small", "em", "i", "td"]
)  # no <p>: under pictures stand many of a story's own
_MAX_CAPTION = 300  # characters
_TEASERS = frozenset(["div", "section", "aside", "ul", "ol"])
_FEWEST_TEASERS = 3
_LONGEST_TEASER = 400  # characters
_HEADLINE_WORDS = 4
_LISTS = frozenset({"ul", "ol", "dl"})
_NESTING = frozenset(
    [
        "p",
        "div",
        "ul",
        "ol",
        "table",
        "section",
        "article",
        "blockquote",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "li",
    ]
)


def cut_tree(
    tree: HtmlElement, sizes: dict[HtmlElement, TextDensity], outlet: CompiledRules
) -> list[Removed]:
    """Cuts from the tree in place: first what the outlet's rules name, then what general rules find."""
    whole = _prose(sizes[tree], sizes[tree]) or 1
    removed: list[Removed] = []
    for element in outlet.cut(tree):
        if _prose(sizes.get(element, TextDensity()), sizes[tree]) < _MAX_OUTLET_SHARE * whole:
            removed += _cut(element, "outlet", "outlet.cut")
    keep = outlet.keep(tree)
    for element in keep:  # trafilatura has rules for names of its own
        element.attrib.pop("class", None)
        element.attrib.pop("id", None)
    kept = _family(keep)
    gone: set[HtmlElement] = set()
    common = _common_names(sizes, whole)
    for element in list(tree.iter(etree.Element)):
        size = sizes.get(element)
        if size is None or not size.text or element in kept or element in gone:
            continue
        if element.get("class") in common:
            continue
        if _prose(size, sizes[tree]) <= _MAX_SHARE * whole and (verdict := _verdict(element, sizes)):
            gone.update(element.iter(etree.Element))
            removed += _cut(element, *verdict)
    return removed


def _common_names(sizes: dict[HtmlElement, TextDensity], whole: int) -> frozenset[str]:
    """Classes of paragraphs that hold a large share of the text: <p class="paywall"> all through a story."""
    shares: dict[str, int] = defaultdict(int)
    for element, size in sizes.items():
        if element.tag == "p" and (name := element.get("class")):
            shares[name] += size.prose
    return frozenset(name for name, share in shares.items() if share > _MAX_SHARE * whole)


def _prose(size: TextDensity, page: TextDensity) -> int:
    """Paragraph text; on pages that hardly use <p>, all text that is no link."""
    return size.prose if page.prose > 0.4 * (page.text - page.linked) else size.text - size.linked


def _verdict(element: HtmlElement, sizes: dict[HtmlElement, TextDensity]) -> tuple[str, str] | None:
    """(kind, rule) of a general cut, None to keep."""
    tag, size = element.tag, sizes[element]
    if tag == "figcaption":
        return "caption", "tree.figcaption"
    own = "-" in tag  # a custom element says in its tag what others say in their class
    if (tag in _BOXES or own) and (
        label := f"{element.get('class') or ''} {element.get('id') or ''} {tag if own else ''}"
    ).strip():
        kind = markup_names.markup_kind(label)
        if kind and not markup_names.names_standfirst(label):
            return kind, f"tree.name.{kind}"
    if size.text <= _MAX_CAPTION and _is_caption(element):
        return "caption", "tree.under-picture"
    if not size.links:
        return None
    if tag in _LISTS and size.linked > (0.6 if len(element) > 1 else 0.95) * size.text:
        return "related", "tree.link-list"
    if tag in _BLOCKS and size.linked > 0.5 * size.text and (verdict := _pointer(element, size)):
        return verdict
    if tag in _TEASERS and size.links >= _FEWEST_TEASERS and _are_teasers(element, sizes):
        return "related", "tree.teasers"
    return None


def _are_teasers(box: HtmlElement, sizes: dict[HtmlElement, TextDensity]) -> bool:
    """Three boxes of one make or more and little beside them, each a linked headline and a few words under it."""
    shown = [(child, size) for child in box if (size := sizes.get(child)) and size.text]
    makes = Counter((child.tag, child.get("class")) for child, _ in shown)
    if not makes or makes.most_common(1)[0][1] < _FEWEST_TEASERS:
        return False
    make = makes.most_common(1)[0][0]
    alike = [(child, size) for child, size in shown if (child.tag, child.get("class")) == make]
    if sum(size.text for _, size in alike) < 0.7 * sum(size.text for _, size in shown):
        return False
    return _is_box(alike[0][0]) and all(_is_teaser(child, size) for child, size in alike)


def _is_box(child: HtmlElement) -> bool:
    return child.tag in ("div", "article", "section", "li")


def _is_teaser(child: HtmlElement, size: TextDensity) -> bool:
    """Short, with one linked headline: at least a fifth of its text in links, the longest of four words or more."""
    if not size.links or size.text > _LONGEST_TEASER or size.linked < 0.2 * size.text:
        return False
    return max(word_count(shown_text(link)) for link in child.iter("a")) >= _HEADLINE_WORDS


def _is_caption(element: HtmlElement) -> bool:
    """A small text right under a picture that stands alone, or with nothing but the picture in its box."""
    if element.tag != "p" and element.tag not in _CAPTIONS:
        return False
    above = element.getprevious()
    while above is not None and above.tag == "br" and not (above.tail or "").strip():
        above = above.getprevious()
    if above is None or (above.tail or "").strip():
        return False
    pictured = above.tag in ("img", "picture") or (
        len(above) and next(above.iter("img", "picture"), None) is not None and not shown_text(above)
    )
    if not pictured or next(element.iterdescendants("img", "p", "li", "h2", "h3"), None) is not None:
        return False
    text = shown_text(element)
    return bool(text) and not is_sentence(text) and (element.tag != "p" or _is_set_apart(element))


def _is_set_apart(paragraph: HtmlElement) -> bool:
    """All in italics or small print, or alone with a picture in its box."""
    text = shown_text(paragraph)
    if any(
        shown_text(child) == text
        for child in paragraph
        if child.tag in ("em", "i", "small", "cite", "span", "font")
    ):
        return True
    box = paragraph.getparent()
    return (
        box is not None
        and box.tag in ("div", "figure", "td")
        and shown_text(box) == text
        and next(box.iter("img", "picture"), None) is not None
    )


def _pointer(element: HtmlElement, size: TextDensity) -> tuple[str, str] | None:
    """A block that only points elsewhere: cards, a link alone, a label and a link."""
    if size.links > 2 and size.linked > 0.75 * size.text and element.tag != "li":
        return "related", "tree.cards"
    if any(child.tag in _NESTING for child in element.iterdescendants(etree.Element)) and size.links > 1:
        return None
    if (
        element.tag != "li"
        and size.linked >= 0.95 * size.text
        and size.text > 20
        and not _heads_prose(element)
    ):
        return "related", "tree.link-alone"
    if size.linked < 20:  # a name, a handle, a source
        return None
    label = unlinked_text(element)
    if len(label) <= 40 and (
        label.endswith((":", "|", "»", ">", "→")) or phrases.opens(label) or phrases.whole(label)
    ):
        return "related", "tree.label-link"
    return None


def _heads_prose(element: HtmlElement) -> bool:
    """A heading that is a link and has a paragraph under it is a subhead."""
    below, box = element.getnext(), element.getparent()
    if element.tag[0] != "h" or box is None or below is None or below.tag != "p":
        return False
    alike = [
        h
        for h in box.iterchildren(element.tag)
        if len(h) == 1 and h[0].tag == "a" and shown_text(h) == shown_text(h[0])
    ]
    return len(alike) > 1 and len(unlinked_text(below)) > 80


def _family(elements: list[HtmlElement]) -> set[HtmlElement]:
    """The elements, what stands around them and what stands in them."""
    family: set[HtmlElement] = set()
    for element in elements:
        family.update(element.iterancestors())
        family.update(element.iter(etree.Element))
    return family


def _cut(element: HtmlElement, kind: str, rule: str) -> list[Removed]:
    """Takes the element out, its tail stays; nothing where it is out already."""
    parent = element.getparent()
    if parent is None:
        return []
    text = shown_text(element)
    element.drop_tree()
    return [cut(kind, rule, "tree", text)] if text else []
