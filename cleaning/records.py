"""The records that cross cleaning's door: a page comes in, an article or a named reason goes out.

They are frozen, their fields are the columns of the lake (lake/schema/columns.py computes the Parquet schema from
them), so a new column is one field here and one golden line there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

CLEANER_VERSION = "2"  # raised whenever the same page may give another row

Precision = Literal["second", "minute", "day"]

Reason = Literal[
    "not_html",  # another content type, or bytes that hold no markup
    "empty",  # no text at all
    "too_short",  # text, but less than a story
    "paywall",  # the page says the rest is for subscribers, and only a teaser is there
    "soft_404",  # says "not found" with status 200
    "gallery",  # pictures with captions are the content
    "video",  # a player is the content
    "listing",  # a front, section or tag page
    "consent_wall",  # asks for cookies instead of showing the story
    "bot_wall",  # asks whether we are human
    "broken",  # the page made the cleaning fail; its bytes are kept in raw
    "quarantined",  # cleaning it crashed, hung or took too much memory; its bytes are kept in raw
    "http_error",  # answered with a status that is no success
    "unreachable",  # no answer: timeout, reset, no such name
    "robots",  # robots.txt asks us not to fetch it
    "tdm_reserved",  # its publisher reserves text and data mining, or says noai
    "refused",  # an address that is never fetched: private network, other scheme
    "part",  # a later page of an article in parts: its text stands with the first page
    "not_selected",  # an article that the run's selection does not want
]


@dataclass(frozen=True, slots=True)
class Header:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class RawPage:
    """One fetched candidate, body as served with the transfer's compression undone."""

    id: str  # address.page_id(url)
    url: str  # the address that answered, after redirects
    requested_url: str  # the address that was asked first
    outlet: str
    status: int  # HTTP status
    headers: tuple[Header, ...]  # those that matter, names in lower case
    body: bytes = field(repr=False)
    fetched_at: datetime  # UTC
    source: str | None = None  # the feed or section page that named it; None where it was given by hand
    part_of: str | None = None  # id of the first page, for a later page of an article in parts
    part: int = 1  # which page of its article, from 1
    # what was found about its use by machines, lines as `meta robots: noai`; cleaning.metadata.reservations
    tdm: tuple[str, ...] = ()

    def header(self, name: str) -> str | None:
        """The first value of a header, by lower-case name."""
        return next((h.value for h in self.headers if h.name == name), None)


@dataclass(frozen=True, slots=True)
class Rules:
    """What one outlet's file adds to the general rules; see docs/outlets.md."""

    cut: tuple[str, ...] = ()  # CSS selectors of elements to cut
    keep: tuple[str, ...] = ()  # CSS selectors of elements that general rules must leave alone
    lines: tuple[str, ...] = ()  # regular expressions (re.search, case ignored) of whole lines to cut
    ends: tuple[str, ...] = ()  # phrases; the story ends before the first, even in mid-line
    timezone: str | None = None  # IANA name, for dates written without a zone
    language: str | None = None  # ISO 639-1, a hint for texts too short to tell


@dataclass(frozen=True, slots=True)
class Image:
    url: str
    caption: str | None = None
    credit: str | None = None


Stage = Literal[
    "tree",  # an element, before extraction
    "extraction",  # what extraction did not take for the story
    "line",  # a line of what it took
]


@dataclass(frozen=True, slots=True)
class Removed:
    """One cut: nothing vanishes silently. `cut` makes one."""

    kind: str  # related, newsletter, ai-disclaimer, bio, caption, byline, tags, rights, share, …
    rule: str  # the rule's id, as docs/cleaning.md lists it
    stage: Stage
    text: str  # its first MAX_CUT characters; "" in a row whose run keeps no texts of cuts
    chars: int  # of the whole text


MAX_CUT = 2000  # characters of one cut's text that are kept


def cut(kind: str, rule: str, stage: Stage, text: str) -> Removed:
    """With its whole text, as steps of cleaning want it; `shortened` for the row."""
    return Removed(kind, rule, stage, text, len(text))


def shortened(cuts: Iterable[Removed]) -> tuple[Removed, ...]:
    return tuple(one if one.chars <= MAX_CUT else replace(one, text=one.text[:MAX_CUT]) for one in cuts)


@dataclass(frozen=True, slots=True)
class Article:
    """One clean article. text: paragraphs, list items and subheads separated by one newline."""

    id: str
    url: str
    canonical_url: str | None  # rel=canonical, absolute; None where the page names none
    outlet: str
    title: str
    summary: str | None  # the standfirst; None if the page has none of its own
    text: str
    authors: tuple[str, ...]
    published_at: datetime | None  # UTC; None where unknown or not believable
    published_precision: Precision | None
    published_source: str | None  # json-ld, meta, time, url, …
    published_raw: str | None  # as written on the page
    modified_at: datetime | None
    modified_precision: Precision | None
    modified_source: str | None
    modified_raw: str | None
    section: str | None
    tags: tuple[str, ...]
    images: tuple[Image, ...]
    language: str | None  # ISO 639-1; None on a text too short to tell
    language_confidence: float | None  # 0 to 1
    text_confidence: float  # 0 to 1: how likely it is that text is the story and nothing else
    rights: str | None
    ai_disclosure: str | None
    syndication_credit: str | None
    paywall: bool | None  # what the page declares; None where it declares nothing
    paywall_seen: bool  # a wall was found where the text ends: text_is_partial
    sponsored: bool  # an advertiser paid for it, as the page says
    live_blog: bool  # a running report, which goes on after it was fetched
    opinion: bool  # a comment, column or leader, as the page says
    word_count: int  # words of text (characters in scripts without spaces)
    removed: tuple[Removed, ...]
    fetched_at: datetime
    content_hash: str  # of title and text: tells a revision from no change
    cleaner_version: str = field(default=CLEANER_VERSION)
    parts: int = 1  # pages that the text was read from
    text_is_partial: bool = False  # the article goes on behind a wall, or at a page that could not be had
    tdm: tuple[str, ...] = ()  # what was found about its use by machines; cleaning.metadata.reservations
    tdm_reserved: bool = False  # whether that is a reservation of text and data mining
    boilerplate_version: str | None = None  # of what was learned of the outlet; None where nothing was


_HASH_RULES = "1"  # raised when the same title and text get another hash


def content_hash(title: str, text: str) -> str:
    """32 hex digits of title and text as they stand: tells a revision from no change."""
    return hashlib.sha256(f"{_HASH_RULES}\n{title}\n{text}".encode()).hexdigest()[:32]


class NoArticle(Exception):
    """The page holds no article; reason is one of Reason, detail is for people."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: Reason = reason
        self.detail = detail
