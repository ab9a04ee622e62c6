"""Cuts clutter elements from the parsed tree before extraction: by class name, by links, by place under a picture.

A general rule never cuts the story's own box, nor more than a small share of the story (story_box.py), in one element or in
all. Class names can mislead (an article inside <div class="related-wrapper">), and losing the story is worse than keeping
a box.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import islice
from typing import TYPE_CHECKING

from lxml import etree

from cleaning.clutter.story_box import find_story_box
from cleaning.records import Removed, record_cut
from cleaning.text.characters import fold, is_sentence, word_count
from cleaning.text.shown_text import INLINE_TAGS, shown_text, unlinked_text
from cleaning.text.text_density import TextDensity
from cleaning.vocabulary import markup_names, phrases

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.clutter.outlet_rules import CompiledRules

_MAX_SHARE = (
    0.25  # of the story's paragraph text, or the page's where no story is known, in what a general rule cuts
)
_NEVER_STORY = frozenset(
    {"consent", "comments", "dialog", "slides"}
)  # kinds that may be as long as the story beside them
_MAX_TIMES_CORE = 8  # such a cut's prose, by that of the story's first paragraph and those beside it
_MAX_OUTLET_SHARE = (
    0.6  # the same for an outlet's selectors: a mistake in its file must not empty its articles
)
_NAMED_TAGS = frozenset(
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
_LINK_BLOCK_TAGS = frozenset(
    ["p", "div", "li", "h2", "h3", "h4", "h5", "h6", "blockquote", "section", "aside"]
)
# no <p>: paragraphs of the story often stand right under a picture
_CAPTION_TAGS = frozenset(["div", "span", "small", "em", "i", "td"])
_MAX_CAPTION_CHARS = 300
_TEASER_BOX_TAGS = frozenset(["div", "section", "aside", "ul", "ol"])
_MIN_TEASERS = 3
_MAX_TEASER_CHARS = 400
_MIN_HEADLINE_WORDS = 4
_MIN_SENTENCE_CHARS = 15  # behind an inline element, from which it is a part of a sentence
_MIN_SENTENCE_WORDS, _MIN_NEAR_CHARS = (
    8,
    80,
)  # of a linked sentence, and outside links of the paragraphs around it
_MAX_ID_PARTS = 3  # hyphens of an id; with as many it was made from a heading
_PARAGRAPH_TAGS = frozenset({"p", "li", "h2", "h3", "h4", "blockquote", "td"})
_EMBEDS = frozenset(
    {"instagram-media", "tiktok-embed", "reddit-embed-bq", "imgur-embed-pub"}
)  # shells that a script fills
_FINDING_AIDS = frozenset({"googlescholar", "pubmed", "pubmedcentral", "crossref", "cas", "article", "fulltext", "medline", "webofscience", "scopus", "mathscinet", "ads"})  # fmt: skip
_MAX_REFERENCE_CHARS = 20
_MIN_COMMENTS, _MAX_ITEMS_READ, _MAX_COMMENT_HEAD = 2, 12, 90
_COMMENT_HEAD = re.compile(
    r"\b(?:says?|said|wrote|writes|schrieb|schreibt|sagt|dit|a écrit|dice|escribió|ha scritto|disse|schreef|napisał|пишет|сказал)\b:?.{0,40}?\d|\b\d{1,2}[:.h]\d\d\b.{0,20}\b(?:reply|antworten|répondre|responder|rispondi)\b"
    r"|\b\d+ (?:minutes?|hours?|days?|weeks?|months?|years?) ago\b",
    re.I,
)
_SLIDE_NUMBER = re.compile(r"\d{1,3}\s?(?:/|of|von|de|sur|di|van|z|из)\s?\d{1,3}\b")
_LIST_TAGS = frozenset({"ul", "ol", "dl"})
_BLOCK_TAGS = frozenset(
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
    tree: HtmlElement, densities: dict[HtmlElement, TextDensity], outlet_rules: CompiledRules
) -> list[Removed]:
    """Remove clutter from the tree, in place, and return what was removed.

    The outlet's own rules are applied first, then the general ones. densities: what `measure_density` returned for the
    whole tree; they are not updated while elements are removed."""
    page_prose = _prose_chars(densities[tree], densities[tree]) or 1
    removed: list[Removed] = []
    for element in outlet_rules.elements_to_cut(tree):
        if (
            _prose_chars(densities.get(element, TextDensity()), densities[tree])
            < _MAX_OUTLET_SHARE * page_prose
        ):
            removed += _cut_element(element, "outlet", "outlet.cut")
    keep = outlet_rules.elements_to_keep(tree)
    for element in keep:  # trafilatura too drops elements because of their class or id
        element.attrib.pop("class", None)
        element.attrib.pop("id", None)
    protected = _with_relatives(keep)
    cut_already: set[HtmlElement] = set()
    story = find_story_box(tree, densities)
    spent: dict[str, int] = defaultdict(int)  # characters of the story's prose that each rule has cut
    common_classes = _common_paragraph_classes(densities, page_prose)
    for element in list(tree.iter(etree.Element)):
        density = densities.get(element)
        if density is None or not density.text or element in protected or element in cut_already:
            continue
        if element.get("class") in common_classes:
            continue
        # trafilatura too drops elements because of their names
        if _is_anchor(element, density):
            element.attrib.pop("id")
        if density.prose and (name := element.get("class")) and "-" in name:
            element.set("class", " ".join(one for one in name.split() if not markup_names.is_topic(one)))
        if story is not None and element in story.own:
            continue
        prose = _prose_chars(density, densities[tree])
        is_inside = story is not None and element in story.inside
        most = _MAX_SHARE * (story.prose if story is not None and is_inside else page_prose)
        if (prose > most and story is None) or not (reason := _general_reason(element, densities)):
            continue
        is_large = prose > most
        if is_large and not (
            reason[0] in _NEVER_STORY and story is not None and prose <= _MAX_TIMES_CORE * story.core
        ):
            continue
        if is_inside and not is_large and spent[reason[1]] + prose > most:
            continue
        spent[reason[1]] += prose if is_inside and not is_large else 0
        cut_already.update(element.iter(etree.Element))
        removed += _cut_element(element, *reason)
    return removed


def _common_paragraph_classes(densities: dict[HtmlElement, TextDensity], page_prose: int) -> frozenset[str]:
    """Return the classes whose paragraphs hold a large share of the text: <p class="paywall"> all through a story."""
    prose_chars: dict[str, int] = defaultdict(int)
    for element, density in densities.items():
        if element.tag == "p" and (name := element.get("class")):
            prose_chars[name] += density.prose
    return frozenset(name for name, chars in prose_chars.items() if chars > _MAX_SHARE * page_prose)


def _prose_chars(density: TextDensity, page: TextDensity) -> int:
    """Return the characters of paragraph text; on a page that hardly uses <p>, those of all text outside links."""
    return density.prose if page.prose > 0.4 * (page.text - page.linked) else density.text - density.linked


def _general_reason(
    element: HtmlElement, densities: dict[HtmlElement, TextDensity]
) -> tuple[str, str] | None:
    """Return (kind, rule) where a general rule cuts the element; None to keep it."""
    tag, density = element.tag, densities[element]
    if tag == "figcaption":
        return "caption", "tree.figcaption"
    if tag == "blockquote" and element.get("class") in _EMBEDS:
        return "promo", "tree.embed"
    if tag == "a" and density.text <= _MAX_REFERENCE_CHARS and _is_reference_link(element):
        return "related", "tree.reference-link"
    if tag in ("ol", "ul") and density.prose and _is_discussion(element):
        return "comments", "tree.discussion"
    if tag in ("div", "section") and density.prose and _are_slides(element):
        return "slides", "tree.slides"
    is_custom = "-" in tag  # a custom element's tag says what other elements say in their class
    if (tag in _NAMED_TAGS or is_custom) and (label := _label(element, density)).strip():
        kind = markup_names.markup_kind(label)
        if kind and not markup_names.names_standfirst(label) and not _is_in_sentence(element):
            return kind, f"tree.name.{kind}"
    if density.text <= _MAX_CAPTION_CHARS and _is_caption(element):
        return "caption", "tree.under-picture"
    if not density.links:
        return None
    if tag in _LIST_TAGS and density.linked > (0.6 if len(element) > 1 else 0.95) * density.text:
        return "related", "tree.link-list"
    if (
        tag in _LINK_BLOCK_TAGS
        and density.linked > 0.5 * density.text
        and (reason := _link_block_reason(element, density))
    ):
        return reason
    if tag in _TEASER_BOX_TAGS and density.links >= _MIN_TEASERS and _holds_teasers(element, densities):
        return "related", "tree.teasers"
    return None


def _is_reference_link(link: HtmlElement) -> bool:
    """Whether a link in a list of sources only names where the source is found: "Google Scholar", "PubMed"."""
    return fold(shown_text(link)) in _FINDING_AIDS and any(
        above.tag == "li" for above in islice(link.iterancestors(), 3)
    )


def _is_discussion(box: HtmlElement) -> bool:
    """Whether a box is a list of readers' comments: two items or more that begin with a name, "says" and a moment."""
    items = [child for child in box if child.tag in ("li", "div", "article")][:_MAX_ITEMS_READ]
    if len(items) < _MIN_COMMENTS or next(items[0].iter("p", "blockquote"), None) is None:
        return False
    beginnings = [shown_text(item)[:_MAX_COMMENT_HEAD] for item in items]
    return sum(bool(_COMMENT_HEAD.search(beginning)) for beginning in beginnings) >= max(
        _MIN_COMMENTS, 0.6 * len(items)
    )


