from __future__ import annotations

import itertools
import multiprocessing
import pickle
import random
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe import INDEX_FORMAT, SCHEME, Document, Index, SchemeMismatch, sign
from dedupe.online.index import MAX_CANDIDATES
from dedupe.online.inverted_index import BUCKET_ROWS, InvertedIndex, encode_place

from .stories import HARBOUR, LIBRARY, cut, document, invented, weather, with_words_changed


@pytest.fixture
def connection():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
def index(connection):
    return Index(connection)


@pytest.fixture
def swept_at_once(monkeypatch):
    sweeping(monkeypatch, slices=1, rows=1)


def sweeping(monkeypatch, slices, rows):
    monkeypatch.setattr("dedupe.online.memtable.SLICES", slices)
    monkeypatch.setattr("dedupe.online.memtable.SWEEP_ROWS", rows)
    monkeypatch.setattr("dedupe.online.memtable.MERGED_ROWS", 1 + slices % 5)


def places(connection):
    """By key."""
    found = connection.execute("SELECT key, places FROM dedupe_keys ORDER BY key")
    return {key: [data[at : at + 6] for at in range(0, len(data), 6)] for key, data in found}


SWEEPS = [(1, 1), (2, 1), (7, 3), (64, 1), (3, 8)]


def take(index, new, text):
    """As a crawl does."""
    signature = sign(text)
    verdict = index.judge(new, signature)
    index.add(new, signature, verdict.story_id)
    return verdict


def test_the_first_text_is_an_original(index):
    verdict = take(index, document("a"), HARBOUR)
    assert (verdict.story_id, verdict.relation, verdict.links) == ("a", None, ())


def test_a_copy_points_to_the_first(index):
    take(index, document("a", "agency"), HARBOUR)
    verdict = take(index, document("b", "valley-news"), cut(HARBOUR, 0.6))
    assert (verdict.relation, verdict.copy_of, verdict.story_id) == ("truncated", "a", "a")
    assert verdict.containment == 1.0
    assert 0.4 < verdict.similarity < 0.8


def test_a_copy_of_a_copy_belongs_to_the_story_of_the_first(index):
    take(index, document("a", "agency"), HARBOUR)
    take(index, document("b", "valley-news"), with_words_changed(HARBOUR, every=12))
    verdict = take(
        index, document("c", "coast-daily"), with_words_changed(HARBOUR, every=12) + invented(1, 20)
    )
    assert (verdict.copy_of, verdict.story_id) == ("b", "a")


def test_the_nearest_is_the_best_contained_then_the_earliest_then_the_least_id(index):
    take(index, document("z", "agency", day=2), HARBOUR)
    for id, outlet, day in [("d", "p", 3), ("c", "q", 2), ("b", "r", 2)]:
        take(index, document(id, outlet, day), HARBOUR)
    verdict = index.judge(document("new", "s", day=4), sign(HARBOUR))
    assert [link.id for link in verdict.links] == ["b", "c", "z", "d"]


def test_an_undated_document_comes_after_dated_ones(index):
    for one in (replace(document("a", "p"), published_at=None), document("b", "q")):
        take(index, one, HARBOUR)
    assert index.judge(document("new", "s"), sign(HARBOUR)).copy_of == "b"


def test_documents_published_further_apart_than_the_window_do_not_match(connection):
    index = Index(connection, window=timedelta(days=5))
    take(index, document("a", "agency", day=10), HARBOUR)
    days = {
        day: index.judge(document("b", "valley-news", day), sign(HARBOUR)).copy_of for day in range(1, 20)
    }
    assert days == {day: "a" if 5 <= day <= 15 else None for day in range(1, 20)}


def test_a_window_may_be_shorter_than_a_day(connection):
    index = Index(connection, window=timedelta(hours=6))
    take(index, Document("a", "agency", datetime(2031, 3, 1, 8)), HARBOUR)
    near, far = (Document("b", "valley-news", datetime(2031, 3, 1, hour)) for hour in (14, 15))
    assert index.judge(near, sign(HARBOUR)).copy_of == "a"
    assert index.judge(far, sign(cut(HARBOUR, 0.7))).links == ()


def test_without_a_window_all_match(connection):
    index = Index(connection, window=None)
    take(index, Document("a", "agency", datetime.min), HARBOUR)
    take(index, Document("b", "coast-daily", datetime.max), cut(HARBOUR, 0.7))
    assert index.judge(document("c", "valley-news"), sign(HARBOUR)).copy_of == "a"
    assert len(index.judge(Document("d", "valley-news"), sign(HARBOUR)).links) == 2


