from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest

from crawler.sources import feeds
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


# ---------------------------------------------------------------- feeds of any length and order


NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.mark.parametrize("order", ["oldest first", "newest first", "mixed"])
def test_of_a_long_feed_the_newest_are_kept_wherever_they_stand(order):
    ages = list(range(1500))
    if order == "oldest first":
        ages.reverse()
    elif order == "mixed":
        ages.sort(key=lambda age: age * 7919 % 1500)
    body = rss(*(item(f"/{age}", format_datetime(NOW - timedelta(minutes=age))) for age in ages))
    assert [e.url for e in read_feed(body, HOME)] == [f"https://example.org/{age}" for age in range(1500)]
    listing = read_list(body, HOME, max_entries=200)
    assert [e.url for e in listing.pages] == [f"https://example.org/{age}" for age in range(200)]
    assert listing.capped == {"entries": 1500}


def test_of_more_items_than_can_be_looked_at_both_ends_are(monkeypatch):
    monkeypatch.setattr(feeds, "MAX_ITEMS", 10)
    listing = read_list(rss(*(item(f"/{n}") for n in range(1000))), HOME, max_entries=8)
    assert {e.url.rpartition("/")[2] for e in listing.pages} == {
        "0",
        "1",
        "2",
        "3",
        "996",
        "997",
        "998",
        "999",
    }
    assert listing.capped == {"entries": 1000}


def test_a_feed_of_many_megabytes_is_read():
    text = "<description><![CDATA[" + "<item><link>/no</link></item> words " * 300 + "]]></description>"
    body = rss(*(item(f"/{n}") + text for n in range(20))).replace(b"</item><description>", b"<description>")
    body = body.replace(b"]]></description>", b"]]></description></item>")
    whole = read_feed(body * 1, HOME)
    assert [e.url for e in whole] == [f"https://example.org/{n}" for n in range(20)]
    many = rss(*(item(f"/{n}").replace("</item>", text + "</item>") for n in range(900)))
    assert len(many) > 9 * 2**20
    assert len(read_feed(many, HOME)) == 900


# ---------------------------------------------------------------- feeds as they are written


@pytest.mark.parametrize(
    "before",
    [
        "<!-- made by <tool@x.example>, see <a href='/about'>about</a> -->",
        f"<!--{'licence terms of this feed ' * 900}-->",
        "\nNotice: Undefined index: lang in /srv/feed.php on line 12\n",
        "<br />\n<b>Warning</b>: unsafe <b>timezone</b><br />\n" * 400,
        "\n\n<?xml version='1.0'?><?xml-stylesheet href='x'?><!DOCTYPE rss [<!ENTITY nbsp ' '>]>",
        "<html><body>Fatal error</body></html>",
    ],
)
def test_a_feed_begins_where_its_root_does(before):
    body = before.encode() + rss(item("https://example.org/a"))
    assert [e.url for e in read_feed(body, HOME)] == ["https://example.org/a"]


def test_a_page_that_holds_an_empty_feed_is_a_page():
    with pytest.raises(NotAList, match="a web page"):
        read_feed(b"<html><body><rss version='2.0'></rss></body></html>", HOME)


@pytest.mark.parametrize(
    "mark",
    [
        "&#55357;&#56832; &#x110000; &#0;",
        "<gml:pos>1 2</gml:pos>",  # feedparser raises KeyError
        "A & B < C &nope; \x0b",
        "<![CDATA[</item><item><link>/no</link>]]>",
        "<!-- </item> -->",
    ],
)
def test_what_one_item_holds_costs_none(mark):
    items = [
        item("/a"),
        item("/b").replace("</item>", f"<description>{mark}</description></item>"),
        item("/c"),
    ]
    listing = read_list(rss(*items), HOME)
    assert [e.url for e in listing.pages] == [f"https://example.org/{n}" for n in "abc"]
    assert listing.damaged is None
    bare = read_list(
        rss(*items[::2], items[1].replace("<description>", "").replace("</description>", "")), HOME
    )
    assert len(bare.pages) == 3


def test_items_that_are_not_closed_end_where_the_next_begins():
    body = rss(item("/a").replace("</item>", ""), item("/b").replace("</item>", ""), item("/c"))
    assert sorted(e.url[-1] for e in read_feed(body, HOME)) == ["a", "b", "c"]


PROXY = "http://clicks.example/~r/x/abc"
ORIGINAL = "<feedburner:origLink>https://example.org/a</feedburner:origLink>"


