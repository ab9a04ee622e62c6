"""The fuzz of cleaning: a page goes the way that it goes in a worker, and its row into a part file and back."""

from __future__ import annotations

import io
import types
import unicodedata
from collections.abc import Sequence
from dataclasses import is_dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pyarrow.parquet as pq

from cleaning import Article, Header, RawPage, Rules, page_id
from cleaning.text.characters import without_invisible
from dedupe import Verdict
from lake.parquet.part_files import encode_rows
from lake.schema.columns import RequestedUrl, StoredSignature, restore_record, row
from lake.schema.records import Landing, ProcessedPage, Reject
from lake.workers.page_processing import process_page
from tests.torture import hostile_pages

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MAX_TEXT = 1_000_001  # characters of a text, at most
_LANDING = Landing("20261130T120000Z-fuzz", 0, NOW)
_TYPES = ["text/html", "text/html; charset=utf-8", "", "application/xhtml+xml", "text/plain", "text/html; charset=\u00fc", "image/png", "text/html;charset"]  # fmt: skip
_RULES = [Rules(), Rules(), Rules(cut=(".related", "aside"), keep=("article",), lines=("^also read",), ends=("read more",), timezone="Asia/Tokyo", language="en"), Rules(cut=("p",)), Rules(ends=("the",))]  # fmt: skip


def make_page(random: Random, seeds: Sequence[bytes] = ()) -> tuple[RawPage, Rules]:
    """A page drawn at random. seeds: pages to spoil; without them, pages of our own."""
    if seeds:
        body, other = random.choice(seeds), random.choice(seeds)
    else:
        make = hostile_pages.flood if random.random() < 0.12 else hostile_pages.page
        body, other = (
            _encoded(random, make(random)),
            hostile_pages.page(random).encode("utf-8", "surrogatepass"),
        )
    if random.random() < 0.8:
        body = hostile_pages.spoil(random, body, other)
    content_type = random.choice([*_TYPES, f"text/html; charset={random.choice(hostile_pages.CHARSETS)}"])
    url = random.choice(hostile_pages.URLS)
    headers = (Header("content-type", content_type), *([Header("x-robots-tag", random.choice(["noai", "bot: noai, x", ":", "\ud800"]))] if random.random() < 0.1 else []))  # fmt: skip
    page = RawPage(
        id=page_id(url), url=url, requested_url=random.choice([url, *hostile_pages.URLS]), outlet="gazette", status=200,
        headers=headers, body=body, fetched_at=NOW, truncated=random.choice([None, None, None, "disconnect", "length"]),
    )  # fmt: skip
    return page, random.choice(_RULES)


def _encoded(random: Random, text: str) -> bytes:
    if random.random() < 0.8:
        return text.encode("utf-8", "surrogatepass")
    try:
        return text.encode(random.choice(hostile_pages.CHARSETS), "replace")
    except (LookupError, UnicodeError, TypeError, AssertionError):
        return text.encode("utf-8", "replace")


def rows_of(processed: ProcessedPage) -> list[tuple[str, dict[str, Any]]]:
    """The rows that the result becomes, by table."""
    found: list[tuple[str, dict[str, Any]]] = []
    if processed.page is not None:
        found.append(("raw", row(processed.page, _LANDING)))
    if processed.reject is not None:
        found.append(("rejects", row(processed.reject, _LANDING)))
    if processed.article is not None and processed.signature is not None:
        article = processed.article
        verdict, stored = Verdict(article.id, article.id), StoredSignature(processed.signature.to_bytes())
        found.append(("articles", row(article, verdict, RequestedUrl(article.url), stored, _LANDING)))
    return found


def problems(page: RawPage, rules: Rules) -> list[str]:
    """What is wrong with the result of one page; raises what processing lets escape."""
    processed = process_page(page, rules)
    found: list[str] = []
    if (processed.article is None) == (processed.reject is None):
        found.append("neither an article nor a reject, or both")
    if processed.reject is not None and processed.reject.reason == "broken":
        found.append(f"an exception became a reject: {processed.reject.detail}")
    for record, kind in ((processed.article, Article), (processed.reject, Reject)):
        if record is not None:
            found += misfits(kind, record, kind.__name__)
    if processed.article is not None:
        found += _text_problems(processed.article)
    made = rows_of(processed)
    if made != rows_of(process_page(page, rules)):
        found.append("the same page gave another row the second time")
    for table, values in made:
        data = encode_rows(table, [values], _LANDING.run_id, 0)  # type: ignore[arg-type]
        [back] = pq.ParquetFile(io.BytesIO(data)).read().to_pylist()
        record = {"raw": RawPage, "rejects": Reject, "articles": Article}[table]
        if row(restore_record(record, back)) != {
            name: values[name] for name in row(restore_record(record, back))
        }:
            found.append(f"the row of {table} came back changed")
    return found


def _text_problems(article: Article) -> list[str]:
    found = []
    for name, text in (
        ("text", article.text),
        ("title", article.title),
        *(("author", a) for a in article.authors),
    ):
        if text != unicodedata.normalize("NFC", text):
            found.append(f"{name} is not NFC")
        if text.encode("utf-8", "replace").decode() != text:
            found.append(f"{name} has lone surrogates")
        if "\0" in text or without_invisible(text.replace("\n", "")) != text.replace("\n", ""):
            found.append(f"{name} has invisible characters")
    if any(line != line.strip() or not line for line in article.text.split("\n")):
        found.append("a line is empty or has white space at its ends")
    if len(article.text) > MAX_TEXT:
        found.append(f"text has {len(article.text)} characters")
    if not 0 <= article.text_confidence <= 1:
        found.append("text_confidence is out of bounds")
    if any(not cut.kind or not cut.rule or len(cut.text) > 2000 for cut in article.removed):
        found.append("a cut without name, or with too much text")
    return found


def misfits(hint: Any, value: Any, place: str) -> list[str]:
    """Where a value is not of its documented type."""
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, hint):
            return [f"{place} is {type(value).__name__}"]
        return [
            problem
            for name, inner in get_type_hints(hint).items()
            for problem in misfits(inner, getattr(value, name), f"{place}.{name}")
        ]
    origin = get_origin(hint)
    if origin is Literal:
        return [] if value in get_args(hint) else [f"{place} is {value!r}"]
    if origin in (Union, types.UnionType):
        tried = [misfits(one, value, place) for one in get_args(hint)]
        return [] if [] in tried else tried[0]
    if origin is tuple:
        if not isinstance(value, tuple):
            return [f"{place} is {type(value).__name__}"]
        return [problem for one in value for problem in misfits(get_args(hint)[0], one, f"{place}[]")]
    if hint is datetime:
        return [] if isinstance(value, datetime) and value.tzinfo else [f"{place} is no time with a zone"]
    return (
        []
        if type(value) is hint or (hint is float and type(value) is int)
        else [f"{place} is {type(value).__name__}"]
    )
