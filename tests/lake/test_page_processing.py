"""The pure work on articles in parts, what the run's selection refuses, and recovery of parts from raw."""

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cleaning import RawPage, Rules, next_page_url
from cleaning.text import document
from lake.runs.session import Lake
from lake.schema.columns import restore_record, row
from lake.schema.records import TABLES
from lake.storage.store import PartExists
from lake.workers.page_processing import append_page, apply_selection, process_page
from outlets import Selection
from tests.lake.stories import page, raw, text_of
from tests.lake.test_run import Killed, die_after, no_rules, rows

URL = "https://one.example/bridge"


def article_page(number, *, status=200, url=None, lines=None, of=None):
    """Part `number` of three of one story, two paragraphs each."""
    lines = text_of("bridge")[2 * number - 2 : 2 * number] if lines is None else lines
    link = f'<a rel="next" href="{URL}?page={number + 1}">{number + 1}</a>' if number < 3 else ""
    told = '<meta property="article:section" content="Town">'
    text = "".join(f"<p>{line}</p>" for line in lines)
    html = f"<html><head><title>The bridge</title>{told}</head><body><article><h1>The bridge</h1>{text}</article>{link}</body></html>"
    made = raw(url or (URL if number == 1 else f"{URL}?page={number}"), html, status=status)
    return replace(made, part=number, part_of=None if number == 1 else (of or FIRST.id))


FIRST = article_page(1, of="none")
WHOLE = (FIRST, article_page(2), article_page(3))


def processed(first, *later):
    return process_page(first, Rules(), later)


def test_page_by_page_and_all_at_once_give_the_same_article():
    step = processed(FIRST)
    for one in WHOLE[1:]:
        assert step.next_page_url == one.url
        assert step.article.text_is_partial
        step = append_page(step, one, Rules())
    assert step == processed(*WHOLE)
    assert step.article.text.splitlines() == text_of("bridge")[:6]
    assert (step.article.parts, step.article.text_is_partial, step.next_page_url) == (3, False, None)
    assert step.pages == WHOLE


@pytest.mark.parametrize(
    "lost", [article_page(2, status=404), article_page(2, status=503), article_page(2, lines=[]), None]
)
def test_an_article_with_a_missing_part_is_partial(lost):
    found = processed(FIRST, *filter(None, [lost]))
    assert found.article.text.splitlines() == text_of("bridge")[:2]
    assert found.article.text_is_partial
    assert found.next_page_url == next_page_url(FIRST)


@pytest.mark.parametrize(
    "other",
    [
        article_page(2, lines=text_of("bridge")[:2]),
        article_page(2, url=URL),
        article_page(2, url="https://one.example/library"),
    ],
)
def test_what_is_no_part_is_the_end_of_the_article(other):
    found = processed(FIRST, other)
    assert found.article.parts == 1
    assert not found.article.text_is_partial
    assert found.next_page_url is None


def test_a_page_without_parts_is_one():
    found = process_page(page(URL, "bridge"), Rules())
    assert (found.later_pages, found.next_page_url, found.article.parts) == ((), None, 1)
    assert not found.article.text_is_partial


def test_a_later_page_that_was_asked_for_by_itself_is_a_reject_that_names_its_first():
    listed = replace(article_page(2), part=1, part_of=None)
    listed = replace(
        listed, body=listed.body.replace(b"</head>", f'<link rel="canonical" href="{URL}"></head>'.encode())
    )
    found = process_page(listed, Rules())
    assert (found.reject.reason, found.reject.retry_at, found.first_page_url) == ("part", None, URL)


@pytest.mark.parametrize("torn", range(3))
def test_a_part_that_is_not_whole_makes_the_article_partial(torn):
    """By the crawl, and from raw again."""
    pages = [replace(one, truncated="disconnect") if n == torn else one for n, one in enumerate(WHOLE)]
    found = processed(*pages)
    assert (found.article.parts, found.article.text_is_partial, found.next_page_url) == (3, True, None)
    assert processed(*(restore_record(RawPage, row(one)) for one in pages)) == found


