"""Write a small lake with the commands of this version and pack it, for later versions to open.

    python -m tests.frozen.freeze lake-YYYY-MM-DD

makes tests/frozen/lake-YYYY-MM-DD.tar.xz, and a .json that says what is in it. A frozen lake is never made again: it
shows what a version wrote. README.md in this folder tells what each lake holds.
"""

from __future__ import annotations

import json
import lzma
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from demo.crawling import ROOT, Place
from lake.parquet.reading import table
from lake.schema.records import TABLES
from tests.end_to_end.newsroom_crawl import QUICK, Crawl
from tests.frozen.weekly import HOUSE_LINE, NAME, PORT, LargerNewsroom, story_url, write_all_outlets

HERE = Path(__file__).parent
CHECKPOINTS = ("-s", "CHECKPOINT_ARTICLES=1")
ALL_CHANGES = ("-s", "CHANGE_WINDOW_DAYS=100000", "-s", "CHANGE_INTERVAL_S=0")
SMALL_FLUSHES = ("-s", "FLUSH_ROWS=1")
TAKEN_DOWN = story_url(3)
DIED = "karstledger"  # the outlet whose last crawl did not come to its end


def main(name: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="pressline-frozen-"))
    with LargerNewsroom(day=1) as room:
        crawl = crawl_of(room, folder)
        _run(crawl, *CHECKPOINTS)
        for _ in range(3):  # the monitors compare with three runs that had pages
            _run(crawl, "-a", "fresh=1", *CHECKPOINTS)
        lake(crawl, "boilerplate")
        lake(crawl, "forget", "--url", TAKEN_DOWN, "--reason", "asked for by its author")
        _run(
            crawl, "-a", "fresh=1", *CHECKPOINTS
        )  # a takedown removes all checkpoints, and here are new ones
        room.turn_to(2)
        crawl.day = 2
        _run(crawl, *ALL_CHANGES, *CHECKPOINTS, without=DIED)
        lake(crawl, "cluster")
        done = crawl.place.crawl(
            DIED, *QUICK, *ALL_CHANGES, *SMALL_FLUSHES, "-s", "CHECKPOINT_ARTICLES=100000"
        )
        assert done.returncode == 0, done.stderr
        whole = {t: len(crawl.rows(t)) for t in TABLES}
        died = _undo_the_end(Path(crawl.place.lake))
    told = {
        **_told(crawl),
        "port": PORT,
        "taken_down": TAKEN_DOWN,
        "died": died,
        "rows_once_recovered": whole,
    }
    (HERE / f"{name}.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", "utf-8")
    _pack(Path(crawl.place.lake), HERE / f"{name}.tar.xz")
    shutil.rmtree(folder)


def crawl_of(room: LargerNewsroom, folder: Path) -> Crawl:
    write_all_outlets(folder / "outlets")
    place = Place(str(folder / "lake"), folder / "state", folder / "outlets", tuple(room.hosts))
    return Crawl(room, place, room.day)


def lake(crawl: Crawl, command: str, *more: str) -> str:
    """What `python -m lake` printed."""
    done = subprocess.run(
        [sys.executable, "-m", "lake", command, "--lake", crawl.place.lake, *more],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _run(crawl: Crawl, *more: str, without: str = "") -> None:
    for spider in crawl.spiders:
        if spider != without:
            done = crawl.place.crawl(spider, *QUICK, *more)
            assert done.returncode == 0, done.stderr


def _undo_the_end(folder: Path) -> str:
    """As if the last run had died when the raw part of its last flush stood: its other parts and its record go."""
    record = max(
        (p for p in (folder / "runs").glob(f"*-{DIED}-*.json") if ".started." not in p.name), key=str
    )
    run_id, parts = record.stem, json.loads(record.read_text())["parts"]
    last = max(part["seq"] for part in parts)
    assert last > 0
    for part in parts:
        if part["seq"] == last and part["table"] != "raw":
            (folder / part["key"]).unlink()
    record.unlink()
    return run_id


def _told(crawl: Crawl) -> dict[str, Any]:
    rows = {name: table(crawl.place.lake, name).to_pylist() for name in TABLES}
    boilerplate = [
        r["id"] for r in rows["articles"] if any(cut["kind"] == "boilerplate" for cut in r["removed"])
    ]
    records = crawl.records()
    latest = {name: facts for record in records for name, facts in record["outlets"].items()}
    kept = ("last_article_at", "landings", "longest_gap_h")
    return {
        "rows": {name: len(found) for name, found in rows.items()},
        "versions": sorted([t, r["id"], r["content_hash"]] for t in ("articles", "copies", "revisions") for r in rows[t]),
        "rejects": sorted([r["id"], r["reason"], r["retry_at"] and r["retry_at"].isoformat()] for r in rows["rejects"]),
        "monitors": {name: {k: facts[k] for k in kept if k in facts} for name, facts in sorted(latest.items())},
        "learned_line": HOUSE_LINE,
        "learned_outlet": NAME,
        "rows_with_learned_cuts": len(boilerplate),
        "runs": len(records),
    }  # fmt: skip


def _pack(folder: Path, target: Path) -> None:
    """In order, owned by nobody, with the times that the files have."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    with (
        lzma.open(target, "wb", preset=9 | lzma.PRESET_EXTREME) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not re.search(r"/\.", str(p))):
            tar.add(path, path.relative_to(folder).as_posix(), filter=plain)


if __name__ == "__main__":
    main(sys.argv[1])
