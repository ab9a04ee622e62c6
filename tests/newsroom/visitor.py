"""Asks the newsroom as a crawler would, by Host header, and reads a page as a person would."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import feedparser
import lxml.html

if TYPE_CHECKING:
    from demo.newsroom import Newsroom
    from demo.newsroom.sites import Site


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(room: Newsroom, url: str, **headers: str) -> Answer:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection("127.0.0.1", room.port, timeout=60)
    connection.request(
        "GET", target or "/", headers={"Host": parts.netloc, "User-Agent": "visitor"} | headers
    )
    response = connection.getresponse()
    answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    connection.close()
    return answer


def visible(body: bytes) -> str:
    """The page's text with runs of white space as one blank."""
    tree = lxml.html.document_fromstring(body.decode())
    pieces = [str(piece) for body_node in tree.iter("body") for piece in body_node.itertext()]
    return " ".join("".join(pieces).split())


def named(room: Newsroom, site: Site) -> set[str]:
    """Addresses that the outlet's feed and section pages name, tracking parameters gone."""
    base = site.base(room.port)
    urls: set[str] = set()
    for section in site.sections:
        tree = lxml.html.fromstring(ask(room, base + section).body.decode())
        urls |= {urljoin(base + section, link.get("href", "")) for link in tree.findall(".//li/a")}
    if site.feed:
        entries = feedparser.parse(ask(room, base + site.feed).body).entries
        urls |= {entry.link.partition("?utm_")[0] for entry in entries}
    return urls


def shingles(lines: tuple[str, ...], words: int) -> set[tuple[str, ...]]:
    text = " ".join(lines).split()
    return {tuple(text[start : start + words]) for start in range(len(text) - words + 1)}
