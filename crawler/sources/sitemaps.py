"""Parses XML sitemaps (https://www.sitemaps.org/protocol.html) into entries: lists, indexes, news sitemaps.

A sitemap is parsed slice by slice, without building a tree. The parser yields the interpreter between slices, so that
a large one can be parsed in a thread.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from functools import lru_cache
from urllib.parse import urljoin

from lxml import etree

from crawler.sources.entries import Entry, NewestEntries
from crawler.sources.feed_dates import parse_date
from crawler.sources.interpreter import yield_interpreter
from crawler.sources.list_text import with_sound_references

_SLICE_BYTES = 2**13
_MAX_VALUE_LENGTH = 4096  # of a field's text in characters
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


def parse_sitemap(text: bytes, url: str, zone: tzinfo, entries: NewestEntries) -> str | None:
    """Add the entries of a sitemap, in UTF-8 and without XML declaration, as far as it is readable. url: relative URLs
    are resolved against it. zone: of dates that name none. Returns what is wrong with it; None if nothing is."""
    parser = etree.XMLParser(
        target=_Target(url, zone, entries),  # type: ignore[arg-type]  # the stubs want a comment(), and bytes that never come
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        encoding="utf-8",
    )
    tail = b""
    try:
        for start in range(0, len(text), _SLICE_BYTES):
            piece = tail + text[start : start + _SLICE_BYTES]
            # a character reference may continue in the next slice
            cut = piece.rfind(b"&", -_MAX_REFERENCE_LENGTH)
            piece, tail = (piece[:cut], piece[cut:]) if cut >= 0 else (piece, b"")
            parser.feed(_escaped(piece))
            yield_interpreter()
        parser.feed(_escaped(tail))
        parser.close()
    except (etree.XMLSyntaxError, LookupError, ValueError) as error:
        return f"XML: {error}"
    fatal = parser.feed_error_log.filter_from_fatals()
    return next((f"XML: line {e.line}: {e.message}" for e in fatal), None)


def _escaped(piece: bytes) -> bytes:
    return with_sound_references(_BARE_AMPERSAND.sub(b"&amp;", piece))


@lru_cache(256)
def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


class _Target:
    """lxml's parser target: start(), end(), data() and close()."""

    def __init__(self, url: str, zone: tzinfo, entries: NewestEntries) -> None:
        self._url, self._zone, self._entries = url, zone, entries
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
            self._add(child=name == "sitemap", **self._values)
            self._values = {}
        elif name in ("url", "sitemap"):
            self._entries.without_address += 1

    def close(self) -> None:
        """lxml calls it at the end of the file."""

    def _add(
        self,
        loc: str,
        lastmod: str = "",
        published: str = "",
        title: str = "",
        language: str = "",
        *,
        child: bool,
    ) -> None:
        # a URL in CDATA, or one that was escaped twice, still has &amp;
        entry_url, code = loc.strip().replace("&amp;", "&"), language.strip()[:2].lower()
        try:
            entry_url = entry_url if entry_url.startswith("http") else urljoin(self._url, entry_url)
        except ValueError:
            self._entries.add_malformed()
            return
        entry = Entry(
            entry_url,
            parse_date(published, self._zone),
            parse_date(lastmod, self._zone),
            title.strip() or None,
            code if len(code) == 2 and code.isalpha() else None,
        )
        (self._entries.add_child if child else self._entries.add)(entry)
