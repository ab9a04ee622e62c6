"""Sitemaps (https://www.sitemaps.org/protocol.html): lists, indexes and plain text, with the news extension.

Read as a stream, without a tree: what a file can cost is bounded by bytes and by entries, whatever it unpacks to.
The parser lets go of the interpreter inside a slice, so that a large file may be read in a thread.
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
MAX_ENTRIES = 50_000  # kept of one file; the protocol's own limit
_LONGEST = 4096  # characters of a value
# by parent and local name: namespaces are wrong or missing on many a site, and an image has a loc of its own
_WANTED = {
    ("url", "loc"): "loc",
    ("sitemap", "loc"): "loc",
    ("url", "lastmod"): "lastmod",
    ("sitemap", "lastmod"): "lastmod",
    ("news", "publication_date"): "published",
    ("news", "title"): "title",
    ("publication", "language"): "language",
}
# an ampersand that begins no character reference: addresses are pasted in unescaped, and an entity that the file
# defines itself (a bomb, or a file of this machine) becomes the text that it is written with
_BARE = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")
_LONGEST_REFERENCE = 10
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)")


class NotASitemap(NotAList):
    """The message says what came instead."""


@dataclass(frozen=True, slots=True)
class Sitemap:
    pages: list[Entry]  # newest first
    children: list[Entry] = field(default_factory=list)  # further sitemaps, in the order of the file
    capped: dict[str, int] = field(default_factory=dict)  # the bound that was reached → where: bytes, entries
    damaged: str | None = None  # why the file was not read to its end


def read_sitemap(
    body: bytes,
    url: str,
    *,
    newest_last: bool = False,
    max_bytes: int = MAX_BYTES,
    max_entries: int = MAX_ENTRIES,
) -> Sitemap:
    """A sitemap of any kind, gzipped or not; a feed is one, too. Relative addresses are made absolute. At most
    max_entries pages and as many children. Raises NotAList."""
    stream = Gunzipped(body, max_bytes)
    head = next(stream.slices, b"").lstrip(b"\xef\xbb\xbf \t\r\n")
    slices = chain((head,), stream.slices)
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if wide:
        head = b"".join(slices).decode("utf-16", "replace").encode("utf-8", "replace")
        slices = chain(in_slices(head))
    entries = _Entries(url, max_entries, newest_last)
    if head.startswith(b"<"):
        root = _ROOT.search(head)
        kind = root[1].lower() if root else b""
        if kind in (b"rss", b"feed", b"rdf"):
            return Sitemap(feeds.read_feed(b"".join(slices), url))
        if kind in (b"html", b"head", b"body", b"div", b"script"):
            raise NotASitemap("a web page came instead of a sitemap")
        damaged = _xml(slices, entries, "utf-8" if wide else None)
        if kind not in (b"urlset", b"sitemapindex") and not entries.found:
            raise NotASitemap(f"<{kind.decode(errors='replace')[:40]}> is no sitemap")
    else:
        damaged = None
        _lines(slices, entries)
        if not entries.found:
            raise NotASitemap(stream.damaged or ("neither XML nor addresses" if head else "empty"))
    capped = {"bytes": max_bytes} if stream.capped else {}
    damaged = None if stream.capped else damaged  # of course: it was cut
    if entries.found > max_entries:
        capped["entries"] = entries.found
    return Sitemap(entries.newest(), entries.children[:max_entries], capped, stream.damaged or damaged)


# ---------------------------------------------------------------- entries


@lru_cache(256)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


_Ranked = tuple[float, int, Entry]  # time, place: the greater, the newer; no two are equal


class _Entries:
    """Collects entries; as lxml's parser target, from elements."""

    def __init__(self, url: str, limit: int, newest_last: bool) -> None:
        self.found = 0  # pages and children, kept or not
        self.children: list[Entry] = []
        self._url, self._limit, self._newest_last = url, limit, newest_last
        self._dated: list[_Ranked] = []  # a heap, the oldest first
        self._undated: list[Entry] = []
        self._path: list[str] = [""]
        self._field: str | None = None
        self._values: dict[str, str] = {}

    def start(self, tag: str, attributes: object) -> None:
        name = _local(tag)
        if name in ("url", "sitemap"):
            self._values = {}
        self._field = _WANTED.get((self._path[-1], name))
        self._path.append(name)

    def data(self, text: str) -> None:
        if self._field:
            self._values[self._field] = (self._values.get(self._field, "") + text)[:_LONGEST]

    def end(self, tag: str) -> None:
        name, self._field = self._path.pop() if len(self._path) > 1 else "", None
        if name in ("url", "sitemap") and self._values.get("loc"):
            self.add(child=name == "sitemap", **self._values)
            self._values = {}

    def close(self) -> None:
        """What lxml calls at the end."""

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
        self.found += 1
        published_at, modified_at = parse_date(published), parse_date(lastmod)
        dated = max(filter(None, (published_at, modified_at)), default=None)
        place = self.found if self._newest_last else -self.found
        full = len(self._dated) == self._limit
        if dated and full and not child and (dated.timestamp(), place) < self._dated[0][:2]:
            return  # older than all that are kept
        # still escaped once: an address in CDATA, or one that was escaped twice
        address, code = loc.strip().replace("&amp;", "&"), language.strip()[:2].lower()
        try:
            address = address if address.startswith("http") else urljoin(self._url, address)
        except ValueError:
            return
        code = code if code.isalpha() else ""
        entry = Entry(address, published_at, modified_at, title.strip() or None, code or None)
        if child:
            self.children += [entry] if len(self.children) < self._limit else []
        elif dated:
            (heappushpop if full else heappush)(self._dated, (dated.timestamp(), place, entry))
        else:
            self._undated.append(entry)
            if len(self._undated) > 3 * self._limit:  # the newest stand at either end
                del self._undated[self._limit : -self._limit]

    def newest(self) -> list[Entry]:
        pages = [entry for _, _, entry in sorted(self._dated, reverse=True)]
        return newest([*pages, *self._undated], self._limit, newest_last=self._newest_last)