def test_where_the_page_claims_no_time_the_time_it_was_seen_counts(index):
    take(index, Document("a", "agency", seen_at=datetime(2031, 3, 1)), HARBOUR)
    assert index.judge(document("near", "p", day=30), sign(HARBOUR)).copy_of == "a"
    far = Document("far", "p", seen_at=datetime(2031, 5, 1))
    assert index.judge(far, sign(HARBOUR)).copy_of is None
    assert index.judge(Document("timeless", "p"), sign(HARBOUR)).copy_of == "a"


def test_a_copy_that_names_only_the_day_is_not_before_an_original_that_names_the_hour(index):
    take(index, Document("copy", "valley-news", datetime(2031, 3, 1)), HARBOUR)
    verdict = take(index, Document("report", "agency", datetime(2031, 3, 1, 8, 30, tzinfo=UTC)), HARBOUR)
    assert (verdict.story_id, verdict.original_id) == ("copy", "report")
    assert Document("a", "p", datetime(2031, 3, 1), datetime(2031, 3, 1, 9)).moment == datetime(
        2031, 3, 1, 9, tzinfo=UTC
    )


def test_a_page_cannot_have_been_published_after_it_was_seen():
    seen = datetime(2031, 3, 1, tzinfo=UTC)
    assert Document("a", "p", datetime(2031, 4, 1, tzinfo=UTC), seen).moment == seen
    assert Document("a", "p", datetime(2031, 2, 1, 7), seen).moment == datetime(2031, 2, 1, 7, tzinfo=UTC)
    assert Document("a", "p").moment is None


@given(st.permutations(range(6)))
@settings(max_examples=20, deadline=None)
def test_the_original_is_the_earliest_published_whatever_came_first(order):
    """Newest first, as a backfill may run, or oldest first: the same originals, and story ids that stay."""
    days = [4, 2, 2, 6, 9, 7]
    connection = sqlite3.connect(":memory:", isolation_level=None)
    index = Index(connection)
    stories, found = set(), {}
    for n in order:
        verdict = take(index, document(f"page-{n}", f"outlet-{n}", days[n]), HARBOUR)
        found[n] = verdict.original_id
        stories.add(verdict.story_id)
        known = order[: order.index(n) + 1]
        assert verdict.original_id == f"page-{min(known, key=lambda n: (days[n], n))}"
    assert stories == {f"page-{order[0]}"}
    assert found[order[-1]] == "page-1"
    connection.close()


def test_an_original_is_its_own_original(index):
    assert take(index, document("a"), HARBOUR).original_id == "a"
    assert take(index, document("b"), LIBRARY).original_id == "b"


@pytest.mark.usefixtures("swept_at_once")
def test_a_full_bucket_makes_room_for_the_present(connection):
    """A text of all times, as an outlet's imprint, is found among this month's though the bucket filled years ago."""
    index = Index(connection)
    for n in range(2 * BUCKET_ROWS):
        text = with_words_changed(HARBOUR, every=25, seed=n)
        index.add(Document(f"old-{n:03}", f"outlet-{n}", datetime(2025, 1, 1)), sign(text), "old-000")
    index.add(document("new", "agency"), sign(HARBOUR), "new")
    assert max(map(len, places(connection).values())) == BUCKET_ROWS
    assert index.judge(document("copy", "valley-news"), sign(cut(HARBOUR, 0.7))).copy_of == "new"


def test_a_round_up_is_linked_but_not_merged(index):
    take(index, document("a", "agency"), cut(HARBOUR, 0.5))
    verdict = take(
        index, document("b", "valley-news"), invented(1, 150) + cut(HARBOUR, 0.5) + invented(2, 150)
    )
    assert (verdict.story_id, verdict.relation, verdict.copy_of) == ("b", None, None)
    assert [(link.id, link.relation) for link in verdict.links] == [("a", "contains")]


