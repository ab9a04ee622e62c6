import gzip
import time
from datetime import UTC, datetime

import pytest

from crawler.sources.entries import NotAList
from crawler.sources.lists import MAX_ENTRIES, read_list

HOME = "https://example.org/sitemap.xml"
NS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
ALL_NS = (
    f'{NS} xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml" '
    'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
)


def urlset(*urls, ns=NS):
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {ns}>{"".join(urls)}</urlset>'.encode()


def url(loc, lastmod="", more=""):
    return f"<url><loc>{loc}</loc>{f'<lastmod>{lastmod}</lastmod>' if lastmod else ''}{more}</url>"


def paths(body, **options):
    return [p.url.removeprefix("https://example.org") for p in read_list(body, HOME, **options).pages]


def test_pages_are_told_newest_first_and_those_without_a_date_behind_them():
    body = urlset(
        url("https://example.org/old", "2026-03-02"),
        url("https://example.org/undated"),
        url("https://example.org/new", "2026-03-03T08:00:00+01:00"),
    )
    assert paths(body) == ["/new", "/old", "/undated"]
    assert read_list(body, HOME).pages[0].modified_at == datetime(2026, 3, 3, 7, tzinfo=UTC)


def test_the_news_extension_is_carried_along():
    news = """<news:news><news:publication><news:name>X</news:name><news:language>de</news:language></news:publication>
    <news:publication_date>2026-03-01T10:00:00Z</news:publication_date><news:title>Brücke &amp; Fluss</news:title></news:news>"""
    (page,) = read_list(urlset(url("https://example.org/a", "2026-03-02", news), ns=ALL_NS), HOME).pages
    assert (page.published_at, page.modified_at) == (
        datetime(2026, 3, 1, 10, tzinfo=UTC),
        datetime(2026, 3, 2, tzinfo=UTC),
    )
    assert (page.title, page.language) == ("Brücke & Fluss", "de")


def test_images_and_other_languages_of_a_page_are_no_pages():
    more = """<xhtml:link rel="alternate" hreflang="de" href="https://example.org/de/a"/>
    <image:image><image:loc>https://example.org/a.jpg</image:loc><image:title>no</image:title></image:image>"""
    (page,) = read_list(urlset(url("https://example.org/a", "", more), ns=ALL_NS), HOME).pages
    assert (page.url, page.title) == ("https://example.org/a", None)


def test_an_index_names_its_children_in_their_order():
    body = f"""<sitemapindex {NS}><sitemap><loc>/s1.xml</loc><lastmod>2026-01-01</lastmod></sitemap>
    <sitemap><loc>https://example.org/s2.xml.gz</loc></sitemap></sitemapindex>""".encode()
    found = read_list(body, HOME)
    assert [c.url for c in found.children] == ["https://example.org/s1.xml", "https://example.org/s2.xml.gz"]
    assert found.children[0].modified_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert found.pages == []


PLAIN = urlset(url("https://example.org/a"))
READ_AS_A = {
    "gzip, whatever its name": gzip.compress(PLAIN),
    "gzip twice": gzip.compress(gzip.compress(PLAIN)),
    "two gzip members and padding": gzip.compress(PLAIN[:40]) + gzip.compress(PLAIN[40:]) + b"\0" * 20,
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "white space before the declaration": b"\n\n " + PLAIN,
    "utf-16": PLAIN.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    "no namespace": PLAIN.replace(NS.encode(), b""),
    "another namespace": PLAIN.replace(b"schemas/sitemap/0.9", b"schemas/sitemap/0.84"),
    "a prefix that nobody declared": PLAIN.replace(b"<url>", b"<s:url>").replace(b"</url>", b"</s:url>"),
    "cdata": urlset(url("<![CDATA[https://example.org/a]]>")),
    "white space in the address": urlset(url("\n   https://example.org/a\n")),
    "relative": urlset(url("/a")),
    "not closed": PLAIN.replace(b"</urlset>", b""),
    "text": b"https://example.org/a\n",
    "text with a byte order mark, other lines and no end": b"\xef\xbb\xbf# ours\r\nhttps://example.org/a",
    "an rss feed": b"<rss version='2.0'><channel><item><link>https://example.org/a</link></item></channel></rss>",
}


@pytest.mark.parametrize("kind", READ_AS_A)
def test_it_is_read(kind):
    assert paths(READ_AS_A[kind]) == ["/a"]


