"""Verifies what a lake holds besides its parts: clusters, boilerplate, leases, records of starts, tombstones, pieces of
checkpoints, temporary files, and objects that are not ours.

What is normal while crawls run is no fault: an unfinished run, a lease that is renewed, a temporary file in use.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cleaning import line_key
from lake.jobs.story_clusters import ClusteredPage
from lake.schema.columns import columns_of
from lake.storage import boilerplate_file
from lake.storage.folder_store import FolderStore
from lake.storage.layout import LAYOUT, holding_of, place_of
from lake.storage.leases import lease_key, read_holder
from lake.storage.store import WRONG_FORM, Store
from lake.storage.tombstones import PREFIX, TakenDown

_LONG_AGO = timedelta(
    hours=48
)  # without a sign of life; a dead run is finished by the first start after 24 hours
_TOMBSTONE = re.compile(r"page-[0-9a-f]{32}|outlet-.+")
_KEYS = {  # what a key has behind its first part; a part's name is compared with its rows (lake/jobs/verify.py)
    "clusters": re.compile(r"\d{8}T\d{12}Z\.parquet"),
    "runs": re.compile(r"\A[^/]+\.json"),
    "boilerplate": re.compile(r"\A[^/]+\.json"),
    "checkpoints": re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}(\.json|-\d{5,}\.zst)"),
    "takedowns": re.compile(r"\A[^/]+\.json"),
    "overwritten": re.compile(r"\A.+\.json"),
    "leases": re.compile(r"\A[^/]+\.json"),
}
_PART = re.compile(r"\Aday=\d{4}-\d\d-\d\d/[^/]+-\d{5,}\.parquet")
_MAX_SHOWN = 10  # objects of one kind; the rest are counted


def object_faults(store: Store, pages: set[str], taken_down: TakenDown, began: datetime) -> Iterator[str]:
    """Yield a message for each fault. pages: ids of all pages that had a row when the verification began. Raises
    LakeError."""
    by_place: dict[str, list[str]] = {}
    unknown = []
    for key in store.keys(""):
        by_place.setdefault(place_of(key), []).append(key)
        if not _is_ours(key):
            unknown.append(key)
    if unknown:
        more = f" and {len(unknown) - _MAX_SHOWN} more" if len(unknown) > _MAX_SHOWN else ""
        yield (
            f"no objects of a lake, so no takedown looks at them; move them elsewhere: "
            f"{', '.join(unknown[:_MAX_SHOWN])}{more}"
        )
    for key in by_place.get("clusters", ()):
        if key < f"clusters/{began:%Y%m%dT%H%M%S%fZ}":  # a later one may name later pages
            yield from _prefixed(key, _cluster_faults(store, key, pages, taken_down))
    for key in by_place.get("boilerplate", ()):
        yield from _prefixed(key, _boilerplate_faults(store, key, taken_down))
    for key in by_place.get("leases", ()):
        yield from _prefixed(key, _lease_faults(store, key))
    for key in by_place.get("takedowns", ()):
        yield from _prefixed(key, _tombstone_faults(store, key))
    yield from _start_faults(store, by_place)
    yield from _piece_faults(by_place.get("checkpoints", []))
    if isinstance(store, FolderStore):
        for key in store.leftovers()[0]:
            yield f"{key}: a temporary file of a process that died; the next start removes it"


def _prefixed(key: str, faults: Iterable[str]) -> Iterator[str]:
    return (f"{key}: {fault}" for fault in faults)


def _is_ours(key: str) -> bool:
    """Whether a key is of our form. What begins with _ or . is no data of ours, and of no reader."""
    place, _, rest = key.partition("/")
    if place not in LAYOUT and key.startswith(("_", ".")):
        return True
    holding = holding_of(key)
    if holding is None or not rest:
        return holding is not None
    form = _KEYS.get(place, _PART if holding == "rows" else None)
    return form is None or form.fullmatch(rest) is not None


def _read_json(store: Store, key: str) -> Any:
    """An object's JSON. Raises KeyError where it is gone, and ValueError."""
    return json.loads(store.get(key))


# ---------------------------------------------------------------- jobs


def _cluster_faults(store: Store, key: str, pages: set[str], taken_down: TakenDown) -> Iterator[str]:
    try:
        rows = pq.read_table(io.BytesIO(store.get(key)))
    except KeyError:
        return
    except (pa.ArrowException, OSError) as error:
        yield f"cannot be read: {error}; delete it, and `python -m lake cluster` writes another"
        return
    expected = columns_of(ClusteredPage)
    if [(c.name, c.type) for c in rows.schema] != [(c.name, c.type) for c in expected]:
        yield f"has the columns {', '.join(rows.column_names)}; expected {', '.join(expected.names)}"
        return
    ids = rows.column("id").to_pylist()
    if len(ids) != len(set(ids)):
        yield "has more than one row of a page; run `python -m lake cluster` again"
    for row in rows.select(["id", "outlet"]).to_pylist():
        if taken_down.covers(row):
            yield f"has a row of {row['id']}, which was taken down; run the same `python -m lake forget` again"
            return
    named = {id for name in ("id", "original_id", "linked_id") for id in rows.column(name).to_pylist() if id}
    # the tombstone of an outlet does not tell its pages
    if not taken_down.outlets and (missing := sorted(named - pages - taken_down.pages)):
        yield f"names pages that have no row: {', '.join(missing[:_MAX_SHOWN])}"


