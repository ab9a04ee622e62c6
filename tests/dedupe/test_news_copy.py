from __future__ import annotations

import json

import pytest

from benchmarks.news_copy import document, figures, main, stories

from .stories import HARBOUR, LIBRARY, cut


def test_an_id_names_the_newspaper_and_the_day():
    one = document("the-evening-post-Jan-02-1960-p3-7")
    assert (one.outlet, f"{one.published_at:%Y-%m-%d}") == ("the-evening-post", "1960-01-02")
    assert document("no date").published_at is None


def test_pairs_make_stories():
    assert stories("abcd", [("a", "b"), ("c", "b")]) == {"a": "a", "b": "a", "c": "a", "d": "d"}


@pytest.mark.parametrize(
    ("found", "ari", "recall"),
    [("aabb", 1.0, 1.0), ("abcd", 0.0, 0.0), ("aabc", 0.5714, 0.5)],
)
def test_figures_are_those_of_the_field(found, ari, recall):
    scored = figures(dict(zip("wxyz", "aabb", strict=True)), dict(zip("wxyz", found, strict=True)))
    assert (scored["ARI"], scored["recall"]) == (pytest.approx(ari, abs=1e-4), recall)


def test_the_adapter_reads_the_published_files(tmp_path, capsys):
    ids = [f"paper-{n}-Jan-0{n}-1960-p1-{n}" for n in (1, 2, 3)]
    texts = HARBOUR, cut(HARBOUR, 0.6), LIBRARY
    articles = {id: {"article": text, "byline": ""} for id, text in zip(ids, texts, strict=True)}
    (tmp_path / "articles.json").write_text(json.dumps(articles))
    (tmp_path / "edges.json").write_text(json.dumps([ids[:2]]))
    main(tmp_path / "articles.json", tmp_path / "edges.json")
    assert capsys.readouterr().out.split()[:2] == ["ARI", "1.0000"]