def _begins_with_number(element: HtmlElement) -> bool:
    """Whether the first text in an element begins with a figure."""
    first = next((text for text in element.itertext() if not text.isspace()), "")
    return first.lstrip()[:1].isdigit()


def _are_slides(box: HtmlElement) -> bool:
    """Whether a box is a slide show: most of its children begin with a number of how many ("3/9 Record catch")."""
    if not any(_begins_with_number(child) for child in box[:3]):
        return False
    children = [child for child in box if shown_text(child)][: 4 * _MAX_ITEMS_READ]
    numbered = [child for child in children if _SLIDE_NUMBER.match(shown_text(child)[:20])]
    return len(numbered) >= _MIN_TEASERS and len(numbered) >= 0.5 * len(children)


def _label(element: HtmlElement, density: TextDensity) -> str:
    """Return the class and id of an element, and the tag of a custom one; of an element with prose, no id that is a topic."""
    name, tag = element.get("id") or "", element.tag
    name = "" if density.prose and markup_names.is_topic(name) else name
    return f"{element.get('class') or ''} {name} {tag if '-' in tag else ''}"


def _is_anchor(element: HtmlElement, density: TextDensity) -> bool:
    """Whether an element's id only marks a place in the text: that of a paragraph, or one made from a heading."""
    name = element.get("id")
    return bool(name and density.prose) and (
        element.tag == "p" or name.count("-") >= _MAX_ID_PARTS or _is_heading(name, element)
    )


