"""Defines the records that enter and leave cleaning: RawPage and Rules come in, Article or NoArticle goes out.

The fields of RawPage and Article are columns of the lake: lake/schema/columns.py computes the Parquet schema from
them. A new column is therefore one field here and one line in tests/lake/schema.golden.txt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

CLEANER_VERSION = "4"  # raise it whenever the same page may give a different row

Precision = Literal["second", "minute", "day"]

Reason = Literal[
    "not_html",  # the content type is not HTML, or the bytes hold no markup
    "empty",  # the page holds no text
    "too_short",  # there is text, but too little for a story
    "paywall",  # only a teaser is there; the page says that the rest is for subscribers
    "soft_404",  # the page says "not found", but its status is 200
    "gallery",  # the content is pictures with captions
    "video",  # the content is a video player
    "listing",  # a front, section or tag page
    "consent_wall",  # the page asks for consent to cookies instead of showing the story
    "shared_page",  # redirected, as other URLs were, to one page that is none of them: a log-in, a notice, the home page
    "bot_wall",  # the page asks whether the visitor is human
    "needs_javascript",  # the page is a shell that a script fills in the browser
    "broken",  # cleaning raised an exception; the bytes are kept in the raw table
    "quarantined",  # cleaning crashed, hung or took too much memory, or no file could be opened; the bytes are kept in the raw table
    "http_error",  # the status is not 2xx
    "unreachable",  # no answer: timeout, connection reset, unknown host
    "broken_http",  # the server answered, but no HTTP answer can be read from its bytes
    "robots",  # robots.txt disallows fetching it
    "tdm_reserved",  # the publisher reserves text and data mining, or says noai
    "refused",  # a URL that is never fetched: in a private network, or neither http nor https
    "part",  # a later page of a paginated article: its text is joined to the first page's
    "not_selected",  # an article outside the run's selection
]


@dataclass(frozen=True, slots=True)
class Header:
    """One header of an HTTP response."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class RawPage:
    """One fetched page. body: the bytes as served, decompressed where the transfer was compressed."""

    id: str  # cleaning.page_id(url)
    url: str  # the URL that answered, after redirects
    requested_url: str  # the URL that was requested, before redirects
    outlet: str
    status: int  # HTTP status
    headers: tuple[Header, ...]  # the ones that cleaning and the lake need; names in lower case
    body: bytes = field(repr=False)
    fetched_at: datetime  # UTC
    source: str | None = None  # the feed or section page that listed it; None where it was named by hand
    part_of: str | None = None  # on a later page of a paginated article: id of the first page
    part: int = 1  # number of this page within its article, from 1
    # evidence of a reservation of text and data mining, as `meta robots: noai`; see cleaning.metadata.reservations
    tdm: tuple[str, ...] = ()
    listed_title: str | None = None  # its title as the source gave it; None where the source gave none
    # why the body is not whole, in the words of WARC-Truncated: disconnect, length, time, …; None: nothing is known
    # to be missing
    truncated: str | None = None

    def header(self, name: str) -> str | None:
        """Return the first value of the header with this lower-case name; None where there is none."""
        return next((h.value for h in self.headers if h.name == name), None)


@dataclass(frozen=True, slots=True)
class Rules:
    """The cleaning rules of one outlet's file, which are added to the general rules; see docs/outlets.md."""

    cut: tuple[str, ...] = ()  # CSS selectors of elements to cut
    keep: tuple[str, ...] = ()  # CSS selectors of elements that general rules must not cut
    lines: tuple[str, ...] = ()  # regular expressions (re.search, case ignored) of whole lines to cut
    ends: tuple[
        str, ...
    ] = ()  # phrases: the story ends before the first one found, even in the middle of a line
    timezone: str | None = None  # IANA name of the zone of dates that name none
    language: str | None = None  # ISO 639-1; taken where a text is too short for detection
    # (name of FIELD_NAMES, CSS selector of the elements that hold it), with ::attr(NAME) behind it for an attribute's value
    fields: tuple[tuple[str, str], ...] = ()


FIELD_NAMES = (
    "title",
    "authors",
    "published_at",
    "modified_at",
    "section",
    "summary",
)  # that an outlet's file may place


