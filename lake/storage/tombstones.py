"""Tombstones: what was taken down, by id of the page or name of the outlet. `takedowns/<name>.json` in the lake; the
name alone says it, so a start needs one listing. How they come to stand: lake/jobs/takedown.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from cleaning import page_id
from lake.storage.store import Store

PREFIX = "takedowns/"


@dataclass(frozen=True, slots=True)
class TakenDown:
    """What was taken down."""

    pages: frozenset[str] = frozenset()  # ids, of pages and of addresses that led to them
    outlets: frozenset[str] = frozenset()

    def covers(self, row: dict[str, Any]) -> bool:
        """Whether a row, of any table, may not be in the lake. It has at least id and outlet."""
        if row["id"] in self.pages or row["outlet"] in self.outlets or row.get("part_of") in self.pages:
            return True
        return bool(self.pages) and redirected_from(row) in self.pages

    def __bool__(self) -> bool:
        return bool(self.pages or self.outlets)


def page_name(page: str) -> str:
    return f"page-{page}"


def outlet_name(outlet: str) -> str:
    return f"outlet-{quote(outlet, safe='')}"


def taken_down_by(names: Iterable[str]) -> TakenDown:
    """Of the names of tombstones, as `page-<id>`."""
    values_by_kind: dict[str, set[str]] = {"page": set(), "outlet": set()}
    for name in names:
        kind, _, value = name.partition("-")
        values_by_kind.setdefault(kind, set()).add(unquote(value))
    return TakenDown(frozenset(values_by_kind["page"]), frozenset(values_by_kind["outlet"]))


def tombstone_names(store: Store) -> frozenset[str]:
    """Their names; one listing."""
    keys = (key.removeprefix(PREFIX) for key in store.keys(PREFIX))
    return frozenset(key.removesuffix(".json") for key in keys if key.endswith(".json"))


def redirected_from(row: dict[str, Any]) -> str | None:
    """The id of the address that was asked for, where another one answered."""
    requested = row.get("requested_url")
    try:
        return page_id(requested) if requested and requested != row.get("url") else None
    except ValueError:
        return None
