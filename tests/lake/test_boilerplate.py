"""What recurs in an outlet's stories is learned by a command, and cut by the crawls after it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from lake.__main__ import main
from lake.jobs.learn_boilerplate import learn
from lake.runs.session import Lake
from lake.storage.boilerplate_file import latest_boilerplate
from lake.storage.store import PartExists
from tests.lake.stories import processed, raw
from tests.lake.test_run import crawl, no_rules, rows

HOUSE = "Write to our newsroom with pictures of your own village and its people."
QUOTE = "“We could not wait for another winter with a bridge like this,” said the head of the works office."
BACKGROUND = "The harbour bridge was built after the great flood and carries the island railway to Karwitz."
_SYLLABLES = ["ka", "lo", "mi", "ter", "ven", "sol", "bra", "dun", "per", "gal", "hin", "rot", "fes", "quil", "mar", "zan"]  # fmt: skip
_BEGUN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def sentence(drawn: random.Random) -> str:
    words = ["".join(drawn.choices(_SYLLABLES, k=3)) for _ in range(14)]
    return f"{' '.join(words).capitalize()}."


def page(number: int, *extra: str, outlet: str = "one.example", about: str = "", copy_of: int | None = None):
    """Story number n, published on day n: five sentences of words that no other has, `about` in each, and the extra
    lines in its midst."""
    drawn = random.Random(number if copy_of is None else copy_of)
    body = [f"{about}{sentence(drawn)}" for _ in range(5)]
    lines = "".join(f"<p>{line}</p>" for line in [*body[:3], *extra, *body[3:]])
    day = _BEGUN - timedelta(days=20 - number % 20)
    title = sentence(drawn)
    html = (
        f'<html lang="en"><head><title>{title}</title><meta property="article:published_time" content="{day.isoformat()}">'
        f"</head><body><article><h1>{title}</h1>{lines}</article></body></html>"
    )
    return raw(f"https://{outlet}/stories/{number}-told-at-some-length", html, outlet=outlet)


STORIES = [page(n, HOUSE) for n in range(10)]


@pytest.fixture
def lake(tmp_path) -> str:
    return str(tmp_path / "lake")


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def learned(lake, state) -> dict[str, list[tuple[str, int]]]:
    found, _ = learn(Lake(lake, state).store)
    return {outlet: [(line.text, line.stories) for line in lines] for outlet, lines in (found.outlets or {}).items()}  # fmt: skip


def test_a_line_that_recurs_is_learned_and_cut_by_the_next_crawl(lake, state, capsys):
    crawl(lake, state, *STORIES)
    assert main(["boilerplate", "--lake", lake]) == 0
    assert f"seen in 10 stories on 10 days: {HOUSE}" in capsys.readouterr().out
    version = latest_boilerplate(Lake(lake, state).store).version
    crawl(lake, state, page(30, HOUSE), page(31, HOUSE, outlet="two.example"))
    new = {row["url"]: row for row in rows(lake, state, "articles")}
    here, elsewhere = (new[f"https://{n}.example/stories/{m}-told-at-some-length"] for n, m in (("one", 30), ("two", 31)))  # fmt: skip
    assert HOUSE not in here["text"]
    assert {"kind": "boilerplate", "rule": f"boilerplate.{version}", "stage": "line", "text": HOUSE, "chars": len(HOUSE)} in here["removed"]  # fmt: skip
    assert here["boilerplate_version"] == version
    assert HOUSE in elsewhere["text"]
    assert elsewhere["boilerplate_version"] is None


def test_a_page_is_unchanged_and_a_copy_a_copy_whatever_was_learned(lake, state):
    crawl(lake, state, *STORIES)
    learn(Lake(lake, state).store)
    outcomes = crawl(lake, state, *STORIES, page(40, HOUSE, copy_of=3))
    assert [r.outcome for r in outcomes] == ["unchanged"] * 10 + ["copies"]
    landed = rows(lake, state, "articles")[3], rows(lake, state, "copies")[0]
    assert landed[0]["similarity"] is None
    assert landed[1]["similarity"] == 1.0


def test_the_order_of_arrival_makes_no_difference(tmp_path):
    pages = [*STORIES, page(50, HOUSE, copy_of=2), page(51, HOUSE, copy_of=2)]
    found = []
    for seed in range(3):
        uri, state = str(tmp_path / f"lake{seed}"), tmp_path / f"state{seed}"
        shuffled = random.Random(seed).sample(pages, len(pages))
        crawl(uri, state, *shuffled[:6])
        learn(Lake(uri, state).store, stories=4)  # an earlier artefact makes none either
        crawl(uri, state, *shuffled[6:])
        found.append(learned(uri, state))
    assert found == [{"one.example": [(HOUSE, 10)]}] * 3


def test_copies_of_one_story_count_once(lake, state):
    crawl(lake, state, *(page(60 + n, HOUSE, copy_of=1) for n in range(12)))
    assert learned(lake, state) == {}


def test_a_quotation_and_background_are_no_boilerplate(lake, state):
    about = "The harbour bridge of Karwitz, its railway and the flood: "
    crawl(lake, state, *(page(n, QUOTE, BACKGROUND, about=about) for n in range(10)), *(page(n) for n in range(70, 80)))  # fmt: skip
    assert learned(lake, state) == {}


def test_few_stories_or_few_days_are_not_enough(lake, state):
    crawl(lake, state, *STORIES[:7])
    assert learned(lake, state) == {}
    crawl(lake, state, *(page(20 * n, HOUSE) for n in range(1, 9)))  # all on one day
    store = Lake(lake, state).store
    assert learn(store, stories=15, days=9, dry_run=True)[0].outlets in ({}, None)
    assert learn(store, stories=15, days=7, dry_run=True)[0].outlets


def test_the_same_again_is_not_written_again_and_none_is_written_over(lake, state):
    crawl(lake, state, *STORIES)
    store = Lake(lake, state).store
    first, was_new = learn(store)
    assert was_new
    assert learn(store) == (first, False)
    (key,) = store.keys("boilerplate/")
    with pytest.raises(PartExists):
        store.put_new(key, b"{}")
    assert json.loads(store.get(key))["outlets"]["one.example"]["lines"][0]["stories"] == 10


def test_a_damaged_artefact_is_told_and_cuts_nothing(lake, state, caplog):
    store = Lake(lake, state).store
    for n, data in enumerate(
        [b"", b"[]", b'{"format": 9}', b'{"format": 1, "version": 1, "outlets": {"a": 7}}']
    ):
        store.put_new(f"boilerplate/2026{n}.json", data)
        assert latest_boilerplate(store).of("one.example").version is None
        assert f"boilerplate/2026{n}.json cannot be read" in caplog.text


def test_an_outlet_that_is_taken_down_leaves_nothing_behind(lake, state):
    crawl(lake, state, *STORIES)
    store = Lake(lake, state).store
    learn(store)
    assert main(["forget", "--lake", lake, "--outlet", "one.example"]) == 0
    assert list(store.keys("boilerplate/")) == []


def test_without_texts_of_cuts_the_counts_stay(lake, state):
    plain = page(1, "Read more: the ferry in winter")
    with Lake(lake, state, removed_texts=False).run("test", no_rules, {}) as (run, _):
        run.add(processed(plain))
        run.flush()
        run.finish("finished", {})
    (row,) = rows(lake, state, "articles")
    assert {cut["text"] for cut in row["removed"]} == {""}
    assert "related" in {cut["kind"] for cut in row["removed"]}
    assert all(cut["chars"] for cut in row["removed"])
