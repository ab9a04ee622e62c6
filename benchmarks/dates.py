"""Tells how often cleaning names the right day of publication, by fold, with trafilatura beside.

usage: PYTHONPATH=.:$SHARED/measure/extraction python benchmarks/dates.py $SHARED/pages [--peer] [-v]
Pages: the development half of WCXB whose gold has a date. right: the gold's day, or one beside it, for the gold states no
zone. update: the gold's day is the one that cleaning names as that of the last change. wrong: another day.
-v names the wrong and the missing pages of the fold `worked`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.folds import evaluate, load
from cleaning import Header, NoArticle, RawPage, clean

_VERDICTS = ("right", "update", "wrong", "missing")


def ours(html: str, url: str | None) -> str | None:
    """Return the days of publication and of the last change as YYYY-MM-DD/YYYY-MM-DD; None where there is neither."""
    page = RawPage(
        id="0" * 32, url=url or "https://example.com/", requested_url=url or "https://example.com/", outlet="example",
        status=200, headers=(Header("content-type", "text/html; charset=utf-8"),), body=html.encode(),
        fetched_at=datetime(2026, 6, 1, tzinfo=UTC),
    )  # fmt: skip
    try:
        article = clean(page)
    except NoArticle:
        return None
    days = [
        moment.date().isoformat() if moment else "" for moment in (article.published_at, article.modified_at)
    ]
    return "/".join(days) if any(days) else None


def trafilatura(html: str, url: str | None) -> str | None:
    """Return the day that trafilatura gives; None where there is none."""
    import trafilatura as peer

    document: Any = peer.bare_extraction(html, url=url, with_metadata=True)
    return str(document.date) if document and document.date else None


def verdict(page: Any, *, extract: Callable[[str, str | None], str | None]) -> tuple[str, str, str]:
    """Return (fold, key, one of _VERDICTS, or "wrong: …")."""
    wanted = date.fromisoformat(page.extra["publish_date"][:10])
    fold = evaluate.fold_of(page.host)
    found = extract(page.html, page.url)
    days = [date.fromisoformat(day[:10]) if day else None for day in (found or "").split("/")]
    are_right = [day is not None and abs((day - wanted).days) <= 1 for day in days]
    if are_right[0]:
        return fold, page.key, "right"
    if any(are_right):
        return fold, page.key, "update"
    return fold, page.key, f"wrong: {found}, not {wanted}" if days[0] else "missing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("-v", action="store_true")
    given = parser.parse_args()
    pages = [page for page in load(given.pages, "wcxb") if len(page.extra.get("publish_date") or "") >= 10]
    for extract in (ours, trafilatura) if given.peer else (ours,):
        with ProcessPoolExecutor(2) as pool:
            verdicts = list(pool.map(partial(verdict, extract=extract), pages, chunksize=20))
        for fold in ("worked", "left"):
            counts = Counter(told.partition(":")[0] for of, _, told in verdicts if of == fold)
            shares = "  ".join(f"{word} {counts[word] / counts.total():.3f}" for word in _VERDICTS)
            print(f"{extract.__name__:12} {fold:7} {counts.total():4} pages  {shares}")
        if given.v:
            print(
                *(f"  {key} {told}" for of, key, told in verdicts if of == "worked" and told != "right"),
                sep="\n",
            )


if __name__ == "__main__":
    main()
