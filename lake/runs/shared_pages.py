"""Recognises shared pages: one page that answers for many requested URLs and is none of them.

A log-in, a consent page, a maintenance notice, the home page: an outlet redirects its articles there for a while, or
shows it in their place. Each requested URL is then a reject of its own, with the reason `shared_page`, and is retried. A
single redirect that nothing explains is taken for an article that has moved, until a second URL leads to the same page.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cleaning import RawPage, is_home_page, is_tied, page_id, without_return_address
from lake.schema.records import ProcessedPage, Reject, reject, requested_id

if TYPE_CHECKING:
    from cleaning.records import Reason

_FIGURES_AND_TOKENS = re.compile(rb"[0-9a-f-]{8,}|[0-9]+", re.I)
# rejects for these reasons say something of the requested URL, whatever page answered
_NOT_SHARED: frozenset[Reason] = frozenset(
    ("http_error", "broken_http", "part", "tdm_reserved", "not_selected", "quarantined", "broken")
)
# After so many answers in a row through the same article the redirect is no passing trouble: the URL leads to that
# article for good. The waits before are those of `unreachable`, and come to eleven days.
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


def untied_answer(processed: ProcessedPage) -> UntiedAnswer | None:
    """Return the answer if it says little of the requested URL; None otherwise, also for a page with an HTTP error and
    for one that was not fetched."""
    page, article, rejected = processed.page, processed.article, processed.reject
    if page is None or (rejected and rejected.reason in _NOT_SHARED):
        return None
    requested = requested_id(page.requested_url, page.id)
    canonical_url, title = (article.canonical_url, article.title) if article else (None, None)
    redirected = requested != page.id and not is_tied(
        page.requested_url, page.url, canonical_url, title, page.listed_title
    )
    if not (redirected or rejected):
        return None
    how = f"redirected to {page.url}" if redirected else "answered"
    what = f"as an article: {title}" if article else f"as {rejected.reason}" if rejected else ""
    return UntiedAnswer(
        requested,
        page.id,
        page_id(without_return_address(page.url, page.requested_url)) if redirected else _body_key(page),
        redirected,
        page.requested_url,
        redirected and is_home_page(page.url),
        article is not None,
        reject(page, "shared_page", f"{how}, as other addresses are; it reads {what}"),
    )


def _body_key(page: RawPage) -> str:
    """Return a hash of outlet and body, without figures and tokens, which differ each time the same page is made."""
    body = _FIGURES_AND_TOKENS.sub(b"", page.body)
    return f"body-{hashlib.sha256(page.outlet.encode() + b' ' + body).hexdigest()[:32]}"


def earlier_reject(url: str, answer: UntiedAnswer) -> Reject:
    """Return the reject of another URL that led to the page of this answer in an earlier run."""
    return replace(answer.shared_reject, id=page_id(url), requested_url=url, source=None)
