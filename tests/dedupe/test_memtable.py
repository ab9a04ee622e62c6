from __future__ import annotations

import random

import numpy as np
import pytest

from dedupe.online import memtable
from dedupe.online.memtable import MemTable, slices_of, sweep_number

ROWS, MOST = 200, 3


@pytest.mark.parametrize(("slices", "rows"), [(1, 1), (4, 1), (7, 3), (5, 16)])
@pytest.mark.parametrize("merged", [1, 10, 1000])
@pytest.mark.parametrize("at_once", [1, 3])
def test_each_key_waits_until_the_turn_of_its_slice(monkeypatch, slices, rows, merged, at_once):
    """Beside what is plain: a list of all keys, and every sweep looked up in it."""
    for name, value in (("SLICES", slices), ("SWEEP_ROWS", rows), ("MERGED_ROWS", merged)):
        monkeypatch.setattr(f"dedupe.online.memtable.{name}", value)
    draw = random.Random(1)
    known = [draw.randrange(2**32) for _ in range(40)]
    all_keys = np.array(sorted(known), np.uint64)
    found, expected = MemTable(), dict[int, list[int]]()
    swept = 0
    for seq in range(1, ROWS):
        keys = sorted(draw.sample(known, 12))
        found.add(seq, seq % 11 << 32 | seq, np.array(keys, np.uint32))
        for key in keys:
            expected.setdefault(key, []).append(seq)
        turn = sweep_number(seq)
        if turn - swept == min(at_once, slices) or (turn > swept and seq % 50 == 0):
            gone = []
            for past in range(swept + 1, turn + 1):
                for key in known:
                    if int(slices_of(np.array([key], np.uint64))[0]) == past % slices:
                        due = [row for row in expected.get(key, []) if row <= past * rows]
                        gone += [(key, row) for row in due]
                        expected[key] = [row for row in expected.get(key, []) if row > past * rows]
            entries = found.entries_to_sweep(swept + 1, turn)
            assert [(entry >> 32, entry & 0xFFFFFFFF) for entry in entries.tolist()] == sorted(gone)
            swept = turn
            found.drop_swept(seq)
        if turn == swept:
            waits = found.lookup(all_keys, seq, MOST)
            assert sorted((entry >> 32, entry & 0xFFFFFFFF) for entry in waits.tolist()) == sorted(
                (key, row) for key, left in expected.items() for row in left[-MOST:]
            )
            assert found.places_of(waits).tolist() == [
                (e % 2**32 % 11) << 32 | e % 2**32 for e in waits.tolist()
            ]


def test_what_waits_is_bounded():
    assert len(MemTable()._places) > memtable.SLICES * memtable.SWEEP_ROWS + memtable.MERGED_ROWS
