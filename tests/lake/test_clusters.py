"""A whole lake grouped into stories: python -m lake cluster."""

from __future__ import annotations

import io
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaning import Rules
from crawler.reports.monitors import source_counts
from dedupe import sign
from lake.__main__ import main
from lake.jobs.story_clusters import cluster_lake
from lake.parquet.part_files import encode_table, write_flush
from lake.runs import session
from lake.runs.run import new_run_id
from lake.runs.session import Lake
from lake.schema.columns import schema
from lake.storage.open_store import open_store
from tests.dedupe.stories import HARBOUR, LIBRARY, cut, with_words_changed
from tests.lake.stories import page, processed

NOON = datetime(2031, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "lake")


def land(uri, tmp_path, *articles, name="test"):
    """One run after the other."""
    for article in articles:
        with running(uri, tmp_path / "state", name) as run:
            run.add(article)


@contextmanager
def running(uri, state, name="test"):
    with Lake(uri, state).run(name, lambda outlet: Rules(), {}) as (run, _):
        yield run
        run.flush()
        run.finish("finished", {})


def article(url, topic, *, hours=0, seen=0, credit=None, canonical=None, **how):
    """Published so many hours after noon, seen so many hours after that."""
    made = processed(page(url, topic, **how))
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
    return read_clusters(store, max(store.keys("clusters/")))


def read_clusters(store, key):
    rows = pq.read_table(io.BytesIO(store.get(key))).to_pylist()
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


def test_of_a_credited_outlets_pages_the_earliest_is_the_original(uri, tmp_path):
    extra = "The council met again on Tuesday."
    copy = article(B, "bridge", credit="The Agency")
    later = article(f"{A}-again", "bridge", hours=5, outlet="the-agency", extra=extra)
    source = article(A, "bridge", hours=3, outlet="the-agency")
    land(uri, tmp_path, copy, later, source)
    assert {row["original_id"] for row in clustered(uri).values()} == {source.article.id}


@pytest.mark.parametrize("visits", ["news", "urls"])
def test_a_copy_that_claims_to_be_older_than_its_outlets_last_visit_is_not_the_original(
    uri, tmp_path, visits
):
    """A visit is a run that looks for what is new; one that is told what to fetch says nothing of what was there."""
    other = article(f"{B}-other", "library", hours=-2, seen=1)
    source, thief = article(A, "bridge", seen=1), article(B, "bridge", hours=-24, seen=25)
    land(uri, tmp_path, other, name=visits)
    land(uri, tmp_path, source, thief)
    expected = source if visits == "news" else thief
    assert clustered(uri)[source.article.id]["original_id"] == expected.article.id


@pytest.mark.parametrize(
    ("sources", "is_a_visit"),
    [([{}, {"unchanged": True}], True), ([{}, {"not_due": "soon"}], False), ([{}, {"error": "404"}], False), ([], False)],
)  # fmt: skip
def test_a_visit_that_found_nothing_new_is_known_by_its_record(
    uri, tmp_path, monkeypatch, sources, is_a_visit
):
    at = NOON + timedelta(minutes=30)
    monkeypatch.setattr(session, "new_run_id", lambda name, _: new_run_id(name, at))
    source, thief = article(A, "bridge", seen=1), article(B, "bridge", hours=-24, seen=25)
    with Lake(uri, tmp_path / "state").run("news", lambda outlet: Rules(), {}) as (run, _):
        outlets = {thief.article.outlet: source_counts(sources)}
        run.finish("finished", {"reason": "finished", "outlets": outlets})
    monkeypatch.undo()
    land(uri, tmp_path, source, thief)
    expected = source if is_a_visit else thief
    assert clustered(uri)[source.article.id]["original_id"] == expected.article.id


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
    assert "2 pages, 1 story, 1 story id merged into others" in capsys.readouterr().out
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


def test_an_empty_lake_gives_an_empty_table(uri, tmp_path):
    (tmp_path / "lake").mkdir()
    assert clustered(uri) == {}


@pytest.mark.parametrize("days", ["0", "-1", "month"])
def test_a_window_that_is_none_is_refused(uri, days, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["cluster", "--lake", uri, "--window-days", days])
    assert ended.value.code == 2
    assert "expected a number of days, or all" in capsys.readouterr().err