def _boilerplate_faults(store: Store, key: str, taken_down: TakenDown) -> Iterator[str]:
    remedy = "no line is cut while it is the latest; delete it and run `python -m lake boilerplate`"
    try:
        learned = boilerplate_file.parse(store.get(key))
    except WRONG_FORM as error:
        yield f"no boilerplate file: {error!r}; {remedy}"
        return
    if key != f"{boilerplate_file.PREFIX}{learned.version}.json":
        yield f"is of version {learned.version}; {remedy}"
    outlets = learned.outlets or {}
    wrong = [line.key for lines in outlets.values() for line in lines if line_key(line.text) != line.key]
    if wrong:
        yield f"has lines under a key that is not theirs: {', '.join(wrong[:_MAX_SHOWN])}; {remedy}"
    if gone := sorted(taken_down.outlets & outlets.keys()):
        yield f"has lines of {', '.join(gone)}, taken down; run the same `python -m lake forget` again"


# ---------------------------------------------------------------- machines


def _lease_faults(store: Store, key: str) -> Iterator[str]:
    try:
        lease = store.look(key)
    except KeyError:  # deleted meanwhile
        return
    if not (fields := read_holder(lease.data)):
        yield "no lease; it holds up nobody once it is old, and may be deleted while no crawl of the outlet runs"
    elif not fields.released and lease.age_s > max(fields.ttl_s, _LONG_AGO.total_seconds()):
        yield (
            f"expired {lease.age_s / 3600:.0f} h ago: {fields} has died, and no crawl of the outlet has begun since; "
            "begin one, or delete the lease if the outlet is not crawled any more"
        )


def _start_faults(store: Store, by_place: dict[str, list[str]]) -> Iterator[str]:
    """Records of starts that tell too little to finish the run, and runs that have not ended for long."""
    runs = set(by_place.get("runs", ()))
    newest = _newest_days(by_place)
    for key in sorted(key for key in runs if key.endswith(".started.json")):
        run_id = key.removeprefix("runs/").removesuffix(".started.json")
        if f"runs/{run_id}.json" in runs:
            continue
        try:
            facts = _read_json(store, key)
            began = datetime.fromisoformat(facts["started_at"])
            names, host, pid = facts.get("leases", []), facts["host"], facts["pid"]
        except KeyError as error:
            if error.args[0] in ("started_at", "host", "pid"):
                yield f"{key}: lacks {error}, so no start can finish the run; delete it if the run is over"
            continue
        except WRONG_FORM:
            continue  # told by the look at all records
        last_sign = max(began, newest.get(run_id, began))
        if datetime.now(UTC) - last_sign > _LONG_AGO and not _is_alive(store, names, run_id):
            yield (
                f"{key}: has not ended since {began:%Y-%m-%d %H:%M} (process {pid} on {host}); if it is over, the next "
                "start of any crawl finishes it"
            )


def _newest_days(by_place: dict[str, list[str]]) -> dict[str, datetime]:
    """The end of the day of each run's newest part."""
    newest: dict[str, datetime] = {}
    for place, keys in by_place.items():
        for key in keys if LAYOUT.get(place) == "rows" and place != "clusters" else ():
            if _PART.fullmatch(key.partition("/")[2]):
                run_id = key.rpartition("/")[2].rpartition("-")[0]
                try:
                    day = datetime.fromisoformat(key.split("/")[1].removeprefix("day=")).replace(tzinfo=UTC)
                except ValueError:
                    continue
                newest[run_id] = max(newest.get(run_id, day), day + timedelta(days=1))
    return newest


def _is_alive(store: Store, names: Iterable[str], run_id: str) -> bool:
    """Whether a run renews one of its leases."""
    for name in names:
        try:
            lease = store.look(lease_key(name))
        except KeyError:
            continue
        fields = read_holder(lease.data)
        if fields and fields.run_id == run_id and not fields.released and lease.age_s <= fields.ttl_s:
            return True
    return False


def _tombstone_faults(store: Store, key: str) -> Iterator[str]:
    name = key.removeprefix(PREFIX).removesuffix(".json")
    remedy = "it takes nothing down; delete it, and run `python -m lake forget` for what was meant"
    if not _TOMBSTONE.fullmatch(name):
        yield f"no name of a tombstone (page-<id>, outlet-<name>): {remedy}"
        return
    try:
        if _read_json(store, key)["tombstone"] != name:
            raise ValueError("of another page or outlet")
    except WRONG_FORM as error:
        yield f"its content is none of a tombstone: {error!r}; its name counts, and the reason is lost"


def _piece_faults(keys: list[str]) -> Iterator[str]:
    """Pieces that no manifest can name any more: their writer died."""
    manifests = {key.removesuffix(".json") for key in keys if key.endswith(".json")}
    before = f"checkpoints/{datetime.now(UTC) - timedelta(hours=24):%Y%m%dT%H%M%SZ}"
    dead = [k for k in keys if k.endswith(".zst") and k.rpartition("-")[0] not in manifests and k < before]
    if dead:
        more = f" and {len(dead) - 1} more" if len(dead) > 1 else ""
        yield f"{dead[0]}{more}: pieces of a checkpoint whose writer died; the next checkpoint removes them"
