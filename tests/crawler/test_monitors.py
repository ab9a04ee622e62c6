"""Monitors: what is told, and above all what is not."""

from datetime import UTC, datetime, timedelta

import pytest

from crawler.reports.monitors import alerts, carried_facts, source_counts
from outlets import Limits
from tests.crawler.outlet_crawl import crawl
from tests.crawler.site import site
from tests.crawler.test_crawlall import Town, feed
from tests.lake.stories import text_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def run(**facts):
    """A usual run of an outlet, but for what is given."""
    full = {
        "articles": 10, "copies": 1, "rejects": 1, "rejects/gallery": 1, "sources": 4, "dead_sources": 0, "answered": 4,
        "listed": 40, "with/title": 11, "with/date": 11, "with/authors": 9, "with/language": 11,
        "chars/kept": 9000, "chars/removed": 1000,
    }  # fmt: skip
    return {**full, **{k.replace("__", "/"): v for k, v in facts.items()}}


HISTORY = [run() for _ in range(8)]
NOTHING_NEW = {"sources": 4, "dead_sources": 0, "answered": 0, "listed": 0}


def told(facts, history=HISTORY, limits=Limits()):  # noqa: B008  # frozen
    return list(alerts(facts, history, limits, NOW))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (run(articles=1, copies=0, rejects=11, rejects__gallery=0, rejects__too_short=11),
         ["1 of 12 pages are articles, before 92%", "11 of 12 pages are rejects for too_short, before 0%"]),
        (run(with__date=2), ["2 of 11 articles have date, before 100%"]),
        (run(with__authors=0), ["0 of 11 articles have authors, before 82%"]),
        (run(chars__removed=9000), ["50% of the text is clutter, before 10%"]),
        (run(articles=3, copies=8), ["73% of the articles are copies, before 9%"]),
    ],
)  # fmt: skip
def test_a_run_unlike_the_earlier_ones_is_told(facts, words):
    assert told(facts) == words


@pytest.mark.parametrize(
    "facts",
    [
        run(),
        NOTHING_NEW,
        run(articles=1, copies=0, rejects=2, rejects__gallery=2),  # too few pages to tell anything
        run(articles=0, copies=0, unchanged=12),  # -a fresh=1
        run(rejects=40, rejects__gallery=0, rejects__not_selected=40),  # chosen by the outlet's file
        run(dead_sources=3),  # one bad answer
        run(articles=400, copies=40, with__title=440, with__date=440, with__authors=360, with__language=440),
    ],
)
def test_a_run_like_the_others_is_not(facts):
    assert told(facts) == []


def test_a_new_outlet_is_told_only_if_nothing_becomes_an_article():
    nothing = {**NOTHING_NEW, "rejects": 9, "rejects/listing": 9, "answered": 1, "listed": 9}
    assert told(nothing, []) == ["none of 9 pages is an article; are [articles] allow and deny right?"]
    assert told({**nothing, "articles": 1}, []) == []
    assert told({**nothing, "rejects/listing": 0, "rejects/tdm_reserved": 9}, []) == []
    assert told(NOTHING_NEW, []) == []


def test_sources_that_died_are_told_after_three_runs_and_those_always_dead_never():
    dead = run(dead_sources=3)
    assert told(dead, [dead, *HISTORY]) == []
    assert told(dead, [dead, dead, *HISTORY]) == ["3 of 4 sources are dead, for the third time"]
    assert told(dead, [dead] * 10) == []


EMPTY = {**NOTHING_NEW, "answered": 4}


def test_sources_that_list_nothing_are_told_after_three_runs():
    words = ["its sources answer, and list no page any more, for the third time"]
    assert told(EMPTY, [EMPTY, EMPTY, *HISTORY]) == words
    assert told(EMPTY, [EMPTY, *HISTORY]) == []
    assert told(EMPTY, [EMPTY] * 10) == []


@pytest.mark.parametrize(
    "unread", [{"not_due": 1}, {"unchanged_sources": 1}, {"dead_sources": 1}, {"listed": 1}]
)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_source_that_was_not_read_anew_may_list_some(unread, which):
    runs = [EMPTY | unread if n == which else EMPTY for n in range(3)]
    assert told(runs[0], [*runs[1:], *HISTORY]) == []


