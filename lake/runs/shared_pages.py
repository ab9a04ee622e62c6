"""Recognises shared pages: one page that answers for many requested URLs and is none of them.

A log-in, a consent page, a maintenance notice, the home page: an outlet redirects its articles there for a while, or
shows it in their place. Each requested URL is then a reject of its own, with the reason `shared_page`, and is retried. A
single redirect that nothing explains is taken for an article that has moved, until a second URL leads to the same page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from cleaning import (
    RawPage,
    fits_address,
    fits_title,
    is_home_page,
    is_tied,
    is_version,
    page_id,
    without_return_address,
)
from lake.index.page_index import PageState
from lake.schema.records import Reject, reject, requested_id

if TYPE_CHECKING:
    from cleaning.records import Reason

_SHORTLINK = re.compile(rb"<link\b(?>[^<>]*?\bshortlink\b)[^<>]*>", re.I)
_HREF = re.compile(rb"""\bhref\s*=\s*["']?([^"'\s>]+)""", re.I)
_HEAD_BYTES = 2**17
_MIN_SIMILARITY = 0.8  # of a notice that is not the same to the letter each time
_FIGURES_AND_TOKENS = re.compile(rb"[0-9a-f-]{8,}|[0-9]+", re.I)
# rejects for these reasons say something of the requested URL, whatever page answered
_NOT_SHARED: frozenset[Reason] = frozenset(
    ("broken_http", "part", "tdm_reserved", "quarantined", "broken", "robots", "refused", "unreachable")
)
# After so many answers in a row through the same article the redirect is no passing trouble: the URL leads to that
# article for good. The waits before are those of `unreachable`, and come to eighteen days.
MAX_TRIES = 6


@dataclass(frozen=True, slots=True)
class UntiedAnswer:
    """An answer that says little of the requested URL: nothing but a redirect ties the page to it, or it is a reject
    whose page may stand for other URLs as well."""

    requested: str  # id of the requested URL
    page: str  # id of the page that answered
    # equal for two answers through one page: its id, without parameters that name the requested URL; without a
    # redirect, a hash of the body
    shared_key: str
    redirected: bool
    requested_url: str
    is_home: bool  # the page that answered is the front of its host
    is_article: bool
    shared_reject: Reject  # the outcome if the page turns out to be shared


def untied_answer(
    page: RawPage | None, article: ArticleFacts | None, rejected: Reject | None
) -> UntiedAnswer | None:
    """Return the answer if it says little of the requested URL; None otherwise, also for a URL that was not fetched.
    page: None where it is not to be stored; then `rejected` tells the URLs."""
    if rejected and rejected.reason in _NOT_SHARED:
        return None
    answered = page or rejected
    if answered is None or (rejected and rejected.status is not None and rejected.status >= 500):
        return None
    requested, page_of_answer = requested_id(answered.requested_url, answered.id), _page_of(answered)
    canonical_url, title = (article.canonical_url, article.title) if article else (None, None)
    listed_title = page.listed_title if page else None
    redirected = (
        requested != page_of_answer
        and not is_tied(answered.requested_url, answered.url, canonical_url, title, listed_title)
        and not (page and _names_as_shortlink(page))
    )
    if not redirected and (page is None or rejected is None or rejected.reason == "http_error"):
        return None
    how = f"redirected to {answered.url}" if redirected else "answered"
    what = f"as an article: {title}" if article else f"as {rejected.reason}" if rejected else ""
    shared = rejected or reject(page, "shared_page", "")  # type: ignore[arg-type]  # one of the two is there
    return UntiedAnswer(
        requested,
        page_of_answer,
        page_id(without_return_address(answered.url, answered.requested_url))
        if redirected or page is None
        else _body_key(page),
        redirected,
        answered.requested_url,
        redirected and is_home_page(answered.url),
        article is not None,
        replace(
            shared,
            reason="shared_page",
            detail=f"{how}, as other addresses are; it reads {what}",
        ),
    )


def _page_of(answered: RawPage | Reject) -> str:
    """The id of the page that answered."""
    try:
        return page_id(answered.url)
    except ValueError:
        return answered.id


def _names_as_shortlink(page: RawPage) -> bool:
    """Whether the head of a page names the requested URL as its short link."""
    for tag in _SHORTLINK.findall(page.body[:_HEAD_BYTES]):
        if href := _HREF.search(tag):
            try:
                url = urljoin(page.url, unescape(href[1].decode("utf-8", "replace")))
                if page_id(url) == page_id(page.requested_url):
                    return True
            except ValueError:
                continue
    return False


@dataclass(frozen=True, slots=True)
class ArticleFacts:
    """What is looked at of an article, or of its row."""

    id: str
    outlet: str
    title: str
    canonical_url: str | None
    content_hash: str
    fetched_at: datetime

    @classmethod
    def of(cls, source: Any) -> ArticleFacts:
        """Return the facts of an Article, or of a row as a dict."""
        return cls(*_values(source, cls.__slots__))


@dataclass(frozen=True, slots=True)
class MatchFacts:
    """What is looked at of a verdict, or of the row that holds it."""

    relation: str | None
    copy_of: str | None
    similarity: float | None

    @classmethod
    def of(cls, source: Any) -> MatchFacts:
        """Return the facts of a Verdict, or of a row as a dict."""
        return cls(*_values(source, cls.__slots__))


def _values(source: Any, names: Iterable[str]) -> list[Any]:
    return [source[name] if isinstance(source, dict) else getattr(source, name) for name in names]


def is_suspicious(
    article: ArticleFacts,
    requested_url: str,
    listed_title: str | None,
    match: MatchFacts,
    other: PageState,
) -> bool:
    """Whether an article may be a notice that stands for several URLs: another page of the outlet has the same text, and
    the two are neither versions of one page, nor does its title fit its URL or what its source says.

    other: the state of the page that it matches."""
    is_same_text = match.relation in ("alias", "identical")
    if not is_same_text and (match.similarity or 0.0) < _MIN_SIMILARITY:
        return False
    canonical = _id_or_none(article.canonical_url)
    if canonical == other.id or (other.canonical_id and other.canonical_id in (article.id, canonical)):
        return False
    if other.requested_url is None or is_version(requested_url, other.requested_url):
        return False
    if is_same_text and other.content_hash != article.content_hash:
        return True  # one text under two titles
    return not fits_address(requested_url, article.title) and not fits_title(article.title, listed_title)


def _id_or_none(url: str | None) -> str | None:
    try:
        return page_id(url) if url else None
    except ValueError:
        return None


def _body_key(page: RawPage) -> str:
    """Return a hash of outlet and body, without figures and tokens, which differ each time the same page is made."""
    # the beginning tells: this runs on the event loop, and a body may have 8 MiB
    body = _FIGURES_AND_TOKENS.sub(b"", page.body[:_HEAD_BYTES])
    return f"body-{hashlib.sha256(page.outlet.encode() + b' ' + body).hexdigest()[:32]}"


def earlier_reject(url: str, answer: UntiedAnswer) -> Reject:
    """Return the reject of another URL that led to the page of this answer in an earlier run."""
    return replace(answer.shared_reject, id=page_id(url), requested_url=url, source=None)