def test_an_ampersand_in_an_address_means_itself_escaped_or_not():
    forms = (
        "https://example.org/?a=1&amp;b=2",
        "https://example.org/?a=1&b=2",
        "<![CDATA[https://example.org/?a=1&b=2]]>",
    )
    for form in forms:
        assert paths(urlset(url(form))) == ["/?a=1&b=2"]
    assert paths(urlset(url("https://example.org/?a=1&#38;b=2"))) == ["/?a=1&b=2"]


def test_an_ampersand_at_the_edge_of_a_slice_is_kept():
    for fill in range(2**13 - 80, 2**13 + 10):
        body = urlset(f"<!--{'x' * (fill - 120)}-->", url("https://example.org/?a=1&#38;b=2&c=3"))
        assert paths(body) == ["/?a=1&b=2&c=3"]


def test_damaged_xml_is_read_up_to_the_break_and_told():
    body = urlset(url("https://example.org/a"), url("https://example.org/b"))[:-30] + b"<<< \x00 >"
    found = read_list(body, HOME)
    assert found.pages[0].url == "https://example.org/a"
    assert found.damaged


def test_a_gzip_that_was_cut_off_is_read_up_to_the_cut_and_told():
    whole = gzip.compress(
        urlset(*(url(f"https://example.org/{n}", f"20{n % 26:02}-01-01") for n in range(5000)))
    )
    found = read_list(whole[: len(whole) // 2], HOME)
    assert 1000 < len(found.pages) < 5000
    assert "gzip" in found.damaged


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"hello",
        b"<html><body>not found</body></html>",
        b"<!DOCTYPE html><html>x</html>",
        b"\x1f\x8bgarbage",
        b"{}",
    ],
)
def test_what_is_neither_a_feed_nor_a_sitemap_is_told(body):
    with pytest.raises(NotAList):
        read_list(body, HOME)


def test_an_empty_sitemap_is_a_sitemap():
    assert read_list(urlset(), HOME).pages == []


@pytest.mark.parametrize(
    "date",
    [
        "yesterday",
        "0000-00-00",
        "2026-13-01",
        "9999-01-01",
        "1970-01-01T00:00:00Z",
        "2026-02-30",
        "-",
        "2200",
    ],
)
def test_a_date_that_cannot_be_is_none(date):
    assert read_list(urlset(url("https://example.org/a", date)), HOME).pages[0].modified_at is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2025", datetime(2025, 1, 1, tzinfo=UTC)),
        ("2025-03", datetime(2025, 3, 1, tzinfo=UTC)),
        ("2025-03-02T10:00Z", datetime(2025, 3, 2, 10, tzinfo=UTC)),
        ("2025-03-02T10:00:00.123456+02:00", datetime(2025, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)),
        ("2025-03-02 10:00:00", datetime(2025, 3, 2, 10, tzinfo=UTC)),
        ("Sun, 02 Mar 2025 10:00:00 GMT", datetime(2025, 3, 2, 10, tzinfo=UTC)),
    ],
)
def test_dates_are_read_as_they_are_written(written, meant):
    assert read_list(urlset(url("https://example.org/a", written)), HOME).pages[0].modified_at == meant


# ---------------------------------------------------------------- bounds


def test_of_too_many_entries_the_newest_are_kept_wherever_they_stand():
    entries = [url(f"https://example.org/{n}", f"2025-{1 + n % 12:02}-{1 + n % 28:02}") for n in range(100)]
    found = read_list(urlset(*entries), HOME, max_entries=10)
    assert found.capped == {"entries": 100}
    everything = sorted((p.modified_at for p in read_list(urlset(*entries), HOME).pages), reverse=True)
    assert [p.modified_at for p in found.pages] == everything[:10]


def test_of_too_many_without_a_date_both_ends_are_kept():
    entries = [url(f"https://example.org/{n}") for n in range(100)]
    assert paths(urlset(*entries), max_entries=4) == ["/0", "/1", "/99", "/98"]
    assert paths(urlset(*entries), max_entries=4, newest_last=True) == ["/99", "/98", "/97", "/96"]


def test_entries_without_end_are_read_within_bounds():
    body = urlset(*(url(f"https://example.org/{n}") for n in range(200_000)))
    began = time.process_time()
    found = read_list(gzip.compress(body, 1), HOME)
    assert len(found.pages) == MAX_ENTRIES
    assert found.capped["entries"] == 200_000
    assert time.process_time() - began < 15