def test_sources_that_are_unchanged_are_counted():
    unchanged, empty = {"found": 0, "error": None, "unchanged": True}, {"found": 0, "error": None}
    counts = source_counts([unchanged, empty, {**empty, "found": 3}])
    assert (counts["unchanged_sources"], counts["answered"], counts["listed"]) == (1, 2, 3)


def after(*gaps_h):
    """What is remembered after landings so far apart, the last just now."""
    moment, held = NOW - timedelta(hours=sum(gaps_h)), None
    held = carried_facts(run(), held, moment)
    for gap_h in gaps_h:
        moment += timedelta(hours=gap_h)
        held = carried_facts(run(), held, moment)
    return held


@pytest.mark.parametrize(
    ("gaps_h", "silent_h", "is_told"),
    [
        ((1, 2, 1, 9, 1), 47, False),
        ((1, 2, 1, 9, 1), 49, True),
        ((24, 72, 24, 24, 24), 100, False),  # it rests at weekends
        ((24, 72, 24, 24, 24), 240, True),
        ((1, 1), 1000, False),  # too young to have a rhythm
    ],
)
def test_silence_is_measured_by_the_outlets_own_rhythm(gaps_h, silent_h, is_told):
    now = NOW + timedelta(hours=silent_h)
    facts = {**NOTHING_NEW, **carried_facts(NOTHING_NEW, after(*gaps_h), now)}
    assert bool(list(alerts(facts, [NOTHING_NEW] * 8, Limits(), now))) is is_told


DRY = {**NOTHING_NEW, "answered": 4}


@pytest.mark.parametrize("ended", ["shutdown", "closespider_timeout", "memusage_exceeded", "deadline"])
def test_of_a_run_cut_short_what_it_saw_is_compared_and_not_what_it_missed(ended):
    few = run(articles=1, copies=0, rejects=11, rejects__gallery=0, rejects__too_short=11, ended=ended)
    assert told(few)[0] == "1 of 12 pages are articles, before 92%"
    assert told(run(with__date=2, ended=ended)) == ["2 of 11 articles have date, before 100%"]
    assert told(DRY, [DRY, DRY, *HISTORY]) != []
    assert told({**DRY, "ended": ended}, [DRY, DRY, *HISTORY]) == []
    dead = run(dead_sources=3)
    assert told({**dead, "ended": ended}, [dead, dead, *HISTORY]) == []
    silent = {**NOTHING_NEW, **after(1)}
    late = NOW + timedelta(hours=4)
    assert list(alerts(silent, [], Limits(silence_h=3), late))
    assert list(alerts({**silent, "ended": ended}, [], Limits(silence_h=3), late)) == []


def test_a_run_cut_short_hides_no_change_from_the_next():
    cut = {"sources": 1, "dead_sources": 0, "answered": 1, "listed": 0, "ended": "shutdown"}
    assert told(DRY, [DRY, cut, DRY, *HISTORY]) == told(DRY, [DRY, DRY, *HISTORY]) != []
    dead = run(dead_sources=3)
    assert told(dead, [dead, cut, dead, *HISTORY]) == ["3 of 4 sources are dead, for the third time"]


def test_numbers_go_with_their_words():
    once = [run(sources=1, dead_sources=1)] * 2
    assert told(once[0], [*once, *HISTORY]) == ["1 of 1 source is dead, for the third time"]
    facts = {**NOTHING_NEW, **after(1)}
    (silence,) = alerts(facts, [], Limits(silence_h=0.5), NOW + timedelta(hours=1))
    assert silence.startswith("no article for 1 hour;")


def test_limits_are_the_outlets_own():
    facts = run(with__authors=0)
    assert told(facts, limits=Limits(fields=0)) == []
    assert told(run(articles=8, rejects=3), limits=Limits(articles=0.9))
    quiet = {**NOTHING_NEW, **after(1)}
    assert list(alerts(quiet, [], Limits(silence_h=3), NOW + timedelta(hours=4)))


