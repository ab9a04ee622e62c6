"""Parses sitemaps (https://www.sitemaps.org/protocol.html) into entries: XML lists, indexes, plain text, news
sitemaps.

A file is parsed as a stream, without building a tree. Limits on bytes and entries bound its cost, whatever it
decompresses to. The parser yields the interpreter between slices, so that a large file can be parsed in a thread.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import heappush, heappushpop
from itertools import chain
from urllib.parse import urljoin

from lxml import etree

from crawler.sources import feeds
from crawler.sources.entries import Entry, NotAList, newest
from crawler.sources.feed_dates import parse_date
from crawler.sources.gunzip import Gunzipped, in_slices

MAX_BYTES = 50 * 2**20  # after decompression; the protocol's own limit
MAX_ENTRIES = 50_000  # returned of one file; the protocol's own limit
_MAX_VALUE_LENGTH = 4096  # of a field's text in characters, of a line in bytes
# (parent, element) → field. Local names, because many sites have wrong namespaces or none; with the parent, because
# an image has a loc, too
_FIELDS = {
    ("url", "loc"): "loc",
    ("sitemap", "loc"): "loc",
    ("url", "lastmod"): "lastmod",
    ("sitemap", "lastmod"): "lastmod",
    ("news", "publication_date"): "published",
    ("news", "title"): "title",
    ("publication", "language"): "language",
}
# an ampersand that begins no character reference: many sites do not escape their URLs. It is escaped before parsing,
# which also turns an entity that the file defines itself (a bomb, or a file of this machine) into harmless text
_BARE_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")
_MAX_REFERENCE_LENGTH = 10
_ROOT_TAG = re.compile(rb"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)")


class NotASitemap(NotAList):
    """The body is no sitemap; the message says what it is instead."""


@dataclass(frozen=True, slots=True)
class Sitemap:
    """The content of one sitemap file, as far as it could be read."""

    pages: list[Entry]  # newest first
    children: list[Entry] = field(default_factory=list)  # sitemaps that an index lists, in the file's order
    # for each limit that was reached: "bytes" → the limit, "entries" → the number of entries in the file
    capped: dict[str, int] = field(default_factory=dict)
    damaged: str | None = None  # why the file was not read to its end


def read_sitemap(
    body: bytes,
    url: str,
    *,
    newest_last: bool = False,
    max_bytes: int = MAX_BYTES,
    max_entries: int = MAX_ENTRIES,
) -> Sitemap:
    """The entries of a sitemap of any kind, gzipped or not; a feed is read, too. At most max_entries pages and as
    many child sitemaps. url: of the sitemap; relative URLs are resolved against it. newest_last: the file lists its
    newest entry last. max_bytes: after decompression. Raises NotAList."""
    stream = Gunzipped(body, max_bytes)
    head = next(stream.slices, b"").lstrip(b"\xef\xbb\xbf \t\r\n")
    slices = chain((head,), stream.slices)
    is_utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if is_utf16:
        head = b"".join(slices).decode("utf-16", "replace").encode("utf-8", "replace")
        slices = chain(in_slices(head))
    entries = _EntryCollector(url, max_entries, newest_last)
    if head.startswith(b"<"):
        root = _ROOT_TAG.search(head)
        root_name = root[1].lower() if root else b""
        if root_name in (b"rss", b"feed", b"rdf"):
            return Sitemap(feeds.read_feed(b"".join(slices), url))
        if root_name in (b"html", b"head", b"body", b"div", b"script"):
            raise NotASitemap("a web page came instead of a sitemap")
        damaged = _parse_xml(slices, entries, "utf-8" if is_utf16 else None)
        if root_name not in (b"urlset", b"sitemapindex") and not entries.seen:
            raise NotASitemap(f"<{root_name.decode(errors='replace')[:40]}> is no sitemap")
    else:
        damaged = None
        _parse_lines(slices, entries)
        if not entries.seen:
            raise NotASitemap(stream.damaged or ("neither XML nor addresses" if head else "empty"))
    capped = {"bytes": max_bytes} if stream.capped else {}
    damaged = None if stream.capped else damaged  # cut at max_bytes, the XML has to be broken
    if entries.seen > max_entries:
        capped["entries"] = entries.seen
    return Sitemap(entries.newest(), entries.children[:max_entries], capped, stream.damaged or damaged)


# ---------------------------------------------------------------- entries


@lru_cache(256)
def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


_RankedEntry = tuple[float, int, Entry]  # timestamp, rank, entry; the greater is the newer, ranks are unique


class _EntryCollector:
    """Collects the newest entries of a sitemap. It is lxml's parser target: start(), end(), data() and close()."""

    def __init__(self, url: str, limit: int, newest_last: bool) -> None:
        self.seen = 0  # pages and children, whether collected or dropped
        self.children: list[Entry] = []
        self._url, self._limit, self._newest_last = url, limit, newest_last
        self._dated: list[_RankedEntry] = []  # a heap, the oldest first
        self._undated: list[Entry] = []
        self._path: list[str] = [""]
        self._field: str | None = None
        self._values: dict[str, str] = {}

    def start(self, tag: str, attributes: object) -> None:
        name = _local_name(tag)
        if name in ("url", "sitemap"):
            self._values = {}
        self._field = _FIELDS.get((self._path[-1], name))
        self._path.append(name)

    def data(self, text: str) -> None:
        if self._field:
            self._values[self._field] = (self._values.get(self._field, "") + text)[:_MAX_VALUE_LENGTH]

    def end(self, tag: str) -> None:
        name, self._field = self._path.pop() if len(self._path) > 1 else "", None
        if name in ("url", "sitemap") and self._values.get("loc"):
            self.add(child=name == "sitemap", **self._values)
            self._values = {}

    def close(self) -> None:
        """lxml calls it at the end of the file."""

    def add(
        self,
        loc: str,
        lastmod: str = "",
        published: str = "",
        title: str = "",
        language: str = "",
        *,
        child: bool = False,
    ) -> None:
        self.seen += 1
        published_at, modified_at = parse_date(published), parse_date(lastmod)
        newest_date = max(filter(None, (published_at, modified_at)), default=None)
        rank = self.seen if self._newest_last else -self.seen
        is_full = len(self._dated) == self._limit
        if newest_date and is_full and not child and (newest_date.timestamp(), rank) < self._dated[0][:2]:
            return  # older than all that are collected
        # a URL in CDATA, or one that was escaped twice, still has &amp;
        entry_url, code = loc.strip().replace("&amp;", "&"), language.strip()[:2].lower()
        try:
            entry_url = entry_url if entry_url.startswith("http") else urljoin(self._url, entry_url)
        except ValueError:
            return
        code = code if code.isalpha() else ""
        entry = Entry(entry_url, published_at, modified_at, title.strip() or None, code or None)
        if child:
            self.children += [entry] if len(self.children) < self._limit else []
        elif newest_date:
            (heappushpop if is_full else heappush)(self._dated, (newest_date.timestamp(), rank, entry))
        else:
            self._undated.append(entry)
            if len(self._undated) > 3 * self._limit:  # the newest may be at either end
                del self._undated[self._limit : -self._limit]

    def newest(self) -> list[Entry]:
        pages = [entry for _, _, entry in sorted(self._dated, reverse=True)]
        return newest([*pages, *self._undated], self._limit, newest_last=self._newest_last)


