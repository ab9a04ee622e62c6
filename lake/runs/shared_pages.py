"""Recognises shared pages: one page that answers for many requested URLs and is none of them.

A log-in, a consent page, a maintenance notice, the home page: an outlet redirects its articles there for a while. Each
requested URL is then a reject of its own, with the reason `shared_page`, and is retried. A single redirect that nothing
explains is taken for an article that has moved, until a second URL leads to the same page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cleaning import is_home_page, is_tied, page_id, without_return_address
from lake.schema.records import ProcessedPage, Reject, reject, requested_id

if TYPE_CHECKING:
    from cleaning.records import Reason

# rejects for these reasons say something of the requested URL, whatever page answered
_NOT_SHARED: frozenset[Reason] = frozenset(
    ("http_error", "part", "tdm_reserved", "not_selected", "quarantined", "broken")
)
# After so many answers in a row through the same article the redirect is no passing trouble: the URL leads to that
# article for good. The waits before are those of `unreachable`, and come to eleven days.
MAX_TRIES = 6


@dataclass(frozen=True, slots=True)
class UntiedAnswer:
    """An answer of a page that nothing but a redirect ties to the requested URL."""

    requested: str  # id of the requested URL
    page: str  # id of the page that answered
    shared_key: str  # the same, without parameters that name the requested URL
    requested_url: str
    is_home: bool  # the page that answered is the front of its host
    is_article: bool
    shared_reject: Reject  # the outcome if the page turns out to be shared


def untied_answer(processed: ProcessedPage) -> UntiedAnswer | None:
    """Return the answer if only a redirect ties its page to the requested URL; None otherwise, also for a page with an
    HTTP error and for one that was not fetched."""
    page, article, rejected = processed.page, processed.article, processed.reject
    if page is None or page.requested_url == page.url or (rejected and rejected.reason in _NOT_SHARED):
        return None
    requested = requested_id(page.requested_url, page.id)
    canonical_url, title = (article.canonical_url, article.title) if article else (None, None)
    if requested == page.id or is_tied(page.requested_url, page.url, canonical_url, title, page.listed_title):
        return None
    what = f"as an article: {title}" if article else f"as {rejected.reason}" if rejected else ""
    return UntiedAnswer(
        requested,
        page.id,
        page_id(without_return_address(page.url, page.requested_url)),
        page.requested_url,
        is_home_page(page.url),
        article is not None,
        reject(page, "shared_page", f"redirected to {page.url}, as other addresses are; it reads {what}"),
    )


def earlier_reject(url: str, answer: UntiedAnswer) -> Reject:
    """Return the reject of another URL that led to the page of this answer in an earlier run."""
    return replace(answer.shared_reject, id=page_id(url), requested_url=url, source=None)