def test_round_ups_that_open_with_the_same_story_are_no_copies_of_one_another(index):
    """Told by the stories that they hold one after the other; without those they look like cut copies in clutter."""
    first, last = invented(5, 500), invented(6, 500)
    one, other = ("\n".join([cut(first, 0.22), invented(seed, 110), cut(last, 0.22)]) for seed in (7, 8))
    take(index, document("one", "p"), one)
    assert index.judge(document("other", "q"), sign(other)).copy_of == "one"
    take(index, document("first", "agency"), first)
    take(index, document("last", "agency"), last)
    verdict = index.judge(document("other", "q"), sign(other))
    assert (verdict.relation, [(link.id, link.relation) for link in verdict.links]) == (
        None,
        [("one", "contains"), ("first", "contains"), ("last", "contains")],
    )


def test_a_loose_link_joins_no_story_whose_other_documents_it_does_not_resemble(index):
    """Average linkage, as in a batch: a chain of half-alike texts would join stories whose ends share nothing."""
    take(index, document("a", "agency"), invented(1, 200))
    loose = document("new", "valley-news"), sign(with_words_changed(invented(1, 200), every=7))
    assert index.judge(*loose).story_id == "a"
    for n in range(3):
        index.add(document(f"x{n}", f"outlet-{n}"), sign(invented(100 + n, 200)), "a")
    verdict = index.judge(*loose)
    assert (verdict.story_id, verdict.relation) == ("new", None)
    assert [(link.id, link.relation) for link in verdict.links] == [("a", "copy")]


@given(st.sets(st.integers(1, 19)))
@settings(max_examples=10, deadline=None)
def test_verdicts_do_not_depend_on_how_the_stream_is_cut_into_runs(cuts):
    stream = [
        (document(f"{n}", f"outlet-{n % 5}", day=1 + n % 7), text)
        for n, text in enumerate(
            [with_words_changed(invented(n % 6, 150), every=6 + n % 9, seed=n) for n in range(14)]
            + [weather(n) for n in range(6)]
        )
    ]
    with TemporaryDirectory() as folder:
        whole = Index(opened(":memory:"))
        expected = [take(whole, *page) for page in stream]
        found = []
        for start, end in itertools.pairwise([0, *sorted(cuts), len(stream)]):
            connection = opened(f"{folder}/index.db")
            run = Index(connection)
            found += [take(run, *page) for page in stream[start:end]]
            connection.close()
    assert found == expected


@pytest.mark.parametrize(("slices", "rows"), SWEEPS)
def test_keys_are_found_whether_they_wait_or_lie_in_the_table(monkeypatch, tmp_path, slices, rows):
    """Two processes in turns, one of them opened anew each time, see what one alone sees."""
    sweeping(monkeypatch, slices, rows)
    stream = [
        (document(f"{n}", f"outlet-{n % 5}"), with_words_changed(invented(n % 9, 150), every=8, seed=n))
        for n in range(40)
    ]
    alone = Index(opened(":memory:"))
    expected = [take(alone, *page) for page in stream]
    lasting = opened(tmp_path / "index.db")
    steady = Index(lasting)
    found = []
    for n, page in enumerate(stream):
        if n % 3:
            found.append(take(steady, *page))
            continue
        connection = opened(tmp_path / "index.db")
        found.append(take(Index(connection), *page))
        connection.close()
    assert found == expected
    assert {verdict.relation for verdict in found} == {None, "copy"}
    filed = sum(map(len, places(lasting).values()))
    written = filed / sum(len(sign(text).index_keys()) for _, text in stream)
    assert written == 1 if slices == 1 else 0.2 < written < 1
    lasting.close()


@pytest.mark.parametrize(("slices", "rows"), SWEEPS)
def test_an_index_that_caught_up_is_the_same(monkeypatch, slices, rows):
    """Also where an id comes twice, and buckets overflow."""
    sweeping(monkeypatch, slices, rows)
    rows = [
        (document(f"{n % 70}", f"outlet-{n % 3}"), sign(with_words_changed(HARBOUR, every=20, seed=n % 60)))
        for n in range(80)
    ]
    slow, quick = opened(":memory:"), opened(":memory:")
    one, other = Index(slow), Index(quick)
    for page, signature in rows:
        one.add(page, signature, page.id)
    for part in (rows[:33], rows[33:]):
        with other.catching_up():
            for page, signature in part:
                other.add(page, signature, page.id)
    for n in range(3):
        new = document(f"new-{n}", f"outlet-{n}"), sign(with_words_changed(HARBOUR, every=30, seed=n))
        assert one.judge(*new) == other.judge(*new)
    for table in ("documents", "keys", "waiting", "outlets", "boilerplate", "refused"):
        assert (
            slow.execute(f"SELECT * FROM dedupe_{table}").fetchall()
            == quick.execute(f"SELECT * FROM dedupe_{table}").fetchall()
        )


