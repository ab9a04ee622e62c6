"""Reads a list of pages, whatever it is: a feed, a sitemap (XML or plain text), or an index of sitemaps.

The kind is told by what the body holds, not by its name or Content-Type. Limits on bytes and entries bound its cost,
whatever it decompresses to.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo

from crawler.sources import feeds
from crawler.sources.entries import Entry, Listing, NewestEntries, NotAList
from crawler.sources.gunzip import Gunzipped
from crawler.sources.list_text import Root, end_of, ends_with_entry, find_root, to_utf8
from crawler.sources.sitemaps import parse_sitemap
from crawler.sources.url_lines import read_lines

MAX_BYTES = 50 * 2**20  # after decompression; the sitemap protocol's own limit
MAX_ENTRIES = 50_000  # returned of one file; the sitemap protocol's own limit
_FEED_ROOTS = ("rss", "feed", "rdf")
_MESSAGE_ROOTS = ("br", "b", "p")
_PAGE_ROOTS = ("html", "head", "body", "div", "script")


def read_list(
    body: bytes,
    url: str,
    *,
    newest_last: bool = False,
    max_bytes: int = MAX_BYTES,
    max_entries: int = MAX_ENTRIES,
    charset: str | None = None,
    zone: tzinfo = UTC,
    is_ours: Callable[[str], bool] = bool,
    stopped: bool = False,
    torn: bool = False,
) -> Listing:
    """The entries of a list, gzipped or not. At most max_entries pages and as many child sitemaps.

    url: of the list; relative URLs are resolved against it. newest_last: a sitemap lists its newest entry last.
    max_bytes: after decompression. charset: of the Content-Type. zone: of dates that name none. is_ours: whether an
    address is the outlet's, for feed items with several. stopped: the download was stopped at max_bytes; torn: it
    broke off. Of a list that is cut off, by whatever, the last entry counts only if it is whole. Raises NotAList, also
    for a list that is cut off before its first entry."""
    unpacked = Gunzipped(body, max_bytes)
    text = to_utf8(b"".join(unpacked.slices), charset).lstrip()
    is_capped = unpacked.capped or stopped
    is_cut, damaged = unpacked.cut_off or torn, None if is_capped else unpacked.damaged
    entries = NewestEntries(max_entries, newest_last=newest_last)
    root, count, wrong = find_root(text), 0, None
    if root.name in _FEED_ROOTS:
        entries = NewestEntries(max_entries)
        count, wrong = feeds.read_feed(text, root, feeds.FeedContext(url, zone, is_ours), entries)
        if not feeds.is_closed(text, root):
            is_cut = is_cut or not ends_with_entry(text, root)
            wrong = wrong or "its closing tag is missing"
    elif root.is_list or (text.startswith(b"<") and root.name and not _is_page(root)):
        wrong, is_closed = _read_sitemaps(text, root, url, zone, entries)
        is_cut = is_cut or not is_closed
    elif not text.startswith(b"<") and not _is_page(root):
        for line in read_lines(text, is_cut=is_cut or is_capped):
            for address in line.addresses:
                entries.add(Entry(address))
    if not entries.seen and root.name in _MESSAGE_ROOTS:  # lines behind a message of the server's software
        for line in read_lines(text, is_cut=is_cut or is_capped):
            for address in line.addresses:
                entries.add(Entry(address))
    _refuse_what_is_no_list(text, root, entries, damaged)
    capped = {"bytes": max_bytes} if is_capped else {}
    if max(count, entries.seen) > max_entries:
        capped["entries"] = max(count, entries.seen)
    is_cut = is_cut and not is_capped  # cut at max_bytes, it has to be
    if is_cut and not entries.seen:
        raise NotAList("it is cut off before its first entry")
    if entries.without_address and not entries.seen:
        raise NotAList("none of its entries has an address")
    damaged = damaged or ("it is cut off before its end" if is_cut else None if is_capped else wrong)
    children = entries.children[:max_entries]
    return Listing(entries.newest(), children, capped, damaged, is_cut, entries.malformed)


def _read_sitemaps(
    text: bytes, root: Root, url: str, zone: tzinfo, entries: NewestEntries
) -> tuple[str | None, bool]:
    """Add the entries of each sitemap in the text: some sites write one behind the other. Returns what is wrong with
    them, and whether the last is closed."""
    wrong: str | None = None
    while True:
        end = end_of(text, root)
        is_whole = end is not None or not root.is_list or ends_with_entry(text, root)
        if not is_whole:  # the last entry may be cut off in the middle of its address
            text = text[: max(text.rfind(b"url>") + 4, text.rfind(b"sitemap>") + 8)]
        wrong = parse_sitemap(text[root.start : end], url, zone, entries) or wrong
        if end is None:
            return wrong, is_whole
        root = find_root(text, end)
        if not root.is_list:
            return wrong, True


def _is_page(root: Root) -> bool:
    return root.in_page or root.name in _PAGE_ROOTS


def _refuse_what_is_no_list(text: bytes, root: Root, entries: NewestEntries, damaged: str | None) -> None:
    """Raise NotAList, with what the text is instead, where it held no entry and is no empty list either."""
    if entries.seen or (root.is_list and not root.in_page):
        return
    if damaged:
        raise NotAList(damaged)
    if _is_page(root):
        raise NotAList("a web page came instead of a sitemap")
    if root.name:
        raise NotAList(f"<{root.name[:40]}> is no sitemap")
    raise NotAList("neither XML nor addresses" if text else "empty")