def _is_heading(name: str, element: HtmlElement) -> bool:
    """Whether an id was made from the heading in or right before its element."""
    before = element.getprevious()
    headings = [*islice(element.iter("h1", "h2", "h3", "h4"), 1), *([before] if before is not None else [])]
    return any(fold(name) == fold(shown_text(heading)) for heading in headings)


def _is_in_sentence(element: HtmlElement) -> bool:
    """Whether an inline element has text of its paragraph behind it: then it is a part of the sentence."""
    parent = element.getparent()
    if element.tag not in ("span", "a") or parent is None or parent.tag not in _PARAGRAPH_TAGS:
        return False
    if markup_names.is_for_readers_ears(element.get("class") or ""):
        return False
    if len(element) and next(element.iterdescendants(*_BLOCK_TAGS), None) is not None:
        return False
    behind = element.tail or ""
    for sibling in element.itersiblings():
        if sibling.tag not in INLINE_TAGS:
            break
        behind += shown_text(sibling) + (sibling.tail or "")
    return len(behind.strip()) >= _MIN_SENTENCE_CHARS


def _holds_teasers(box: HtmlElement, densities: dict[HtmlElement, TextDensity]) -> bool:
    """Return whether a box holds three teasers or more, all of the same tag and class, and little beside them."""
    shown = [(child, density) for child in box if (density := densities.get(child)) and density.text]
    forms = Counter((child.tag, child.get("class")) for child, _ in shown)
    if not forms or forms.most_common(1)[0][1] < _MIN_TEASERS:
        return False
    commonest = forms.most_common(1)[0][0]
    alike = [(child, density) for child, density in shown if (child.tag, child.get("class")) == commonest]
    if sum(density.text for _, density in alike) < 0.7 * sum(density.text for _, density in shown):
        return False
    return _is_box(alike[0][0]) and all(_is_teaser(child, density) for child, density in alike)