@pytest.mark.parametrize(("slices", "rows"), [(1, 1), (3, 1), (2, 2), (512, 32)])
def test_what_the_caller_rolled_back_is_found_no_more_and_what_was_there_is_found_again(
    monkeypatch, tmp_path, slices, rows
):
    sweeping(monkeypatch, slices, rows)
    connection = opened(tmp_path / "index.db")
    index = Index(connection)
    take(index, document("a", "agency"), HARBOUR)
    connection.execute("BEGIN IMMEDIATE")
    for n in range(5):
        take(index, document(f"lost-{n}", f"outlet-{n}"), invented(n, 150))
    connection.execute("ROLLBACK")
    assert index.judge(document("b", "valley-news"), sign(cut(HARBOUR, 0.6))).copy_of == "a"
    other = opened(tmp_path / "index.db")
    take(Index(other), document("l", "agency"), LIBRARY)
    other.close()
    assert index.judge(document("b", "valley-news"), sign(cut(LIBRARY, 0.6))).copy_of == "l"
    assert index.judge(document("b", "valley-news"), sign(invented(3, 140))).links == ()
    connection.close()


def test_a_history_that_was_rolled_back_is_told_from_one_that_ends_alike(tmp_path):
    """Another process adds other rows meanwhile, the latest the same as was lost."""
    connection, elsewhere = opened(tmp_path / "index.db"), opened(tmp_path / "index.db")
    index, other = Index(connection), Index(elsewhere)
    for n in range(40):
        take(index, document(f"{n}", f"outlet-{n}"), invented(n, 30))
    connection.execute("BEGIN IMMEDIATE")
    take(index, document("lost", "agency"), LIBRARY)
    take(index, document("last", "agency"), invented(99, 150))
    connection.execute("ROLLBACK")
    take(other, document("a", "agency"), HARBOUR)
    take(other, document("last", "agency"), invented(99, 150))
    assert index.judge(document("b", "valley-news"), sign(cut(HARBOUR, 0.6))).copy_of == "a"
    assert index.judge(document("b", "valley-news"), sign(cut(LIBRARY, 0.6))).links == ()
    connection.close()
    elsewhere.close()


@pytest.mark.parametrize("first", ["judge", "remove"])
def test_boilerplate_that_was_learned_and_rolled_back_is_learned_anew(tmp_path, first):
    connection, elsewhere = opened(tmp_path / "index.db"), opened(tmp_path / "index.db")
    index, other = Index(connection), Index(elsewhere)
    footers = invented(97, 120), invented(98, 120)
    connection.execute("BEGIN IMMEDIATE")
    for n in range(6):
        take(index, document(f"{n}"), invented(n, 60) + footers[0])
    assert index.judge(document("new"), sign(invented(20, 60) + footers[0])).links == ()
    connection.execute("ROLLBACK")
    for n in range(5):
        take(other, document(f"{n}"), invented(n + 50, 60) + footers[1])
    take(other, document("5"), invented(5, 60) + footers[0])
    if first == "judge":
        assert index.judge(document("new"), sign(invented(21, 60) + footers[1])).links == ()
        assert index.judge(document("copy", "agency"), sign(invented(60, 20) + footers[0])).links
    else:
        index.remove("4")
    assert Index(elsewhere).judge(document("new"), sign(invented(21, 60) + footers[1])).links == ()
    connection.close()
    elsewhere.close()


@pytest.mark.parametrize("id", ["A" * 32, "a" * 32, "g" * 32, "ab " * 10 + "ab", "é" * 32, "a" * 31, ""])
def test_any_id_comes_back_as_it_was(index, id):
    take(index, document(id, "agency"), HARBOUR)
    assert index.judge(document("b", "valley-news"), sign(HARBOUR)).copy_of == id
    assert index.story_of(id) == id


def test_a_document_is_no_copy_of_itself(index):
    take(index, document("a"), HARBOUR)
    assert index.judge(document("a"), sign(HARBOUR)).links == ()


def test_judging_changes_nothing(index, connection):
    take(index, document("a"), HARBOUR)
    before = connection.total_changes
    index.judge(document("b", "valley-news"), sign(HARBOUR))
    assert connection.total_changes == before


