"""Reads WARC files for a replay: decides which captures are replayed, and turns them into RawPages in batches."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import BinaryIO

from cleaning import Header, RawPage, canonical, host_of, page_id
from cleaning.url import without_tracking
from crawler.command_line.arguments import BadArgument, selection_of
from crawler.outlet_files import known_outlets, mistakes_in
from crawler.pipeline.raw_page import HEADERS_THAT_MATTER, ArchivedArticle, outlet_of
from lake.warc.files import open_file
from lake.warc.http_payload import BadPayload, TooLarge
from lake.warc.member_stream import FIRST_PLACE, RecordPlace
from lake.warc.record_reader import BrokenRecord, Capture, NoPage, Record, capture_of, part_of, read_records
from lake.warc.replay_progress import WINDOW, CaptureMark, Progress, capture_source
from outlets import Selection

_BATCH_PAGES = 8
_BATCH_RECORDS = 500  # records without a page end a batch, too, so that counts arrive and a stop is noticed
_MAX_LATER_PAGES = 200  # of one article
_ANY_TIME = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

WarcItem = RawPage | ArchivedArticle


class NotAWarc(Exception):
    """The file contains no WARC record, or no page that can be read."""


# ---------------------------------------------------------------- which pages are replayed


@dataclass(frozen=True, slots=True)
class ReplayChoice:
    """Which pages of the files are replayed."""

    outlets: frozenset[str] = frozenset()  # keys; empty: all outlets
    since: datetime = _ANY_TIME[0]  # time of the capture; included
    until: datetime = _ANY_TIME[1]  # excluded
    ignore_patterns: bool = False  # True: also URLs that the outlet's patterns do not want
    # applied after cleaning, by crawler/pipeline/clean.py
    selection: Selection = field(default_factory=Selection)

    def why_not_replayed(self, capture: Capture) -> str | None:
        """Return why a page is left out (date, outlet or pattern); None where it is replayed."""
        if not self.since <= capture.fetched_at < self.until:
            return "date"
        outlet = known_outlets().find(host_of(capture.url))
        if self.outlets and (outlet is None or outlet.key not in self.outlets):
            return "outlet"
        if outlet and not self.ignore_patterns and not outlet.wants(capture.url):
            return "pattern"
        return None

    @property
    def key(self) -> str:
        """Hash of all that decides which pages are replayed: two replays with the same key yield the same pages of a
        file."""
        files = {
            outlet.key: [
                outlet.domains,
                outlet.selection,
                *([pattern.pattern for pattern in patterns] for patterns in (outlet.allow, outlet.deny)),
            ]
            for outlet in known_outlets().by_name.values()
        }
        fields = [sorted(self.outlets), self.since, self.until, self.ignore_patterns, self.selection]
        inputs = [fields, files, WINDOW]
        return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:16]


def replay_choice(arguments: Mapping[str, str]) -> ReplayChoice:
    """Return the choice that the arguments of -a describe. Raises BadArgument."""
    outlets, since, until, all_urls = (
        arguments.get(name, "") for name in ("outlets", "since", "until", "all")
    )
    names = frozenset(filter(None, (name.strip() for name in outlets.split(","))))
    if mistakes := "\n".join(filter(None, map(mistakes_in, sorted(names)))):
        raise BadArgument(f"outlets: {mistakes}")
    if unknown := names - set(known_outlets().by_name):
        raise BadArgument(f"outlets: no outlet is called {min(unknown)!r}; `scrapy list` names them")
    first_instant = _midnight("since", since) if since else _ANY_TIME[0]
    end_instant = _midnight("until", until) + timedelta(days=1) if until else _ANY_TIME[1]
    return ReplayChoice(
        names, first_instant, end_instant, is_set(all_urls), selection_of(Selection(), arguments)
    )


def is_set(flag: str) -> bool:
    """Whether the value of a flag argument means yes."""
    return flag not in ("", "0", "false", "no")


def _midnight(name: str, day: str) -> datetime:
    """Return the beginning of a day, in UTC. Raises BadArgument."""
    try:
        return datetime.combine(date.fromisoformat(day), time(), UTC)
    except ValueError:
        raise BadArgument(f"{name}: {day!r}; expected a day as 2019-01-31") from None


# ---------------------------------------------------------------- reading


@dataclass(slots=True)
class WarcBatch:
    """What was read of a file since the batch before."""

    pages: list[WarcItem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # by the name of a stat
    broken_records: list[str] = field(default_factory=list)  # `file#place: problem` of each
    records: int = 0  # records read, with a page or without


def read_batches(
    file_name: str, choice: ReplayChoice, progress: Progress, max_bytes: int
) -> Iterator[WarcBatch]:
    """Return the batches of one file, in order; the last one may be empty. max_bytes: largest body of a page, and of
    the pages of one article together. Raises OSError, BrokenMember or NotAWarc where the file cannot be read, after the
    batches that could be."""
    reader = _PageReader(file_name, choice, progress, max_bytes)
    first_problem = ""
    with open_file(file_name) as file:
        for record in _records_after(file, progress):
            if reader.is_batch_full and not reader.is_later_page(record):
                yield reader.take_batch()
            reader.add(record)
            first_problem = first_problem or "".join(reader.batch.broken_records[:1])
    yield reader.take_batch()
    if not reader.sound_count:
        raise NotAWarc(
            f"it holds no WARC record: {first_problem.partition(': ')[2]}" if first_problem else "it is empty"
        )
    if first_problem and not reader.page_count:
        raise NotAWarc(f"no page in it can be read: {first_problem.partition(': ')[2]}")


def _records_after(file: BinaryIO, progress: Progress) -> Iterator[Record | BrokenRecord]:
    """Return the records from where the earlier replay stopped; all records where the file has been replaced
    since."""
    if progress.start != FIRST_PLACE:
        first = next(read_records(file, progress.start), None)
        if isinstance(first, Record) and _capture_mark(first) in progress.landed:
            yield from read_records(file, progress.start)
            return
    yield from read_records(file)


def _capture_mark(record: Record) -> CaptureMark | None:
    """Return what identifies a capture in a replay's progress; None for a record without a page."""
    try:
        capture = capture_of(record)
        return record.place, page_id(capture.url), capture.fetched_at
    except (NoPage, BadPayload, ValueError):
        return None