@pytest.mark.parametrize(
    ("parts", "address"),
    [
        ("<link></link><guid>https://example.org/a</guid>", "https://example.org/a"),
        ("<link/><guid isPermaLink='true'>https://example.org/a</guid>", "https://example.org/a"),
        ("<link> <![CDATA[ ]]> </link><guid>https://example.org/a</guid>", "https://example.org/a"),
        ("<guid>https://example.org/a</guid>", "https://example.org/a"),
        ("<link>/a</link><guid>https://example.org/?p=4711</guid>", "https://example.org/a"),
        ("<guid>https://example.org/?p=4711</guid><link>/a</link>", "https://example.org/a"),
        ("<guid>post-4711</guid><link>https://example.org/a</link>", "https://example.org/a"),
        (f"<link>{PROXY}</link><guid>https://example.org/a</guid>", "https://example.org/a"),
        (f"<link>{PROXY}</link><guid isPermaLink='false'>https://example.org/?p=1</guid>", PROXY),
        (f"<link>{PROXY}</link>{ORIGINAL}<guid isPermaLink='false'>4711</guid>", "https://example.org/a"),
        (f"<link>https://example.org/b</link>{ORIGINAL}", "https://example.org/b"),
        ("<link>https://example.org/news/\n     a</link>", "https://example.org/news/a"),
    ],
)
def test_the_address_of_an_item_is_the_outlets(parts, address):
    body = rss(f"<item><title>t</title>{parts}</item>").replace(
        b"<rss ", b"<rss xmlns:feedburner='http://rssnamespace.org/feedburner/ext/1.0' "
    )
    found = read_feed(body, HOME, is_ours=lambda url: url.startswith("https://example.org/"))
    assert [e.url for e in found] == [address]


@pytest.mark.parametrize(
    "parts", ["<guid isPermaLink='false'>https://example.org/a</guid>", "<guid>4711</guid>", ""]
)
def test_an_item_without_an_address_is_passed_over(parts):
    body = rss(f"<item><title>t</title><link></link>{parts}</item>", item("/b"))
    assert [e.url for e in read_feed(body, HOME)] == ["https://example.org/b"]


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("Mon, 02 Mar 2026 08:00:00", 13),
        ("2026-03-02T08:00:00", 13),
        ("2026-03-02 08:00:00", 13),
        ("2026-03-02", 5),
        ("Mon, 02 Mar 2026 08:00:00 GMT", 8),
        ("Mon, 02 Mar 2026 08:00:00 -0000", 8),
        ("2026-03-02T08:00:00Z", 8),
        ("2026-03-02T08:00:00+02:00", 6),
    ],
)
def test_a_date_without_a_zone_is_in_that_of_the_outlet(written, hour):
    options = {"zone": ZoneInfo("America/New_York")}
    (entry,) = read_feed(rss(item("/a", written)), HOME, **options)
    assert entry.published_at == datetime(2026, 3, 2, hour, tzinfo=UTC)
    (page,) = read_list(
        f"<urlset><url><loc>/a</loc><lastmod>{written}</lastmod></url></urlset>".encode(), HOME, **options
    ).pages
    assert page.modified_at == entry.published_at


def test_the_charset_of_the_answer_counts_for_a_feed_that_declares_none():
    body = rss(item("https://example.org/жук")).decode().encode("windows-1251")
    assert read_feed(body, HOME, charset="windows-1251")[0].url == "https://example.org/жук"


@pytest.mark.parametrize("mark", ["<!-- what", "<![CDATA[ what", "<!-- one <!-- two -->", "<!-- one"])
def test_what_is_not_closed_in_an_item_costs_no_other(mark):
    broken = item("/broken").replace("<link>", f"<description>{mark}</description><link>")
    later = item("/c").replace("</item>", "<!-- a word --></item>")
    found = read_feed(rss(item("/a"), broken, item("/b"), later), HOME)
    assert {e.url[-2:] for e in found} == {"/a", "/b", "/c", "en"}


@pytest.mark.parametrize("link", ["#", " #top ", "<![CDATA[#]]>"])
def test_a_link_within_the_feed_is_none(link):
    parts = f"<item><link>{link}</link><guid>https://example.org/a</guid></item>"
    assert [e.url for e in read_feed(rss(parts), HOME)] == ["https://example.org/a"]


def test_a_feed_whose_items_are_all_closed_is_not_torn():
    body = rss(item("/a"), item("/b")).decode()
    for end in ("</rss>", "</channel></rss>"):
        listing = read_list(body.removesuffix(end).encode(), HOME)
        assert (len(listing.pages), listing.torn, listing.damaged) == (2, False, "its closing tag is missing")
    assert read_list(body[:-30].encode(), HOME).torn
    with pytest.raises(NotAList, match="before its first entry"):
        read_list(b"<rss><channel><image><url>https://example.org/i.png</url></image></channel>", HOME)
