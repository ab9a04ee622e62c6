"""Refuses pages that are not articles, each with a reason: walls, listings, galleries, videos, empty and short pages.

It is conservative, so that no real article is refused for its looks: a page that holds as much text as a story is an
article, whatever else it says. Only a page made of links is refused in spite of its text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cleaning.metadata import json_ld
from cleaning.records import NoArticle
from cleaning.text import page_state
from cleaning.text.characters import fold, word_count
from cleaning.vocabulary import wall_words
from cleaning.wording import counted

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.metadata.json_ld import Node
    from cleaning.records import Reason

_MIN_WORDS = 15
_MAX_NOTICE_BLOCKS = 20  # of a page without a story, in which it may say that it needs JavaScript
_MAX_WALL_WORDS = 90  # of a wall; a longer text is a story, whatever its words
_MIN_BANNER_STORY_WORDS = 40  # of a short story, where a wall's words stand only around it: in a banner
_MAX_SHOWN_WORDS = 400  # shown by a page that is nothing but a wall
_MAX_STUB_WORDS = 50  # of the teaser before a paywall
_MAX_SECTION_WORDS, _MAX_FRONT_WORDS = 60, 400  # of the text that cleaning leaves of a section or front page
_MIN_LISTING_LINKS = 20
_MAX_LINKED_SHARE = 0.5  # of an article's text that is shown as links; with more, the page is a list
_MAX_TEASER_SHARE, _MIN_TEASER_LINES = (
    0.6,
    5,
)  # teasers among an article's lines; shorter texts are not judged so
# a story's number in a query; a page number is none
_STORY_QUERY = re.compile(r"(?:^|&)(?:p|post|article|story|[a-z_]*(?:id|idx|no|nr|num))=\w*\d", re.I)
STORY_WORDS = 150  # a text of as many words is a story
_STORY_PATH = re.compile(
    r"[^/-]-[^/-]+-[^/-]+-[^/-]*/?$|\d{5,}|\.html?$|/20\d\d/\d"
)  # typical of a story's URL path


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the decision is based on."""

    url: str
    title: str
    text: str  # the cleaned text
    text_behind: str  # what the page shows right behind the text
    og_type: str
    nodes: list[Node]  # the page's JSON-LD objects
    link_count: int  # links in the page
    linked_share: float  # share of the shown text that is in links, 0 to 1
    blocks: list[str]  # the text of every block that the page shows, in order
    anchors: frozenset[str]  # folded texts of the links, on a page that may be a list
    paywall: bool | None  # whether the page declares a paywall
    caption_words: int  # words of all captions; 0 where there are less than four
    player_count: int  # videos, audios and iframes
    is_shell: bool = (
        False  # whether the page is an empty box that a script fills, or asks for JavaScript in <noscript>
    )


def refuse_non_articles(page: Evidence) -> None:
    """Raise NoArticle where the page is not an article. What the page says is checked before how it looks."""
    words = word_count(page.text)
    if words >= STORY_WORDS and not _is_listing(page):
        return
    if words < _MAX_WALL_WORDS and (wall := _find_wall(page, words)):
        raise NoArticle(wall, page.title[:120])
    if page.is_shell and words < _MIN_BANNER_STORY_WORDS:
        raise NoArticle("needs_javascript", f"a shell with {counted(words, 'word')}")
    if not page.blocks and words < _MIN_WORDS:
        raise NoArticle("empty", "the page shows no text")
    if page.paywall and words < _MAX_STUB_WORDS:
        raise NoArticle("paywall", f"declared as not free, {counted(words, 'word')}")
    if _is_listing(page):
        raise NoArticle("listing", f"{counted(page.link_count, 'link')}, {page.linked_share:.0%} of the text")
    kinds = " ".join(json_ld.type_of(node) for node in page.nodes)
    is_declared_article = bool(json_ld.articles(page.nodes))
    if (
        words < 60
        and not is_declared_article
        and (page.og_type.startswith("video") or "VideoObject" in kinds)
        and page.player_count
    ):
        raise NoArticle("video", f"a player and {counted(words, 'word')}")
    if words < 60 and (re.search(r"ImageGallery|MediaGallery", kinds) or page.caption_words > words):
        raise NoArticle(
            "gallery", f"{counted(page.caption_words, 'word')} under pictures and {words} beside them"
        )
    if words < _MIN_WORDS and any(
        "javascript" in block.casefold() for block in page.blocks[:_MAX_NOTICE_BLOCKS]
    ):
        raise NoArticle("needs_javascript", f"a notice, and {counted(words, 'word')}")
    if words < _MIN_WORDS:
        raise NoArticle("too_short", counted(words, "word"))