def test_a_run_that_has_not_ended_is_left_out_until_it_has(uri, tmp_path, capsys):
    land(uri, tmp_path, article(A, "bridge"))
    with running(uri, tmp_path / "machine-2") as run:
        run.add(article(B, "bridge", hours=-1))
        run.flush()
        assert len(clustered(uri)) == 1
        assert "1 run left out that has not ended" in capsys.readouterr().err
    assert len(clustered(uri)) == 2
    assert capsys.readouterr().err == ""


def test_the_pages_of_a_run_that_died_come_with_its_end(uri, tmp_path):
    state = tmp_path / "state"
    with suppress(Killed), Lake(uri, state).run("dies", lambda outlet: Rules(), {}) as (run, _):
        run.add(article(A, "bridge"))
        run.flush()
        raise Killed
    assert clustered(uri) == {}
    with running(uri, state):  # finishes what died
        pass
    assert len(clustered(uri)) == 1


class Killed(Exception):
    pass


def test_what_was_taken_down_is_left_out_though_its_rows_still_stand(uri, tmp_path):
    one, other = article(A, "bridge"), article(B, "bridge", hours=1)
    land(uri, tmp_path, one, other)
    open_store(uri).put_new(f"takedowns/page-{one.article.id}.json", b"{}")
    assert list(clustered(uri)) == [other.article.id]


def test_of_a_page_that_landed_twice_the_latest_version_counts(uri, tmp_path):
    first, copy = article(A, "bridge"), article(B, "bridge", hours=1)
    changed = article(A, "library", hours=0, seen=5)
    land(uri, tmp_path, first, copy, changed)
    rows = clustered(uri)
    assert len(rows) == 2
    assert len({row["story_id"] for row in rows.values()}) == 2


def test_signatures_of_another_scheme_are_made_anew(uri, tmp_path):
    land(uri, tmp_path, article(A, "bridge"), article(B, "bridge", hours=1, cut=5))
    expected, store = clustered(uri), open_store(uri)
    for key in [key for table in ("articles", "copies") for key in store.keys(f"{table}/")]:
        data = store.get(key)
        rows = pq.read_table(io.BytesIO(data))
        old = pa.array([b"old!" + bytes(60)] * len(rows), pa.binary())
        at = rows.schema.get_field_index("signature")
        (tmp_path / "lake" / key).write_bytes(encode_table(rows.set_column(at, rows.schema.field(at), old)))
    assert clustered(uri) == expected


@given(st.data())
@settings(max_examples=12, deadline=None)
def test_story_ids_stay_as_a_lake_grows(data):
    """A story's id is the id of one of its pages, and of no other story; of stories that become one the id of the first
    that landed stays, and every id that was ever given leads to the story of today."""
    moves = data.draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60)), min_size=2, max_size=10))
    cuts = data.draw(st.lists(st.integers(1, len(moves)), max_size=2))
    with TemporaryDirectory() as uri:
        landed, names = 0, dict[str, str]()
        for end in sorted({*cuts, len(moves)}):
            for number in range(landed, end):
                land_row(uri, number, *moves[number])
            landed = end
            rows = read_clusters(open_store(uri), cluster_lake(open_store(uri), timedelta(days=30)).key)
            by_story: dict[str, list[str]] = {}
            for id, row in rows.items():
                by_story.setdefault(row["story_id"], []).append(id)
            assert all(story in ids for story, ids in by_story.items())
            for old in names.values():
                now = rows[old]["story_id"]
                assert now <= old  # ids are in the order of landing
            names = {id: row["story_id"] for id, row in rows.items()}
            assert {row["live_story_id"] for row in rows.values()} <= rows.keys()


_TEXTS = HARBOUR, cut(HARBOUR, 0.6), with_words_changed(HARBOUR, 15), with_words_changed(HARBOUR, 6), LIBRARY
SIGNED = [sign(text).to_bytes() for text in _TEXTS]


def land_row(uri, number, topic, days):
    """As a machine that knows nothing of the others lands it: each page a story."""
    plain = {"string": "", "int64": 0, "double": 0.0, "bool": False, "binary": b""}
    values = {f.name: None if f.nullable else plain.get(str(f.type), []) for f in schema("articles")} | {
        "id": f"{number:032x}", "outlet": f"outlet-{number}", "story_id": f"{number:032x}",
        "signature": SIGNED[topic],
        "published_at": NOON + timedelta(days=days), "fetched_at": NOON + timedelta(days=days),
        "run_id": f"{number:04}", "seq": 0, "landed_at": NOON,
    }  # fmt: skip
    write_flush(open_store(uri), {"articles": [values]}, f"{number:04}", 0, NOON)