def test_adding_the_same_id_again_replaces_the_row(index):
    take(index, document("a", "agency"), HARBOUR)
    take(index, document("a", "agency"), LIBRARY)
    assert len(index) == 1
    assert index.judge(document("b", "valley-news"), sign(HARBOUR)).links == ()
    assert index.judge(document("b", "valley-news"), sign(LIBRARY)).copy_of == "a"


@pytest.mark.usefixtures("swept_at_once")
def test_what_was_removed_is_found_no_more(index, connection):
    take(index, document("a"), HARBOUR)
    index.remove("a")
    index.remove("a")
    index.remove("never seen")
    assert (len(index), index.story_of("a")) == (0, None)
    assert places(connection) == {}


def test_the_story_of_a_document_is_remembered(index):
    index.add(document("a"), sign(HARBOUR), "another story")
    assert index.story_of("a") == "another story"
    assert index.story_of("b") is None


@pytest.mark.parametrize("text", ["", "…", "one", "Watch the video"])
def test_texts_too_short_to_tell_are_kept_and_never_copies(index, text):
    take(index, document("a", "agency"), text)
    assert take(index, document("b", "valley-news"), text).story_id == "b"
    assert len(index) == 2


def test_template_pages_of_one_outlet_are_all_originals(index):
    verdicts = [take(index, document(f"w{n}", day=n + 1), weather(n)) for n in range(20)]
    assert [verdict.relation for verdict in verdicts] == [None] * 20


def test_a_verdict_does_not_depend_on_the_order_of_adding():
    texts = {"a": HARBOUR, "b": cut(HARBOUR, 0.6), "c": LIBRARY, "d": with_words_changed(HARBOUR, every=15)}
    verdicts = set()
    for order in itertools.permutations(texts):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        index = Index(connection)
        for id in order:
            index.add(document(id, f"outlet-{id}"), sign(texts[id]), id)
        verdicts.add(index.judge(document("new", "valley-news"), sign(HARBOUR + invented(1, 30))))
        connection.close()
    assert len(verdicts) == 1


@pytest.mark.parametrize("rows", [1, 32])
def test_of_texts_that_share_little_the_shortest_are_looked_at(monkeypatch, connection, index, rows):
    """Two postings of 400 shingles are a chance hit, of 40 they are most of the text."""
    sweeping(monkeypatch, slices=1, rows=rows)
    keys, postings = InvertedIndex(connection), np.arange(2, 40, 2, dtype=np.uint32)
    for shingles in (1000, 40, 900, 60, 800, 50, 700, 42):
        keys.add(postings[:2], encode_place(0, shingles, keys.next_row), (0, 1))
    assert keys.find_candidates(postings, 400, (0, 1), 32) == [2, 8, 4, 6]
    assert keys.find_candidates(postings, 1000, (2, 3), 32) == []
    keys.add(postings[:4], encode_place(0, 1000, keys.next_row), (0, 1))
    assert keys.find_candidates(postings, 400, (0, 1), 32)[0] == 9
    for seq, shingles in ((2, 40), (8, 42), (4, 60), (6, 50)):
        keys.remove(postings[:2], encode_place(0, shingles, seq))
    if rows == 1:
        assert keys.find_candidates(postings, 900, (0, 1), 32) == [9, 7]


