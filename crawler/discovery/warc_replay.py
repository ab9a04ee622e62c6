"""From WARC files to pages: what is wanted of them, and the reading, which goes on in threads."""

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
from lake.warc.reader import BrokenRecord, Capture, NoPage, Record, capture_of, read_records
from lake.warc.replay_progress import WINDOW, CaptureMark, Progress, capture_source
from outlets import Selection

_BATCH_PAGES = 8
_BATCH_RECORDS = 500  # without a page: counted on the way, and a stop is heard
_EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class NotAWarc(Exception):
    """A file without a single record."""


# ---------------------------------------------------------------- what is wanted


@dataclass(frozen=True, slots=True)
class ReplayChoice:
    """Which pages are replayed."""

    outlets: frozenset[str] = frozenset()  # empty: of all
    since: datetime = _EVER[0]  # by the time of the capture
    until: datetime = _EVER[1]
    everything: bool = False  # also addresses that the outlet's patterns do not want
    selection: Selection = field(
        default_factory=Selection
    )  # judged after the cleaning, by crawler/pipeline/land.py

    def refuses(self, capture: Capture) -> str | None:
        """Why a page is passed over; None where it is wanted."""
        if not self.since <= capture.fetched_at < self.until:
            return "date"
        outlet = known_outlets().find(host_of(capture.url))
        if self.outlets and (outlet is None or outlet.key not in self.outlets):
            return "outlet"
        if outlet and not self.everything and not outlet.wants(capture.url):
            return "pattern"
        return None

    @property
    def key(self) -> str:
        """Two replays of one key hand over the same pages of a file."""
        files = {
            o.key: [o.domains, o.selection, *([p.pattern for p in some] for some in (o.allow, o.deny))]
            for o in known_outlets().by_name.values()
        }
        own = [sorted(self.outlets), self.since, self.until, self.everything, self.selection]
        given = [own, files, WINDOW]
        return hashlib.sha256(json.dumps(given, sort_keys=True, default=str).encode()).hexdigest()[:16]


def replay_choice(given: Mapping[str, str]) -> ReplayChoice:
    """From the arguments of -a. Raises BadArgument."""
    outlets, since, until, everything = (given.get(n, "") for n in ("outlets", "since", "until", "all"))
    names = frozenset(filter(None, (n.strip() for n in outlets.split(","))))
    if unknown := names - set(known_outlets().by_name):
        raise BadArgument(f"outlets: no outlet is called {min(unknown)!r}; `scrapy list` names them")
    after = _midnight("since", since) if since else _EVER[0]
    before = _midnight("until", until) + timedelta(days=1) if until else _EVER[1]
    return ReplayChoice(names, after, before, is_set(everything), selection_of(Selection(), given))


def is_set(flag: str) -> bool:
    return flag not in ("", "0", "false", "no")


def _midnight(name: str, day: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day), time(), UTC)
    except ValueError:
        raise BadArgument(f"{name}: {day!r}; expected a day as 2019-01-31") from None


# ---------------------------------------------------------------- reading


@dataclass(slots=True)
class WarcBatch:
    """What was found since the last one."""

    pages: list[RawPage] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # stats
    told: list[str] = field(default_factory=list)  # what was broken, and where
    records: int = 0


def read_batches(address: str, choice: ReplayChoice, done: Progress, max_bytes: int) -> Iterator[WarcBatch]:
    """All of one file, in order. max_bytes: of a page's body. Raises OSError, Unpackable or NotAWarc where the file
    cannot be read, after what could be."""
    haul, sound = WarcBatch(), 0
    with open_file(address) as file:
        for found in _found(file, done):
            if isinstance(found, BrokenRecord):
                _tell(haul, address, found.place, found.what)
            else:
                sound += 1
                _take(haul, address, found, choice, done, max_bytes)
            if len(haul.pages) >= _BATCH_PAGES or haul.records >= _BATCH_RECORDS:
                yield haul
                haul = WarcBatch()
    yield haul
    if not sound:
        raise NotAWarc("it holds no WARC record" if haul.told else "it is empty")


def _found(file: BinaryIO, done: Progress) -> Iterator[Record | BrokenRecord]:
    """From where the earlier replay had come to; from the beginning where the file is another one by now."""
    if done.start != FIRST_PLACE:
        first = next(read_records(file, done.start), None)
        if isinstance(first, Record) and _mark(first) in done.landed:
            yield from read_records(file, done.start)
            return
    yield from read_records(file)


def _mark(record: Record) -> CaptureMark | None:
    try:
        capture = capture_of(record)
        return record.place, page_id(capture.url), capture.fetched_at
    except (NoPage, BadPayload, ValueError):
        return None


def _take(
    haul: WarcBatch, address: str, record: Record, choice: ReplayChoice, done: Progress, max_bytes: int
) -> None:
    """The page of a record, or why there is none."""
    haul.records += 1
    haul.counts["warc/records"] += 1
    if record.is_altered:
        haul.counts["warc/wrong_digests"] += 1
    try:
        capture = capture_of(record)
        if why := choice.refuses(capture):
            haul.counts[f"not_fetched/{why}"] += 1
            return
        mark = record.place, page_id(capture.url), capture.fetched_at
        if mark in done.landed:
            haul.counts["warc/landed_before"] += 1
            return
        haul.pages.append(_page(capture, capture_source(address, record.place), max_bytes))
    except NoPage as none:
        haul.counts[f"warc/no_page/{none.why}"] += 1
    except TooLarge:
        haul.counts["warc/no_page/too_large"] += 1
    except BadPayload as error:
        _tell(haul, address, record.place, str(error))
    except ValueError:  # no address, or a nonsensical port
        haul.counts["warc/no_page/scheme"] += 1
    except Exception as error:  # whatever a parser makes of hostile bytes: one bad record never costs another
        _tell(haul, address, record.place, f"{type(error).__name__}: {error}")


def _tell(haul: WarcBatch, address: str, place: RecordPlace, what: str) -> None:
    haul.counts["warc/broken_records"] += 1
    haul.told.append(f"{capture_source(address, place)}: {what}")


def _page(capture: Capture, source: str, max_bytes: int) -> RawPage:
    """As crawler.discovery.candidates.page_of makes it of a response."""
    requested_url = capture.requested_url or without_tracking(capture.url)
    return RawPage(
        id=page_id(capture.url),
        url=canonical(capture.url),
        requested_url=requested_url,
        outlet=outlet_of(capture.url),
        status=200,
        headers=tuple(
            Header(wanted, value)
            for wanted in HEADERS_THAT_MATTER
            for name, value in capture.headers
            if name.lower() == wanted
        ),
        body=capture.body(max_bytes),
        fetched_at=capture.fetched_at,
        source=source,
    )