@dataclass(frozen=True, slots=True)
class Image:
    """A picture of the article."""

    url: str
    caption: str | None = None
    credit: str | None = None


Stage = Literal[
    "tree",  # an element was cut before extraction
    "extraction",  # trafilatura did not take it for the story
    "line",  # a line was cut from what trafilatura took
]


@dataclass(frozen=True, slots=True)
class Removed:
    """One cut, so that nothing vanishes silently. `record_cut` creates it."""

    kind: str  # related, newsletter, ai-disclaimer, bio, caption, byline, tags, rights, share, …
    rule: str  # the rule's id, as docs/cleaning.md lists it
    stage: Stage
    text: str  # its first MAX_CUT_CHARS characters; "" in rows of a run that stores no removed texts
    chars: int  # length of the full text, in characters


MAX_CUT_CHARS = 2000  # of one cut's text, as stored in a row


def record_cut(kind: str, rule: str, stage: Stage, text: str) -> Removed:
    """Return a Removed with its full text, which later steps compare; `truncate_texts` shortens it for the row."""
    return Removed(kind, rule, stage, text, len(text))


def truncate_texts(cuts: Iterable[Removed]) -> tuple[Removed, ...]:
    """Return the cuts with each text cut off after MAX_CUT_CHARS characters."""
    return tuple(
        removed if removed.chars <= MAX_CUT_CHARS else replace(removed, text=removed.text[:MAX_CUT_CHARS])
        for removed in cuts
    )


@dataclass(frozen=True, slots=True)
class Article:
    """One clean article. text: paragraphs, list items and subheads, separated by one newline each."""

    id: str
    url: str
    canonical_url: str | None  # absolute URL of rel=canonical; None where the page has none
    outlet: str
    title: str
    summary: str | None  # the standfirst; None where the page has none
    text: str
    authors: tuple[str, ...]
    published_at: datetime | None  # UTC; None where unknown or not credible
    published_precision: Precision | None
    published_source: str | None  # outlet (its [fields]), json-ld, meta, time, url, text
    published_raw: str | None  # as written on the page
    modified_at: datetime | None
    modified_precision: Precision | None
    modified_source: str | None
    modified_raw: str | None
    section: str | None
    tags: tuple[str, ...]
    images: tuple[Image, ...]
    language: str | None  # ISO 639-1; None where the text is too short for detection
    language_confidence: float | None  # 0 to 1
    text_confidence: float  # 0 to 1: probability that `text` is the story and nothing else
    rights: str | None
    ai_disclosure: str | None
    syndication_credit: str | None
    paywall: bool | None  # whether the page declares a paywall; None where it declares nothing
    paywall_seen: bool  # a paywall was found where the text ends; text_is_partial is then True
    sponsored: bool  # the page says that an advertiser paid for it
    live_blog: bool  # a running report that may have grown since the fetch
    opinion: bool  # the page says that it is a comment, column or leader
    word_count: int  # words of `text` (characters in scripts without spaces)
    removed: tuple[Removed, ...]
    fetched_at: datetime
    content_hash: str  # of title and text: differs where the article was revised
    cleaner_version: str = field(default=CLEANER_VERSION)
    parts: int = 1  # number of pages that the text was read from
    # text is missing, or may be: output/README.md lists the causes
    text_is_partial: bool = False
    tdm: tuple[
        str, ...
    ] = ()  # evidence of a reservation of text and data mining; see cleaning.metadata.reservations
    tdm_reserved: bool = False  # whether that evidence is a reservation
    boilerplate_version: str | None = None  # of the outlet's learned boilerplate; None where there was none


_HASH_RULES = "1"  # raise it when the same title and text get a different hash


def content_hash(title: str, text: str) -> str:
    """Return 32 hex digits of a hash of title and text, unnormalised: it differs where the article was revised."""
    return hashlib.sha256(f"{_HASH_RULES}\n{title}\n{text}".encode()).hexdigest()[:32]


class NoArticle(Exception):
    """Raised where a page holds no article. reason: one of Reason; detail: an explanation for people."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: Reason = reason
        self.detail = detail
