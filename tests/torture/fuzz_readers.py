"""The fuzz of everything else that is read: lists, robots.txt, outlet files, WARC files and the lake's own objects.

Each function makes one input from random numbers, gives it to its readers, and returns the promises that broke; an
error of a kind that no caller expects escapes.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import outlets
from crawler.politeness.robots import ProductTokenParser
from crawler.politeness.tdmrep import parse_rules, rule_matches
from crawler.sources import section_pages
from crawler.sources.entries import NotAList
from crawler.sources.entry_filters import is_frozen, recent_entries
from crawler.sources.lists import read_list
from crawler.sources.sitemap_index import fresh_sitemaps, stale_sitemaps, why_unusable, with_listed_sitemaps
from crawler.sources.url_lines import read_lines
from lake.warc.http_payload import BadPayload, TooLarge
from lake.warc.record_reader import BrokenMember, BrokenRecord, NoPage, capture_of, read_records
from tests.lake import warcs
from tests.torture import fuzz_lake
from tests.torture.hostile_pages import CHARSETS, DATES, URLS, page, sentence, spoil

_MAX_ENTRIES = 500
_OUTLET = outlets.Outlet("gazette", "Gazette", "https://gazette.example/", ("gazette.example",))


# ---------------------------------------------------------------- lists


def try_list(random: Random, _: Path) -> list[str]:
    body = _list(random)
    if random.random() < 0.15:
        body = gzip.compress(body, mtime=0)
    if random.random() < 0.85:
        body = spoil(random, body, _list(random))
    if random.random() < 0.1:
        body = gzip.compress(body, mtime=0)[: random.choice([None, -9, 50])]  # type: ignore[misc]
    url = random.choice([*URLS, "https://gazette.example/feed.xml"])
    more: dict[str, Any] = {
        "newest_last": random.random() < 0.3, "max_bytes": random.choice([2**20, 900]), "max_entries": _MAX_ENTRIES,
        "charset": random.choice([None, *CHARSETS]), "torn": random.random() < 0.1, "stopped": random.random() < 0.1,
        "is_ours": _OUTLET.owns,
    }  # fmt: skip
    try:
        found = read_list(body, url, **more)
    except NotAList:
        return []
    problems = []
    if found != read_list(body, url, **more):
        problems.append("the same list gave other entries the second time")
    if len(found.pages) > _MAX_ENTRIES or len(found.children) > _MAX_ENTRIES:
        problems.append("more entries than max_entries")
    for entry in [*found.pages, *found.children]:
        problems += [
            f"a time without a zone: {entry}"
            for at in (entry.published_at, entry.modified_at)
            if at and not at.tzinfo
        ]
        if not isinstance(entry.url, str) or not entry.url.encode("utf-8"):
            problems.append(f"no address: {entry}")
        _OUTLET.wants(entry.url)
    now = datetime(2026, 11, 30, tzinfo=UTC)
    found = with_listed_sitemaps(found, _OUTLET)
    fresh_sitemaps(found.children, _OUTLET, now.date(), 9)
    stale_sitemaps(found.children, _OUTLET, now.date())
    why_unusable(found, _OUTLET)
    recent_entries(found.pages, now)
    is_frozen(found.pages, now)
    section_pages.next_page(url, [e.url for e in found.children[:3]], [e.url for e in found.pages[:200]])
    return problems


def _list(random: Random) -> bytes:
    make = random.choice([_rss, _atom, _rdf, _sitemap, _sitemap_index, _url_lines, _json, page])
    return make(random).encode("utf-8", "surrogatepass")


def _items(random: Random) -> range:
    return range(random.choice([0, 1, 3, 12, 60]))


def _address(random: Random) -> str:
    path = "/".join(random.choice(["2024", "12", "03", "news", "a-b-c", "ü", "%zz", "..", "", "x.xml", "x.gz", "x?y=1&amp;z=2"]) for _ in range(random.randrange(5)))  # fmt: skip
    return random.choice([f"https://gazette.example/{path}", f"https://gazette.example/{path}", f"/{path}", *URLS, "//[", "javascript:x", "http://", "http://\u2488", "https://gazette.example:99999/", "\ud800"])  # fmt: skip


def _rss(random: Random) -> str:
    items = "".join(
        f"<item><title>{random.choice(['<![CDATA[', ''])}{sentence(random)}{random.choice([']]>', ''])}</title><link>{_address(random)}</link>"
        f"<guid isPermaLink={random.choice(['true', chr(34) + 'false' + chr(34), ''])}>{_address(random)}</guid><pubDate>{random.choice(DATES)}</pubDate>"
        f"<description>{random.choice([sentence(random), '&lt;p&gt;x', '<p>x</p>', '<![CDATA[<a href=/x>x</a>]]>'])}</description></item>"
        for _ in _items(random)
    )
    return f'<?xml version="1.0" encoding="{random.choice(CHARSETS)}"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>x</title>{items}</channel></rss>'


def _atom(random: Random) -> str:
    entries = "".join(
        f"<entry><title>{sentence(random)}</title><link rel='{random.choice(['alternate', 'self', 'edit'])}' href='{_address(random)}'/>"
        f"<id>{_address(random)}</id><updated>{random.choice(DATES)}</updated><published>{random.choice(DATES)}</published></entry>"
        for _ in _items(random)
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="{_address(random)}">{entries}</feed>'


def _rdf(random: Random) -> str:
    items = "".join(f'<item rdf:about="{_address(random)}"><link>{_address(random)}</link><dc:date>{random.choice(DATES)}</dc:date></item>' for _ in _items(random))  # fmt: skip
    return f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{items}</rdf:RDF>'


def _sitemap(random: Random) -> str:
    urls = "".join(
        f"<url><loc>{_address(random)}</loc><lastmod>{random.choice(DATES)}</lastmod><news:news><news:publication_date>{random.choice(DATES)}</news:publication_date><news:title>{sentence(random)}</news:title>"
        f"<news:publication><news:language>{random.choice(['de', 'zh-cn', '', 'x' * 99])}</news:language></news:publication></news:news></url>"
        for _ in _items(random)
    )
    return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}&c;</urlset>'


def _sitemap_index(random: Random) -> str:
    maps = "".join(f"<sitemap><loc>{_address(random)}</loc><lastmod>{random.choice(DATES)}</lastmod></sitemap>" for _ in _items(random))  # fmt: skip
    return f"<sitemapindex>{maps}</sitemapindex>"


def _url_lines(random: Random) -> str:
    joint = random.choice(["\n", "\r\n", "\r", "\x0b", "\n\n", "\t", ","])
    return joint.join(random.choice([_address(random), f"{_address(random)},{random.choice(DATES)},{sentence(random)}", "# note", "url,date", ""]) for _ in _items(random))  # fmt: skip


def _json(random: Random) -> str:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [{"url": _address(random), "date_published": random.choice(DATES)} for _ in _items(random)]})  # fmt: skip


def try_url_lines(random: Random, _: Path) -> list[str]:
    body = _url_lines(random).encode("utf-8", "surrogatepass") * random.choice([1, 1, 30])
    body = spoil(random, body or b"x", b"https://gazette.example/1\n\0\xff")
    numbers = [line.number for line in read_lines(body, is_cut=random.random() < 0.3)]
    return [] if numbers == sorted(set(numbers)) else ["a line was lost or doubled"]


# ---------------------------------------------------------------- robots.txt, tdmrep.json


def try_robots(random: Random, _: Path) -> list[str]:
    lines = [
        random.choice(
            [
                "User-agent: *",
                "user-agent: Pressline",
                "User agent pressline/1.0",
                f"Disallow: {_address(random)}",
                "Disallow: /*a*b*$",
                "Allow: /",
                "Crawl-delay: 1e9",
                "Crawl-delay: -1",
                "Crawl-delay: nan",
                "Request-rate: 1/0",
                "Visit-time: 2500-9999",
                "Sitemap: //[",
                "Disallow: /" + "*a" * 30,
                "#",
                "",
                "Disallow",
                ": x",
                "Host: \0",
                "Disallow: /%zz%",
                "Noindex: /",
            ]
        )
        for _ in range(random.choice([0, 1, 5, 40]))
    ]
    body = random.choice(["\n", "\r\n", "\r"]).join(lines).encode("utf-8", "surrogatepass") or b"x"
    if random.random() < 0.7:
        body = spoil(random, body, page(random).encode("utf-8", "surrogatepass"))[:20_000]
    parser = ProductTokenParser(body, None)
    agent = random.choice(["Pressline/1.0 (+https://x.example)", "", "*", "\u00fc", "a b"])
    allowed = parser.allowed(random.choice(URLS), agent)
    delay = parser.crawl_delay(agent)
    rules = random.choice([[{"location": _address(random), "tdm-reservation": random.choice([0, 1, "1", None, [], 1.0, True])}, None, 3, {}], {}, None, "x"])  # fmt: skip
    for location, _line in parse_rules(
        spoil(random, json.dumps(rules).encode(), b'[]{}"')
        if random.random() < 0.5
        else json.dumps(rules).encode()
    ):
        rule_matches(location, random.choice(["/", "/a?b", ""]))
    return (
        []
        if isinstance(allowed, bool) and (delay is None or isinstance(delay, int | float))
        else ["no answer"]
    )


# ---------------------------------------------------------------- outlet files


def try_outlet_file(random: Random, folder: Path) -> list[str]:
    values = ["true", "1", "-1", "nan", "inf", "1e400", '""', '"x"', "[]", "[[]]", '["\\u0000"]', "{}", "2024-02-30", "1979-05-27T07:32:00Z", '"(a+)+$"', "['(', '[a-']", "['(?P<x>a)(?P=x)', '\\\\']", '"https://["', '["https://gazette.example/{yyyy}/{q}"]', '"de"', '"Europe/Nowhere"', '"../../etc"', '["a>", "::", "*", "p:not("]', '"""x"""', "9" * 400, '["gazette.example", "xn--a"]', '[" ", "ü.example", "' + "a" * 300 + '"]']  # fmt: skip
    keys = ["name", "home", "domains", "country", "language", "timezone", "facts", "seen_alive", "feeds", "sitemaps", "sitemaps_allow", "sections", "dated_sections", "allow", "deny", "tracking", "general", "languages", "max_age_days", "min_words", "delay_s", "concurrency", "cookies", "cut", "keep", "lines", "ends", "min_pages", "silence_h", "nam", "ünïcode", '"quoted key"', "a.b"]  # fmt: skip
    sections = [
        "sources",
        "articles",
        "select",
        "politeness",
        "clutter",
        "monitors",
        "sourcs",
        "name",
        "a.b",
        '""',
    ]
    lines = ['name = "Gazette"', 'home = "https://gazette.example/"', 'domains = ["gazette.example"]']
    pair = lambda: f"{random.choice(keys)} = {random.choice(values)}"  # noqa: E731 - one line
    count = random.randrange(0, 14)
    lines += [random.choice([f"[{random.choice(sections)}]", pair(), pair(), "# note"]) for _ in range(count)]
    body = "\n".join(lines).encode()
    if random.random() < 0.4:
        body = spoil(random, body, b"[sources]\nfeeds = ['https://gazette.example/f']\n\0\xff")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    path = folder / random.choice(["gazette.toml", "gazette.toml", "Gazette.toml", "all.toml"])
    path.write_bytes(body)
    problems = []
    try:
        outlet = outlets.read(path)
        for url in URLS:
            outlet.wants(url)
    except outlets.OutletErrors as error:
        told = str(error)
        if not told or str(path) not in told or "Traceback" in told:
            problems.append(f"an error that does not name the file: {told!r}")
    outlets.load_sound(str(folder))
    return problems


# ---------------------------------------------------------------- WARC files


def try_warc(random: Random, _: Path) -> list[str]:
    records = [_warc_record(random, number) for number in range(random.randrange(1, 6))]
    pack = random.choice([warcs.plain, warcs.gzip_members, warcs.gzip_whole, warcs.zstd_frames])
    body = pack(records)
    if random.random() < 0.85:
        body = spoil(random, body, pack([_warc_record(random, 9)]))
    problems, places = [], []
    try:
        for record in read_records(io.BytesIO(body)):
            places.append(str(record.place))
            if isinstance(record, BrokenRecord):
                continue
            try:
                capture = capture_of(record)
                capture.body(2**20)
                if not capture.fetched_at.tzinfo or not isinstance(capture.url, str):
                    problems.append("a capture without a time zone or an address")
            except (NoPage, BadPayload, TooLarge):
                pass
    except BrokenMember:
        pass
    if len(places) != len(set(places)):
        problems.append(f"a record was read twice: {places}")
    return problems


def _warc_record(random: Random, number: int) -> bytes:
    body = page(random).encode("utf-8", "surrogatepass")[: random.choice([200, 4000])]
    headers = random.sample(["Content-Encoding: gzip", "Content-Encoding: br, zstd", "Transfer-Encoding: chunked", "Content-Length: 9", "X: \xff", ": x", "Location: /x", "Set-Cookie: a\r\n b"], random.randrange(3))  # fmt: skip
    if random.random() < 0.2:
        body = gzip.compress(body)
    block = warcs.answer(body, *headers, status=random.choice(["200 OK", "200", "203", "404 Not Found", "abc", "99999 x", ""]), media=random.choice(["text/html", "text/html; charset=x", "image/png", ""]))  # fmt: skip
    kind = random.choice(
        ["response", "response", "response", "resource", "request", "revisit", "warcinfo", "", "xx"]
    )
    date = random.choice([warcs.DAY, warcs.DAY, *DATES])
    fields = random.choice([{}, {}, {"Content_Length": "5"}, {"Content_Length": "-1"}, {"Content_Length": "9" * 30}, {"WARC_Truncated": "length"}, {"WARC_Block_Digest": "sha1:x"}, {"Pressline_Part": "x", "Pressline_Part_Of": "//["}, {"Content_Length": "x"}])  # fmt: skip
    made = warcs.record(kind, random.choice([f"https://one.example/{number}", "<https://a.example/>", "//[", "urn:x"]), block, date=date, version=random.choice(["1.0", "1.1", "0.18", "9.9"]))  # fmt: skip
    for name, value in fields.items():
        made = made.replace(b"\r\n", f"\r\n{name.replace('_', '-')}: {value}\r\n".encode(), 1)
    return made


READERS: dict[str, tuple[Callable[[Random, Path], Sequence[str]], int]] = {
    "lists": (try_list, 60),
    "url_lines": (try_url_lines, 60),
    "robots": (try_robots, 60),
    "outlet_files": (try_outlet_file, 40),
    "warc": (try_warc, 60),
    "lake": (fuzz_lake.try_damaged_object, 6),
    "index": (fuzz_lake.try_damaged_index, 6),
}