# ---------------------------------------------------------------- real crawls


def story(number):
    """A story of its own: the words of the sample, each with a number."""
    words = " ".join(text_of("library")).split()
    body = " ".join(f"{word}{number if i % 3 == 0 else ''}" for i, word in enumerate(words))
    return f"<html><body><article><h1>Story {number}</h1><p>{body}</p></article></body></html>"


def front(*numbers):
    return "".join(f'<a href="/news/{n}">Story number {n} of the day</a>' for n in numbers)


def test_an_outlet_that_dries_up_ends_with_exit_4(tmp_path):
    pages, first = {}, [0]

    def answer(path):
        if path == "/":
            return front(*pages)
        number = path.removeprefix("/news/")
        return pages.get(int(number)) if number.isdecimal() else None

    with site(answer) as (home, _):
        tables = {"sources": {"sections": [f"{home}/"]}}
        for _ in range(3):
            pages.clear()
            pages.update({n: story(n) for n in range(first[0], first[0] + 8)})
            first[0] += 8
            done = crawl(tmp_path, home, tables=tables)
            assert (done.code, done.record["monitors"]) == (0, []), done.log
            assert done.record["outlets"]["mine"]["with/title"] == 8
        assert crawl(tmp_path, home, tables=tables).code == 0  # nothing new
        pages.clear()
        pages.update(dict.fromkeys(range(100, 108), "<html><body><p>Log in to read.</p></body></html>"))
        done = crawl(tmp_path, home, tables=tables)
        pages.clear()
        pages.update(dict.fromkeys(range(200, 208), "<html><body><p>Log in to read.</p></body></html>"))
        # robots.txt, the section and five pages are answers
        stopped = crawl(tmp_path, home, "-s", "CLOSESPIDER_PAGECOUNT=7", tables=tables)
        failed = crawl(tmp_path, home, "-s", "MEMUSAGE_LIMIT_MB=20", tables=tables)
    *troubles, last = stopped.log.splitlines()
    assert (stopped.code, stopped.record["reason"]) == (4, "closespider_pagecount")
    assert "STOPPED: as asked, the answers reached 7 (CLOSESPIDER_PAGECOUNT); CHANGED: mine: 0 of " in last
    assert f"one (shared_page): scrapy explain {home}/news/20" in troubles[-1]
    assert stopped.record["monitors"]
    assert stopped.record["outlets"]["mine"]["landings"] == 3  # goes on from record to record
    assert (failed.code, failed.record["monitors"]) == (1, [])
    assert failed.record["outlets"]["mine"]["landings"] == 3
    assert done.code == 4, done.log
    assert done.record["monitors"][0] == "mine: 0 of 8 pages are articles, before 100%"
    assert "CHANGED: mine: 0 of 8 pages are articles" in done.log


def test_among_all_outlets_of_one_run_the_one_that_dries_up_is_named(tmp_path):
    pages = {}
    with site(lambda path: pages.get(path)) as (home, _):
        town = Town(tmp_path, home)
        homes = {name: town.add(name) for name in ("well", "dry")}

        def publish(name, numbers, body):
            paths = [f"/{name}/a-story-of-today-{n}" for n in numbers]
            pages[f"/{name}/feed"] = feed(*(homes[name] + path for path in paths))
            pages.update({path: body(n) for path, n in zip(paths, numbers, strict=True)})

        for turn in range(4):
            publish("well", range(turn * 8, turn * 8 + 8), story)
            numbers = range(100 + turn * 8, 108 + turn * 8)
            publish("dry", numbers, story if turn < 3 else lambda n: "<p>Log in to read.</p>")
            done = town.crawl("-s", "SOURCE_INTERVAL_MAX_S=0")
            assert done.returncode == (4 if turn == 3 else 0), done.stderr
        assert "CHANGED: dry: 0 of 8 pages are articles, before 100%" in done.stderr
        *before, last = town.records()
        assert [record["monitors"] for record in before] == [[]] * 3
        assert all(told.startswith("dry: ") for told in last["monitors"])
