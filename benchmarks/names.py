"""Tells how often cleaning names exactly the right authors and the right title, by fold, with trafilatura beside.

usage: PYTHONPATH=.:$SHARED/measure/extraction python benchmarks/names.py $SHARED/pages [--corpora wcxb,fundus] [--peer] [-v]
Pages: the development halves whose gold has authors or a title; names are compared as evaluate.name_set folds them, titles
as evaluate.meta_scores. -v names the pages of the fold `worked` that are wrong.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.folds import evaluate, load
from cleaning import Header, NoArticle, RawPage, clean


def ours(page: Any) -> dict[str, Any]:
    """Return title and authors as cleaning finds them; nothing where it finds no article."""
    url = page.url or "https://example.com/"
    raw = RawPage(
        id="0" * 32, url=url, requested_url=url, outlet="example", status=200, body=page.html.encode(),
        headers=(Header("content-type", "text/html; charset=utf-8"),), fetched_at=datetime(2026, 6, 1, tzinfo=UTC),
    )  # fmt: skip
    try:
        article = clean(raw)
    except NoArticle:
        return {}
    return {"title": article.title, "authors": list(article.authors)}


def trafilatura(page: Any) -> dict[str, Any]:
    """Return title and authors as trafilatura finds them."""
    import trafilatura as peer

    document: Any = peer.bare_extraction(page.html, url=page.url, with_metadata=True)
    if not document:
        return {}
    return {
        "title": document.title,
        "authors": [name for name in (document.author or "").split("; ") if name],
    }


def gold(page: Any) -> dict[str, Any]:
    """Return title and authors of the gold, as lists and texts."""
    authors = page.extra.get("author") or page.extra.get("authors")
    names = (
        authors.replace(" and ", ", ").replace(" & ", ", ").split(", ")
        if isinstance(authors, str)
        else authors
    )
    return {"title": page.extra.get("title"), "authors": names}


def scored(page: Any, *, extract: Any) -> tuple[str, str, dict[str, bool], str]:
    """Return (fold, key, figure -> right or wrong, what was found and wanted)."""
    found, wanted = extract(page), gold(page)
    figures = {}
    if wanted["authors"]:
        figures["authors"] = evaluate.name_set(found.get("authors")) == evaluate.name_set(wanted["authors"])
    if wanted["title"]:
        figures["title"] = _folded(found.get("title")) == _folded(wanted["title"])
    return evaluate.fold_of(page.host), page.key, figures, f"{found} not {wanted}"


def _folded(text: str | None) -> str:
    return "".join(char for char in (text or "").casefold() if char.isalnum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--corpora", default="wcxb,fundus")
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("-v", action="store_true")
    given = parser.parse_args()
    for corpus in given.corpora.split(","):
        pages = load(given.pages, corpus)
        for extract in (ours, trafilatura) if given.peer else (ours,):
            with ProcessPoolExecutor(2) as pool:
                rows = list(pool.map(partial(scored, extract=extract), pages, chunksize=20))
            for fold in ("worked", "left"):
                right: dict[str, list[bool]] = defaultdict(list)
                for of, key, figures, told in rows:
                    for figure, is_right in figures.items() if of == fold else ():
                        right[figure].append(is_right)
                        if given.v and fold == "worked" and not is_right and extract is ours:
                            print(f"  {figure} {key} {told}")
                shares = "  ".join(
                    f"{figure} {sum(of) / len(of):.3f} of {len(of)}" for figure, of in right.items()
                )
                print(f"{corpus:7} {extract.__name__:12} {fold:7} {shares}")


if __name__ == "__main__":
    main()
