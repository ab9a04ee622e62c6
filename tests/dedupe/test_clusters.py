from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe import Counts, Document, SchemeMismatch, cluster, cluster_signed, sign
from dedupe.batch.exact_duplicates import MAX_COMPARED_DUPLICATES
from dedupe.online.index import MAX_CANDIDATES

from .stories import (
    HARBOUR,
    JAPANESE,
    JAPANESE_OTHER,
    LIBRARY,
    cut,
    document,
    invented,
    weather,
    with_words_changed,
)

BATCH = [
    (document("h1", "agency", 2), HARBOUR),
    (document("h2", "valley-news", 2), cut(HARBOUR, 0.6)),
    (document("h3", "coast-daily", 3), with_words_changed(HARBOUR, every=15)),
    (document("h4", "coast-daily", 3), with_words_changed(HARBOUR, every=15) + " Updated with a map."),
    (document("l1", "agency", 2), LIBRARY),
    (document("l2", "valley-news", 2), LIBRARY),
    (document("r1", "coast-daily", 4), invented(1, 150) + cut(HARBOUR, 0.4) + invented(2, 150)),
    (document("w1", "coast-daily", 4), weather(1)),
    (document("w2", "coast-daily", 5), weather(2)),
    (Document("e1", "agency"), ""),
    (Document("e2", "valley-news"), ""),
    (document("j1", "agency"), JAPANESE),
    (document("j2", "valley-news"), JAPANESE + "続報が待たれる。"),
    (document("j3", "agency"), JAPANESE_OTHER),
]
STORIES = {
    **dict.fromkeys(["h1", "h2", "h3", "h4"], "h1"),
    **dict.fromkeys(["l1", "l2"], "l1"),
    **dict.fromkeys(["j1", "j2"], "j1"),
    **{id: id for id in ["r1", "w1", "w2", "e1", "e2", "j3"]},
}


def test_copies_share_a_cluster_and_look_alikes_do_not():
    assert cluster(BATCH) == STORIES


@given(st.permutations(BATCH))
@settings(max_examples=15, deadline=None)
def test_any_order_gives_the_same_clusters(batch):
    assert cluster(iter(batch)) == STORIES


def test_of_an_id_seen_twice_the_last_text_counts():
    batch = [(document("a", "p"), HARBOUR), (document("b", "q"), LIBRARY), (document("a", "p"), LIBRARY)]
    assert cluster(batch) == {"a": "a", "b": "a"}


def test_times_with_and_without_a_zone_may_be_mixed():
    naive = Document("a", "p", datetime(2031, 3, 1))
    aware = Document("b", "q", datetime(2031, 3, 1, tzinfo=UTC))
    assert cluster([(naive, HARBOUR), (aware, HARBOUR), (Document("c", "r"), HARBOUR)]) == dict.fromkeys(
        "abc", "a"
    )


def test_hundreds_of_equal_texts_are_one_cluster():
    batch = [(document(f"{n:03}", f"outlet-{n}"), HARBOUR) for n in range(300)]
    assert set(cluster([*batch, (document("cut", "agency"), cut(HARBOUR, 0.5))]).values()) == {"000"}


def test_nothing_gives_nothing():
    assert cluster([]) == {}


def test_a_round_up_that_was_first_to_be_linked_to_joins_nothing():
    """Two round-ups that open alike, and the stories that they hold: links lead to them and none from them."""
    first, last = invented(5, 500), invented(6, 500)
    one, other = ("\n".join([cut(first, 0.22), invented(seed, 110), cut(last, 0.22)]) for seed in (7, 8))
    texts = {"first": first, "last": last, "one": one, "other": other, "copy": cut(first, 0.6) + other[-300:]}
    found = cluster((document(id, f"outlet-{id}", 2), text) for id, text in texts.items())
    assert found == {"first": "copy", "copy": "copy", "last": "last", "one": "one", "other": "other"}


CROWD = [
    (
        document(f"{n:02}", f"outlet-{n % 7}", 1 + n % 20),
        with_words_changed(invented(n % 4, 120), 4 + n % 9, seed=n),
    )
    for n in range(36)
]


@pytest.mark.parametrize("reach", [1, 3, 16])
@given(order=st.permutations(CROWD))
@settings(max_examples=6, deadline=None)
def test_any_order_gives_the_same_clusters_also_where_rows_meet_few_others(reach, order):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dedupe.batch.band_join.REACH", reach)
        assert cluster(order) == cluster(CROWD)


def test_a_key_of_many_rows_is_counted_and_costs_no_square():
    signed = [
        (document(f"{n:04}", f"outlet-{n}"), sign(with_words_changed(HARBOUR, 40, seed=n)).to_bytes())
        for n in range(400)
    ]
    counts = Counts()
    assert {found.cluster for found in cluster_signed(signed, counts=counts)} == {"0000"}
    assert counts.crowded > 10
    assert counts.pairs <= MAX_CANDIDATES * len(signed)


def test_of_many_equal_texts_few_are_compared_and_all_are_linked():
    signature, counts = sign(HARBOUR).to_bytes(), Counts()
    signed = [(document(f"{n:04}", f"outlet-{n}", 1 + n // 100), signature) for n in range(2000)]
    found = list(cluster_signed(signed, counts=counts))
    assert {one.cluster for one in found} == {"0000"}
    assert {one.link.relation for one in found} == {"identical"}
    assert {one.link.id for one in found[1:]} == {"0000"}
    assert counts.compared_rows <= 2 * MAX_COMPARED_DUPLICATES


def test_equal_texts_are_one_as_far_as_each_lies_within_the_window_of_the_next():
    days = {"a": 1, "b": 21, "c": 41, "d": 100}
    start = datetime(2031, 3, 1)
    batch = [(Document(id, f"o-{id}", start + timedelta(days=day)), HARBOUR) for id, day in days.items()]
    assert cluster(batch) == {"a": "a", "b": "a", "c": "a", "d": "d"}
    found = {one.id: one.link for one in cluster_signed((d, sign(text).to_bytes()) for d, text in batch)}
    assert [found[id] and found[id].id for id in "abcd"] == ["b", "a", "b", None]
    assert set(cluster([*batch, (Document("timeless", "p"), HARBOUR)]).values()) == {"a"}


def test_texts_too_short_to_tell_equal_none_however_many():
    batch = [
        (document(f"{n}", f"outlet-{n}"), text) for n, text in enumerate(["", "one", "Watch the video"] * 50)
    ]
    assert len(set(cluster(batch).values())) == 150


def test_a_signature_of_another_scheme_stops_the_batch():
    with pytest.raises(SchemeMismatch):
        list(cluster_signed([(document("a"), b"old!" + bytes(60))]))