def _is_box(child: HtmlElement) -> bool:
    return child.tag in ("div", "article", "section", "li")


def _is_teaser(child: HtmlElement, density: TextDensity) -> bool:
    """Return whether an element is short and has a linked headline.

    At least a fifth of its text is in links, and the longest link has four words or more."""
    if not density.links or density.text > _MAX_TEASER_CHARS or density.linked < 0.2 * density.text:
        return False
    # the links may have been cut since the text was measured
    return max((word_count(shown_text(link)) for link in child.iter("a")), default=0) >= _MIN_HEADLINE_WORDS


def _is_caption(element: HtmlElement) -> bool:
    """Return whether an element is the caption of the picture right before it; a sentence is not."""
    if element.tag != "p" and element.tag not in _CAPTION_TAGS:
        return False
    above = element.getprevious()
    while above is not None and above.tag == "br" and not (above.tail or "").strip():
        above = above.getprevious()
    if above is None or (above.tail or "").strip():
        return False
    follows_picture = above.tag in ("img", "picture") or (
        len(above) and next(above.iter("img", "picture"), None) is not None and not shown_text(above)
    )
    if not follows_picture or next(element.iterdescendants("img", "p", "li", "h2", "h3"), None) is not None:
        return False
    text = shown_text(element)
    return bool(text) and not is_sentence(text) and (element.tag != "p" or _is_set_apart(element))


def _is_set_apart(paragraph: HtmlElement) -> bool:
    """Return whether a paragraph is all in italics or small print, or alone with a picture in its box."""
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


def _link_block_reason(element: HtmlElement, density: TextDensity) -> tuple[str, str] | None:
    """Return (kind, rule) for a block that only links elsewhere (cards, a lone link, label and link), else None."""
    if density.links > 2 and density.linked > 0.75 * density.text and element.tag != "li":
        return "related", "tree.cards"
    if (
        any(child.tag in _BLOCK_TAGS for child in element.iterdescendants(etree.Element))
        and density.links > 1
    ):
        return None
    if (
        element.tag != "li"
        and density.linked >= 0.95 * density.text
        and density.text > 20
        and not _is_linked_subhead(element)
        and not _is_linked_sentence(element)
    ):
        return "related", "tree.link-alone"
    if density.linked < 20:  # the link is a name, a handle or a source
        return None
    label = unlinked_text(element)
    if len(label) <= 40 and (
        label.endswith((":", "|", "»", ">", "→")) or phrases.opens(label) or phrases.whole(label)
    ):
        return "related", "tree.label-link"
    return None


def _is_linked_sentence(element: HtmlElement) -> bool:
    """Return whether a linked paragraph is a sentence between two paragraphs of the story."""
    above, below = element.getprevious(), element.getnext()
    if element.tag != "p" or above is None or below is None or (above.tag, below.tag) != ("p", "p"):
        return False
    text = shown_text(element)
    return (
        is_sentence(text)
        and word_count(text) >= _MIN_SENTENCE_WORDS
        and all(len(unlinked_text(near)) >= _MIN_NEAR_CHARS for near in (above, below))
    )


def _is_linked_subhead(element: HtmlElement) -> bool:
    """Return whether a linked heading is a subhead: a paragraph follows it, and it is not the only linked one."""
    below, box = element.getnext(), element.getparent()
    if element.tag[0] != "h" or box is None or below is None or below.tag != "p":
        return False
    alike = [
        heading
        for heading in box.iterchildren(element.tag)
        if len(heading) == 1 and heading[0].tag == "a" and shown_text(heading) == shown_text(heading[0])
    ]
    return len(alike) > 1 and len(unlinked_text(below)) > 80


def _with_relatives(elements: list[HtmlElement]) -> set[HtmlElement]:
    """Return the elements with all their ancestors and descendants."""
    relatives: set[HtmlElement] = set()
    for element in elements:
        relatives.update(element.iterancestors())
        relatives.update(element.iter(etree.Element))
    return relatives


def _cut_element(element: HtmlElement, kind: str, rule: str) -> list[Removed]:
    """Remove the element, without its tail, and return the cut; [] where it is out already or shows no text."""
    parent = element.getparent()
    if parent is None:
        return []
    text = shown_text(element)
    element.drop_tree()
    return [record_cut(kind, rule, "tree", text)] if text else []
