"""Pages that are no article, told apart. Conservative: a real article is never refused for how it looks.

A page that holds a story's worth of text is an article, whatever else it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cleaning import linked_data, refusal_words
from cleaning.characters import word_count
from cleaning.records import NoArticle

if TYPE_CHECKING:
    from cleaning.linked_data import Node

_FEWEST_WORDS = 15
_WALL_WORDS = 90  # more is a story, whatever banner stands around it
_STUB_WORDS = 50  # a teaser before a paywall
_TEASERS_WORDS, _FRONT_WORDS = 60, 400  # what cleaning leaves of a section page, of a front page
STORY_WORDS = 150  # as much text is a story
_SLUG = re.compile(r"(?:[^/-]+-){3,}[^/-]*/?$|\d{5,}|\.html?$|/20\d\d/\d")  # the address of a story


@dataclass(frozen=True, slots=True)
class Evidence:
    url: str
    title: str
    text: str  # the cleaned text
    shown: str  # all that the page shows
    og_type: str
    nodes: list[Node]
    links: int  # how many links stand in the page
    linked: float  # share of the shown text that stands in links, 0 to 1
    paywall: bool | None
    captions: int  # words under pictures, where there are four pictures or more
    players: int


def check(page: Evidence) -> None:
    """Raises NoArticle for what is none; order: from what the page says to how it looks."""
    words = word_count(page.text)
    if words >= STORY_WORDS and not _is_front(page):
        return
    wall = refusal_words.wall(page.title, page.shown if word_count(page.shown) < 400 else page.text)
    if wall and words < _WALL_WORDS:
        raise NoArticle(wall, page.title[:120])
    if not page.shown:
        raise NoArticle("empty", "the page shows no text")
    if page.paywall and words < _STUB_WORDS:
        raise NoArticle("paywall", f"declared as not free, {words} words")
    if _is_front(page):
        raise NoArticle("listing", f"{page.links} links, {page.linked:.0%} of the text")
    kinds = " ".join(linked_data.type_of(node) for node in page.nodes)
    told = bool(linked_data.articles(page.nodes))
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


def _is_front(page: Evidence) -> bool:
    """A front, section or tag page: it does not call itself an article, and it is made of links."""
    path = urlsplit(page.url).path.strip("/")
    if linked_data.articles(page.nodes) or page.og_type == "article" or _SLUG.search(path):
        return False
    kinds = " ".join(linked_data.type_of(node) for node in page.nodes)
    if re.search(r"CollectionPage|SearchResultsPage", kinds) and page.linked > 0.4:
        return True
    # short articles stand among hundreds of links too: with a path, only a page without a story is a list
    linked, words = (0.75, _TEASERS_WORDS) if path else (0.5, _FRONT_WORDS)
    return page.links >= 20 and page.linked > linked and word_count(page.text) < words
