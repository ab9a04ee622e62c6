"""Pages that are no article, told apart. Conservative: a real article is never refused for how it looks.

A page that holds a story's worth of text is an article, whatever else it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cleaning.metadata import json_ld
from cleaning.records import NoArticle
from cleaning.text.characters import fold, word_count
from cleaning.vocabulary import wall_words

if TYPE_CHECKING:
    from cleaning.metadata.json_ld import Node
    from cleaning.records import Reason

_FEWEST_WORDS = 15
_WALL_WORDS = 90  # more is a story, whatever its words
_BANNER_WORDS = 40  # more is a short story, if a wall's words stand only around it: a banner
_SHOWN_WORDS = 400  # on a page that is nothing but a wall
_STUB_WORDS = 50  # a teaser before a paywall
_TEASERS_WORDS, _FRONT_WORDS = 60, 400  # what cleaning leaves of a section page, of a front page
_FRONT_LINKS = 20
_POINTING = 0.5  # of the text; more is a list, however long
_TEASING, _FEWEST_TEASERS = 0.6, 5  # share of the lines; as many lines at least
STORY_WORDS = 150  # as much text is a story
_SLUG = re.compile(r"(?:[^/-]+-){3,}[^/-]*/?$|\d{5,}|\.html?$|/20\d\d/\d")  # the address of a story


@dataclass(frozen=True, slots=True)
class Evidence:
    url: str
    title: str
    text: str  # the cleaned text
    behind: str  # what the page shows right behind it
    og_type: str
    nodes: list[Node]
    links: int  # how many links stand in the page
    linked: float  # share of the shown text that stands in links, 0 to 1
    blocks: list[str]  # all that the page shows, in order
    anchors: frozenset[str]  # folded texts of the links, on a page that may be a list
    paywall: bool | None
    captions: int  # words under pictures, where there are four pictures or more
    players: int


def refuse_non_articles(page: Evidence) -> None:
    """Raises NoArticle for what is none; order: from what the page says to how it looks."""
    words = word_count(page.text)
    if words >= STORY_WORDS and not _is_front(page):
        return
    if words < _WALL_WORDS and (wall := _wall(page, words)):
        raise NoArticle(wall, page.title[:120])
    if not page.blocks:
        raise NoArticle("empty", "the page shows no text")
    if page.paywall and words < _STUB_WORDS:
        raise NoArticle("paywall", f"declared as not free, {words} words")
    if _is_front(page):
        raise NoArticle("listing", f"{page.links} links, {page.linked:.0%} of the text")
    kinds = " ".join(json_ld.type_of(node) for node in page.nodes)
    told = bool(json_ld.articles(page.nodes))
    if (
        words < 60
        and not told
        and (page.og_type.startswith("video") or "VideoObject" in kinds)
        and page.players
    ):
        raise NoArticle("video", f"a player and {words} words")
    if words < 60 and (re.search(r"ImageGallery|MediaGallery", kinds) or page.captions > words):
        raise NoArticle("gallery", f"{page.captions} words under pictures and {words} beside them")
    if words < _FEWEST_WORDS:
        raise NoArticle("too_short", f"{words} words")


def _wall(page: Evidence, words: int) -> Reason | None:
    """What the title, the text and what follows it say; of a page with hardly any text, all that it shows."""
    if wall := wall_words.wall(page.title, f"{page.text}\n{page.behind}"):
        return wall
    if words >= _BANNER_WORDS:
        return None
    shown = "\n".join(page.blocks)
    return wall_words.wall("", shown) if word_count(shown) < _SHOWN_WORDS else None


def may_be_front(url: str, nodes: list[Node], og_type: str) -> bool:
    """Neither the page nor its address says that it is an article."""
    told = json_ld.articles(nodes) or og_type == "article"
    return not told and not _SLUG.search(urlsplit(url).path.strip("/"))


def _is_front(page: Evidence) -> bool:
    """A front, section or tag page: it does not call itself an article, and it is made of links."""
    path = urlsplit(page.url).path.strip("/")
    if not may_be_front(page.url, page.nodes, page.og_type):
        return False
    kinds = " ".join(json_ld.type_of(node) for node in page.nodes)
    if re.search(r"CollectionPage|SearchResultsPage", kinds) and page.linked > 0.4:
        return True
    # short articles stand among hundreds of links too: with a path, only a page without a story is a list
    linked, words = (0.75, _TEASERS_WORDS) if path else (0.5, _FRONT_WORDS)
    if page.links < _FRONT_LINKS:
        return False
    return (
        _pointing(page) > _POINTING
        or _teasing(page) > _TEASING
        or (page.linked > linked and word_count(page.text) < words)
    )


def _teasing(page: Evidence) -> float:
    """Share of the text's lines right behind a link: a headline and what it leads to."""
    lines = [fold(line) for line in page.text.splitlines()]
    keys = [fold(block) for block in page.blocks]
    behind = {key for above, key in pairwise(keys) if above in page.anchors}
    return sum(line in behind for line in lines) / len(lines) if len(lines) >= _FEWEST_TEASERS else 0.0


def _pointing(page: Evidence) -> float:
    """Share of the text that the page shows as links, 0 to 1."""
    text = fold(page.text)
    return sum(len(anchor) for anchor in page.anchors if anchor in text) / max(1, len(text))
