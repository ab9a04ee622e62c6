"""Pages that are fetched again after another version of the cleaner made their rows. A rule that cuts a line stands in for
that version."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from cleaning import CLEANER_VERSION, RawPage, Rules
from lake.jobs.reclean import Recleaning
from lake.parquet.part_files import read_rows
from lake.parquet.raw_page_selection import RawPageSelection
from lake.runs import run as run_module
from lake.runs.session import Lake
from lake.schema.columns import restore_record
from lake.workers.page_processing import process_page
from lake.workers.pool import WorkerLimits, Workers
from tests.lake.stories import page, raw, text_of
from tests.lake.test_page_processing import WHOLE
from tests.lake.test_run import Killed, die_after

LINES = text_of("bridge")
OLD, NEW = Rules(lines=("^" + LINES[5][:30],)), Rules()
A = page("https://one.example/bridge", "bridge")
EXTRA = "A ferry has been found that also runs at night."


def later(one, hours):
    return replace(one, fetched_at=one.fetched_at + timedelta(hours=hours))


SAME = later(A, 24)
CHANGED = later(page(A.url, "bridge", extra=EXTRA), 48)


class Newsroom:
    """One lake, its runs, and how often a page was read from raw."""

    def __init__(self, uri, state, as_version):
        self.uri, self.state, self.as_version, self.read_again = uri, state, as_version, 0
        # of runs that began in one second the name says which came first
        self.names = (f"run{number}" for number in range(10))

    def crawl(self, *pages, rules=NEW, dies_after=None):
        """Crawl one article as a version of the cleaner that gives what these rules give; returns the outcome."""
        self.as_version("0" if rules is OLD else CLEANER_VERSION)
        with Lake(self.uri, self.state).run(next(self.names), lambda _: NEW, {}) as (run, _):
            found = process_page(pages[0], rules, pages[1:])
            run.former.compare(found, self._clean_again)
            if dies_after is not None:
                die_after(run, dies_after)
            result = run.add(found)
            run.flush()
            run.finish("finished", {})
        return result.outcome

    def _clean_again(self, rows):
        self.read_again += 1
        first, *others = (restore_record(RawPage, values) for values in rows)
        return process_page(first, NEW, others)

    def reclean(self, rules, version):
        self.as_version(version)
        lake = Lake(self.uri, self.state)
        with (
            lake.run(next(self.names), lambda _: rules, {}) as (run, opening),
            Workers(WorkerLimits(workers=0)) as workers,
        ):
            leases = partial(lake.brief_leases, run.run_id)
            Recleaning(run, opening.others, workers, lambda _: rules, leases).reclean(RawPageSelection())
            run.finish("finished", {})
        return dict(run.counts)

    def rows(self, table):
        store = Lake(self.uri, self.state).store
        return [row for key in sorted(store.keys(f"{table}/")) for row in read_rows(store, key)]


@pytest.fixture(params=["folder", "s3"])
def newsroom(request, tmp_path, monkeypatch):
    uri = str(tmp_path / "lake") if request.param == "folder" else request.getfixturevalue("bucket") + "/lake"
    return Newsroom(uri, tmp_path / "state", partial(monkeypatch.setattr, run_module, "CLEANER_VERSION"))


def test_a_page_that_has_not_changed_gives_no_row_and_is_compared_once(newsroom):
    assert newsroom.crawl(A, rules=OLD) == "articles"
    assert newsroom.crawl(SAME) == "unchanged"
    assert newsroom.crawl(later(SAME, 1)) == "unchanged"
    assert newsroom.read_again == 1
    assert newsroom.crawl(CHANGED) == "revisions"
    assert EXTRA in newsroom.rows("revisions")[0]["text"]


def test_a_page_that_has_changed_is_a_revision(newsroom):
    newsroom.crawl(A, rules=OLD)
    assert newsroom.crawl(CHANGED) == "revisions"
    assert newsroom.crawl(later(CHANGED, 1)) == "unchanged"
    assert newsroom.read_again == 1


def test_within_one_version_nothing_is_read_again(newsroom):
    newsroom.crawl(A)
    assert newsroom.crawl(CHANGED) == "revisions"
    assert newsroom.read_again == 0


def test_an_article_in_several_pages_is_compared_whole(newsroom):
    first, *others = WHOLE
    cut_in_second = Rules(lines=("^" + LINES[3][:30],))
    newsroom.as_version("0")
    with Lake(newsroom.uri, newsroom.state).run(next(newsroom.names), lambda _: NEW, {}) as (run, _):
        run.add(process_page(A, NEW))  # another article in the same part
        run.add(process_page(first, cut_in_second, others))
        run.flush()
        run.finish("finished", {})
    assert newsroom.crawl(later(first, 24), *(later(one, 24) for one in others)) == "unchanged"
    assert newsroom.read_again == 1


def test_a_page_that_is_no_article_any_more_by_the_rules_alone_gives_no_reject(newsroom):
    """The stand-in for the new version finds nothing in the page."""
    empty = raw(A.url, "<html><body><p>Nothing.</p></body></html>")
    newsroom.as_version("0")
    with Lake(newsroom.uri, newsroom.state).run(next(newsroom.names), lambda _: NEW, {}) as (run, _):
        run.add(replace(process_page(A, NEW), page=empty))
        run.flush()
        run.finish("finished", {})
    assert newsroom.crawl(later(empty, 24)) == "unchanged"
    assert newsroom.rows("rejects") == []
    other = later(
        raw(A.url, "<p>Please enable JavaScript to read our pages, dear reader.</p>", status=404), 48
    )
    assert newsroom.crawl(other) == "rejects"


def test_reclean_lands_the_new_text_of_a_page_that_was_compared(newsroom):
    newsroom.crawl(A, rules=OLD)
    newsroom.crawl(SAME)
    assert newsroom.reclean(NEW, CLEANER_VERSION) == {"revisions": 1}
    assert newsroom.rows("revisions")[0]["text"].splitlines() == LINES
    assert newsroom.crawl(later(SAME, 1)) == "unchanged"


def test_a_page_is_found_whose_row_a_run_without_requests_made(newsroom):
    fetched_now = replace(
        A, fetched_at=datetime.now(UTC) - timedelta(hours=30)
    )  # its part landed a day later
    newsroom.crawl(fetched_now, rules=OLD)
    assert newsroom.reclean(Rules(lines=("^" + LINES[4][:30],)), "1") == {"revisions": 1}
    assert newsroom.crawl(later(fetched_now, 24)) == "unchanged"
    assert newsroom.read_again == 1


def test_a_dead_run_that_is_finished_by_the_new_version_lands_no_revision(newsroom):
    newsroom.crawl(A, rules=OLD)
    with suppress(Killed):  # its raw part has landed
        newsroom.crawl(SAME, rules=Rules(lines=("^" + LINES[4][:30],)), dies_after=2)
    newsroom.crawl(page("https://one.example/library", "library"))
    assert len(newsroom.rows("raw")) == 3
    assert newsroom.rows("revisions") == []


@pytest.mark.parametrize("left", [None, b"damaged"])
def test_where_raw_does_not_have_the_page_any_more_it_is_a_revision(newsroom, left, caplog):
    newsroom.crawl(A, rules=OLD)
    store = Lake(newsroom.uri, newsroom.state).store
    [key] = store.keys("raw/")
    store.remove(key)
    if left:
        store.put_new(key, left)
    assert newsroom.crawl(SAME) == "revisions"
    assert newsroom.read_again == 0
    assert "cannot be compared" in caplog.text
    assert key in caplog.text
