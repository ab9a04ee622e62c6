from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe import Document, cluster

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
