"""Raw expires; what is known of the pages does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lake.__main__ import main
from lake.jobs.retention import expire
from lake.runs.session import Lake
from lake.storage.open_store import open_store
from tests.lake.stories import page, processed, raw
from tests.lake.test_run import crawl, no_rules, rows

A = page("https://one.example/bridge", "bridge")
A_COPY = page("https://two.example/bridge-copy", "bridge", title="Bridge decided", cut=6)
B = page("https://two.example/library", "library")
GONE = raw("https://one.example/gone", "", status=404)


def days_ahead(days):
    """Asked after the crawl: the day may have turned since this file was read."""
    return datetime.now(UTC).date() + timedelta(days=days)


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture(params=["folder", "s3"])
def uri(request, tmp_path):
    return (
        str(tmp_path / "lake") if request.param == "folder" else request.getfixturevalue("bucket") + "/lake"
    )


def raw_keys(uri):
    return list(open_store(uri).keys("raw/"))


def test_days_that_are_over_go_and_no_other(uri, state):
    crawl(uri, state, A)
    store = open_store(uri)
    for day in ("2026-01-01", "2026-01-02"):
        store.put_new(f"raw/day={day}/20260101T000000Z-old-{day[-1]}-00000.parquet", b"old")
    done = expire(store, 10, datetime(2026, 1, 12, tzinfo=UTC).date())
    assert (done.parts, done.days) == (1, {"2026-01-01"})
    assert len(raw_keys(uri)) == 2
    assert main(["expire", "--lake", uri]) == 0  # all: for ever
    assert len(raw_keys(uri)) == 2


def test_what_is_known_is_known_without_raw(uri, state, tmp_path):
    pages = [A, A_COPY, B, GONE]
    crawl(uri, state, *pages)
    before = {t: rows(uri, state, t) for t in ("articles", "copies", "rejects")}
    assert expire(open_store(uri), 1, days_ahead(2)).parts == 1
    assert raw_keys(uri) == []
    for folder in (state, tmp_path / "a new machine"):
        assert {r.outcome for r in crawl(uri, folder, *pages)} == {"unchanged"}
        third = replace(A_COPY, id="3" * 32, url="https://three.example/b", outlet="three.example")
        with Lake(uri, folder).run("test", no_rules, {}) as (run, _):
            assert run.add(processed(third)).verdict.story_id == A.id
            run.abandon()
    assert {t: rows(uri, state, t) for t in ("articles", "copies", "rejects")} == before


def test_raw_of_a_run_that_died_stays_until_it_was_finished(uri, state):
    with Lake(uri, state).run("test", no_rules, {}) as (run, _):
        run.add(processed(A))
        batch = run.cut()
        batch.tables = {"raw": batch.tables["raw"]}  # died behind its first part
        run.write(batch)
        run.abandon()
    store, later = open_store(uri), days_ahead(400)
    done = expire(store, 1, later)
    assert (done.parts, done.kept_runs) == (0, {run.run_id})
    assert [r.outcome for r in crawl(uri, state, A)] == ["unchanged"]  # finished from raw
    assert expire(store, 1, later).parts >= 1
    assert [r.outcome for r in crawl(uri, state, A)] == ["unchanged"]


def test_a_dry_run_removes_nothing(uri, state, capsys):
    crawl(uri, state, A)
    assert expire(open_store(uri), 1, days_ahead(2), dry_run=True).parts == 1
    assert len(raw_keys(uri)) == 1
    assert main(["expire", "--lake", uri, "--raw-days", "3", "--dry-run"]) == 0
    assert "would remove 0 raw parts" in capsys.readouterr().out
