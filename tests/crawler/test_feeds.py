from datetime import UTC, datetime

import pytest

from crawler.sources.entries import Entry, NotAList
from crawler.sources.lists import read_list

HOME = "https://example.org/feed"


def read_feed(body, url, **options):
    return read_list(body, url, **options).pages


def rss(*items):
    return f"<rss version='2.0'><channel><title>x</title>{''.join(items)}</channel></rss>".encode()


def item(link, date=""):
    return f"<item><title>t</title><link>{link}</link>{f'<pubDate>{date}</pubDate>' if date else ''}</item>"


def test_rss_is_read_newest_first():
    found = read_feed(
        rss(
            item("https://example.org/old", "Mon, 02 Mar 2026 08:00:00 +0100"),
            item("https://example.org/undated"),
            item("https://example.org/new", "Tue, 03 Mar 2026 08:00:00 +0100"),
        ),
        HOME,
    )
    assert [e.url.rpartition("/")[2] for e in found] == ["new", "old", "undated"]
    assert found[0].published_at == datetime(2026, 3, 3, 7, tzinfo=UTC)


def test_atom_is_read_and_its_links_made_absolute():
    body = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title>
    <entry><title>t</title><link href="/a-story"/><updated>2026-03-01T10:00:00Z</updated></entry></feed>"""
    assert read_feed(body, HOME)[0].url == "https://example.org/a-story"


@pytest.mark.parametrize(
    "body", [b"", b"<html><body>no feed</body></html>", b"\x00\xff" * 50, b"<rss><channel><item>"]
)
def test_what_is_no_feed_is_told(body):
    with pytest.raises(NotAList):
        read_feed(body, HOME)


def test_an_empty_feed_is_a_feed():
    assert read_feed(rss(), HOME) == []


def test_a_damaged_feed_gives_what_can_be_read():
    body = rss(item("https://example.org/a"), item("https://example.org/b")).replace(
        b"</rss>", b"&nbsp;</channel"
    )
    assert len(read_feed(body, HOME)) == 2


def test_rss_1_0_is_read_with_its_dublin_core_dates_and_language():
    body = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://example.org/"><title>x</title></channel>
    <item rdf:about="https://example.org/a"><title>Story</title><link>https://example.org/a</link>
    <dc:date>2026-03-01T10:00:00+01:00</dc:date><dc:language>de-AT</dc:language></item></rdf:RDF>"""
    assert read_feed(body, HOME) == [
        Entry("https://example.org/a", datetime(2026, 3, 1, 9, tzinfo=UTC), None, "Story", "de")
    ]


def test_an_item_of_rss_1_0_without_a_link_is_named_by_its_about():
    body = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
    <item rdf:about="https://example.org/a"><title>Story</title></item></rdf:RDF>"""
    assert [entry.url for entry in read_feed(body, HOME)] == ["https://example.org/a"]


def test_atom_tells_when_an_entry_appeared_and_when_it_changed():
    body = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title><entry><title>t</title><link href="/a"/>
    <published>2026-03-01T10:00:00Z</published><updated>2026-03-02T10:00:00Z</updated></entry>
    <entry><title>t</title><link href="/b"/><updated>2026-03-03T10:00:00Z</updated></entry></feed>"""
    changed, updated_only = sorted(read_feed(body, HOME), key=lambda e: e.url)
    assert changed.published_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert changed.modified_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert (updated_only.published_at, updated_only.modified_at) == (
        None,
        datetime(2026, 3, 3, 10, tzinfo=UTC),
    )


@pytest.mark.parametrize("date", ["Mon, 02 Mar 2099 08:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "soon"])
def test_a_date_that_cannot_be_is_none(date):
    assert read_feed(rss(item("https://example.org/a", date)), HOME)[0].published_at is None
