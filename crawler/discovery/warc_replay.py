"""Reads WARC files for a replay: decides which captures are replayed, and turns them into RawPages in batches."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import BinaryIO

from cleaning import Header, RawPage, canonical, host_of, page_id
from cleaning.url import without_tracking
from crawler.command_line.arguments import BadArgument, selection_of
from crawler.outlet_files import known_outlets
from crawler.pipeline.raw_page import HEADERS_THAT_MATTER, outlet_of
from lake.warc.files import open_file
from lake.warc.http_payload import BadPayload, TooLarge
from lake.warc.member_stream import FIRST_PLACE, RecordPlace
from lake.warc.record_reader import BrokenRecord, Capture, NoPage, Record, capture_of, read_records
from lake.warc.replay_progress import WINDOW, CaptureMark, Progress, capture_source
from outlets import Selection

_BATCH_PAGES = 8
_BATCH_RECORDS = 500  # records without a page end a batch, too, so that counts arrive and a stop is noticed
_ANY_TIME = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class NotAWarc(Exception):
    """The file contains no WARC record."""


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

    pages: list[RawPage] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # by the name of a stat
    broken_records: list[str] = field(default_factory=list)  # `file#place: problem` of each
    records: int = 0  # records read, with a page or without


def read_batches(
    file_name: str, choice: ReplayChoice, progress: Progress, max_bytes: int
) -> Iterator[WarcBatch]:
    """Return the batches of one file, in order; the last one may be empty. max_bytes: largest body of a page. Raises
    OSError, BrokenMember or NotAWarc where the file cannot be read, after the batches that could be."""
    batch, sound_count = WarcBatch(), 0
    with open_file(file_name) as file:
        for record in _records_after(file, progress):
            if isinstance(record, BrokenRecord):
                _note_broken(batch, file_name, record.place, record.what)
            else:
                sound_count += 1
                _add_record(batch, file_name, record, choice, progress, max_bytes)
            if len(batch.pages) >= _BATCH_PAGES or batch.records >= _BATCH_RECORDS:
                yield batch
                batch = WarcBatch()
    yield batch
    if not sound_count:
        raise NotAWarc("it holds no WARC record" if batch.broken_records else "it is empty")


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


def _add_record(
    batch: WarcBatch, file_name: str, record: Record, choice: ReplayChoice, progress: Progress, max_bytes: int
) -> None:
    """Add a record's page to the batch, or count why it has none."""
    batch.records += 1
    batch.counts["warc/records"] += 1
    if record.is_altered:
        batch.counts["warc/wrong_digests"] += 1
    try:
        capture = capture_of(record)
        if why := choice.why_not_replayed(capture):
            batch.counts[f"not_fetched/{why}"] += 1
            return
        mark = record.place, page_id(capture.url), capture.fetched_at
        if mark in progress.landed:
            batch.counts["warc/landed_before"] += 1
            return
        batch.pages.append(_raw_page(capture, capture_source(file_name, record.place), max_bytes))
    except NoPage as no_page:
        batch.counts[f"warc/no_page/{no_page.why}"] += 1
    except TooLarge:
        batch.counts["warc/no_page/too_large"] += 1
    except BadPayload as error:
        _note_broken(batch, file_name, record.place, str(error))
    except ValueError:  # not an http(s) URL, or an invalid port
        batch.counts["warc/no_page/scheme"] += 1
    # hostile bytes may make a parser raise anything: one bad record must not cost the others
    except Exception as error:
        _note_broken(batch, file_name, record.place, f"{type(error).__name__}: {error}")


def _note_broken(batch: WarcBatch, file_name: str, place: RecordPlace, problem: str) -> None:
    """Count a broken record, and keep its place and its problem for the log."""
    batch.counts["warc/broken_records"] += 1
    batch.broken_records.append(f"{capture_source(file_name, place)}: {problem}")


def _raw_page(capture: Capture, source: str, max_bytes: int) -> RawPage:
    """Return the RawPage of a capture, built as page_of in crawler/pipeline/raw_page.py builds it from a response."""
    requested_url = capture.requested_url or without_tracking(capture.url)
    return RawPage(
        id=page_id(capture.url),
        url=canonical(capture.url),
        requested_url=requested_url,
        outlet=outlet_of(capture.url),
        status=200,
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
