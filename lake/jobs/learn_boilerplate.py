"""Learns each outlet's boilerplate from the whole lake: lines that recur in many of its stories.

The result is `boilerplate/<version>.json`, which is written once, and changed by takedowns alone. Crawls read the latest one at
their start. It depends on sets of stories, days of publication and texts alone, and not on the order in which pages
came:

1. Each page of articles, copies and revisions counts in the version that was fetched last, with the lines that
   earlier boilerplate removed from it.
2. Pages of one outlet that are copies of one another are one story.
3. A line is boilerplate if it stands in at least MIN_STORIES stories, published on at least MIN_DAYS days, unless it
   is a quotation or background, which is about the same topic as its stories (cleaning/clutter/recurring_lines.py).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

from cleaning import is_topical, line_key, may_be_boilerplate
from dedupe import Document, SchemeMismatch, Signature, cluster_signed, sign
from lake.parquet import part_files
from lake.schema.records import STORY_TABLES
from lake.storage.boilerplate_file import (
    FORMAT,
    PREFIX,
    LearnedBoilerplate,
    RecurringLine,
    encode,
    latest_boilerplate,
)
from lake.storage.store import Store
from lake.storage.tombstones import parse_tombstones, tombstone_names

MIN_STORIES, MIN_DAYS = 8, 3  # below that, an outlet may just follow one affair for some days
_SAMPLE_PAGES = 50  # pages with the line, and as many without it, that are compared
_COLUMNS = ["id", "outlet", "requested_url", "published_at", "fetched_at", "content_hash", "signature", "text", "removed"]  # fmt: skip


@dataclass(slots=True)
class _Page:
    """A page in its latest version."""

    id: str
    outlet: str
    published_at: datetime | None
    fetched_at: datetime
    signature: bytes
    lines: dict[str, str]  # line key -> line, of the lines that may be boilerplate
    text: str

    @property
    def day(self) -> date:
        """The day of publication; of the fetch where that is unknown."""
        return (self.published_at or self.fetched_at).date()


def learn(
    store: Store, stories: int = MIN_STORIES, days: int = MIN_DAYS, *, dry_run: bool = False
) -> tuple[LearnedBoilerplate, bool]:
    """Learn the boilerplate of the lake as it is now. Returns it, and whether it was written: the same boilerplate as
    the latest one is not written again. stories, days: thresholds for a line. Raises LakeError."""
    by_outlet: dict[str, list[_Page]] = defaultdict(list)
    known_takedowns = tombstone_names(store)
    for page in _latest_pages(store, known_takedowns):
        by_outlet[page.outlet].append(page)
    lines_by_outlet = {
        name: _recurring_lines(pages, stories, days) for name, pages in sorted(by_outlet.items())
    }
    outlets = {name: lines for name, lines in lines_by_outlet.items() if lines}
    latest = latest_boilerplate(store)
    if outlets == (latest.outlets or {}):
        return latest, False
    outlet_facts = {name: {"stories_at_least": stories, "days_at_least": days, "lines": list(map(asdict, lines))} for name, lines in outlets.items()}  # fmt: skip
    encoded = json.dumps(outlet_facts, sort_keys=True, ensure_ascii=False)
    version = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{hashlib.sha256(encoded.encode()).hexdigest()[:8]}"
    if not dry_run:
        artefact = {"format": FORMAT, "version": version, "outlets": outlet_facts}
        store.put_new(f"{PREFIX}{version}.json", encode(artefact))
        if tombstone_names(store) - known_takedowns:  # it may hold lines of what was taken down meanwhile
            store.remove(f"{PREFIX}{version}.json")
            return learn(store, stories, days)
    return LearnedBoilerplate(version, outlets), not dry_run


def _latest_pages(store: Store, known_takedowns: frozenset[str]) -> Iterable[_Page]:
    """Every page in the version fetched last, in order of ids; without pages that were taken down."""
    pages: dict[str, dict[str, Any]] = {}
    taken_down = parse_tombstones(known_takedowns)
    for table in STORY_TABLES:
        for key in store.keys(f"{table}/"):
            for values in part_files.read_rows(store, key, _COLUMNS):
                if not taken_down.covers(values) and _fetch_order(values) > _fetch_order(
                    pages.get(values["id"])
                ):
                    pages[values["id"]] = values
    return [_build_page(pages[id]) for id in sorted(pages)]


def _fetch_order(values: dict[str, Any] | None) -> tuple[datetime, str]:
    """Sort key of a page's versions; no version sorts first."""
    return (
        (values["fetched_at"], values["content_hash"]) if values else (datetime.min.replace(tzinfo=UTC), "")
    )