def _find_wall(page: Evidence, words: int) -> Reason | None:
    """Return which wall or missing page this is, by its title, text and what follows the text; None for no wall.

    Of a page with hardly any text, all that it shows is searched. words: of the text."""
    if wall := wall_words.wall(page.title, f"{page.text}\n{page.text_behind}"):
        return wall
    if words >= _MIN_BANNER_STORY_WORDS:
        return None
    shown = "\n".join(page.blocks)
    return wall_words.wall("", shown) if word_count(shown) < _MAX_SHOWN_WORDS else None


def may_be_listing(url: str, nodes: list[Node], og_type: str) -> bool:
    """Return whether neither JSON-LD nor og:type nor the URL says that the page is an article."""
    is_declared_article = json_ld.articles(nodes) or og_type == "article"
    return not is_declared_article and not _names_story(url)


def _names_story(url: str) -> bool:
    """Whether the path looks like a story's, or the query names one by its number."""
    parts = urlsplit(url)
    return bool(_STORY_PATH.search(parts.path.strip("/")) or _STORY_QUERY.search(parts.query))


def is_shell(tree: HtmlElement) -> bool:
    """Return whether the page is an empty frame that a script fills, or says in <noscript> that it needs JavaScript.

    The tree has to be the whole page, with its scripts."""
    return page_state.is_shell(tree, partial(wall_words.has_wall_words, "needs_javascript"))


def _is_listing(page: Evidence) -> bool:
    """Return whether this is a front, section or tag page: not declared as an article, and made of links."""
    path = urlsplit(page.url).path.strip("/")
    if not may_be_listing(page.url, page.nodes, page.og_type):
        return False
    kinds = " ".join(json_ld.type_of(node) for node in page.nodes)
    if re.search(r"CollectionPage|SearchResultsPage", kinds) and page.linked_share > 0.4:
        return True
    # a short article too may stand among hundreds of links: with a path, only a page without a story is a list
    min_linked_share, max_words = (0.75, _MAX_SECTION_WORDS) if path else (0.5, _MAX_FRONT_WORDS)
    if page.link_count < _MIN_LISTING_LINKS:
        return False
    return (
        _linked_text_share(page) > _MAX_LINKED_SHARE
        or _teaser_share(page) > _MAX_TEASER_SHARE
        or (page.linked_share > min_linked_share and word_count(page.text) < max_words)
    )


def _teaser_share(page: Evidence) -> float:
    """Return the share of the text's lines that stand right behind a link, 0 to 1: teasers under linked headlines.

    0 where the text has less than _MIN_TEASER_LINES lines."""
    lines = [fold(line) for line in page.text.splitlines()]
    keys = [fold(block) for block in page.blocks]
    behind_links = {key for above, key in pairwise(keys) if above in page.anchors}
    return (
        sum(line in behind_links for line in lines) / len(lines) if len(lines) >= _MIN_TEASER_LINES else 0.0
    )


def _linked_text_share(page: Evidence) -> float:
    """Return the share of the text that the page shows as links, 0 to 1."""
    text = fold(page.text)
    return sum(len(anchor) for anchor in page.anchors if anchor in text) / max(1, len(text))
