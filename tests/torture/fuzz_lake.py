"""The fuzz of the lake: one object is damaged, and every reader says so by its key, or loses and doubles nothing."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

from cleaning import Rules, line_key
from lake.index import checkpoints
from lake.jobs.learn_boilerplate import learn
from lake.jobs.reclean import outlets_to_reclean
from lake.jobs.retention import expire
from lake.jobs.story_clusters import cluster_lake
from lake.jobs.takedown import forget, preview
from lake.jobs.verify import verify
from lake.parquet.page_lookup import find_page
from lake.parquet.part_files import read_rows
from lake.parquet.raw_page_selection import RawPageSelection
from lake.runs.session import Lake
from lake.schema.records import TABLES
from lake.storage.folder_store import FolderStore
from lake.storage.leases import LeaseHeld, Leases
from lake.storage.spool import spool_folder
from lake.storage.store import LakeError
from lake.warc.export import export
from tests.lake.stories import page, processed, raw

_OUTLETS = ("one.example", "two.example", "three.example")
_PAGES = [page(f"https://{outlet}/{topic}", topic) for outlet in _OUTLETS for topic in ("bridge", "library")]
_GONE = _PAGES[-1].id  # is taken down
# a later fetch: rows fetched at one moment are ordered by the ids of runs, which are random within a second
_CHANGED = replace(
    page("https://one.example/bridge", "bridge", extra="A new paragraph tells what became of it all."),
    fetched_at=_PAGES[0].fetched_at + timedelta(hours=1),
)
_KNOWN = [_CHANGED, *_PAGES[1:-1]]  # as they landed last
_EVERYTHING = RawPageSelection(frozenset(), frozenset(), frozenset())
Rows = dict[str, list[dict[str, Any]]]  # by part


def _no_rules(_: str) -> Rules:
    return Rules()


def _crawl(home: Path, pages: list[Any], *, ends: bool = True) -> list[str]:
    """One run over the pages, which dies before its record unless it ends; returns the outcomes."""
    with Lake(str(home / "lake"), home / "state").run("fuzz", _no_rules, {}) as (run, _):
        outcomes = [run.add(processed(one)).outcome for one in pages]
        run.flush()
        if ends:
            run.finish("finished", {})
        else:
            run.abandon()
    return outcomes


@cache
def sound_lake() -> tuple[Path, Rows]:
    """A small lake that has objects of all kinds, and its rows."""
    home = Path(mkdtemp(prefix="fuzz-lake-"))
    _crawl(home, _PAGES)
    _crawl(home, [_CHANGED, raw("https://two.example/none", "<p>x</p>")])
    lake = Lake(str(home / "lake"), home / "state")
    store = lake.store
    cluster_lake(store, None)
    forget(store, [_GONE], [])
    learn(store)
    line = {
        "key": line_key("t"),
        "text": "t",
        "stories": 9,
        "days": 9,
        "first": "2026-01-01",
        "last": "2026-01-09",
    }
    store.put_new(
        "boilerplate/20260101T000000Z-0.json",
        json.dumps(
            {"format": 1, "version": "20260101T000000Z-0", "outlets": {"one.example": {"lines": [line]}}}
        ).encode(),
    )
    with Leases(store, home / "state", "run") as leases:
        leases.take("one.example")
    _crawl(home, [])  # the index learns of the takedown
    checkpoints.write(store, lake.index_path)
    _crawl(
        home,
        [page("https://two.example/late", "library", title="A late title", extra="Late words.")],
        ends=False,
    )
    return home, _rows(store)


def _rows(store: Any) -> Rows:
    return {key: read_rows(store, key) for table in TABLES for key in store.keys(f"{table}/")}


# ---------------------------------------------------------------- damage


def _damage(random: Random, data: bytes, key: str) -> tuple[bytes, bool]:
    """The damaged bytes, and whether they are still a sound object of another content."""
    if key.endswith(".json") and random.random() < 0.5:
        value = json.loads(data)
        for _ in range(random.choice([1, 1, 2, 5])):
            value = _changed(random, value)
        return json.dumps(value).encode(), True
    kind = random.randrange(6)
    if kind == 0:
        return data[: random.randrange(len(data))], False
    if kind == 1:
        return random.choice(
            [b"", b"{}", b"[]", b"null", b"PAR1PAR1", b"\0" * len(data), random.randbytes(300)]
        ), False
    damaged = bytearray(data)
    for _ in range(random.choice([1, 1, 3, 30])):
        at = random.randrange(len(damaged))
        if kind == 2:
            damaged[at] ^= 1 << random.randrange(8)
        elif kind == 3:
            damaged[at] = random.randrange(256)
        elif kind == 4:
            del damaged[at : at + random.choice([1, 7, 100])]
            if not damaged:
                break
        else:
            damaged[at:at] = random.randbytes(random.choice([1, 7, 100]))
    return bytes(damaged), False


def _changed(random: Random, value: Any) -> Any:
    """The JSON value with one node replaced, removed or doubled."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        name = random.choice(list(value))
        if random.random() < 0.2:
            return {k: v for k, v in value.items() if k != name}
        return {**value, name: _changed(random, value[name])}
    if isinstance(value, list) and value and random.random() < 0.85:
        at = random.randrange(len(value))
        if random.random() < 0.2:
            return [*value[:at], *value[at + 1 :]]
        return [*value[:at], _changed(random, value[at]), *value[at + 1 :]]
    return random.choice([None, True, 0, -1, 10**30, 1e308, "", "x", "\ud800", [], {}, [None], {"x": 1}, "2026-13-45", "../../x"])  # fmt: skip


