from __future__ import annotations

import itertools
import multiprocessing
import pickle
import random
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import pytest

from dedupe import SCHEME, Index, SchemeMismatch, sign
from dedupe.index import BUCKET_ROWS, CANDIDATES

from .stories import HARBOUR, LIBRARY, cut, document, invented, weather, with_words_changed


@pytest.fixture
def connection():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
def index(connection):
    return Index(connection)


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


def test_a_round_up_is_linked_but_not_merged(index):
    take(index, document("a", "agency"), cut(HARBOUR, 0.5))
    verdict = take(
        index, document("b", "valley-news"), invented(1, 150) + cut(HARBOUR, 0.5) + invented(2, 150)
    )
    assert (verdict.story_id, verdict.relation, verdict.copy_of) == ("b", None, None)
    assert [(link.id, link.relation) for link in verdict.links] == [("a", "contains")]


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


def test_what_was_removed_is_found_no_more(index, connection):
    take(index, document("a"), HARBOUR)
    index.remove("a")
    index.remove("a")
    index.remove("never seen")
    assert (len(index), index.story_of("a")) == (0, None)
    assert connection.execute("SELECT count(*) FROM dedupe_keys").fetchone() == (0,)


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


def test_many_equal_texts_stay_bounded_and_meet_the_earliest(index, connection):
    signature = sign(HARBOUR)
    order = list(range(10 * BUCKET_ROWS))
    random.Random(1).shuffle(order)
    for n in order:
        index.add(document(f"{n:05}", f"outlet-{n}", day=1 + n // 100), signature, "00000")
    (fullest,) = connection.execute(
        "SELECT max(n) FROM (SELECT count(*) n FROM dedupe_keys GROUP BY key)"
    ).fetchone()
    assert fullest == BUCKET_ROWS
    assert index.refused == 9 * BUCKET_ROWS * len(signature.keys())
    verdict = index.judge(document("new", "valley-news"), signature)
    assert verdict.copy_of == "00000"
    assert len(verdict.links) <= CANDIDATES + 8


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
    assert connection.execute("SELECT scheme FROM dedupe_scheme").fetchall() == [(SCHEME,)]


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


def _take_all(path, worker):
    connection = opened(path)
    index = Index(connection)
    for story in range(12):
        connection.execute("BEGIN IMMEDIATE")
        text = with_words_changed(invented(story, 160), every=15, seed=worker)
        take(index, document(f"{story}-{worker}", f"outlet-{worker}"), text)
        connection.execute("COMMIT")
    connection.close()


def test_processes_that_add_copies_at_once_lose_no_link(tmp_path):
    path = tmp_path / "index.db"
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(_take_all, path, worker) for worker in range(4)]:
            done.result()
    connection = opened(path)
    index = Index(connection)
    for story in range(12):
        assert len({index.story_of(f"{story}-{worker}") for worker in range(4)}) == 1
    connection.close()
