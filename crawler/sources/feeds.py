"""Parses feeds (RSS 1.0 and 2.0, Atom) into entries, with feedparser.

A feed is parsed a few items at a time: memory holds no tree of it, the newest of any number are kept wherever they
stand, and an item that feedparser cannot take costs that item alone.
"""

from __future__ import annotations

import io
import logging
import re
from calendar import timegm
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import urljoin

import feedparser

from crawler.sources.entries import Entry, NewestEntries, NotAList, batched
from crawler.sources.feed_dates import is_credible, parse_date
from crawler.sources.interpreter import yield_interpreter
from crawler.sources.list_text import Root, end_of, with_sound_references

log = logging.getLogger(__name__)

MAX_ITEMS = 50_000  # more take longer than seven seconds of a thread
_ITEMS_AT_A_TIME = 20  # fewer take longer, more are parsed anew one by one when one of them raises
_RDF = ("rss090", "rss10")  # an item's URL is also in rdf:about, feedparser's id, even where it has no link
_ITEM_TOKEN = re.compile(rb"<!--|<!\[CDATA\[|<(/?)((?:[\w.-]+:)?(?:item|entry))(?=[\s/>])", re.I)
_ENDS = {b"<!--": b"-->", b"<![CDATA[": b"]]>"}
_EMPTY_LINK = re.compile(rb"<link\s*/>|<link\s*>\s*(?:<!\[CDATA\[\s*\]\]>\s*)?</link\s*>", re.I)
_NO_PERMALINK = re.compile(rb"""<guid\b[^<>]*?\bisPermaLink\s*+=\s*+(?:["']\s*+)?false""", re.I)
# for items that feedparser raises on: a CDATA section, a tag with its name, or text
_PIECE = re.compile(rb"<!\[CDATA\[.*?(?:\]\]>|\Z)|<(/?+[\w.:-]*+)[^<>]*+>|[^<]+|<", re.S)
_TEXTS = frozenset((b"description", b"summary", b"content", b"content:encoded"))
_NEEDED = frozenset(
    b"link guid id title pubdate date published updated language origlink".split()  # whatever their prefix
)
_LINE_BREAK = re.compile(r"(?<!\s)\s*[\r\n]\s*")


@dataclass(frozen=True, slots=True)
class FeedContext:
    """What the links and dates of a feed are read by."""

    url: str  # of the feed; links are relative to it
    zone: tzinfo = UTC  # of a date that names none
    is_ours: Callable[[str], bool] = bool  # of an address: whether it is the outlet's; by default any is


def read_feed(
    text: bytes, root: Root, context: FeedContext, entries: NewestEntries
) -> tuple[int, str | None]:
    """Add the entries of a feed, in UTF-8, to entries. Returns how many items it has, and what is wrong with it; None
    if nothing is. Raises NotAList where none of its items can be used.

    Of more than MAX_ITEMS those at both ends of the file are read: the newest are at one of them."""
    spans, count = _item_spans(text, root, max(entries.limit, MAX_ITEMS))
    root_tag = text[root.start : text.find(b">", root.start) + 1]
    wrong: str | None = None
    for batch in batched(spans, _ITEMS_AT_A_TIME):
        items = [
            with_sound_references(_EMPTY_LINK.sub(b"", _without_open_mark(text[start:end])))
            for start, end in batch
        ]
        for item, parsed, version in _parsed(root_tag, items):
            if isinstance(parsed, Exception):
                wrong = f"an item cannot be read ({type(parsed).__name__}: {parsed})"
            elif parsed and (entry := _entry(parsed, item, version, context)):
                entries.add(entry)
            else:
                entries.without_address += 1
        yield_interpreter()
    if wrong and not entries.seen:
        raise NotAList(wrong)
    return count, wrong