def test_what_a_torn_page_shows_is_no_verdict_on_the_page():
    torn = replace(raw(URL, "<html><body><p>Too soon.</p></body></html>"), truncated="disconnect")
    found = process_page(torn, Rules())
    assert found.reject.reason == "broken_http"
    assert found.reject.retry_at == torn.fetched_at + timedelta(hours=1)


# ---------------------------------------------------------------- recovery


def test_a_raw_row_that_is_older_than_the_columns_is_a_first_page():
    values = {name: value for name, value in row(FIRST).items() if name not in ("part", "part_of")}
    assert restore_record(RawPage, values) == FIRST


@pytest.mark.parametrize("writes", range(4))
def test_parts_are_joined_again_from_raw_wherever_the_run_dies(tmp_path, writes):
    other = page("https://two.example/library", "library")
    where = str(tmp_path / "lake"), tmp_path / "state"
    with pytest.raises(Killed), Lake(*where).run("one", no_rules, {}) as (run, _):
        lost = die_after(run, writes)
        run.add(processed(*WHOLE))
        run.add(processed(other))
        run.flush()
        run.finish("finished", {})
        raise Killed
    with Lake(*where).run("two", no_rules, {}) as (run, _):
        run.add(processed(*WHOLE))
        run.add(processed(other))
        run.flush()
        run.finish("finished", {})
    for key, data in lost:
        with contextlib.suppress(PartExists):
            Lake(*where).store.put_new(key, data)
    found = {row["id"]: row for row in rows(*where, "articles")}
    assert set(found) == {FIRST.id, other.id}
    assert found[FIRST.id]["text"].splitlines() == text_of("bridge")[:6]
    assert found[FIRST.id]["parts"] == 3
    kept = [row["id"] for row in rows(*where, "raw")]
    assert kept == [*(p.id for p in WHOLE), other.id]
    assert all(not rows(*where, t) for t in TABLES[2:])


# ---------------------------------------------------------------- selection


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Selection(), None),
        (Selection(languages=("en", "de")), None),
        (Selection(languages=("de",)), "language en, wanted de"),
        (Selection(min_words=20), None),
        (Selection(min_words=500), "words, wanted at least 500"),
        (Selection(sections=("Bridge",)), None),  # the address
        (Selection(sections=("town",)), None),  # what the page says
        (Selection(sections=("sport",)), "section Town, wanted sport"),
        (Selection(max_age_days=1), "published 59 days ago, wanted at most 1"),
        (Selection(max_age_days=90), None),
    ],
)
def test_what_the_selection_does_not_want_becomes_a_reject_without_its_page(wanted, why):
    found = processed(*WHOLE)
    found = replace(found, article=replace(found.article, published_at=datetime(2026, 1, 1, tzinfo=UTC)))
    chosen = apply_selection(found, wanted)
    if why is None:
        assert chosen is found
    else:
        assert chosen.pages == ()
        assert chosen.reject.reason == "not_selected"
        assert why in chosen.reject.detail
        assert chosen.reject.retry_at is None


def test_what_nothing_tells_is_wanted():
    found = processed(*WHOLE)
    unknown = replace(found, article=replace(found.article, language=None, published_at=None))
    assert apply_selection(unknown, Selection(languages=("de",), max_age_days=1)) is unknown


def test_a_reject_stays_what_it_is():
    gone = process_page(raw(URL, "", status=404), Rules())
    assert apply_selection(gone, Selection(min_words=9)) is gone


def test_a_page_is_decoded_and_parsed_once(monkeypatch):
    """Reservations, the links to other parts, metadata and text are read off one tree."""
    calls = []
    for name in ("decode", "parse"):
        real = getattr(document, name)
        monkeypatch.setattr(
            document, name, lambda *given, name=name, real=real: calls.append(name) or real(*given)
        )
    text = "".join(f"<p>{line}</p>" for line in text_of("bridge"))
    html = f"<html><head><meta name=robots content=noai></head><body><h1>The bridge</h1>{text}</body></html>"
    found = processed(raw(URL, html))
    assert found.article.tdm == ("meta robots: noai",)
    assert calls == ["decode", "parse"]