def _parse_xml(slices: Iterable[bytes], entries: _EntryCollector, encoding: str | None) -> str | None:
    """Parse XML into entries, as far as it is readable. Returns what is wrong with it; None if nothing is."""
    parser = etree.XMLParser(
        target=entries,  # type: ignore[arg-type]  # the stubs want a comment(), and bytes that never come
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        encoding=encoding,
    )
    tail = b""
    try:
        for piece in slices:
            piece = tail + piece
            # a character reference may continue in the next slice
            cut = piece.rfind(b"&", -_MAX_REFERENCE_LENGTH)
            piece, tail = (piece[:cut], piece[cut:]) if cut >= 0 else (piece, b"")
            parser.feed(_BARE_AMPERSAND.sub(b"&amp;", piece))
            time.sleep(0)  # this runs in a thread: yields the interpreter before the switch interval is over
        parser.feed(_BARE_AMPERSAND.sub(b"&amp;", tail))
        parser.close()
    except (etree.XMLSyntaxError, LookupError, ValueError) as error:
        return f"XML: {error}"
    fatal = parser.feed_error_log.filter_from_fatals()
    return next((f"XML: line {e.line}: {e.message}" for e in fatal), None)


def _parse_lines(slices: Iterable[bytes], entries: _EntryCollector) -> None:
    tail = b""
    for piece in slices:
        *lines, tail = (tail + piece).split(b"\n")
        _add_lines(lines, entries)
        tail = tail[:_MAX_VALUE_LENGTH]
    _add_lines([tail], entries)


def _add_lines(lines: Iterable[bytes], entries: _EntryCollector) -> None:
    for line in lines:
        entry_url = line[:_MAX_VALUE_LENGTH].decode("utf-8", "replace").strip()
        if entry_url.lower().startswith(("http://", "https://")) and " " not in entry_url:
            entries.add(entry_url)
