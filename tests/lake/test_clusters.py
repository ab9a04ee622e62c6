"""A whole lake grouped into stories: python -m lake cluster."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from cleaning import Rules
from lake.__main__ import main
from lake.landing import Lake
from lake.store import open_store
from tests.lake.stories import page, refined

NOON = datetime(2031, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "lake")


def land(uri, tmp_path, *articles):
    """One run after the other."""
    for article in articles:
        with running(uri, tmp_path / "state") as run:
            run.add(article)


@contextmanager
def running(uri, state):
    with Lake(uri, state).run("test", lambda outlet: Rules(), {}) as (run, _):
        yield run
        run.flush()
        run.finish("finished", {})


def article(url, topic, *, hours=0, seen=0, credit=None, canonical=None, **how):
    """Published so many hours after noon, seen so many hours after that."""
    made = refined(page(url, topic, **how))
    published = NOON + timedelta(hours=hours)
    assert made.article
    return replace(
        made,
        article=replace(
            made.article,
            published_at=published,
            fetched_at=published + timedelta(hours=seen),
            syndication_credit=credit,
            canonical_url=canonical,
        ),
    )


def clustered(uri, *more):
    assert main(["cluster", "--lake", uri, *more]) == 0
    store = open_store(uri)
    latest = max(store.keys("clusters/"))
    rows = pq.read_table(io.BytesIO(store.get(latest))).to_pylist()
    return {row["id"]: row for row in rows}


A, B, C = (f"https://{outlet}.example/bridge" for outlet in ("agency", "valley", "coast"))


def test_each_page_has_its_story_and_its_original_with_the_reason(uri, tmp_path):
    first, copy, other = (
        article(A, "bridge"),
        article(B, "bridge", hours=2, extra="Readers of the valley remember the flood of their own."),
        article(C, "library", hours=1),
    )
    land(uri, tmp_path, first, copy, other)
    rows = clustered(uri)
    a, b, c = (one.article.id for one in (first, copy, other))
    assert {
        (rows[id]["story_id"], rows[id]["original_id"], rows[id]["original_reason"]) for id in (a, b)
    } == {(a, a, "earliest")}
    assert (rows[c]["story_id"], rows[c]["original_reason"]) == (c, "only")
    assert (rows[b]["relation"], rows[b]["linked_id"]) == ("copy", a)
    assert rows[b]["containment"] == 1


def test_the_credited_source_is_the_original_though_it_came_last(uri, tmp_path):
    copy = article(B, "bridge", credit="Reporting by The Agency")
    source = article(A, "bridge", hours=3, outlet="the-agency")
    land(uri, tmp_path, copy, source)
    rows = clustered(uri)
    assert {(row["original_id"], row["original_reason"]) for row in rows.values()} == {
        (source.article.id, "credited")
    }
    assert {row["story_id"] for row in rows.values()} == {copy.article.id}


def test_rel_canonical_to_another_outlet_credits_it(uri, tmp_path):
    copy, source = article(B, "bridge", canonical=A), article(A, "bridge", hours=3)
    land(uri, tmp_path, copy, source)
    assert {row["original_id"] for row in clustered(uri).values()} == {source.article.id}


def test_stories_that_two_machines_landed_apart_are_merged_under_the_first_id(uri, tmp_path, capsys):
    one, two = article(A, "bridge"), article(B, "bridge", hours=1)
    with running(uri, tmp_path / "machine-1") as first, running(uri, tmp_path / "machine-2") as second:
        assert [run.add(page).outcome for run, page in ((first, one), (second, two))] == ["articles"] * 2
    rows = clustered(uri)
    (story,) = {row["story_id"] for row in rows.values()}
    assert {row["live_story_id"] for row in rows.values()} == {one.article.id, two.article.id} > {story}
    assert "2 pages, 1 stories, 1 story ids merged into others" in capsys.readouterr().out
    land(uri, tmp_path, article(C, "bridge", hours=2))
    assert {row["story_id"] for row in clustered(uri).values()} == {story}


def test_a_second_time_gives_the_same_stories(uri, tmp_path):
    land(uri, tmp_path, article(A, "bridge"), article(B, "bridge", hours=2, cut=5), article(C, "library"))
    once = clustered(uri)
    assert clustered(uri) == once
    assert len(list(open_store(uri).keys("clusters/"))) == 2


def test_the_window_is_an_argument(uri, tmp_path):
    land(uri, tmp_path, article(A, "bridge"), article(B, "bridge", hours=24 * 40))
    assert len({row["story_id"] for row in clustered(uri).values()}) == 2
    assert len({row["story_id"] for row in clustered(uri, "--window-days", "all").values()}) == 1


def test_an_empty_lake_gives_an_empty_table(uri):
    assert clustered(uri) == {}


@pytest.mark.parametrize("days", ["0", "-1", "month"])
def test_a_window_that_is_none_is_refused(uri, days, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["cluster", "--lake", uri, "--window-days", days])
    assert ended.value.code == 2
    assert "expected a number of days, or all" in capsys.readouterr().err
