"""A lake's pages cleaned anew, by other rules than before."""

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from cleaning import Rules
from lake.jobs.reclean import Recleaning, outlets_to_reclean
from lake.jobs.verify import verify
from lake.parquet.part_files import read_rows
from lake.parquet.raw_page_selection import RawPageSelection
from lake.runs.session import Claim, Lake
from lake.storage.folder_store import FolderStore
from lake.storage.leases import LeaseHeld
from lake.workers.page_processing import append_page, process_page
from lake.workers.pool import WorkerLimits, Workers
from tests.lake.stories import page, processed, raw, text_of
from tests.lake.test_page_processing import FIRST, article_page
from tests.lake.test_run import crawl

A = page("https://one.example/bridge", "bridge")
A_LATER = replace(
    page(A.url, "bridge", extra="A ferry has been found that also runs at night."),
    fetched_at=A.fetched_at + timedelta(days=1),
)
B = page("https://two.example/library", "library")
GONE = raw("https://one.example/gone", "", status=404)
ROOT = Path(__file__).resolve().parents[2]
LINE = text_of("bridge")[5]
OTHER = Rules(lines=("^" + LINE[:30],))


@pytest.fixture
def lake(tmp_path):
    crawl(str(tmp_path / "lake"), tmp_path / "state", A, B, GONE)
    # of runs that began in one second the name says which came first
    crawl(str(tmp_path / "lake"), tmp_path / "state", A_LATER, name="test2")
    return tmp_path


@contextmanager
def recleaning(home, rules=OTHER, state="state", **more):
    """A run that cleans pages of the lake at `home` anew."""
    lake = Lake(str(home / "lake"), home / state)
    with (
        lake.run("reclean", lambda outlet: rules, {}) as (run, opening),
        Workers(WorkerLimits(workers=0)) as workers,
    ):
        leases = partial(lake.brief_leases, run.run_id)
        try:
            yield Recleaning(
                run, opening.others, workers, lambda outlet: rules, leases, **{"flush_rows": 1} | more
            )
        except BaseException:
            run.abandon()
            raise
        run.finish("finished", {})


def cleaned_anew(home, rules=OTHER, choice=None, **more):
    with recleaning(home, rules, **more) as work:
        work.reclean(choice or RawPageSelection())
    return work.looked_at, dict(work.run.counts)


def rows(home, table):
    store = FolderStore(home / "lake")
    return [values for key in sorted(store.keys(f"{table}/")) for values in read_rows(store, key)]


def test_what_comes_out_as_before_leaves_no_row(lake):
    parts = sorted(lake.glob("lake/*/*/*.parquet"))
    assert cleaned_anew(lake, Rules()) == (4, {"unchanged": 4})
    assert sorted(lake.glob("lake/*/*/*.parquet")) == parts


def test_what_comes_out_otherwise_lands_as_a_revision_of_the_same_fetch(lake):
    assert cleaned_anew(lake) == (4, {"revisions": 2, "unchanged": 2})
    mine = [values for values in rows(lake, "revisions") if values["run_id"].endswith(_run(lake))]
    assert [values["fetched_at"] for values in mine] == [A.fetched_at, A_LATER.fetched_at]
    assert not any(LINE in values["text"] for values in mine)
    assert {values["story_id"] for values in mine} == {A.id}
    assert len(rows(lake, "raw")) == 4
    assert verify(FolderStore(lake / "lake")).faults == []
    assert cleaned_anew(lake) == (4, {"unchanged": 4})


def _run(lake):
    (record,) = (p.stem for p in lake.glob("lake/runs/*-reclean-*.json") if "started" not in p.name)
    return record.rpartition("-")[2]


def test_only_what_is_chosen_is_looked_at(lake):
    of_one = RawPageSelection(outlets=frozenset({"two.example"}))
    assert outlets_to_reclean(FolderStore(lake / "lake"), of_one) == {"two.example"}
    assert outlets_to_reclean(FolderStore(lake / "lake"), RawPageSelection()) == {
        "one.example",
        "two.example",
    }
    assert cleaned_anew(lake, choice=of_one) == (1, {"unchanged": 1})


def opened(home, name, *claims):
    """A run on another machine, with leases for these outlets."""
    return Lake(str(home / "lake"), home / name).run(
        "crawl", lambda outlet: OTHER, {}, [Claim(c, c) for c in claims]
    )


def test_crawls_of_other_machines_start_while_a_long_one_goes_on(lake):
    """Of another outlet and of the same one: no lease is held while pages are cleaned."""
    newer = replace(
        page(A.url, "bridge", extra="The bridge opened with music."),
        fetched_at=A.fetched_at + timedelta(days=9),
    )
    begun = []

    def crawls_begin(processed):
        if not begun:
            begun.append(processed)
            with opened(lake, "other", "one.example", "two.example") as (run, opening):
                assert opening.held == {}
                assert run.add(process_page(newer, OTHER)).outcome == "revisions"
                run.flush()
                run.finish("finished", {})
        return processed

    looked_at, counts = cleaned_anew(lake, finalize=crawls_begin, leased=["one.example", "two.example"])
    assert (looked_at, counts) == (4, {"revisions": 2, "unchanged": 2})
    with opened(lake, "third") as (run, _):
        assert run.index.page_state(A.id).fetched_at == newer.fetched_at
        run.finish("finished", {})
    with Lake(str(lake / "lake"), lake / "state").run("same", lambda outlet: OTHER, {}) as (run, _):
        assert run.index.page_state(A.id).fetched_at == newer.fetched_at
        assert run.add(process_page(newer, OTHER)).outcome == "unchanged"
        run.finish("finished", {})
    assert verify(FolderStore(lake / "lake")).faults == []


