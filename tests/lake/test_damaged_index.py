"""An index file that is of another version, cut short or overwritten: told, moved aside, rebuilt with the same answers,
at once where opening it shows the damage, otherwise by the start after the one that met it."""

from __future__ import annotations

import random
import sqlite3

import pytest

from lake.runs.session import Lake
from lake.storage.store import StateFailed
from tests.lake.stories import page

from .test_run import crawl


def empty(path):
    path.write_bytes(b"")


def zeros(path):
    path.write_bytes(bytes(path.stat().st_size))


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_inside_a_page(path):
    path.write_bytes(path.read_bytes()[:5000])


def second_half_overwritten(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + random.Random(1).randbytes(len(data) - len(data) // 2))


def every_other_page_overwritten(path):
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 8192):
        data[start : start + 4096] = random.Random(start).randbytes(4096)
    path.write_bytes(data)


def another_version(path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '0 of long ago' WHERE key = 'format'")
    connection.close()


def another_scheme(path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE dedupe_scheme SET scheme = 'v0'")
    connection.close()


def a_table_missing(path):
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE dedupe_documents")
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        empty, zeros, cut_in_half, cut_inside_a_page, second_half_overwritten, every_other_page_overwritten,
        another_version, another_scheme, a_table_missing,
    ],
)  # fmt: skip
def test_nothing_is_lost_with_an_index(tmp_path, damage):
    uri, state = str(tmp_path / "lake"), tmp_path / "state"
    pages = [page(f"https://one.example/{topic}", topic) for topic in ("bridge", "library")]
    crawl(uri, state, *pages)
    path = Lake(uri, state).index_path
    with sqlite3.connect(path) as connection:  # all in one file
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    for file in state.glob("index-*-*"):
        file.unlink()
    damage(path)
    copy = page("https://two.example/bridge", "bridge", cut=5)
    if damage is a_table_missing:
        with pytest.raises(StateFailed, match="the next start rebuilds it"):
            crawl(uri, state, *pages, copy)
    found = crawl(uri, state, *pages, copy)
    assert list(state.glob("*aside*")) or damage is empty  # SQLite takes an empty file for a new one
    assert [one.outcome for one in found] == ["unchanged", "unchanged", "copies"]
    assert found[-1].verdict.story_id == pages[0].id
