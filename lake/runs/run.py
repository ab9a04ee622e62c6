"""One run: gives each processed page its outcome, flushes the rows to the lake, and writes the run's two records.

Rows are buffered in memory. `cut` takes them as a batch. `write` lands or spools the batch (one at a time; it may run
in another thread). `mark_landed` tells the index which flushes are in the lake. A run that ends without a record is
recovered by the next start.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from cleaning import (
    CLEANER_VERSION,
    Article,
    RawPage,
    is_version,
    page_id,
    without_learned_lines,
    without_removed_texts,
)
from dedupe import SCHEME, Signature, Verdict
from lake.index.page_index import Index, PageState, document_of, state_after_row
from lake.parquet.part_files import Part, encode_flush
from lake.runs.former_pages import FormerPages
from lake.runs.revisit_policy import RevisitDecision, RevisitPolicy
from lake.runs.shared_pages import (
    MAX_TRIES,
    ArticleFacts,
    MatchFacts,
    UntiedAnswer,
    earlier_reject,
    is_suspicious,
    untied_answer,
)
from lake.schema.columns import SCHEMA_VERSION, RequestedUrl, StoredSignature, row
from lake.schema.records import (
    GONE,
    RECHECK_WAITS,
    STORY_TABLES,
    Landing,
    ProcessedPage,
    Reject,
    Table,
    requested_id,
    retry_at,
)
from lake.storage import boilerplate_file, flush_records
from lake.storage.flush_records import FlushRecord
from lake.storage.leases import LeaseLost, Leases
from lake.storage.local_files import open_locked, private_folder
from lake.storage.spool import Outbox, SpoolFailed
from lake.storage.state_folder import lake_id
from lake.storage.store import LakeError, PartExists, Store
from lake.storage.taken_down_addresses import clean_record, taken_down_addresses
from lake.storage.tombstones import parse_tombstones, tombstone_names

log = logging.getLogger(__name__)

_MAX_RECENT = 10_000  # pages of one run that later ones are compared with
_MAX_NOTICE_AGE = timedelta(days=14)  # an older article is no notice because its text comes again

Outcome = Literal["articles", "copies", "revisions", "rejects", "unchanged"]


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one candidate. values: its row without the Landing columns; None where it has no row."""

    outcome: Outcome
    id: str
    url: str
    title: str | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    values: dict[str, Any] | None = None
    gone: bool = False  # the page held an article before, and is gone now (status 404 or 410)
    settled: bool = True  # the outcome is final; False: it is retried later, or another run is landing it
    revised: tuple[RevisedResult, ...] = ()  # earlier results of this run that this page showed to be wrong


@dataclass(frozen=True, slots=True)
class RevisedResult:
    """The result of a candidate, and the one that has replaced it."""

    outlet: str
    before: Result
    after: Result


@dataclass(slots=True)
class Batch:
    """The rows of one flush; their parts share the run id and `seq` in their names."""

    seq: int
    landed_at: datetime
    tables: dict[Table, list[dict[str, Any]]]


@dataclass(slots=True)
class _Judged:
    """An untied answer of this run with its result, which holds until the page turns out to be shared."""

    answer: UntiedAnswer
    seq: int
    result: Result


@dataclass(slots=True)
class _Buffer:
    tables: dict[Table, list[dict[str, Any]]] = field(default_factory=dict)
    rows: int = 0
    bytes: int = 0
    since: datetime | None = None


def new_run_id(name: str, now: datetime) -> str:
    """An id for a new run. Ids sort by start time; the random tail keeps runs of two machines apart."""
    return f"{now:%Y%m%dT%H%M%SZ}-{name}-{secrets.token_hex(4)}"


