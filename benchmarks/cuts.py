"""What `removed` costs in the lake: bytes an article in Parquet, compressed as landed, by stage and without texts.

usage: python benchmarks/cuts.py PAGES… — folders searched for *.html and *.html.gz.
"""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cleaning import Article, Header, NoArticle, RawPage, Removed, clean, page_id
from dedupe import Verdict, sign
from lake.parquet.part_files import encode_rows
from lake.schema.columns import RequestedUrl, StoredSignature, row
from lake.schema.records import Landing

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    paths = [path for folder in sys.argv[1:] for path in sorted(Path(folder).rglob("*.html*"))]
    articles = [article for path in paths if (article := _article(path))]
    if not articles:
        raise SystemExit("no articles: name folders that hold *.html or *.html.gz")
    none = _bytes(articles, lambda cuts: ())
    print(
        f"{len(articles)} articles, {none / len(articles):,.0f} bytes each without `removed`; with it, more:"
    )
    for name, change in {
        "all": lambda cuts: cuts,
        "without stage extraction": lambda cuts: tuple(c for c in cuts if c.stage != "extraction"),
        "without texts": lambda cuts: tuple(replace(c, text="") for c in cuts),
    }.items():
        print(f"  {name:26} {(_bytes(articles, change) - none) / len(articles):8,.0f}")
    for stage, count in Counter(cut.stage for article in articles for cut in article.removed).items():
        chars = sum(c.chars for article in articles for c in article.removed if c.stage == stage)
        print(
            f"  {stage:10} {count / len(articles):6.1f} cuts, {chars / len(articles):8,.0f} characters an article"
        )


def _article(path: Path) -> Article | None:
    data = path.read_bytes()
    url = f"https://{path.stem}.example/{path.stem}-0123456"
    page = RawPage(
        id=page_id(url),
        url=url,
        requested_url=url,
        outlet="",
        status=200,
        headers=(Header("content-type", "text/html"),),
        body=gzip.decompress(data) if path.suffix == ".gz" else data,
        fetched_at=_NOW,
    )
    try:
        return clean(page)
    except NoArticle:
        return None


def _bytes(articles: list[Article], change: Callable[[tuple[Removed, ...]], tuple[Removed, ...]]) -> int:
    rows = []
    for article in articles:
        verdict = Verdict(article.id, article.id, None, None, None, None, ())
        rows.append(
            row(
                replace(article, removed=change(article.removed)),
                verdict,
                RequestedUrl(article.url),
                StoredSignature(sign(article.text).to_bytes()),
                Landing("run", 0, _NOW),
            )
        )
    return len(encode_rows("articles", rows, "run", 0))


if __name__ == "__main__":
    main()