class _PageReader:
    """Fills batches with the pages of one file's records."""

    def __init__(self, file_name: str, choice: ReplayChoice, progress: Progress, max_bytes: int) -> None:
        self._file_name, self._choice, self._progress = file_name, choice, progress
        self._max_bytes = max_bytes
        self.batch = WarcBatch()
        self.sound_count = self.page_count = (
            0  # sound records; pages among them, with those that are passed over
        )
        # the first page of the article that may go on: its address, the stat that counts its later pages where it is
        # passed over, and the bytes that are left for them
        self._first_url, self._passed_over, self._bytes_left = "", "", 0

    @property
    def is_batch_full(self) -> bool:
        return len(self.batch.pages) >= _BATCH_PAGES or self.batch.records >= _BATCH_RECORDS

    def take_batch(self) -> WarcBatch:
        """Return the batch, and begin the next one."""
        batch, self.batch = self.batch, WarcBatch()
        return batch

    def is_later_page(self, record: Record | BrokenRecord) -> bool:
        """Whether a record is a later page of the article before it, by the fields that an export writes."""
        return isinstance(record, Record) and bool(self._first_url) and part_of(record) == self._first_url

    def add(self, record: Record | BrokenRecord) -> None:
        """Add a record's page to the batch, or count why it has none."""
        if isinstance(record, BrokenRecord):
            self._note_broken(record.place, record.what)
            return
        self.sound_count += 1
        self.batch.records += 1
        self._count("warc/records")
        if record.is_altered:
            self._count("warc/wrong_digests")
        if record.has_wrong_length:
            self._count("warc/wrong_lengths")
        try:
            self._add_capture(record.place, capture_of(record), self.is_later_page(record))
        except NoPage as no_page:
            self._count(f"warc/no_page/{no_page.why}")
        except TooLarge:
            self._count("warc/no_page/too_large")
        except BadPayload as error:
            self._note_broken(record.place, str(error))
        except ValueError:  # not an http(s) URL, or an invalid port
            self._count("warc/no_page/scheme")
        # hostile bytes may make a parser raise anything: one bad record must not cost the others
        except Exception as error:
            self._note_broken(record.place, f"{type(error).__name__}: {error}")

    def _add_capture(self, place: RecordPlace, capture: Capture, is_later_page: bool) -> None:
        """Add a page to the batch, or count why it is passed over. Raises BadPayload, TooLarge or ValueError."""
        if is_later_page:
            self._add_later_page(place, capture)
            return
        self._first_url = ""  # a page that cannot be read has no later pages
        mark = place, page_id(capture.url), capture.fetched_at
        if why := self._choice.why_not_replayed(capture):
            self._passed_over = f"not_fetched/{why}"
        else:
            self._passed_over = "warc/landed_before" if mark in self._progress.landed else ""
        if self._passed_over:
            self._count(self._passed_over)
        else:
            page = _raw_page(capture, capture_source(self._file_name, place), self._max_bytes)
            self.batch.pages.append(page)
            self._bytes_left = self._max_bytes - len(page.body)
        self.page_count += 1
        self._first_url = capture.url

    def _add_later_page(self, place: RecordPlace, capture: Capture) -> None:
        """Add a page to the article that the batch ends with; it shares that article's fate. Raises BadPayload,
        TooLarge, or NoPage where the page before it is not there."""
        if self._passed_over:
            self._count(self._passed_over)
            return
        article = self.batch.pages[-1]
        first, later = (
            (article.first, article.later) if isinstance(article, ArchivedArticle) else (article, ())
        )
        if (
            capture.part != len(later) + 2
        ):  # the page before is broken: a text with a gap would read as a whole one
            raise NoPage("part_without_the_one_before")
        if len(later) >= _MAX_LATER_PAGES:
            raise TooLarge
        page = _raw_page(capture, capture_source(self._file_name, place), self._bytes_left)
        self._bytes_left -= len(page.body)
        page = replace(page, part_of=first.id, part=capture.part)
        self.batch.pages[-1] = ArchivedArticle(first, (*later, page))

    def _count(self, name: str) -> None:
        self.batch.counts[name] += 1

    def _note_broken(self, place: RecordPlace, problem: str) -> None:
        """Count a broken record, and keep its place and its problem for the log."""
        self._count("warc/broken_records")
        self.batch.broken_records.append(f"{capture_source(self._file_name, place)}: {problem}")


def _raw_page(capture: Capture, source: str, max_bytes: int) -> RawPage:
    """Return the RawPage of a capture, built as page_of in crawler/pipeline/raw_page.py builds it from a response."""
    requested_url = capture.requested_url or without_tracking(capture.url)
    return RawPage(
        id=page_id(capture.url),
        url=canonical(capture.url),
        requested_url=requested_url,
        outlet=outlet_of(capture.url),
        status=capture.status,
        headers=tuple(
            Header(header, value)
            for header in HEADERS_THAT_MATTER
            for name, value in capture.headers
            if name.lower() == header
        ),
        body=capture.body(max_bytes),
        fetched_at=capture.fetched_at,
        source=source,
        truncated=capture.truncated,
    )
