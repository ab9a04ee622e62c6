"""The demonstration newsroom, crawled with the user's own commands; shared by the end-to-end tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cleaning import page_id
from demo.crawling import Place
from demo.newsroom import GoldPage, Newsroom, gold, write_outlets
from lake.parquet.reading import table
from lake.schema.records import STORY_TABLES, TABLES
from lake.storage.open_store import open_store

QUICK = (
    "-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=0", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=4",
    "-s", "SOURCE_INTERVAL_MAX_S=0",  # how soon a source is asked again would hang on how slow the machine was before
)  # fmt: skip


@dataclass
class Crawl:
    """A newsroom and the lake that it was crawled into."""

    room: Newsroom
    place: Place
    day: int = 1
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def spiders(self) -> list[str]:
        return sorted(p.stem for p in self.place.outlets.glob("*.toml"))

    @property
    def gold(self) -> list[GoldPage]:
        return gold(self.day, self.room.port)

    def run(self, *more: str) -> dict[str, int]:
        """Crawl every outlet; returns the exit codes."""
        codes = {}
        for spider in self.spiders:
            done = self.place.crawl(spider, *QUICK, *more)
            codes[spider], self.errors[spider] = done.returncode, done.stderr
        return codes

    def rows(self, name: str) -> list[dict[str, Any]]:
        return table(self.place.lake, name).to_pylist()  # type: ignore[arg-type]

    def counts(self) -> dict[str, int]:
        return {name: len(self.rows(name)) for name in TABLES}

    def kept(self) -> dict[str, dict[str, Any]]:
        """Rows of articles, copies and revisions by (id, content_hash)."""
        return {(r["id"], r["content_hash"]): r for t in STORY_TABLES for r in self.rows(t)}  # type: ignore[misc]

    def stories(self) -> list[list[tuple[str, str]]]:
        """The grouping into stories, without saying which member came first."""
        groups: dict[str, set[Any]] = {}
        for key, row in self.kept().items():
            groups.setdefault(row["story_id"], set()).add(key)
        return sorted(map(sorted, groups.values()))

    def records(self) -> list[dict[str, Any]]:
        """The run records, oldest first."""
        store = open_store(self.place.lake)
        keys = [k for k in store.keys("runs/") if not k.endswith(".started.json")]
        return [json.loads(store.get(k)) for k in keys]


def newsroom_crawl(room: Newsroom, folder: Path, lake: str, environ: dict[str, str] | None = None) -> Crawl:
    folder.mkdir(parents=True, exist_ok=True)
    write_outlets(folder / "outlets", room.port)
    return Crawl(
        room, Place(lake, folder / "state", folder / "outlets", tuple(room.hosts), environ or {}), room.day
    )


def by_id(pages: list[GoldPage]) -> dict[str, GoldPage]:
    return {page_id(p.url): p for p in pages if p.url.startswith("http")}