class Run:
    """A run that lands rows. lake/runs/session.py makes a new one; lake/runs/catch_up.py makes one with the id of a
    dead run, to finish it. Every method may raise LakeError where it reads or writes the lake."""

    def __init__(
        self,
        store: Store,
        index: Index,
        run_id: str,
        first_seq: int = 0,
        *,
        outbox: Outbox | None = None,
        leases: Leases | None = None,
        removed_texts: bool = True,
    ) -> None:
        """first_seq: the number of the first flush. outbox: sends parts and spools what the store does not take; the
        default has no spool. leases: the outlets that the run holds. removed_texts: rows keep the texts that cleaning
        removed."""
        self.store, self.index, self.run_id = store, index, run_id
        self.seq, self.removed_texts = first_seq, removed_texts
        self.keeps_pages = True  # False: no rows of raw, they are there already; lake/jobs/reclean.py
        # the same for the whole run, even if a job learns more meanwhile
        self._boilerplate = boilerplate_file.latest_boilerplate(store)
        self.former = FormerPages(store, index)
        self.parts: list[Part] = []
        self.outbox, self.leases = outbox or Outbox(store), leases
        # by outlet whose lease was lost: rows that are left to the new holder, who fetches the pages again
        self.forfeited: Counter[str] = Counter()
        self.record: dict[str, Any] = {"run_id": run_id}  # complete after `finish`
        self._flush_record: FlushRecord | None = None  # the latest
        self._spooled: dict[int, list[Part]] = {}  # parts not yet in the lake, by number of the flush
        self._spooled_outlets: set[str] = set()
        self.counts: Counter[str] = Counter()
        # tombstones at the start; a run that recovers another knows none
        self.known_takedowns: frozenset[str] = frozenset()
        # requested id → answering page id, and the time at which it still held its article
        self._checked: dict[str, tuple[str, datetime]] = {}
        # shared key → requested id → answer: lake/runs/shared_pages.py; the newest
        self._untied: dict[str, dict[str, _Judged]] = {}
        self._shared_keys: set[str] = set()
        self._rechecks: dict[str, tuple[str, int]] = {}  # page id → URL, checks so far
        self._buffer = _Buffer()

    # ------------------------------------------------------------ one candidate

    def revisit_decision(
        self, requested: str, modified_at: datetime | None, policy: RevisitPolicy, outlet: str = ""
    ) -> RevisitDecision:
        """Whether to fetch a requested URL, given by its id, and why. modified_at: as in RevisitPolicy.decide.
        Takes a few microseconds."""
        if self.index.is_taken_down(outlet, requested, self.index.answering_page(requested)):
            return "taken_down"
        known = self.index.requested_state(requested)
        if known and self._is_pending_elsewhere(known):
            return "later"  # not "known" before it has landed: the other run may die
        return policy.decide(known, modified_at, datetime.now(UTC))

    def due_at(self, requested: str, policy: RevisitPolicy, *, waits: bool) -> datetime | None:
        """Next fetch time of a page that is still open, given by its requested id; None if it is due now or unknown.
        waits: True if this run skipped it because its next fetch time lies ahead."""
        known = self.index.requested_state(requested)
        if known is None or self._is_pending_elsewhere(known):
            return None
        if known.reason:
            return known.retry_at
        return policy.next_check_at(known) if waits else None

    def add(self, processed: ProcessedPage) -> Result:
        """Give one processed page its outcome and buffer its rows. The verdict and the pending entry are made in one
        transaction of the index."""
        with self.index.transaction():
            result = self._judge(processed)
        self._count(result)
        self._buffer_rows(result, processed.pages)
        return result

    def _count(self, result: Result, by: int = 1) -> None:
        names = (
            result.outcome,
            result.reason and f"rejects/{result.reason}",
            "gone" if result.gone else None,
        )
        for name in filter(None, names):
            self.counts[name] += by
            if not self.counts[name]:  # taken back
                del self.counts[name]

    def _refuse_taken_down(self, processed: ProcessedPage) -> Result | None:
        """The outcome of a page that was taken down, under any of its ids; None for all other pages."""
        record = processed.page or processed.article or processed.reject
        assert record, "a refined page is an article or a reject"
        requested = requested_id(getattr(record, "requested_url", record.url), record.id)
        first_pages = [page_id(processed.first_page_url)] if processed.first_page_url else []
        if not self.index.is_taken_down(record.outlet, record.id, requested, *first_pages):
            return None
        self.counts["taken_down"] += 1
        return Result("unchanged", record.id, record.url)

    def _judge(self, processed: ProcessedPage) -> Result:
        if refused := self._refuse_taken_down(processed):
            return refused
        facts = ArticleFacts.of(processed.article) if processed.article else None
        answer = untied_answer(processed.page, facts, processed.reject)
        if answer and self._is_shared(answer):
            return self._judge_shared(answer)
        result = self._judge_page(processed, redirected=answer is not None and answer.redirected)
        if answer:
            judged = self._untied.setdefault(answer.shared_key, {})
            judged[answer.requested] = _Judged(answer, self.seq, result)
            _keep_newest(self._untied)
        return result

    def _judge_page(self, processed: ProcessedPage, *, redirected: bool) -> Result:
        """The outcome of a page that belongs to its requested URL. redirected: only a redirect says so."""
        if processed.reject:
            return self._judge_reject(processed.reject, redirected=redirected)
        article, signature = processed.article, processed.signature
        assert article is not None, "a refined page is an article or a reject"
        assert signature is not None, "an article is signed"
        known = self.index.page_state(article.id)
        if known and self._is_pending_elsewhere(known):
            return Result("unchanged", article.id, article.url, article.title, settled=False)
        requested_url = processed.page.requested_url if processed.page else article.url
        requested = requested_id(requested_url, article.id)
        if known and article.content_hash in (known.content_hash, self._former_mark(known)):
            self._checked[requested] = article.id, article.fetched_at
            if known.retry_at and known.requested_url and not known.reason:
                self._rechecks[article.id] = known.requested_url, known.checks + 1
            return Result("unchanged", article.id, article.url, article.title)
        if known and known.content_hash and article.fetched_at < known.fetched_at:
            return self._judge_older_version(article, signature, requested_url, known)
        document = document_of(article, known)
        verdict = self.index.judge(article, document, signature)
        listed_title = processed.page.listed_title if processed.page else None
        self._note_recheck(ArticleFacts.of(article), requested_url, listed_title, MatchFacts.of(verdict))
        result = _landing_result(self._prepare_to_land(article), signature, verdict, requested_url, known)
        self.index.add_pending(
            state_after_row(result.values or {}, known, self.run_id, self.seq),
            requested,
            document,
            signature,
        )
        return result

    def _note_recheck(
        self, article: ArticleFacts, requested_url: str, listed_title: str | None, verdict: MatchFacts
    ) -> None:
        """Have a page fetched again later that has the text of another URL of the outlet, where nothing else ties the two:
        the text may be a notice that stands for every article for a while. So is that other page."""
        other = self.index.page_state(verdict.copy_of) if verdict.copy_of else None
        if other is None or other.outlet != article.outlet or not other.requested_url:
            return
        if not is_suspicious(article, requested_url, listed_title, verdict, other):
            return
        self._rechecks[article.id] = requested_url, 0
        if article.fetched_at - other.first_at < _MAX_NOTICE_AGE:
            self._rechecks.setdefault(other.id, (other.requested_url, 0))

    def remember(self, page: RawPage, values: dict[str, Any]) -> None:
        """Note what a finished run records of an article that the dead run had landed: a redirect that nothing explains,
        and a text of another page. values: the article's row."""
        article, verdict = ArticleFacts.of(values), MatchFacts.of(values)
        self._note_recheck(article, page.requested_url, page.listed_title, verdict)
        if (answer := untied_answer(page, article, None)) and answer.redirected:
            result = Result("articles", article.id, page.url)
            self._untied.setdefault(answer.shared_key, {})[answer.requested] = _Judged(answer, -1, result)

    def _judge_older_version(
        self, article: Article, signature: Signature, requested_url: str, known: PageState
    ) -> Result:
        """The outcome of a version that was fetched before the latest known one. It lands once, and does not become
        the latest."""
        if self.index.has_version(article.id, article.content_hash):
            return Result("unchanged", article.id, article.url, article.title)
        verdict = self.index.judge(article, document_of(article, known), signature)
        self.index.add_version(article.id, article.content_hash, (self.run_id, self.seq))
        return _landing_result(self._prepare_to_land(article), signature, verdict, requested_url, known)

    def _prepare_to_land(self, article: Article) -> Article:
        """The article without learned boilerplate, and without removed texts where they are not kept. Called after
        the verdict, which neither may change."""
        article = without_learned_lines(article, self._boilerplate.of(article.outlet))
        return article if self.removed_texts else without_removed_texts(article)

    def _former_mark(self, known: PageState) -> str | None:
        """Return what this version of the cleaner makes of the page that was fetched for a row of another version, as
        far as a crawl has noted it. A run that cleans pages again lands the new text."""
        return self.index.former_mark(known) if self.keeps_pages else None

    def _is_pending_elsewhere(self, known: PageState) -> bool:
        """Whether another run is about to land a row of the page. If that run died, a second row
        that landed now would have no first one."""
        return known.run_id != self.run_id and self.index.is_pending(known.id)

    def _judge_reject(self, reject: Reject, *, redirected: bool = False) -> Result:
        """The outcome of a reject, which is one of the requested URL alone. redirected: nothing but a redirect ties
        the page that answered to that URL."""
        own, known = self.index.page_state(reject.id), self.index.requested_state(reject.id)
        if any(state and self._is_pending_elsewhere(state) for state in (own, known)):
            return Result("unchanged", reject.id, reject.url, settled=False)
        is_final = retry_at(reject.reason, reject.fetched_at, reject.status, redirected=redirected) is None
        if known and self._former_mark(known) == f"reject:{reject.reason}":
            return Result("unchanged", reject.id, reject.url)
        if known and known.reason == reject.reason and not _is_retry_due(known, reject, is_final=is_final):
            return Result("unchanged", reject.id, reject.url, settled=known.retry_at is None)
        mark, is_older = f"reject:{reject.reason}", known is not None and reject.fetched_at < known.fetched_at
        if is_older and self.index.has_version(reject.id, mark):
            return Result("unchanged", reject.id, reject.url)
        if own and known and own.id != known.id:  # the URL led to an article since its own rejects
            own = replace(own, tries=0)
        tries = own.tries + 1 if own else 1
        values = row(reject)
        values["retry_at"] = retry_at(
            reject.reason, reject.fetched_at, reject.status, tries, redirected=redirected
        )
        if is_older:
            self.index.add_version(reject.id, mark, (self.run_id, self.seq))
        else:
            self.index.add_pending(state_after_row(values, own, self.run_id, self.seq), reject.id)
        return Result(
            "rejects",
            reject.id,
            reject.url,
            reason=reject.reason,
            values=values,
            gone=reject.status in GONE
            and not is_older
            and known is not None
            and known.content_hash is not None,
            settled=values["retry_at"] is None,
        )

    # ------------------------------------------------------------ shared pages

    def _is_shared(self, answer: UntiedAnswer) -> bool:
        """Whether the page that answered is a shared page: it answered for other URLs as well."""
        known = self.index.page_state(answer.requested)
        if answer.is_article and known and known.reason == "shared_page" and known.tries >= MAX_TRIES:
            return False
        if (
            answer.is_home
            or answer.shared_key in self._shared_keys
            or self.index.is_shared(answer.shared_key)
        ):
            return True
        earlier = [judged.answer.requested_url for judged in self._untied.get(answer.shared_key, {}).values()]
        if answer.redirected:
            earlier += self.index.untied_urls(answer.page)
            return any(page_id(url) != answer.requested for url in earlier)
        return any(not is_version(answer.requested_url, url) for url in earlier)

    def _judge_shared(self, answer: UntiedAnswer) -> Result:
        """The outcome of an answer through a shared page. URLs that led there before get the same outcome."""
        self._shared_keys.add(answer.shared_key)
        revised = []
        earlier = self._untied.pop(answer.shared_key, {})
        for requested, judged in earlier.items():
            if requested != answer.requested and (
                after := self._revise(judged, {*earlier, answer.requested})
            ):
                revised.append(RevisedResult(judged.answer.shared_reject.outlet, judged.result, after))
        for url in self.index.untied_urls(answer.page) if answer.redirected else ():
            if page_id(url) not in (answer.requested, *earlier):
                self._add_late_reject(earlier_reject(url, answer))
        return replace(self._judge_reject(answer.shared_reject), revised=tuple(revised))

    def _revise(self, judged: _Judged, untied: set[str]) -> Result | None:
        """Make an earlier answer of this run a reject, and return its new result. None where its row stays, because it
        has left the buffer or something else rests on it; then the reject is one more row. untied: ids of all requested
        URLs that only a redirect ties to the page."""
        result, reject = judged.result, judged.answer.shared_reject
        if result.outcome == "unchanged":
            if self._checked.pop(judged.answer.requested, None) is None:
                return None  # a reject that is known and not due
        elif judged.seq != self.seq or not self._is_unused(result, untied):
            self._add_late_reject(reject)
            return None
        else:
            buffer, values = self._buffer, result.values or {}
            table = buffer.tables[result.outcome]
            table[:] = [other for other in table if other is not result.values]
            buffer.rows -= 1
            buffer.bytes -= len(values.get("text", ""))
            self.index.withdraw_pending(result.id, self.run_id)
        after = self._judge_reject(reject)
        self._count(result, -1)
        self._count(after)
        self._buffer_rows(after)
        return after

    def _is_unused(self, result: Result, untied: set[str]) -> bool:
        """Whether the buffered row of a result may be taken back: it is a reject, or the first row of a page that no
        other row names and no other URL led to."""
        if result.outcome == "rejects":
            return True
        if result.outcome == "revisions" or self.index.landed_row(result.id):
            return False
        if any(page == result.id and url not in untied for url, (page, _) in self._checked.items()):
            return False
        rows = [values for table in STORY_TABLES for values in self._buffer.tables.get(table, ())]
        return not self.index.has_pending_copies(result.id) and not any(
            link["id"] == result.id for values in rows for link in values["links"]
        )

    def _add_late_reject(self, reject: Reject) -> None:
        """Add a reject to a URL that has its outcome already, so that it is retried."""
        result = self._judge_reject(reject)
        if result.outcome != "unchanged":
            self._count(result)
            self._buffer_rows(result)

    def _buffer_rows(self, result: Result, pages: Iterable[RawPage] = ()) -> None:
        """Buffer the row of a result, and those of its pages; nothing for an unchanged page."""
        if result.outcome == "unchanged":
            return
        buffer, values = self._buffer, result.values or {}
        for page in pages if self.keeps_pages else ():
            buffer.tables.setdefault("raw", []).append(row(page))
            buffer.bytes += len(page.body)
        buffer.tables.setdefault(result.outcome, []).append(values)
        buffer.bytes += len(values.get("text", ""))
        buffer.rows += 1
        buffer.since = buffer.since or datetime.now(UTC)

    # ------------------------------------------------------------ a flush

    @property
    def waiting(self) -> tuple[int, int, float]:
        """Rows, bytes and age in seconds of the buffer that has not been cut yet."""
        since = self._buffer.since
        age_s = (datetime.now(UTC) - since).total_seconds() if since else 0.0
        return self._buffer.rows, self._buffer.bytes, age_s

    def cut(self, landed_at: datetime | None = None) -> Batch | None:
        """Take the buffered rows as a batch; None where there are none. Later rows go to the next flush. landed_at:
        now, unless an earlier flush is completed."""
        if not self._buffer.rows:
            return None
        batch = Batch(self.seq, landed_at or datetime.now(UTC), self._buffer.tables)
        landing = row(Landing(self.run_id, batch.seq, batch.landed_at))
        for rows in batch.tables.values():
            for values in rows:
                values.update(landing)
        self._buffer = _Buffer()
        self.seq += 1
        for judged in (judged for answers in self._untied.values() for judged in answers.values()):
            judged.result = replace(judged.result, values=None)  # they hold texts
        return batch

    def write(self, batch: Batch) -> None:
        """Land a batch, after the parts that are spooled already. Raises LakeError where that fails; the parts are in
        the spool then. Raises SpoolFailed where the spool fails too; the run must then end without `finish`."""
        outlets = {values["outlet"] for rows in batch.tables.values() for values in rows}
        lease_error: LakeError | None = None
        try:
            lost = self.leases.lost(outlets) if self.leases else set()
        except LakeError as error:
            lost, lease_error = set(), error
        self._forfeit(batch, lost)
        flush = encode_flush(batch.tables, self.run_id, batch.seq, batch.landed_at)
        self.parts += [part for part, _ in flush]
        self._spooled[batch.seq] = [part for part, _ in flush]
        objects = [(part.key, data) for part, data in flush]
        earlier_record = self._flush_record
        if flush:
            objects.insert(0, self._announce_parts(batch.seq, self._spooled[batch.seq]))
        try:
            self.outbox.send(objects, lambda: self._check_leases(lease_error))
            self._remove_superseded(earlier_record)
        except SpoolFailed:
            del self._spooled[batch.seq]
            raise
        finally:
            self._spooled_outlets = (self._spooled_outlets | outlets) - lost if self.outbox.waiting else set()

    def _announce_parts(self, seq: int, parts: Sequence[Part]) -> tuple[str, bytes]:
        """Return the object that names the parts of the coming flush. Other machines find them by it before the run
        has ended (lake/runs/other_runs.py), also where this process dies in between."""
        before = self._flush_record or FlushRecord(self.run_id, seq, ())
        self._flush_record = before.next(seq, [(part.table, part.key) for part in parts])
        return self._flush_record.key, self._flush_record.encode()

    def _remove_superseded(self, earlier: FlushRecord | None) -> None:
        """Remove the flush record before the latest, whose parts the latest names, too."""
        latest = self._flush_record
        if earlier and latest and earlier is not latest and set(earlier.parts) <= set(latest.parts):
            with suppress(LakeError):  # it does no harm
                self.store.remove(earlier.key)

    def _check_leases(self, lease_error: LakeError | None = None) -> None:
        """Raises LeaseLost where another machine holds an outlet that has rows in the spool, and `lease_error` where
        that could not be checked."""
        if lease_error:
            raise lease_error
        if self.leases and (lost := self.leases.lost(self._spooled_outlets)):
            raise LeaseLost(
                f"{', '.join(sorted(lost))}: crawled by another machine since; the next start sorts it out"
            )

    def _forfeit(self, batch: Batch, outlets: set[str]) -> None:
        """Drop the rows of these outlets: another machine holds their leases now, and fetches the pages itself."""
        for table, rows in batch.tables.items():
            remaining = [values for values in rows if values["outlet"] not in outlets]
            if table != "raw":
                forfeited = Counter(values["outlet"] for values in rows if values["outlet"] in outlets)
                self.forfeited += forfeited
                self.counts[table] -= forfeited.total()
            batch.tables[table] = remaining

    def mark_landed(self) -> None:
        """Tell the index which flushes have reached the lake since the last call."""
        waiting = set(self.outbox.waiting)
        for seq, parts in sorted(self._spooled.items()):
            if waiting.isdisjoint(part.key for part in parts):
                self.index.landed(self.run_id, seq)
                del self._spooled[seq]

    @property
    def spooled_rows(self) -> int:
        """The number of candidates whose rows are in the spool."""
        waiting = set(self.outbox.waiting)
        parts = (part for flush in self._spooled.values() for part in flush if part.table != "raw")
        return sum(part.rows for part in parts if part.key in waiting)

    def flush(self) -> None:
        """Call `cut`, `write` and `mark_landed`, where the caller may block. Raises LakeError as `write` does."""
        if batch := self.cut():
            self.write(batch)
            self.mark_landed()

    # ------------------------------------------------------------ its two records

    def start(self, facts: dict[str, Any]) -> None:
        """Write runs/<run>.started.json with these facts; from then on a crash is noticed. Raises PartExists where
        another run has this id, and LakeError."""
        self.store.put_new(
            f"runs/{self.run_id}.started.json",
            _encode_json({"run_id": self.run_id, **writer_facts(), **facts}),
        )

    def finish(self, outcome: str, facts: dict[str, Any]) -> None:
        """Write the run record runs/<run>.json, after the last flush. Raises LakeError as `write` does."""
        record = {
            "run_id": self.run_id,
            "outcome": outcome,
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "counts": dict(sorted(self.counts.items())),
            "parts": [asdict(part) for part in self.parts],
            "checked": [
                [requested, page, fetched_at.isoformat()]
                for requested, (page, fetched_at) in self._checked.items()
            ],
            "untied": [
                [requested, judged.answer.page, judged.answer.requested_url]
                for key, answers in self._untied.items()
                for requested, judged in answers.items()
                if judged.answer.is_article and key not in self._shared_keys
            ],
            "shared_pages": sorted(self._shared_keys),
            "rechecks": [
                [page, (datetime.now(UTC) + RECHECK_WAITS[checks]).isoformat(), url]
                for page, (url, checks) in self._rechecks.items()
                if checks < len(RECHECK_WAITS)
            ],
            **facts,
        }
        if self.forfeited:  # pages left to another machine are not settled, so no source is complete
            record["sources"] = {
                u: {**s, "complete": False, "visited": None} for u, s in record.get("sources", {}).items()
            }
        self.record = record
        key, data = f"runs/{self.run_id}.json", _encode_json(record)
        if self.forfeited and not self.outbox.waiting:
            with suppress(PartExists):  # the new holder took this run for dead, and wrote its record
                self.store.put_new(key, data)
        else:
            self.outbox.send([(key, data)], self._check_leases)
        self.mark_landed()
        self._remove_flush_records()
        try:
            self._remove_taken_down_rows()  # after the last part has landed, perhaps from the spool
        except LakeError as error:  # the next start learns the record, and removes the rows
            log.warning(
                "run %s: what was taken down since it began is looked for later: %s", self.run_id, error
            )
            return
        with self.index.transaction():
            self.index.drop_pending(self.run_id)  # entries of forfeited rows
            self.index.learn_record(self.record)

    def _remove_flush_records(self) -> None:
        """Remove this run's flush records: the run record names all parts now."""
        if self.parts:
            with suppress(LakeError):  # a later start does it
                for key in list(self.store.keys(f"{flush_records.PREFIX}{self.run_id}-")):
                    self.store.remove(key)

    def _remove_taken_down_rows(self) -> None:
        """Remove from this run's parts and record what was taken down since it started: the takedown may have listed
        the parts before they landed."""
        names = tombstone_names(self.store)
        if new := names - self.known_takedowns:
            from lake.parquet.row_removal import remove_rows  # pyarrow takes long to load

            self.index.take_down(names)
            taken_down = parse_tombstones(new)
            remove_rows(self.store, taken_down, [part.key for part in self.parts])
            addresses = taken_down_addresses(self.store, taken_down)
            with suppress(KeyError):
                clean_record(self.store, f"runs/{self.run_id}.json", addresses)
            self.record = addresses.without(self.record)
            with suppress(sqlite3.Error):  # the next start does it
                if self.index.is_to_erase():
                    self.index.erase()

    def abandon(self) -> None:
        """End the run without a record. The next start finishes it from its raw parts."""
        with self.index.transaction():
            self.index.drop_pending(self.run_id)


