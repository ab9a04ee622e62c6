"""A slice of the fuzz with a fixed seed, and what the fuzz must notice."""

from __future__ import annotations

from random import Random

import pytest

from lake.parquet import part_files
from tests.torture import fuzz, fuzz_lake, fuzz_pages, fuzz_readers
from tests.torture.session import Session

SEED = 20261201


@pytest.mark.parametrize("kind", ["pages", *fuzz_readers.READERS])
def test_some_inputs_of_each_kind(kind, tmp_path):
    for number in range(4 if kind in ("pages", "lake", "index") else 25):
        assert fuzz.kinds()[kind].try_one(Random(f"{SEED}/{kind}/{number}"), tmp_path) == []


def test_a_session_counts_and_goes_on(tmp_path, monkeypatch):
    tried = []
    kind = fuzz.Kind(lambda random, _: tried.append(random.random()) or (), 3)
    monkeypatch.setattr(fuzz, "kinds", lambda: {"some": kind, "saved": kind})
    names = [f"some-{n}" for n in range(4)]
    monkeypatch.setattr(fuzz, "_step_names", lambda *_: iter(names))
    fuzz.run(Session("fuzz", tmp_path, 1, 60))
    session = Session("fuzz", tmp_path, 1, 60)
    names.append("some-4")
    fuzz.run(session)
    assert (session.counts["inputs"], len(tried), session.findings) == (15, 15, [])
    assert tried == sorted(set(tried), key=tried.index)


def test_what_escapes_or_takes_long_is_found(tmp_path, monkeypatch):
    def try_one(random, _):
        if random.random() < 0.5:
            raise ZeroDivisionError
        while True:
            pass

    monkeypatch.setattr(fuzz, "_STOP_CPU_S", 0.05)
    session = Session("fuzz", tmp_path, 1, 60)
    for number in range(8):
        fuzz._try(session, fuzz.Kind(try_one, 1), Random(number), number)
    assert {finding.kind for finding in session.findings} == {"escaped", "slow"}
    assert len(list((tmp_path / "found").iterdir())) == 8


def test_a_row_that_changes_is_found(monkeypatch):
    page, rules = next(
        made for n in range(50) if not fuzz_pages.problems(*(made := fuzz_pages.make_page(Random(n))))
    )
    results = iter([[], [("rejects", {})]])
    monkeypatch.setattr(fuzz_pages, "rows_of", lambda _: next(results))
    assert fuzz_pages.problems(page, rules) == ["the same page gave another row the second time"]


def test_a_reader_that_lets_an_error_through_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(part_files, "telling_damaged_part", lambda key: fuzz_lake.suppress())
    with pytest.raises(AssertionError):
        for number in range(40):
            fuzz_lake.try_damaged_object(Random(number), tmp_path)