@pytest.mark.usefixtures("swept_at_once")
def test_many_equal_texts_stay_bounded_and_meet_the_earliest(index, connection):
    signature = sign(HARBOUR)
    order = list(range(10 * BUCKET_ROWS))
    random.Random(1).shuffle(order)
    for n in order:
        index.add(document(f"{n:05}", f"outlet-{n}", day=1 + n // 100), signature, "00000")
    assert max(map(len, places(connection).values())) == BUCKET_ROWS
    assert index.refused == 9 * BUCKET_ROWS * len(signature.index_keys())
    verdict = index.judge(document("new", "valley-news"), signature)
    assert verdict.copy_of == "00000"
    assert len(verdict.links) <= MAX_CANDIDATES + 8


def test_of_many_equal_texts_that_wait_the_latest_are_looked_at(index):
    signature = sign(HARBOUR)
    for n in range(3 * BUCKET_ROWS):
        index.add(document(f"{n:05}", f"outlet-{n}"), signature, "00000")
    verdict = index.judge(document("new", "valley-news"), signature)
    assert verdict.copy_of == "00000"
    assert [link.id for link in verdict.links[8:]] == [f"{n:05}" for n in range(64, 96)]


@pytest.mark.usefixtures("swept_at_once")
def test_rows_in_a_full_bucket_can_be_removed(index):
    for n in range(BUCKET_ROWS + 5):
        index.add(document(f"{n:03}", f"outlet-{n}"), sign(HARBOUR), "000")
    for n in range(BUCKET_ROWS + 5):
        index.remove(f"{n:03}")
    assert len(index) == 0
    assert index.judge(document("new"), sign(HARBOUR)).links == ()


def test_an_index_of_another_scheme_is_refused(connection, index):
    connection.execute("UPDATE dedupe_scheme SET scheme = 'v0'")
    with pytest.raises(SchemeMismatch, match=r"index: scheme 'v0' found, .* wanted") as raised:
        Index(connection)
    assert raised.value.found == "v0"


def test_an_index_half_overwritten_is_refused(connection, index):
    connection.execute("DELETE FROM dedupe_scheme")
    with pytest.raises(SchemeMismatch):
        Index(connection)


def test_the_scheme_stands_in_the_index(connection, index):
    assert connection.execute("SELECT scheme FROM dedupe_scheme").fetchall() == [(INDEX_FORMAT,)]
    assert INDEX_FORMAT.startswith(SCHEME)


def test_the_callers_rollback_takes_everything_back(tmp_path):
    connection = sqlite3.connect(tmp_path / "index.db", isolation_level=None)
    index = Index(connection)
    connection.execute("BEGIN IMMEDIATE")
    take(index, document("a"), HARBOUR)
    connection.execute("ROLLBACK")
    assert len(index) == 0
    assert not connection.in_transaction
    connection.close()


def test_two_connections_see_one_index(tmp_path):
    one, other = (opened(tmp_path / "index.db") for _ in range(2))
    take(Index(one), document("a", "agency"), HARBOUR)
    assert take(Index(other), document("b", "valley-news"), HARBOUR).copy_of == "a"
    for connection in (one, other):
        connection.close()


def test_opening_an_index_takes_no_lock(tmp_path):
    writer, reader = (opened(tmp_path / "index.db", timeout=0) for _ in range(2))
    index = Index(writer)
    writer.execute("BEGIN IMMEDIATE")
    take(index, document("a"), HARBOUR)
    assert len(Index(reader)) == 0
    writer.execute("COMMIT")
    assert len(Index(reader)) == 1
    for connection in (writer, reader):
        connection.close()


def test_a_new_index_is_there_whole_or_not_at_all(tmp_path):
    """Another process that opens the index while it is being made waits; it finds no table without its scheme."""
    maker, reader = (opened(tmp_path / "index.db", timeout=0) for _ in range(2))
    seen = []

    def look(statement):
        if statement.startswith(("CREATE", "INSERT")):
            seen.append(reader.execute("SELECT count(*) FROM sqlite_master").fetchone())

    maker.set_trace_callback(look)
    Index(maker)
    assert len(seen) > 3
    assert set(seen) == {(0,)}
    assert len(Index(reader)) == 0
    for connection in (maker, reader):
        connection.close()


def test_a_scheme_mismatch_can_cross_a_process_pool():
    error = pickle.loads(pickle.dumps(SchemeMismatch("index", "v0")))
    assert (error.found, str(error)) == ("v0", str(SchemeMismatch("index", "v0")))
    assert "'v0' found" in str(error)


def opened(path, timeout=30.0):
    connection = sqlite3.connect(path, isolation_level=None, timeout=timeout)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


PROCESSES = 8


def _take_all(path, worker):
    # SQLite wakes those who wait in no order: on a busy machine one may starve
    connection = opened(path, timeout=300)
    index = Index(connection)
    for story in range(12):
        connection.execute("BEGIN IMMEDIATE")
        text = with_words_changed(invented(story, 160), every=15, seed=worker)
        take(index, document(f"{story}-{worker}", f"outlet-{worker}"), text)
        connection.execute("COMMIT")
    connection.close()


def test_processes_that_add_copies_at_once_lose_no_link(tmp_path):
    path = tmp_path / "index.db"
    connection = opened(path)  # SQLite lets nobody wait while one of them makes the journal
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(_take_all, path, worker) for worker in range(PROCESSES)]:
            done.result()
    index = Index(connection)
    for story in range(12):
        assert len({index.story_of(f"{story}-{worker}") for worker in range(PROCESSES)}) == 1
    connection.close()
