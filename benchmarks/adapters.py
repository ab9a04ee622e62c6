"""The pipeline's own functions in the shape that the shared measurements want."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TypedDict

import outlets
from cleaning import Article, Header, NoArticle, RawPage, Rules, clean, host_of


class Meta(TypedDict):
    title: str | None
    date: str | None
    authors: list[str]


def body(html: str | bytes, url: str | None) -> str:
    """The story without its standfirst; "" where there is no article."""
    article = _article(html, url)
    return article.text if article else ""


def full(html: str | bytes, url: str | None) -> str:
    """Standfirst and story; "" where there is no article."""
    article = _article(html, url)
    return "\n".join(filter(None, (article.summary, article.text))) if article else ""


def meta(html: str | bytes, url: str | None) -> Meta:
    article = _article(html, url)
    if not article:
        return Meta(title=None, date=None, authors=[])
    date = article.published_at.isoformat() if article.published_at else None
    return Meta(title=article.title, date=date, authors=list(article.authors))


def _article(html: str | bytes, url: str | None) -> Article | None:
    try:
        return clean(_page(html, url or "https://unknown.invalid/"), _rules(host_of(url or "")))
    except NoArticle:
        return None


def _page(html: str | bytes, url: str) -> RawPage:
    declared = "text/html; charset=utf-8" if isinstance(html, str) else "text/html"
    return RawPage(
        id="0" * 32,
        url=url,
        requested_url=url,
        outlet="",
        status=200,
        headers=(Header("content-type", declared),),
        body=html.encode("utf-8", "replace") if isinstance(html, str) else html,
        fetched_at=datetime.now(UTC),
    )


@cache
def _rules(host: str) -> Rules:
    outlet = outlets.load().find(host)
    return outlet.rules if outlet else Rules()