def _xml(slices: Iterable[bytes], entries: _Entries, encoding: str | None) -> str | None:
    """What is wrong with the XML; what can be read of it is read all the same."""
    parser = etree.XMLParser(
        target=entries,  # type: ignore[arg-type]  # the stubs want a comment(), and bytes that never come
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        encoding=encoding,
    )
    rest = b""
    try:
        for piece in slices:
            piece = rest + piece
            cut = piece.rfind(b"&", -_LONGEST_REFERENCE)  # a reference may go on in the next slice
            piece, rest = (piece[:cut], piece[cut:]) if cut >= 0 else (piece, b"")
            parser.feed(_BARE.sub(b"&amp;", piece))
            time.sleep(0)  # in a thread: whoever waits for the interpreter has it now, not at the next switch
        parser.feed(_BARE.sub(b"&amp;", rest))
        parser.close()
    except (etree.XMLSyntaxError, LookupError, ValueError) as error:
        return f"XML: {error}"
    fatal = parser.feed_error_log.filter_from_fatals()
    return next((f"XML: line {e.line}: {e.message}" for e in fatal), None)


def _lines(slices: Iterable[bytes], entries: _Entries) -> None:
    rest = b""
    for piece in slices:
        *lines, rest = (rest + piece).split(b"\n")
        _add_lines(lines, entries)
        rest = rest[:_LONGEST]
    _add_lines([rest], entries)


def _add_lines(lines: Iterable[bytes], entries: _Entries) -> None:
    for line in lines:
        address = line[:_LONGEST].decode("utf-8", "replace").strip()
        if address.lower().startswith(("http://", "https://")) and " " not in address:
            entries.add(address)
