"""Boilerplate of each outlet, learned from the whole lake: lines that recur in many of its stories.

`boilerplate/<version>.json`, written once and never changed; crawls read the latest at their start. It rests on sets of
stories, on days of publication and on the texts, so that the order in which pages came makes no difference:

1. Of every page of articles, copies and revisions counts the version that was fetched last, with the lines that an
   earlier artefact cut.
2. Pages of one outlet that are copies of one another are one story.
3. A line that stands in at least so many stories, published on at least so many days, is boilerplate, unless it is a
   quotation or background: words about what its stories are about (cleaning/clutter/recurring_lines.py).
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
    latest_boilerplate,
)
from lake.storage.store import Store
from lake.storage.tombstones import taken_down_by, tombstone_names

STORIES, DAYS = 8, 3  # fewer may be an affair that an outlet stays with for some days
_COMPARED = 50  # stories with the line, and without it, that are looked at
_COLUMNS = ["id", "outlet", "requested_url", "published_at", "fetched_at", "content_hash", "signature", "text", "removed"]  # fmt: skip


@dataclass(slots=True)
class _Page:
    id: str
    outlet: str
    published_at: datetime | None
    fetched_at: datetime
    signature: bytes
    lines: dict[str, str]  # key -> text; of those that may be boilerplate
    text: str

    @property
    def day(self) -> date:
        return (self.published_at or self.fetched_at).date()


def learn(
    store: Store, stories: int = STORIES, days: int = DAYS, *, dry_run: bool = False
) -> tuple[LearnedBoilerplate, bool]:
    """The boilerplate of the lake as it is now, and whether it was written: what the latest artefact says already is
    not written again."""
    by_outlet: dict[str, list[_Page]] = defaultdict(list)
    for page in _pages(store):
        by_outlet[page.outlet].append(page)
    found = {name: _recurring(pages, stories, days) for name, pages in sorted(by_outlet.items())}
    outlets = {name: lines for name, lines in found.items() if lines}
    before = latest_boilerplate(store)
    if outlets == (before.outlets or {}):
        return before, False
    told = {name: {"stories_at_least": stories, "days_at_least": days, "lines": list(map(asdict, lines))} for name, lines in outlets.items()}  # fmt: skip
    written = json.dumps(told, sort_keys=True, ensure_ascii=False)
    version = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{hashlib.sha256(written.encode()).hexdigest()[:8]}"
    if not dry_run:
        artefact = {"format": FORMAT, "version": version, "outlets": told}
        store.put_new(f"{PREFIX}{version}.json", json.dumps(artefact, indent=1, sort_keys=True, ensure_ascii=False).encode())  # fmt: skip
    return LearnedBoilerplate(version, outlets), not dry_run


def _pages(store: Store) -> Iterable[_Page]:
    """In the order of ids, in the version fetched last; nothing that was taken down."""
    pages: dict[str, dict[str, Any]] = {}
    down = taken_down_by(tombstone_names(store))
    for table in STORY_TABLES:
        for key in store.keys(f"{table}/"):
            for values in part_files.read_rows(store, key, _COLUMNS):
                if not down.covers(values) and _age(values) > _age(pages.get(values["id"])):
                    pages[values["id"]] = values
    return [_page(pages[id]) for id in sorted(pages)]


def _age(values: dict[str, Any] | None) -> tuple[datetime, str]:
    return (
        (values["fetched_at"], values["content_hash"]) if values else (datetime.min.replace(tzinfo=UTC), "")
    )


def _page(values: dict[str, Any]) -> _Page:
    cuts = [one["text"] for one in values["removed"] if one["kind"] == "boilerplate"]
    lines = [line for line in (*values["text"].splitlines(), *cuts) if may_be_boilerplate(line)]
    return _Page(
        id=values["id"],
        outlet=values["outlet"],
        published_at=values["published_at"],
        fetched_at=values["fetched_at"],
        signature=_signature(values),
        lines={line_key(line): line for line in lines},
        text=values["text"],
    )


def _signature(values: dict[str, Any]) -> bytes:
    data: bytes = values["signature"]
    try:
        Signature.from_bytes(data)
    except SchemeMismatch:
        return sign(values["text"]).to_bytes()
    return data


def _recurring(pages: list[_Page], stories: int, days: int) -> tuple[RecurringLine, ...]:
    """Of one outlet, most stories first."""
    holders: dict[str, list[_Page]] = defaultdict(list)
    for page in pages:
        for key in page.lines:
            holders[key].append(page)
    candidates = {key: held for key, held in holders.items() if len(held) >= stories}
    if not candidates:
        return ()
    story_of = _stories(pages)
    found = []
    for key, held in candidates.items():
        days_of = sorted({page.day for page in held})
        told = {story_of[page.id] for page in held}
        text = min(
            page.lines[key] for page in held
        )  # spellings differ; the choice may not depend on the order
        if len(told) >= stories and len(days_of) >= days and not _is_background(key, text, held, pages):
            found.append(
                RecurringLine(
                    key, text, len(told), len(days_of), days_of[0].isoformat(), days_of[-1].isoformat()
                )
            )
    return tuple(sorted(found, key=lambda line: (-line.stories, line.key)))


def _stories(pages: list[_Page]) -> dict[str, str]:
    """Page to story, by the pages of the outlet alone."""
    documents = ((Document(p.id, p.outlet, p.published_at, p.fetched_at), p.signature) for p in pages)
    return {found.id: found.cluster for found in cluster_signed(documents, None)}


def _is_background(key: str, line: str, held: list[_Page], pages: list[_Page]) -> bool:
    hosts = (_without(page, key) for page in _sample(held))
    others = (page.text for page in _sample(page for page in pages if key not in page.lines))
    return is_topical(line, list(hosts), list(others))


def _without(page: _Page, key: str) -> str:
    return "\n".join(line for line in page.text.splitlines() if line_key(line) != key)


def _sample(pages: Iterable[_Page]) -> Iterator[_Page]:
    """The first in the order of ids, which are hashes: as good as drawn, and the same on every machine."""
    yield from islice(pages, _COMPARED)