def test_a_page_that_a_crawl_landed_meanwhile_is_not_landed_again(lake):
    """It had been no article: by other rules it is one, for both."""
    was = raw("https://one.example/late", "", status=404)
    crawl(str(lake / "lake"), lake / "state", was)
    late = page(was.url, "library", title="The library of the south")

    with opened(lake, "other", "one.example") as (run, _):
        assert run.add(process_page(late, OTHER)).outcome == "copies"

        def is_article_by_now(processed):
            if processed.page.id != was.id:
                return processed
            run.flush()
            run.finish("finished", {})
            run.leases.__exit__()
            return process_page(late, OTHER)

        cleaned_anew(lake, leased=["one.example"], finalize=is_article_by_now, flush_rows=99)
    landed = [values["id"] for table in ("articles", "copies") for values in rows(lake, table)]
    assert landed.count(was.id) == 1


def test_pages_of_an_outlet_that_another_machine_crawls_are_left_and_named(lake):
    with (
        opened(lake, "other", "one.example") as (run, _),
        recleaning(lake, leased=["one.example"], wait_s=0.0) as work,
    ):
        work.reclean(RawPageSelection())
        run.finish("finished", {})
    assert list(work.held) == ["one.example"]
    assert rows(lake, "revisions")[1:] == []
    assert cleaned_anew(lake, leased=["one.example"])[1] == {"revisions": 2, "unchanged": 2}


def test_an_outlet_that_becomes_free_is_cleaned_in_a_second_pass(lake, monkeypatch):
    wait = Recleaning._wait_for_crawls

    def ends_first(work):
        run.finish("finished", {})
        run.leases.__exit__()
        return wait(work)

    monkeypatch.setattr(Recleaning, "_wait_for_crawls", ends_first)
    with opened(lake, "other", "one.example") as (run, _), recleaning(lake, leased=["one.example"]) as work:
        work.reclean(RawPageSelection())
    assert work.held == {}
    assert work.run.counts["revisions"] == 2


def test_a_crawl_waits_for_the_batch_that_lands(lake, monkeypatch):
    with recleaning(lake, leased=["one.example"]) as work:
        waited, leases = [], work.open_leases()
        leases.take("one.example")

        def given_back(seconds):
            waited.append(seconds)
            leases.__exit__()

        monkeypatch.setattr("lake.runs.session.time.sleep", given_back)
        with opened(lake, "other", "one.example") as (run, opening):
            assert opening.held == {}
            run.finish("finished", {})
    assert len(waited) == 1


def test_a_crawl_does_not_wait_for_ever(lake, monkeypatch):
    monkeypatch.setattr("lake.runs.session._BRIEF_WAIT_S", 0.0)
    with recleaning(lake, leased=["one.example"]) as work, work.open_leases() as leases:
        leases.take("one.example")
        with pytest.raises(LeaseHeld), opened(lake, "other", "one.example"):
            pass


def test_one_that_dies_is_finished_by_the_same_command(lake):
    seen = []

    def dies(processed):
        seen.append(processed)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return processed

    with pytest.raises(KeyboardInterrupt):
        cleaned_anew(lake, finalize=dies)
    assert cleaned_anew(lake) == (4, {"revisions": 1, "unchanged": 3})
    assert verify(FolderStore(lake / "lake")).faults == []


def test_an_article_in_parts_is_cleaned_with_its_later_pages(tmp_path):
    whole = append_page(processed(FIRST), article_page(2), Rules())
    with Lake(str(tmp_path / "lake"), tmp_path / "state").run("crawl", lambda outlet: Rules(), {}) as (
        run,
        _,
    ):
        run.add(whole)
        run.flush()
        run.finish("finished", {})
    assert cleaned_anew(tmp_path, Rules()) == (2, {"unchanged": 1})


def test_the_command_tells_what_it_did(lake):
    settings = {"LAKE_URI": lake / "lake", "STATE_DIR": lake / "state", "CLEAN_WORKERS": 0}
    given = [text for name, value in settings.items() for text in ("-s", f"{name}={value}")]
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "reclean", "--outlet", "one.example", *given],
        cwd=ROOT, env={**os.environ, "LOG_LEVEL": "ERROR"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("reclean: 3 pages → 3 unchanged → ")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--outlet", "nosuch.example", "--outlet", "one.example"], "no such page of nosuch.example in raw"),
        (["--day", "2001-01-01"], "no such page in raw"),
        (["-s", "LAKE_URI=nowhere"], "nowhere: no lake is there"),
        (["-s", "OUTLETS_DIR=nowhere"], "nowhere: no such folder"),
        (["-s", "FLUSH_ROWS=many"], "FLUSH_ROWS: expected a number, not 'many'"),
    ],
)
def test_what_there_is_not_is_told(lake, more, told):
    settings = ["-s", f"LAKE_URI={lake / 'lake'}", "-s", f"STATE_DIR={lake / 'state'}"]
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "reclean", *settings, *more],
        cwd=ROOT, env={**os.environ, "LOG_LEVEL": "ERROR"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.endswith(f"{told}\n")
    assert not (ROOT / "nowhere").exists()
