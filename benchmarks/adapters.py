"""The pipeline's own functions in the shape that the shared measurements want. Pages are cleaned by the general rules
alone, but where a function says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import TypedDict

import outlets
from cleaning import Article, Header, NoArticle, RawPage, Rules, clean, host_of
from dedupe import cluster, records

GENERAL = Rules()


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
    return _full(_article(html, url))


def full_by_outlet(html: str | bytes, url: str | None) -> str:
    """`full` with the rules of the outlet file that the address's host names."""
    return _full(_article(html, url, _rules(host_of(url or ""))))


def meta(html: str | bytes, url: str | None) -> Meta:
    article = _article(html, url)
    if not article:
        return Meta(title=None, date=None, authors=[])
    date = article.published_at.isoformat() if article.published_at else None
    return Meta(title=article.title, date=date, authors=list(article.authors))


def _full(article: Article | None) -> str:
    return "\n".join(filter(None, (article.summary, article.text))) if article else ""


def _article(html: str | bytes, url: str | None, rules: Rules = GENERAL) -> Article | None:
    try:
        return clean(_page(html, url or "https://unknown.invalid/"), rules)
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
    return outlet.rules if outlet else GENERAL


class Document(TypedDict):
    id: str
    text: str
    title: str
    published: str
    outlet: str


def dedupe(documents: list[Document]) -> dict[str, str]:
    """Cluster id by document id: identical, copy, truncated and update share one; containment alone does not."""
    return cluster((_document(d), d["text"]) for d in documents)


def datasketch(documents: list[Document]) -> dict[str, str]:
    """The usual: word 3-shingles, 128 permutations, threshold .7, verified. Wants $SHARED/measure/dedupe in the path."""
    found: dict[str, str] = import_module("methods").minhash_lsh(0.7, "w3", 128, verify="jac")(documents)
    return found


def _document(document: Document) -> records.Document:
    return records.Document(document["id"], document["outlet"], _moment(document["published"]))


def _moment(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None