def _is_retry_due(known: PageState, reject: Reject, *, is_final: bool) -> bool:
    """Whether the retry time of a known reject had come, or this reject ends the retries. Otherwise the reject is
    unchanged, and needs no row."""
    return known.retry_at is not None and (known.retry_at <= reject.fetched_at or is_final)


def _keep_newest(recent: dict[str, Any]) -> None:
    if len(recent) > _MAX_RECENT:
        del recent[next(iter(recent))]


def _landing_result(
    article: Article, signature: Signature, verdict: Verdict, requested_url: str, known: PageState | None
) -> Result:
    outcome: Outcome = "copies" if verdict.relation else "articles"
    if known and known.content_hash:
        outcome = "revisions"
    values = row(article, verdict, RequestedUrl(requested_url), StoredSignature(signature.to_bytes()))
    return Result(outcome, article.id, article.url, article.title, verdict, None, values)


def writer_facts() -> dict[str, Any]:
    """Host, process, start time and versions of the program that writes, for the start record."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"schema": SCHEMA_VERSION, "cleaner": CLEANER_VERSION, "signature": SCHEME},
    }


def _encode_json(record: dict[str, Any]) -> bytes:
    return json.dumps(record, indent=1, ensure_ascii=False, default=str).encode()


@contextmanager
def run_lock(folder: Path, run_id: str, uri: str) -> Iterator[None]:
    """Hold the run's lock file in `folder`, the locks of a working folder. The kernel releases it whenever the process
    dies. uri: of the lake; the file names it, so that a start on that lake may clear the file away."""
    private_folder(folder.parent, folder.name)
    path = folder / f"{run_id}.lock"
    with open_locked(path, fcntl.LOCK_EX) as file:
        file.write(lake_id(uri))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_run_alive(folder: Path, run_id: str) -> bool | None:
    """Whether a process of this machine holds the run's lock; None where the folder has no lock file of the run."""
    path = folder / f"{run_id}.lock"
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return True
    return False