# ---------------------------------------------------------------- readers


def _readers(home: Path) -> dict[str, Callable[[], object]]:
    """What reads a lake, by name."""
    uri = str(home / "lake")
    store = FolderStore(home / "lake")
    return {
        "rows": lambda: _rows(store),
        "crawl": lambda: _crawl(home, _KNOWN),
        "crawl again": lambda: _crawl(home, _KNOWN),
        "cluster": lambda: cluster_lake(store, None).pages,
        "boilerplate": lambda: learn(store, dry_run=True),
        "preview": lambda: preview(store, [_PAGES[0].id], []).parts,
        "expire": lambda: expire(store, 1, date(2026, 1, 1), dry_run=True),
        "reclean": lambda: outlets_to_reclean(store, _EVERYTHING),
        "find": lambda: find_page(uri, _PAGES[0].id),
        "warc": lambda: sum(export(store, home / "x.warc", _EVERYTHING).values()),
        "forget": lambda: forget(store, [_PAGES[1].id], []),
    }


def try_damaged_object(random: Random, folder: Path) -> list[str]:
    """Damage one object, or one spooled object, of a copy of the lake, and let every reader read it."""
    source, sound_rows = sound_lake()
    home = _copy(source, folder, with_state=random.random() < 0.5)
    root = home / "lake"
    if random.random() < 0.15:
        root = _spool(random, home)
    path = random.choice(
        sorted(p for p in root.rglob("*") if p.is_file() and p.stat().st_size and p.name != "_probe")
    )
    key = str(path.relative_to(root))
    damaged, is_sound_json = _damage(random, path.read_bytes(), key)
    if damaged == path.read_bytes():
        return []
    path.write_bytes(damaged)
    problems = []
    faults = [*verify(FolderStore(home / "lake")).faults]
    is_told = any(key in fault for fault in faults)
    for name, read in _readers(home).items():
        with _quiet():
            try:
                found = read()
            except LeaseHeld:
                continue
            except (LakeError, OSError) as error:
                if Path(key).name not in str(error) and key.split("/")[0] not in str(error):
                    problems.append(f"{name} of {key}: an error that does not name it: {error}")
                continue
            except Exception as error:
                raise AssertionError(f"{name} of {key}: {damaged[:300]!r}") from error
        if name == "rows" and found != sound_rows and not is_told and root == home / "lake":
            problems.append(f"{key} was read with other rows, and verify says nothing")
        is_beside = key.split("/")[0] in ("leases", "boilerplate", "clusters", "checkpoints", "takedowns")
        if name.startswith("crawl") and is_beside and not is_sound_json and set(found) != {"unchanged"}:
            problems.append(f"known pages were landed again: {found}")
    return problems


def try_damaged_index(random: Random, folder: Path) -> list[str]:
    """Damage the index at random bytes: the first or the second run after it knows what it knew before."""
    source, sound_rows = sound_lake()
    home = _copy(source, folder, with_state=True)
    path = Lake(str(home / "lake"), home / "state").index_path
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
    path.write_bytes(_damage(random, path.read_bytes(), "index.sqlite")[0])
    with _quiet():
        for _ in range(3):
            with suppress(sqlite3.DatabaseError, LakeError):
                found = _crawl(home, _KNOWN)
                break
        else:
            return ["three runs in a row failed on a damaged index"]
    store = FolderStore(home / "lake")
    # a value changed within its bounds shows in no way: SQLite keeps no checksums; it may cost a row of the same text
    problems = [] if _texts(_rows(store)) == _texts(sound_rows) else [f"other texts than before: {found}"]
    # verify may name the row that a changed value costs as repeated
    return problems + [f"verify: {f}" for f in verify(store).faults if "more than one row of" not in f]


def _texts(rows: Rows) -> set[tuple[str, str]]:
    return {
        (one["id"], one["content_hash"]) for part in rows.values() for one in part if one.get("content_hash")
    }


def _copy(source: Path, folder: Path, *, with_state: bool) -> Path:
    """A copy of the lake; with its state folder or on a machine without one."""
    home = folder / "lake-home"
    if home.exists():
        shutil.rmtree(home)
    shutil.copytree(source / "lake", home / "lake")
    if with_state:
        index = Lake(str(source / "lake"), source / "state").index_path
        (home / "state").mkdir()
        target = Lake(str(home / "lake"), home / "state").index_path
        for file in index.parent.glob(f"{index.name}*"):
            shutil.copy(file, target.with_name(file.name.replace(index.name, target.name)))
    return home


def _spool(random: Random, home: Path) -> Path:
    """Move the parts of the unfinished run, or of a finished one, into a spool; returns its folder."""
    records = {p.name for p in (home / "lake/runs").iterdir()}
    [name] = [n[:-13] for n in records if n.endswith(".started.json") and n[:-13] + ".json" not in records]
    folder = spool_folder(home / "state", FolderStore(home / "lake").uri) / name
    for part in sorted((home / "lake").rglob(f"{name}-*.parquet")):
        target = folder / part.relative_to(home / "lake")
        target.parent.mkdir(parents=True, exist_ok=True)
        part.rename(target)
    return folder


@contextmanager
def _quiet():
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
