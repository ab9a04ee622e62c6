"""Selectors for [fields]: from what a person marked, and from what some pages of an outlet state and others do not."""

from __future__ import annotations

import json
import tomllib

from cleaning import RawPage, Rules, clean
from cleaning.rule_authoring.field_suggestions import suggest_fields
from cleaning.rule_authoring.rule_suggestions import suggest_rules

from .pages import STORY, html, paragraphs, raw

WRITERS = ("Anna Weber", "Bela Sandor", "Carla Mendes", "Dora Lind", "Emil Novak", "Filip Horn")


def page(number: int, *, states_author: bool = False, day: str = "", desk: str = "") -> RawPage:
    """A page that shows its writer in words that name no author, and perhaps states it in JSON-LD, too."""
    author = {"author": {"@type": "Person", "name": WRITERS[number]}} if states_author else {}
    node = {"@type": "NewsArticle", "headline": f"Harbour bridge closes {number}", **author}
    head = f'<script type="application/ld+json">{json.dumps(node)}</script>'
    own = tuple(f"{text} So says report {number} of the desk." for text in STORY)
    body = (
        f"<article><h1>Harbour bridge closes {number}</h1><p class='intro-strip'><b class='penned'>{WRITERS[number]}</b> "
        f"<i class='issued'>{day}</i> <u class='desk'>{desk}</u></p>{paragraphs(own)}</article>"
    )
    return raw(html(body, head), f"https://gazette.example/{number}/harbour-bridge-closes")


def proposed(pages: list[RawPage], marked: list[dict[str, tuple[str, ...]]] | None = None) -> dict[str, str]:
    found = suggest_fields(pages, marked or [{}] * len(pages), Rules())
    return {proposal.name: proposal.selector for proposal in found}


def test_a_marked_field_gives_a_selector_that_holds_on_another_page():
    marked: list[dict[str, tuple[str, ...]]] = [{"section": ("Harbour desk",)}, {}]
    pages = [page(0, desk="Harbour desk"), page(1, desk="Island desk")]
    found = proposed(pages, marked)
    assert found == {"section": ".desk"}
    assert clean(pages[1], Rules(fields=tuple(found.items()))).section == "Island desk"


def test_a_marked_date_is_found_in_an_attribute():
    plain = page(1)
    body = plain.body.replace(b"class='issued'", b"class='issued' data-time='2024-12-03T10:00:00Z'")
    found = proposed([raw(body, plain.url)], [{"published_at": ("2024-12-03",)}])
    assert found == {"published_at": ".issued::attr(data-time)"}


def test_a_marked_date_that_the_page_shows_late_is_found_in_its_text():
    plain = page(1, day="4 Dec 2024, 09:30")
    body = plain.body.replace(b"<article>", b"<article><time datetime='2024-12-01'>1 Dec</time>")
    found = proposed([raw(body, plain.url)], [{"published_at": ("2024-12-04T09:30:00+00:00",)}])
    assert found == {"published_at": ".issued"}


def test_no_selector_is_proposed_that_is_wrong_on_a_marked_page():
    pages = [page(0, desk="Harbour desk"), page(1, desk="Share this")]
    marked: list[dict[str, tuple[str, ...]]] = [{"section": ("Harbour desk",)}, {"section": ("Island desk",)}]
    assert proposed(pages, marked) == {}


def test_a_field_that_comes_out_as_marked_needs_no_selector():
    assert (
        proposed(
            [page(0, states_author=True)], [{"authors": (WRITERS[0],), "title": ("Harbour bridge closes 0",)}]
        )
        == {}
    )


def test_pages_that_state_a_field_place_it_on_those_that_do_not():
    pages = [page(number, states_author=number < 4) for number in range(6)]
    assert clean(pages[5], Rules()).authors == ()
    suggestion = suggest_rules(pages)
    content = tomllib.loads(suggestion.toml())
    assert content == {"fields": {"authors": ".penned"}}
    assert clean(pages[5], suggestion.rules).authors == (WRITERS[5],)
    assert "stated elsewhere on other pages; right on 6 pages, of which 2 only with it" in suggestion.toml()


def test_pages_that_contradict_a_selector_keep_it_from_being_proposed():
    pages = [page(number, states_author=number < 4) for number in range(6)]
    pages[1] = raw(pages[1].body.replace(b"'penned'>Bela Sandor", b"'penned'>Dora Lind"), pages[1].url)
    assert proposed(pages) == {}
