"""Floors on the development corpus of syndicated news ($SHARED); a floor may rise, never fall."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import datetime
from math import comb

import pytest

from dedupe import Document, cluster

pytestmark = pytest.mark.floor(
    "deduplication: made-up syndication clean and dirty, real pairs, the two Budapest stories"
)


@pytest.fixture(scope="module")
def corpus(shared):
    folder = shared / "pages" / "syndication"
    if not (folder / "synthetic.jsonl.gz").is_file():
        pytest.skip(f"no syndication corpus at {folder}")
    return folder


def read(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def clusters(rows, field):
    return cluster(
        (
            Document(
                row["id"],
                row["outlet"],
                datetime.fromisoformat(row["published"]) if row["published"] else None,
            ),
            row[field],
        )
        for row in rows
    )


def pairs(names):
    return sum(comb(count, 2) for count in Counter(names).values())


@pytest.mark.parametrize(("field", "floor"), [("text", 0.99), ("dirty", 0.978)])
def test_pairwise_f1_on_made_up_syndication(corpus, field, floor):
    rows = read(corpus / "synthetic.jsonl.gz")
    found = clusters(rows, field)
    right = pairs((row["gold"], found[row["id"]]) for row in rows)
    f1 = 2 * right / (pairs(row["gold"] for row in rows) + pairs(found.values()))
    assert f1 >= floor
    stories = {}
    for row in rows:
        stories.setdefault(found[row["id"]], set()).add(row["gold"])
    merged = Counter(row["kind"] for row in rows if len(stories[found[row["id"]]]) > 1)
    never = [
        "neg_template_weather",
        "neg_template_market",
        "neg_followup",
        "neg_quote",
        "neg_brief_same_outlet",
    ]
    assert {kind: merged[kind] for kind in never} == dict.fromkeys(never, 0)
    assert merged["neg_roundup"] <= 1


def test_real_agency_copies(corpus):
    found = clusters(read(corpus / "real_docs.jsonl.gz"), "text")
    judged = Counter(
        (row["label"], found[row["a"]] == found[row["b"]]) for row in read(corpus / "real_pairs.jsonl.gz")
    )
    right, missed, wrong = judged[1, True], judged[1, False], judged[0, True]
    assert right / (right + missed) >= 0.85
    assert right / (right + wrong) >= 0.93


def test_the_two_stories_that_share_a_quoted_paragraph_stay_apart(shared):
    texts = sorted((shared / "seeds").glob("budapestpost-*.txt"))
    if len(texts) != 2:
        pytest.skip(f"no seeds at {shared / 'seeds'}")
    found = cluster((Document(path.name, "budapestpost"), path.read_text("utf-8")) for path in texts)
    assert len(set(found.values())) == 2
