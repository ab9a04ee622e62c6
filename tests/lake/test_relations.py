"""Each relation in the columns of the lake, with its figures and ids."""

from __future__ import annotations

import pytest

from tests.lake.stories import page, text_of
from tests.lake.test_run import crawl, rows

EXTRA = "Readers of the valley remember the flood of their own, thirty years ago this spring."
STORY = page("https://one.example/bridge", "bridge")


@pytest.mark.parametrize(
    ("relation", "other", "similarity", "containment"),
    [
        ("alias", page("https://one.example/city/bridge", "bridge"), (1, 1), 1),
        ("identical", page("https://two.example/bridge", "bridge"), (1, 1), 1),
        ("copy", page("https://two.example/bridge", "bridge", extra=EXTRA), (0.8, 0.95), 1),
        ("truncated", page("https://two.example/bridge", "bridge", cut=5), (0.5, 0.8), 1),
        ("update", page("https://one.example/bridge-2", "bridge", extra=EXTRA[:40]), (0.85, 0.99), 1),
    ],
)
def test_a_page_that_joins_a_story_tells_how(tmp_path, relation, other, similarity, containment):
    uri, state = str(tmp_path / "lake"), tmp_path / "state"
    crawl(uri, state, STORY, other)
    (row,) = rows(uri, state, "copies")
    assert (row["id"], row["relation"], row["story_id"]) == (other.id, relation, STORY.id)
    assert (row["copy_of"], row["original_id"]) == (STORY.id, min(STORY.id, other.id))  # fetched together
    assert similarity[0] <= row["similarity"] <= similarity[1]
    assert row["containment"] == containment
    (link,) = row["links"]
    assert (link["id"], link["story_id"]) == (STORY.id, STORY.id)
    assert (link["similarity"], link["containment"]) == (row["similarity"], row["containment"])
    assert link["relation"] == ("identical" if relation == "alias" else relation)
    assert [article["id"] for article in rows(uri, state, "articles")] == [STORY.id]


def test_what_holds_a_part_of_another_is_linked_and_stays_a_story(tmp_path):
    uri, state = str(tmp_path / "lake"), tmp_path / "state"
    quoting = page("https://two.example/library", "library", extra=" ".join(text_of("bridge")[1:]))
    crawl(uri, state, STORY, quoting)
    article = next(row for row in rows(uri, state, "articles") if row["id"] == quoting.id)
    assert rows(uri, state, "copies") == []
    assert (article["story_id"], article["relation"], article["copy_of"]) == (quoting.id, None, None)
    (link,) = article["links"]
    assert (link["id"], link["relation"]) == (STORY.id, "contains")
    assert 0.3 < link["similarity"] < 0.5 < 0.8 < link["containment"] < 1
