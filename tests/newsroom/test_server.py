from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import feedparser
import pytest

from demo.newsroom import Newsroom, gold, write_outlets
from demo.newsroom.sites import SITES, site
from tests.newsroom.visitor import ask, named, visible

if TYPE_CHECKING:
    from pathlib import Path

STATUS = {"http_error": 404}


def test_every_page_answers_with_its_status_and_as_html(room: Newsroom) -> None:
    for page in gold(room.day, room.port):
        if page.url.startswith(f"{site(page.outlet).base(room.port)}/") and page.outcome != "not_a_candidate":
            answer = ask(room, page.url)
            moved = page.url.endswith("/seaweed-house/")
            assert answer.status == (301 if moved else STATUS.get(page.reason or "", 200)), page.url
            assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_feeds_and_sections_name_exactly_the_gold_addresses(room: Newsroom) -> None:
    for outlet in SITES:
        wanted = {page.url for page in gold(room.day, room.port) if page.outlet == outlet.name}
        assert named(room, outlet) == wanted


def test_every_gold_line_and_every_clutter_line_stands_on_its_page(room: Newsroom) -> None:
    for page in gold(room.day, room.port):
        if page.outcome in ("article", "copy"):
            text = visible(ask(room, page.url).body)
            for line in (page.title, page.summary or "", *page.text_lines, *page.clutter_lines):
                assert line in text, page.url


def test_a_second_address_shows_the_same_story_and_names_the_first(room: Newsroom) -> None:
    aliases = [page for page in gold(room.day, room.port) if page.outcome == "alias"]
    assert len(aliases) == 3
    for page in aliases:
        answer = ask(room, page.url)
        body = ask(room, answer.headers["location"]).body if answer.status == 301 else answer.body
        first = next(other for other in gold(room.day, room.port) if other.story == page.story)
        assert f'<link rel="canonical" href="{first.url}">' in body.decode()
        assert all(line in visible(body) for line in page.text_lines)


def test_feeds_are_sound_but_for_the_broken_ones(room: Newsroom) -> None:
    sound = {}
    for outlet in SITES:
        for path in filter(None, (outlet.feed, outlet.broken)):
            answer = ask(room, outlet.base(room.port) + path)
            parsed = feedparser.parse(answer.body)
            sound[outlet.name, path] = answer.status == 200 and not parsed.bozo and len(parsed.entries) > 5
    assert [key for key, value in sound.items() if not value] == [
        ("ambercoastherald", "/podcast/feed/"),
        ("karstledger", "/feed/"),
    ]


def test_rss_links_carry_tracking_parameters_and_still_answer(room: Newsroom) -> None:
    feed = feedparser.parse(ask(room, site("karstledger").base(room.port) + "/rss/").body)
    assert all("utm_source=rss" in entry.link for entry in feed.entries)
    assert ask(room, feed.entries[0].link).status == 200


def test_robots_forbids_one_page_that_a_section_links_to(room: Newsroom) -> None:
    forbidden = next(page for page in gold(room.day, room.port) if page.reason == "robots")
    robots = ask(room, site("danubecourier").base(room.port) + "/robots.txt").body.decode()
    assert "/internal-" in forbidden.url
    assert "Disallow: /internal-" in robots


def test_an_unchanged_feed_need_not_be_sent_again(room: Newsroom) -> None:
    url = site("auwaldbote").base(room.port) + "/atom.xml"
    etag = ask(room, url).headers["etag"]
    assert ask(room, url, **{"If-None-Match": etag}).status == 304


def test_requests_are_remembered_in_order() -> None:
    with Newsroom() as room:
        for host in room.hosts:
            ask(room, f"http://{host}:{room.port}/robots.txt")
        assert [(request.host, request.path) for request in room.requests] == [
            (host, "/robots.txt") for host in room.hosts
        ]
        assert {request.user_agent for request in room.requests} == {"visitor"}


def test_another_day_appears_at_the_same_port() -> None:
    with Newsroom(day=1) as room:
        url = f"{site('karstledger').base(room.port)}/warm-lake-spa-opens-its-books/"
        assert ask(room, url).status == 404
        room.turn_to(2)
        assert ask(room, url).status == 200


def test_a_feed_dates_a_correction_by_the_moment_it_was_made() -> None:
    with Newsroom(day=1) as room:
        began = datetime.now(UTC)
        room.turn_to(2)
        feed = room.answer("karstledger.test", "/rss/").body
    told = [datetime.fromisoformat(moment) for moment in re.findall(r"<atom:updated>(.*?)<", feed)]
    assert [moment > began for moment in told].count(True) == 1


@pytest.mark.parametrize("host", ["nobody.test", "", "169.254.169.254"])
def test_an_unknown_host_has_no_pages(host: str) -> None:
    with Newsroom() as room:
        assert room.answer(host, "/").status == 404


def test_outlet_files_name_the_port_and_every_source(tmp_path: Path) -> None:
    files = write_outlets(tmp_path, 4711)
    assert sorted(file.stem for file in files) == sorted(outlet.name for outlet in SITES)
    for file in files:
        outlet, text = site(file.stem), file.read_text(encoding="utf-8")
        assert ":8930" not in text
        for path in (*outlet.sections, *filter(None, (outlet.feed, outlet.broken))):
            assert f'"http://{outlet.domain}:4711{path}"' in text
