"""A pool of worker processes that clean pages and compute their signatures, for crawls and for jobs on a whole lake.

If a worker crashes, hangs or takes too much memory over a page, the page becomes a reject with the reason `quarantined`;
its bytes stay in the table `raw`. lake/workers/process_pool.py has the processes, lake/workers/page_job.py what they do.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Self

from cleaning import CLEANER_VERSION, RawPage, Rules, host_of
from dedupe import SchemeMismatch, Signature
from dedupe.signature.scheme import BANDS
from lake.schema.records import ProcessedPage, reject
from lake.workers.page_job import Answer, Evidence, Job
from lake.workers.page_processing import append_page, process_page, with_header_evidence
from lake.workers.plain_format import Malformed, from_message
from lake.workers.process_pool import ProcessPool, Task, WorkerLimits, WorkersFailed

__all__ = ["WorkerLimits", "Workers", "WorkersFailed"]

log = logging.getLogger(__name__)

_PAGES_PER_WORKER = 8  # pages under way or waiting, for each worker
_LOAD = "lake.workers.page_job:load"
# of an answer, for each byte of its page, and besides: a text may take more bytes than in the page's own encoding, and
# titles, captions and cut texts stand in an article more than once
_ANSWER_BYTES_PER_BYTE = 8
_ANSWER_BYTES = 16 << 20
_BANDS_BYTES = (0, 2 * BANDS * 4)


class Workers:
    """The pool. Close it, or use it as a context manager. Pages may be submitted from any thread."""

    def __init__(self, limits: WorkerLimits | None = None) -> None:
        self.limits = limits or WorkerLimits()
        # the most pages that process_all has under way
        self.room = max(1, _PAGES_PER_WORKER * self.limits.worker_count)
        self._in_thread = None if self.limits.worker_count else ThreadPoolExecutor(1, "clean")
        self._processes = ProcessPool(_LOAD, self.limits)
        self.counts = self._processes.counts  # number of workers started, lost and recycled
        self.refused = (
            self._processes.refused
        )  # outlets whose pages are quarantined, because others took too much
        self.is_slow = self._processes.is_slow

    def process(self, page: RawPage, rules: Rules) -> Future[ProcessedPage]:
        """Process a page with lake.workers.page_processing.process_page. Raises WorkersFailed, or the future does."""
        if self._in_thread:
            return self._in_thread.submit(process_page, page, rules)
        return self._processes.submit(_PageTask(Job(page, rules)))

    def append_page(self, so_far: ProcessedPage, later: RawPage, rules: Rules) -> Future[ProcessedPage]:
        """Add a later page with lake.workers.page_processing.append_page. A later page that is quarantined counts as
        a page without text. Raises WorkersFailed, or the future does."""
        if self._in_thread:
            return self._in_thread.submit(append_page, so_far, later, rules)
        return self._processes.submit(_LaterPageTask(Job(later, rules), so_far))

    def process_all(
        self, articles: Iterable[tuple[RawPage, Rules, Sequence[RawPage]]]
    ) -> Iterator[ProcessedPage]:
        """Process articles with their later pages. Yields them in the order of the input; at most `room` are in
        memory. Raises WorkersFailed."""
        under_way: deque[tuple[Future[ProcessedPage], Rules, Sequence[RawPage]]] = deque()
        for page, rules, later_pages in articles:
            under_way.append((self.process(page, rules), rules, later_pages))
            if len(under_way) >= self.room:
                yield self._with_later_pages(*under_way.popleft())
        while under_way:
            yield self._with_later_pages(*under_way.popleft())

    def _with_later_pages(
        self, first: Future[ProcessedPage], rules: Rules, later_pages: Sequence[RawPage]
    ) -> ProcessedPage:
        processed = first.result()
        for page in later_pages:
            processed = self.append_page(processed, page, rules).result()
        return processed

    def close(self) -> None:
        """End all processes and wait for them. Pages under way fail with WorkersFailed, so callers wait for their
        results first."""
        if self._in_thread:
            self._in_thread.shutdown()
        self._processes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()


class _PageTask(Task[ProcessedPage]):
    """One page. What a worker answers is only what it found in that page: id, addresses, outlet and times are those of
    the page that it was given, and the rest of a reject is made here."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job: Job = job
        self.key = job.page.outlet
        self.max_bytes = _ANSWER_BYTES + _ANSWER_BYTES_PER_BYTE * len(job.page.body)
        self._tdm: Evidence | None = None  # once the worker has sent it

    def take(self, part: bytes) -> None:
        """Take the page's reservations. Raises Malformed."""
        self._tdm = from_message(Evidence, part)

    def finish(self, part: bytes) -> ProcessedPage:
        """Return the processed page. Raises Malformed."""
        answer: Answer = from_message(Answer, part)
        return self._processed(answer, replace(self.job.page, tdm=answer.tdm))

    def _processed(self, answer: Answer, page: RawPage) -> ProcessedPage:
        if (answer.reason is None) == (answer.article is None):
            raise Malformed("neither article nor reject, or both")
        _check_article(answer, page)
        return ProcessedPage(
            page,
            answer.article,
            _signature(answer),
            reject(page, answer.reason, answer.detail or "") if answer.reason else None,
            next_page_url=_url_of_same_host(answer.next_page_url, page),
            first_page_url=_url_of_same_host(answer.first_page_url, page),
            has_gap=answer.has_gap,
        )

    def lost(self, why: str) -> ProcessedPage:
        """Return a reject."""
        page = self._page_with_evidence()
        log.warning("a page is quarantined, %s: %s", why, page.url)
        return ProcessedPage(page, reject=reject(page, "quarantined", why))

    def _page_with_evidence(self) -> RawPage:
        """Return the page with its reservations; with those in its headers where the worker has sent none."""
        page = self.job.page
        return with_header_evidence(page) if self._tdm is None else replace(page, tdm=self._tdm)


