"""Reads tombstones, the marks in the lake of pages and outlets that were taken down and must not come back.

A tombstone is the object `takedowns/<name>.json`. Its name holds the page id or the outlet, so a run reads all of
them with one listing at its start. lake/jobs/takedown.py writes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from cleaning import page_id
from lake.storage.store import Store

PREFIX = "takedowns/"


@dataclass(frozen=True, slots=True)
class TakenDown:
    """The pages and outlets that were taken down. It is false if there are none."""

    # page ids, and ids of the requested URLs that were redirected to these pages
    pages: frozenset[str] = frozenset()
    outlets: frozenset[str] = frozenset()

    def covers(self, row: dict[str, Any]) -> bool:
        """Whether a row of any table was taken down, so that it must not be in the lake.

        The row has at least id and outlet."""
        if row["id"] in self.pages or row["outlet"] in self.outlets or row.get("part_of") in self.pages:
            return True
        # a row of rejects has the id of the requested URL, and its `url` is the page that answered
        return bool(self.pages) and not self.pages.isdisjoint(_redirect_ids(row))

    def __bool__(self) -> bool:
        return bool(self.pages or self.outlets)


def page_tombstone(page: str) -> str:
    """Return the name of the tombstone of a page, by the page's id."""
    return f"page-{page}"


def outlet_tombstone(outlet: str) -> str:
    """Return the name of the tombstone of an outlet."""
    return f"outlet-{quote(outlet, safe='')}"


def parse_tombstones(names: Iterable[str]) -> TakenDown:
    """Return the pages and outlets that these tombstones name. A name is `page-<id>` or `outlet-<URL-quoted name>`;
    other names are ignored."""
    values_by_kind: dict[str, set[str]] = {"page": set(), "outlet": set()}
    for name in names:
        kind, _, value = name.partition("-")
        values_by_kind.setdefault(kind, set()).add(unquote(value))
    return TakenDown(frozenset(values_by_kind["page"]), frozenset(values_by_kind["outlet"]))


def tombstone_names(store: Store) -> frozenset[str]:
    """Return the names of all tombstones of a lake, with one listing. Raises LakeError."""
    keys = (key.removeprefix(PREFIX) for key in store.keys(PREFIX))
    return frozenset(key.removesuffix(".json") for key in keys if key.endswith(".json"))


def _redirect_ids(row: dict[str, Any]) -> Iterable[str]:
    """Return the page ids of both ends of a redirect; none where the requested URL answered itself."""
    if requested := redirected_from(row):
        yield requested
        with suppress(ValueError):
            yield page_id(row.get("url") or "")


def redirected_from(row: dict[str, Any]) -> str | None:
    """Return the page id of a row's requested URL if another URL answered; None if not, or if it is malformed."""
    requested = row.get("requested_url")
    try:
        return page_id(requested) if requested and requested != row.get("url") else None
    except ValueError:
        return None