def _item_spans(text: bytes, root: Root, limit: int) -> tuple[list[tuple[int, int]], int]:
    """(start, end) of the items in the text, at most limit, from both ends of the file; and how many there are. An
    item that is not closed ends where the next begins."""
    first: list[tuple[int, int]] = []
    last: deque[tuple[int, int]] = deque(maxlen=limit // 2)
    count = 0
    for span in _all_item_spans(text, root):
        count += 1
        (first if len(first) < limit - limit // 2 else last).append(span)
    return [*first, *last], count


def _all_item_spans(text: bytes, root: Root) -> Iterator[tuple[int, int]]:
    begin, at = None, root.start
    name = b""  # of the items; an element of the same local name in another namespace is none
    while token := _ITEM_TOKEN.search(text, at):
        at = token.end()
        if end := _ENDS.get(token[0]):
            found = text.find(end, at)
            # one that is not closed is text of its item, as a comment that begins once more before its end
            if found >= 0 and not (end == b"-->" and text.find(b"<!--", at, found) >= 0):
                at = found + len(end)
            continue
        name = name or token[2].lower()
        if token[2].lower() != name:
            continue
        if begin is not None:
            yield begin, text.find(b">", at) + 1 or len(text) if token[1] else token.start()
        begin = None if token[1] else token.start()
    if begin is not None and end_of(
        text, root, begin
    ):  # else it is cut off, perhaps in the middle of its address
        yield begin, len(text)


def _parsed(root_tag: bytes, items: Sequence[bytes]) -> Iterator[tuple[bytes, Any, str]]:
    """(item, the same as feedparser's record or the exception that it raised, the feed's version) for each item."""
    try:
        feed = _parse(root_tag, items)
        if len(feed.entries) == len(items):
            yield from ((*pair, str(feed.version)) for pair in zip(items, feed.entries, strict=True))
            return
    except Exception as error:  # of any kind: feedparser lets through what its parsers raise on broken items
        log.debug("%d items are read one by one: %r", len(items), error)
    for item in items:
        yield item, *_parsed_alone(root_tag, item)


def _parsed_alone(root_tag: bytes, item: bytes) -> tuple[Any, str]:
    """An item as (feedparser's record, or the exception that it raised; the feed's version). What raises is parsed
    again without all that is not needed."""
    result: Any = None
    for content in (item, _without_the_rest(item)):
        try:
            feed = _parse(root_tag, [content])
        except Exception as error:
            result = error
        else:
            return (feed.entries[0] if feed.entries else None), str(feed.version)
    return result, ""


def _without_open_mark(item: bytes) -> bytes:
    """An item without a comment or CDATA section that is begun in it and never ends: what it would hide is the rest."""
    for mark, end in _ENDS.items():
        at = item.rfind(mark)
        if at > item.rfind(end):
            item = item[:at] + item[at + len(mark) :]
    return item


def _without_the_rest(item: bytes) -> bytes:
    """An item with nothing but the elements that an entry is made of."""
    end = item.find(b">") + 1
    name = item[1:end].split(None, 1)[0].rstrip(b">")
    return b"".join((item[:end], *_needed_elements(item), b"</", name, b">"))


def _needed_elements(item: bytes) -> Iterator[bytes]:
    """The elements that an entry is made of, outside of its texts, as far as each holds nothing but text itself."""
    whole = item.rfind(b"]]>") + 3  # behind it no section ends: each would be looked for up to the end
    item = (
        item[:whole] + item[whole:].replace(b"<![CDATA[", b"")
        if whole > 2
        else item.replace(b"<![CDATA[", b"")
    )
    pieces = [
        (piece[0], (piece[1] or b"").lower(), piece.start(), piece.end()) for piece in _PIECE.finditer(item)
    ]
    last_end = {name: at for _, name, at, _ in pieces if name[:1] == b"/"}
    inside, begin = (
        b"",
        -1,
    )  # the closing tag of the text that is passed over; where the needed element begins
    for piece, name, at, end in pieces:
        if inside:
            inside = b"" if name == inside else inside
        elif name in _TEXTS and last_end.get(b"/" + name, -1) > at:
            inside, begin = b"/" + name, -1
        elif name[:1] == b"/":
            if begin >= 0:
                yield item[begin:end]
            begin = -1
        elif name:
            is_needed = name.rpartition(b":")[2] in _NEEDED
            if is_needed and piece.endswith(b"/>"):
                yield piece
            begin = at if is_needed and not piece.endswith(b"/>") else -1


def _parse(root_tag: bytes, items: Sequence[bytes]) -> Any:
    name = root_tag[1:-1].split(None, 1)[0]
    document = b"".join((b'<?xml version="1.0" encoding="utf-8"?>', root_tag, *items, b"</", name, b">"))
    return feedparser.parse(io.BytesIO(document), sanitize_html=False, resolve_relative_uris=False)


def _entry(record: Any, item: bytes, version: str, context: FeedContext) -> Entry | None:
    """None for an item without an address, or with a malformed one."""
    url = _address(record, item, version, context)
    if not url:
        return None
    published, updated = (_date(record, key, context.zone) for key in ("published", "updated"))
    if version.startswith("rss") and not published:  # feedparser calls dc:date, RSS 1.0's only date, updated
        published, updated = updated, None
    return Entry(url, published, updated, record.get("title"), _language(record))


def _address(record: Any, item: bytes, version: str, context: FeedContext) -> str | None:
    """The address of an item: its link, or where that leads to another site, as a counter of clicks, the address of
    the outlet that the item gives beside it."""
    guid, guid_is_link = str(record.get("id") or ""), bool(record.get("guidislink"))
    is_permalink = guid.startswith(("http://", "https://")) and not _NO_PERMALINK.search(item)
    link = record.get("link")
    links = [
        # where an item has no link, feedparser's is the guid, whatever that is
        None if guid_is_link and link == guid else link,
        record.get("feedburner_origlink"),
        guid if version in _RDF or (is_permalink and (guid_is_link or version.startswith("rss"))) else None,
    ]
    addresses = [
        address for link in links if _leads_on(link) and (address := _absolute(str(link), context.url))
    ]
    return next(filter(context.is_ours, addresses), addresses[0] if addresses else None)


def _leads_on(link: Any) -> bool:
    """Whether a link names more than a place in its own document, which is the feed."""
    return bool(link) and not str(link).strip().startswith("#")


def _absolute(link: str, url: str) -> str | None:
    try:
        return urljoin(url, _LINE_BREAK.sub("", link.strip()))
    except ValueError:
        return None


def _language(record: Any) -> str | None:
    """The item's own language (ISO 639-1). That of the feed is not used: it is often a mere default."""
    code = str(record.get("language") or record.get("dc_language") or "")[:2].lower()
    return code if code.isalpha() and len(code) == 2 else None


def _date(record: Any, key: str, zone: tzinfo) -> datetime | None:
    # dict.get, because feedparser's own get() substitutes another date where this one is missing. Its own reading of
    # a date comes second: it takes one without a zone for UTC
    if date := parse_date(str(dict.get(record, key) or ""), zone):
        return date
    time_tuple = dict.get(record, f"{key}_parsed")
    try:
        date = datetime.fromtimestamp(timegm(time_tuple), UTC) if time_tuple else None
    except (ValueError, OverflowError, OSError):
        return None
    return date if date and is_credible(date) else None


def is_closed(text: bytes, root: Root) -> bool:
    """Whether a feed has its closing tag."""
    last_item = max(text.rfind(b"</item"), text.rfind(b"</entry"), root.start)
    return end_of(text, root, last_item) is not None
