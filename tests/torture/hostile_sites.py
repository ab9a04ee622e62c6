"""Sites that wear a crawler out, each in one way, by name; tests/torture/hostile.py crawls them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

Body = str | bytes | Callable[[], Iterator[bytes]]  # a callable: the bytes as they are sent, head included
Answer = tuple[int, Body, dict[str, str]]
Given = Body | Answer | None  # None: 404

SECRET = "/news/secret-1"  # robots.txt or tdmrep.json of some sites forbids it: it must never be asked for
ARTICLES = [f"/news/{n}" for n in range(3)] + [SECRET]
SLICE_S = 0.2  # a slow answer waits so long between its bytes
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}


@dataclass(frozen=True)
class Site:
    """One hostile site. told: what must stand in the log or the run record, as a regular expression."""

    told: str
    pages: Mapping[str, Given | Callable[[], Given]] = field(default_factory=dict)
    traps: Callable[[str], Given] | None = None  # by path, for what `pages` does not name
    sources: Mapping[str, list[str]] = field(default_factory=lambda: {"feeds": ["/feed"]})
    forbids_secret: bool = False


@dataclass(frozen=True)
class Made:
    """A body that is made when it is first asked for."""

    make: Callable[[], Given]


def feed(paths: list[str], head: str = "") -> str:
    items = "".join(f"<item><title>x</title><link>{path}</link></item>" for path in paths)
    return f"{head}<rss version='2.0'><channel><title>t</title>{items}</channel></rss>"


def urlset(paths: list[str]) -> str:
    return f"<urlset>{''.join(f'<url><loc>{path}</loc></url>' for path in paths)}</urlset>"


def index(paths: list[str]) -> str:
    return urlset(paths).replace("urlset", "sitemapindex").replace("url>", "sitemap>")


def packed(body: bytes, kind: str = "text/plain") -> Answer:
    return 200, gzip.compress(body, 1), {"Content-Type": kind, "Content-Encoding": "gzip"}


def moved(to: str) -> Answer:
    return 302, "", {"Location": to}


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n\r\n"


def drip() -> Iterator[bytes]:
    """A byte every fifth of a second, for a quarter of an hour."""
    yield HEAD
    for _ in range(5000):
        yield b"x"


def flood() -> Iterator[bytes]:
    """A body of 400 MB."""
    yield HEAD
    for _ in range(400):
        yield b"<p>word word word word " * 45_000


def reset() -> Iterator[bytes]:
    """Half a head."""
    yield b"HTTP/1.1 200 OK\r\nContent-"


def silence() -> Iterator[bytes]:
    """No answer, for a quarter of an hour."""
    for _ in range(5000):
        yield b""


def headers() -> Iterator[bytes]:
    """Header fields without end."""
    yield b"HTTP/1.1 200 OK\r\n"
    for n in range(100_000):
        yield b"X-%d: %s\r\n" % (n, b"v" * 100)


def cookies() -> Answer:
    return 200, page("<p>none</p>"), {"Set-Cookie": "\r\nSet-Cookie: ".join(f"c{n}={n}" for n in range(2000))}


def page(inside: str, title: str = "A report of the day") -> str:
    return f"<html><head><title>{title}</title></head><body><article><h1>{title}</h1>{inside}</article></body></html>"


def everywhere(make: Callable[[], Given]) -> Callable[[str], Given]:
    """Traps that give each article the same answer."""
    made = cache(make)
    return lambda path: made() if path.startswith("/news/") else None


AGENTS = "".join(f"User-agent: bot{n}\n" for n in range(6000))
RULES = "".join(f"Disallow: /no/{n}\n" for n in range(6000))
KEPT = "User-agent: *\nDisallow: /news/secret\n"


def robots(body: Given | Callable[[], Given], told: str, **more: bool) -> Site:
    made = Made(body) if callable(body) and body not in (drip, flood, silence, reset) else body
    return Site(told, {"/robots.txt": made}, **more)  # type: ignore[arg-type]


def section(body: Callable[[], Given], told: str) -> Site:
    return Site(told, {"/section": Made(body)}, sources={"sections": ["/section"]})


def listed(body: Given | Callable[[], Given], told: str, kind: str = "sitemaps") -> Site:
    made = Made(body) if callable(body) and body not in (drip, flood, silence, reset) else body
    return Site(told, {"/list": made}, sources={kind: ["/list"]})


def reservations(body: Callable[[], Given], told: str, *, forbids_secret: bool = False) -> Site:
    return Site(told, {"/.well-known/tdmrep.json": Made(body)}, forbids_secret=forbids_secret)


def calendar(path: str) -> Given:
    day = re.fullmatch(r"/day/(\d+)", path)
    if not day:
        return None
    links = "".join(f"<a href='/news/day-{day[1]}-{n}'>a story of some length</a>" for n in range(3))
    return page(f"{links}<a rel='next' href='/day/{int(day[1]) + 1}'>next</a>")


def deep_index(path: str) -> Given:
    level = re.fullmatch(r"/index/(\d+)", path)
    return (
        index([f"http://hostile.test:PORT/index/{int(level[1]) + n}" for n in (0, 1, 2)]) if level else None
    )


CAPPED = "capped|gave no answer"  # read as far as a bound goes, or not in time
REJECTED = r'"rejects/(?:quarantined|unreachable|broken_http|http_error|empty|too_short|listing|refused|broken)"|hostile: deadline'
DONE = r'"articles": [34]'  # nothing is lost: the site is crawled as any other
LEFT = r"robots_unreadable/hostile"

SITES: dict[str, Site] = {
    # ------------------------------------------------------------ robots.txt
    "robots of agents times rules": robots(KEPT + "\n" + AGENTS + RULES, r"'articles'|" + DONE, forbids_secret=True),
    "robots of agents times our rules": robots(
        AGENTS + "User-agent: *\nDisallow: /news/secret\n" + RULES, DONE.replace("[34]", "3"), forbids_secret=True
    ),
    "robots of ten megabytes": robots(
        lambda: KEPT + "Disallow: /no/\n" * 700_000, r"robots_cut/hostile", forbids_secret=True
    ),
    "robots of ten packed megabytes": robots(
        lambda: packed((KEPT + "Disallow: /no/\n" * 700_000).encode()), r"robots_cut/hostile", forbids_secret=True
    ),
    "robots bomb": robots(lambda: packed(bytes(300 * 2**20)), r"robots_cut/hostile"),
    "robots of wildcards": robots(
        lambda: KEPT + "".join(f"Disallow: /*x*{n}*y$\n" for n in range(20_000)), LEFT, forbids_secret=True
    ),
    "robots of needles": robots(
        KEPT + f"Disallow: /*{'a' * 45}b{'a' * 45}\n" * 600, DONE.replace("[34]", "3"), forbids_secret=True
    ),
    "robots of stars": robots(KEPT + "Disallow: /" + "*a" * 30_000 + "b\n", DONE, forbids_secret=True),
    "robots of one line": robots(lambda: "User-agent: *\nDisallow: /news/secret" + "-" * 400_000, DONE),
    "robots in UTF-16": robots(lambda: (200, KEPT.encode("utf-16"), _TEXT), DONE, forbids_secret=True),
    "robots with NULs and CRs": robots(
        KEPT.replace("\n", "\0\r").replace("D", "\0D"), DONE, forbids_secret=True
    ),
    "robots of HTML": robots(lambda: page("<p>Not here</p>" * 50_000), DONE),
    "robots with delays": robots(
        KEPT + "Crawl-delay: nan\nCrawl-delay: -1\nCrawl-delay: 1e308\n", r"crawl_delay_s/hostile': 60", forbids_secret=True
    ),
    "robots of sitemaps": robots(lambda: KEPT + "Sitemap: /map\n" * 40_000, r"robots_cut/hostile", forbids_secret=True),
    "robots that drips": robots(drip, LEFT),
    "robots without end": robots(flood, r"robots_cut/hostile"),
    "robots in silence": robots(silence, LEFT),
    "robots that breaks off": robots(reset, LEFT),
    "robots in a loop": robots(moved("/robots.txt"), LEFT),
    "robots in a private network": robots(moved("http://127.0.0.3:CANARY/robots.txt"), LEFT),
    "robots answers 503": robots((503, "", {}), LEFT),
    # ------------------------------------------------------------ tdmrep.json
    "reservations without end": reservations(lambda: "[" + "[],1," * 400_000 + "0]", r"rejects/tdm_reserved"),
    "reservations nested": reservations(lambda: "[" * 200_000 + "]" * 200_000, r"rejects/tdm_reserved"),
    "reservations of patterns": reservations(
        lambda: json.dumps(
            [{"location": "/news/secret*", "tdm-reservation": 1}]
            + [{"location": "/" + "*a" * 30 + "b", "tdm-reservation": 0}] * 3000
        ),
        r"rejects/tdm_reserved",
        forbids_secret=True,
    ),
    "reservations bomb": reservations(lambda: packed(b"[" + b" " * 300 * 2**20), r"rejects/tdm_reserved"),
    # ------------------------------------------------------------ section pages
    "section of attributes": section(lambda: page(f"<p {' '.join(f'a{n}=1' for n in range(200_000))}>"), "."),
    "section of attributes on links": section(
        lambda: page("".join(f"<a href=/news/{n % 9} {'x=1 ' * 200}>story</a>" for n in range(5000))), "."
    ),
    "section a hundred thousand deep": section(lambda: page("<div>" * 100_000 + "<a href=/news/1>x</a>"), "."),
    "section two hundred thousand wide": section(lambda: page("<i>x</i>" * 200_000 + "<a href=/news/1>x</a>"), "."),
    "section of unclosed links": section(lambda: page("<link rel=next href=" * 100_000), "."),
    "section of links": section(lambda: page("".join(f"<a href=/{n}>x</a>" for n in range(200_000))), CAPPED),
    "section of bad addresses": section(lambda: page("<a href='http://[" + "'><a href='//[::" * 50_000), "."),
    "section bomb": section(lambda: packed(b"<a href=/x>" * 20_000_000, "text/html"), "error|capped|failed"),
    # ------------------------------------------------------------ feeds and sitemaps
    "feed of thirty megabytes": listed(lambda: feed([f"/x/{n}" for n in range(600_000)]), CAPPED, "feeds"),
    "feed of entities": listed(
        lambda: feed(
            ["/news/&j;"],
            "<!DOCTYPE r [<!ENTITY a 'aaaaaaaaaa'>"
            + "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefghi", "bcdefghij", strict=True))
            + "]>",
        ),
        ".",
        "feeds",
    ),
    "feed that reads files": listed(
        feed(["/news/&f;"], "<!DOCTYPE r [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"), ".", "feeds"
    ),
    "feed a hundred thousand deep": listed(lambda: "<rss><channel>" + "<item>" * 100_000, ".", "feeds"),
    "feed bomb": listed(lambda: packed(b"<rss>" + b"<!-- -->" * 40_000_000, "text/xml"), "capped|error", "feeds"),
    "sitemap of a million": listed(
        lambda: packed(urlset([f"/x/{n}" for n in range(1_000_000)]).encode(), "text/xml"), CAPPED
    ),
    "sitemap of attributes": listed(lambda: "<urlset " + " ".join(f"a{n}='1'" for n in range(200_000)) + ">", "error"),
    "indexes in a loop": Site("capped|no_more", traps=deep_index, sources={"sitemaps": ["/index/0"]}),
    "list of one line": listed(lambda: "http://hostile.test/news/1 " * 1_000_000, "."),
    "list that drips": listed(drip, "error|failed"),
    # ------------------------------------------------------------ answers
    "articles that drip": Site(REJECTED, traps=everywhere(lambda: drip)),
    "articles without end": Site(REJECTED, traps=everywhere(lambda: flood)),
    "articles in silence": Site(REJECTED, traps=everywhere(lambda: silence)),
    "articles that break off": Site(REJECTED, traps=everywhere(lambda: reset)),
    "articles in a loop": Site(REJECTED, traps=lambda path: moved(path) if path.startswith("/news/") else None),
    "articles in a private network": Site(
        REJECTED, traps=everywhere(lambda: moved("http://127.0.0.3:CANARY/metadata"))
    ),
    "headers without end": Site(REJECTED, traps=everywhere(lambda: headers)),
    "cookies without end": Site(f'{REJECTED}|"outcome/|"articles": [1-9]', traps=everywhere(cookies)),
    "article bomb": Site(REJECTED, traps=everywhere(lambda: packed(bytes(500 * 2**20), "text/html"))),
    "days without end": Site("capped", traps=calendar, sources={"sections": ["/day/1"]}),
    # ------------------------------------------------------------ articles
    "articles a hundred thousand deep": Site(f'{REJECTED}|"outcome/|"articles": [1-9]', traps=everywhere(lambda: page("<div><p>word " * 100_000))),
    "articles two hundred thousand wide": Site(".", traps=everywhere(lambda: page("<p>A word.</p>" * 200_000))),
    "articles of attributes": Site(
        ".", traps=everywhere(lambda: page(f"<p {' '.join(f'a{n}=1' for n in range(200_000))}>word word"))
    ),
    "articles of tables": Site(".", traps=everywhere(lambda: page("<table><tr><td>" * 20_000 + "word"))),
    "articles of one title": Site(
        ".", traps=everywhere(lambda: page("<p>Some words of it.</p>" * 20, "a - " * 250_000))
    ),
    "articles of spaces": Site(".", traps=everywhere(lambda: page("<p>" + " \t\xa0" * 500_000 + "x</p>"))),
    "articles of one word": Site(".", traps=everywhere(lambda: page("<p>" + "a" * 4_000_000 + "</p>"))),
}  # fmt: skip