def test_a_gzip_bomb_costs_no_more_than_its_bound():
    bomb = gzip.compress(b"<urlset>" + b" " * (100 * 2**20), 9)
    for body in (bomb, gzip.compress(bomb)):
        found = read_list(body, HOME, max_bytes=2**20)
        assert (found.pages, found.capped) == ([], {"bytes": 2**20})


def test_members_of_nothing_are_bounded_too():
    began = time.process_time()
    assert read_list(gzip.compress(b"<urlset>") + gzip.compress(b"") * 200_000, HOME, max_bytes=10_000).capped
    assert time.process_time() - began < 5


def test_entities_stay_the_text_that_they_are_written_with(tmp_path):
    (tmp_path / "secret").write_text("canary")
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 20))
    body = f"""<?xml version="1.0"?><!DOCTYPE urlset [<!ENTITY l0 "lol">{lol}
    <!ENTITY x SYSTEM "file://{tmp_path}/secret"><!ENTITY % p SYSTEM "file://{tmp_path}/secret"> %p;]>
    <urlset {NS}><url><loc>https://example.org/&x;&l19;</loc></url><url><loc>https://example.org/b</loc></url></urlset>"""
    began = time.process_time()
    found = paths(body.encode())
    assert "/b" in found
    assert not any("canary" in p or "lol" in p for p in found)
    assert time.process_time() - began < 2


def test_values_of_any_length_and_depth_are_survived():
    deep = "<x>" * 100_000
    assert (
        paths(urlset(url("https://example.org/a"), url("https://example.org/" + "x" * 10**6), deep))[0]
        == "/a"
    )


@pytest.mark.parametrize("address", ["http://[url]/news/x", "http://[::1/news/x", "//[host]/x"])
def test_a_malformed_address_costs_itself(address):
    sound = url("https://example.org/a")
    listing = read_list(urlset(url(address), sound), HOME)
    assert ([p.url for p in listing.pages], listing.malformed) == (["https://example.org/a"], 1)
    index = urlset(url(address), url("/s.xml")).replace(b"urlset", b"sitemapindex")
    index = index.replace(b"<url>", b"<sitemap>").replace(b"</url>", b"</sitemap>")
    listing = read_list(index, HOME)
    assert ([c.url for c in listing.children], listing.malformed) == (["https://example.org/s.xml"], 1)


def test_a_malformed_address_among_lines_costs_itself():
    listing = read_list(b"http://[url]/news/x\nhttps://example.org/a\nhttp://[::1/y", HOME)
    assert ([p.url for p in listing.pages], listing.malformed) == (["https://example.org/a"], 2)


@pytest.mark.parametrize("behind", ["", "\n", "<!-- cached at noon -->\n"])
def test_a_sitemap_whose_entries_are_all_closed_is_not_torn(behind):
    body = urlset(url("https://example.org/a"), url("https://example.org/b")).decode()
    listing = read_list((body.removesuffix("</urlset>") + behind).encode(), HOME)
    assert [p.url[-1] for p in listing.pages] == ["a", "b"]
    assert (listing.torn, bool(listing.damaged)) == (False, True)
    assert read_list(body[:-25].encode(), HOME).torn
    assert read_list(body.removesuffix("</urlset>").encode(), HOME, torn=True).torn


def test_entries_without_a_date_have_their_share():
    dated = [url(f"https://example.org/d{n}", f"2026-03-{n + 1:02}") for n in range(12)]
    undated = [url("https://example.org/u1"), url("https://example.org/u2")]
    assert paths(urlset(*dated, *undated), max_entries=10)[-3:] == ["/d4", "/u1", "/u2"]
    few = [url(f"https://example.org/u{n}") for n in range(20)]
    assert len([p for p in paths(urlset(*dated, *few), max_entries=10) if p[1] == "d"]) == 5
    assert len([p for p in paths(urlset(*dated[:2], *few), max_entries=10) if p[1] == "u"]) == 8


def test_lines_behind_a_message_of_the_server_are_read():
    body = b"<br />\n<b>Notice</b>: Undefined index in <b>/srv/map.php</b><br />\nhttps://example.org/a\n"
    assert paths(body) == ["/a"]