def _build_page(values: dict[str, Any]) -> _Page:
    cuts = [cut["text"] for cut in values["removed"] if cut["kind"] == "boilerplate"]
    lines = [line for line in (*values["text"].splitlines(), *cuts) if may_be_boilerplate(line)]
    return _Page(
        id=values["id"],
        outlet=values["outlet"],
        published_at=values["published_at"],
        fetched_at=values["fetched_at"],
        signature=_current_signature(values),
        lines={line_key(line): line for line in lines},
        text=values["text"],
    )


def _current_signature(values: dict[str, Any]) -> bytes:
    """The row's signature; made again where it is of another scheme."""
    data: bytes = values["signature"]
    try:
        Signature.from_bytes(data)
    except SchemeMismatch:
        return sign(values["text"]).to_bytes()
    return data


def _recurring_lines(pages: list[_Page], min_stories: int, min_days: int) -> tuple[RecurringLine, ...]:
    """The boilerplate lines of one outlet, those in most stories first."""
    pages_by_line: dict[str, list[_Page]] = defaultdict(list)
    for page in pages:
        for key in page.lines:
            pages_by_line[key].append(page)
    candidates = {
        key: line_pages for key, line_pages in pages_by_line.items() if len(line_pages) >= min_stories
    }
    if not candidates:
        return ()
    story_of = _group_stories(pages)
    recurring = []
    for key, line_pages in candidates.items():
        line_days = sorted({page.day for page in line_pages})
        line_stories = {story_of[page.id] for page in line_pages}
        # spellings differ; the choice must not depend on the order of pages
        text = min(page.lines[key] for page in line_pages)
        if (
            len(line_stories) >= min_stories
            and len(line_days) >= min_days
            and not _is_background(key, text, line_pages, pages)
        ):
            recurring.append(
                RecurringLine(
                    key,
                    text,
                    len(line_stories),
                    len(line_days),
                    line_days[0].isoformat(),
                    line_days[-1].isoformat(),
                )
            )
    return tuple(sorted(recurring, key=lambda line: (-line.stories, line.key)))


def _group_stories(pages: list[_Page]) -> dict[str, str]:
    """Page id -> story id, grouped among the pages of this outlet alone."""
    documents = ((Document(p.id, p.outlet, p.published_at, p.fetched_at), p.signature) for p in pages)
    return {clustered.id: clustered.cluster for clustered in cluster_signed(documents, None)}


def _is_background(key: str, line: str, line_pages: list[_Page], pages: list[_Page]) -> bool:
    """Whether a line is about the topic of the pages that have it, and so no boilerplate."""
    texts_with_line = (_text_without(page, key) for page in _sample(line_pages))
    other_texts = (page.text for page in _sample(page for page in pages if key not in page.lines))
    return is_topical(line, list(texts_with_line), list(other_texts))


def _text_without(page: _Page, key: str) -> str:
    return "\n".join(line for line in page.text.splitlines() if line_key(line) != key)


def _sample(pages: Iterable[_Page]) -> Iterator[_Page]:
    """The first pages in order of ids. Ids are hashes, so this is a random sample that is the same everywhere."""
    yield from islice(pages, _SAMPLE_PAGES)