class _LaterPageTask(_PageTask):
    """A later page of an article."""

    def __init__(self, job: Job, so_far: ProcessedPage) -> None:
        bare = replace(so_far, page=None, later_pages=())
        super().__init__(replace(job, so_far=bare))
        self._so_far = so_far
        self.max_bytes += _ANSWER_BYTES_PER_BYTE * sum(len(page.body) for page in so_far.pages)

    def _processed(self, answer: Answer, page: RawPage) -> ProcessedPage:
        so_far = self._so_far
        extended = replace(so_far, later_pages=(*so_far.later_pages, page))
        if so_far.article is None or so_far.page is None:
            return extended
        _check_article(answer, so_far.page)
        return replace(
            extended,
            article=answer.article,
            signature=_signature(answer),
            next_page_url=_url_of_same_host(answer.next_page_url, so_far.page),
            has_gap=answer.has_gap,
        )

    def lost(self, why: str) -> ProcessedPage:
        """Return the article without this page."""
        page = self._page_with_evidence()
        log.warning("a later page is left out, %s: %s", why, page.url)
        return replace(self._so_far, later_pages=(*self._so_far.later_pages, page))


# ---------------------------------------------------------------- what an answer may say


def _check_article(answer: Answer, page: RawPage) -> None:
    """Raise Malformed where an article says that it is of another page than the one that was given."""
    article = answer.article
    if article and (
        (article.id, article.url, article.outlet) != (page.id, page.url, page.outlet)
        or (article.fetched_at, article.cleaner_version) != (page.fetched_at, CLEANER_VERSION)
        or article.tdm != page.tdm
    ):
        raise Malformed("the article of another page")


def _signature(answer: Answer) -> Signature | None:
    """Return the signature of the answer's article. Raises Malformed where it is none, or has no article."""
    if (answer.signature is None) != (answer.article is None):
        raise Malformed("an article without signature, or the reverse")
    try:
        signature = None if answer.signature is None else Signature.from_bytes(answer.signature)
    except (ValueError, SchemeMismatch) as error:
        raise Malformed(str(error)) from error
    if signature and len(signature.bands) not in _BANDS_BYTES:
        raise Malformed("a signature with another number of bands")
    return signature


def _url_of_same_host(url: str | None, page: RawPage) -> str | None:
    """Return the URL of another page of the article. Raises Malformed where it is on another host."""
    if url is not None and host_of(url) != host_of(page.url):
        raise Malformed("a page of the article on another host")
    return url
