"""A pool of worker processes that clean pages and compute their signatures, for crawls and for jobs on a whole lake.

One thread assigns the pages to workers and receives the results. If a worker crashes, hangs or takes too much memory over
a page, the page becomes a reject with the reason `quarantined`; its bytes stay in the table `raw`, and a new worker takes
the place of the lost one. Processes are started when pages wait. A worker is replaced after a number of pages, or when a
finished page has left it larger than a second, lower bound.
"""

from __future__ import annotations

import logging
import os
import pickle
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from cleaning import RawPage, Rules
from lake.schema.records import ProcessedPage, reject
from lake.workers.page_processing import append_page, process_page, with_header_evidence
from lake.workers.worker_process import OUT_OF_MEMORY, Answer, Job

log = logging.getLogger(__name__)

_TICK_S = 0.1  # between two checks of the workers
_START_TIMEOUT_S = 60.0  # for a worker to load its libraries
_MAX_FAILED_STARTS = 3  # in a row; then the pool fails
_BACKLOG_PER_START = 4  # waiting pages that justify another worker, whose start takes about a second of CPU
_PAGES_PER_WORKER = 8  # pages under way or waiting, for each worker
_WORKER_CODE = "import sys; sys.path[:] = sys.argv[4:]; from lake.workers.worker_process import main; main(*map(int, sys.argv[1:4]))"


class WorkersFailed(Exception):
    """No worker process can be started, or the workers are closed."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How many workers there are, and what each may use."""

    workers: int = -1  # processes; 0: none, pages are processed in a thread; -1: one for each core
    deadline_s: float = 60.0  # for one page
    memory: int = 1 << 30  # bytes that one worker may take
    pages: int = 2000  # after which a worker is replaced
    recycle_bytes: int = 320 << 20  # a worker that holds more of them after a page is replaced

    @property
    def worker_count(self) -> int:
        """The number of worker processes; 0: pages are processed in a thread."""
        return cores() if self.workers < 0 else self.workers


def cores() -> int:
    """The number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """The pool. Close it, or use it as a context manager. Pages may be submitted from any thread."""

    def __init__(self, limits: WorkerLimits | None = None) -> None:
        self.limits = limits or WorkerLimits()
        # the most pages that a caller should have under way
        self.room = max(1, _PAGES_PER_WORKER * self.limits.worker_count)
        self.counts: Counter[str] = Counter()  # number of workers started, lost and recycled
        self._in_thread = None if self.limits.worker_count else ThreadPoolExecutor(1, "clean")
        self._waiting: deque[_Task] = deque()
        self._open_futures: set[Future[ProcessedPage]] = set()  # not settled yet; all fail when the pool ends
        self._workers: list[_Worker] = []
        self._retiring: list[_Worker] = []
        self._failed_starts = 0
        self._closed = False
        self._lock = threading.Lock()  # guards _waiting and _closed: no page is accepted after the end
        self._selector = selectors.DefaultSelector()
        self._wake_sender, self._wake_receiver = socket.socketpair()
        self._wake_sender.setblocking(False)
        self._wake_receiver.setblocking(False)
        self._selector.register(self._wake_receiver, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------------ what callers use

    def process(self, page: RawPage, rules: Rules) -> Future[ProcessedPage]:
        """Process a page with lake.workers.page_processing.process_page. Raises WorkersFailed, or the future does."""
        if self._in_thread:
            return self._in_thread.submit(process_page, page, rules)
        return self._submit(Job(page, rules))

    def append_page(self, so_far: ProcessedPage, later: RawPage, rules: Rules) -> Future[ProcessedPage]:
        """Add a later page with lake.workers.page_processing.append_page. A later page that is quarantined counts as
        a page without text. Raises WorkersFailed, or the future does."""
        if self._in_thread:
            return self._in_thread.submit(append_page, so_far, later, rules)
        return self._submit(Job(later, rules, so_far))

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
        with self._lock:
            self._closed = True
        self._wake_thread()
        if self._thread:
            self._thread.join()
        for end in (self._wake_sender, self._wake_receiver):
            end.close()
        self._selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, job: Job) -> Future[ProcessedPage]:
        task = _Task(job, Future())
        self._open_futures.add(task.future)
        task.future.add_done_callback(self._open_futures.discard)
        with self._lock:
            if self._closed or self._failed_starts >= _MAX_FAILED_STARTS:
                raise WorkersFailed("the workers are closed" if self._closed else "no worker can be started")
            self._waiting.append(task)
            if self._thread is None:  # this thread alone starts processes: Linux kills them when it ends
                self._thread = threading.Thread(target=self._serve, name="workers", daemon=True)
                self._thread.start()
        self._wake_thread()
        return task.future

    def _wake_thread(self) -> None:
        with suppress(BlockingIOError, OSError):  # a wake-up is pending already
            self._wake_sender.send(b"\0")

    # ------------------------------------------------------------ the thread

    def _serve(self) -> None:
        checked_at = monotonic()
        try:
            while not self._closed:
                self._assign_tasks()
                busy = self._retiring or any(w.task or not w.ready for w in self._workers)
                for key, _ in self._selector.select(_TICK_S if busy else None):
                    if key.data is None:
                        with suppress(BlockingIOError):
                            self._wake_receiver.recv(4096)
                    else:
                        self._receive(key.data)
                # checks are counted, not seconds: a page must not time out because the machine was suspended
                if monotonic() - checked_at >= _TICK_S:
                    self._check_workers()
                    checked_at = monotonic()
        except Exception as error:  # an error of ours must not look like a slow crawl
            log.exception("the workers' thread failed")
            self._failed_starts = _MAX_FAILED_STARTS
            self._fail_all(WorkersFailed(f"{type(error).__name__}: {error}"))
        finally:
            for worker in [*self._workers, *self._retiring]:
                worker.kill()
            self._fail_all(WorkersFailed("the workers are closed"))

    def _fail_all(self, error: WorkersFailed) -> None:
        with self._lock:
            self._waiting.clear()
        for future in list(self._open_futures):
            with suppress(InvalidStateError):  # its caller has cancelled it
                future.set_exception(error)

    def _assign_tasks(self) -> None:
        free = [worker for worker in self._workers if worker.ready and not worker.task]
        while self._waiting and free:
            task = self._waiting.popleft()
            if task.was_requeued or task.future.set_running_or_notify_cancel():
                self._send_task(free.pop(), task)
        starting = sum(not worker.ready for worker in self._workers)
        # each starting worker will take some of the waiting pages
        enough = _BACKLOG_PER_START * (1 + starting) if self._workers else 1
        if len(self._workers) < self.limits.worker_count and len(self._waiting) >= enough:
            self._start_worker()

    def _send_task(self, worker: _Worker, task: _Task) -> None:
        try:
            worker.send(task.job)
        except OSError:  # it died between two pages, or does not read
            self._remove_lost(worker, None)
            self._requeue_or_quarantine(task)
        else:
            worker.task, worker.ticks, worker.tdm = task, 0, None

    def _requeue_or_quarantine(self, task: _Task) -> None:
        """Give a page that its worker never read to another worker; quarantine it if that happens a second time."""
        if task.was_requeued:
            task.quarantine("died before it took the page", None)
        else:
            task.was_requeued = True
            self._waiting.appendleft(task)

    def _start_worker(self) -> None:
        worker = _Worker(self.limits)
        self._workers.append(worker)
        self._selector.register(worker.connection, selectors.EVENT_READ, worker)
        self.counts["started"] += 1

    def _receive(self, worker: _Worker) -> None:
        try:
            data = worker.connection.recv_bytes()
        except ConnectionResetError:  # it has not read what was sent to it
            task, worker.task = worker.task, None
            self._remove_lost(worker, None)
            if task:
                self._requeue_or_quarantine(task)
            return
        except (EOFError, OSError):
            self._remove_lost(worker, None)
            return
        if not data:
            worker.ready, worker.ticks, self._failed_starts = True, 0, 0
            return
        answer: Answer = pickle.loads(data)
        task = worker.task
        assert task, "a worker answers when it is asked"
        if answer.processed is None:
            worker.tdm = answer.tdm
            return
        worker.task = None
        worker.pages += 1
        task.complete(answer.processed, answer.tdm)
        if worker.pages >= self.limits.pages or worker.memory() > self.limits.recycle_bytes:
            self.counts["recycled"] += 1
            self._retire(worker)

    def _check_workers(self) -> None:
        for worker in list(self._workers):
            worker.ticks += 1
            if not worker.ready:
                if worker.ticks * _TICK_S > _START_TIMEOUT_S:
                    self._remove_lost(worker, f"was not ready in {_START_TIMEOUT_S:g} s")
            elif worker.task and worker.ticks * _TICK_S > self.limits.deadline_s:
                self._remove_lost(worker, f"gave no answer in {self.limits.deadline_s:g} s")
            elif worker.task and worker.memory() > self.limits.memory:
                self._remove_lost(worker, f"took more than {self.limits.memory >> 20} MiB")
        self._retiring = [worker for worker in self._retiring if worker.process.poll() is None]

    def _remove_lost(self, worker: _Worker, why: str | None) -> None:
        """Kill and forget a worker, and quarantine its page. why: None where the process ended by itself; then its
        exit status gives the reason."""
        self._unregister(worker)
        status = worker.kill()
        self.counts["lost"] += 1
        if worker.task:
            worker.task.quarantine(why or _exit_reason(status, self.limits), worker.tdm)
            worker.task = None
        elif not worker.ready:
            self._failed_starts += 1
            log.error("a worker process could not start: %s", why or _exit_reason(status, self.limits))
            if self._failed_starts >= _MAX_FAILED_STARTS:
                self._fail_all(
                    WorkersFailed(f"{_MAX_FAILED_STARTS} worker processes in a row could not start")
                )

    def _retire(self, worker: _Worker) -> None:
        """Close the worker's socket: the process ends when it reads the end."""
        self._unregister(worker)
        self._retiring.append(worker)
        worker.connection.close()

    def _unregister(self, worker: _Worker) -> None:
        self._selector.unregister(worker.connection)
        self._workers.remove(worker)


@dataclass(slots=True)
class _Task:
    """One page that waits for a worker or is with one, and the future of its result."""

    job: Job
    future: Future[ProcessedPage]
    was_requeued: bool = False  # a worker has died before it read the page

    def complete(self, processed: ProcessedPage, tdm: tuple[str, ...]) -> None:
        """Set the result, with the raw pages, which the worker does not send back."""
        page, so_far = replace(self.job.page, tdm=tdm), self.job.so_far
        self.future.set_result(
            replace(processed, page=so_far.page, later_pages=(*so_far.later_pages, page))
            if so_far
            else replace(processed, page=page)
        )

    def quarantine(self, why: str, tdm: tuple[str, ...] | None) -> None:
        """Set a reject as the result; of a later page, the article without it. tdm: the page's reservations; None
        where the worker died before it sent them, then those in the headers count."""
        page, so_far = self.job.page, self.job.so_far
        page = with_header_evidence(page) if tdm is None else replace(page, tdm=tdm)
        if so_far:
            log.warning("a later page is left out, its worker %s: %s", why, page.url)
            self.future.set_result(replace(so_far, later_pages=(*so_far.later_pages, page)))
        else:
            log.warning("a page is quarantined, its worker %s: %s", why, page.url)
            self.future.set_result(
                ProcessedPage(page, reject=reject(page, "quarantined", f"its worker {why}"))
            )


class _Worker:
    """One process and its socket."""

    def __init__(self, limits: WorkerLimits) -> None:
        ours, theirs = socket.socketpair()
        # a worker that neither reads nor writes must not block the thread for ever
        timeout = struct.pack("ll", int(limits.deadline_s) + 1, 0)
        for direction in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            ours.setsockopt(socket.SOL_SOCKET, direction, timeout)
        with theirs:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _WORKER_CODE,
                    *map(str, (theirs.fileno(), os.getpid(), limits.memory)),
                    *sys.path,
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C must not reach the workers: the crawl still waits for results
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        self.connection = Connection(ours.detach())
        self.ready = False
        self.task: _Task | None = None
        # reservations of the page under way, once the worker has sent them
        self.tdm: tuple[str, ...] | None = None
        self.ticks = 0  # checks since it started or got its page
        self.pages = 0  # processed so far

    def send(self, job: Job) -> None:
        bare = replace(job.so_far, page=None, later_pages=()) if job.so_far else None
        self.connection.send_bytes(pickle.dumps(replace(job, so_far=bare), protocol=5))

    def memory(self) -> int:
        """Resident memory in bytes; 0 where the system does not report it."""
        try:
            pages = Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> int:
        """End the process and return its exit status; its own where it had ended by itself."""
        self.connection.close()
        if self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):  # the socket closes a moment before the process ends
                return self.process.wait(0.05)
            self.process.kill()
        return self.process.wait()


def _exit_reason(status: int, limits: WorkerLimits) -> str:
    """Why a worker ended, in the words of a log message and a reject's detail."""
    if status == OUT_OF_MEMORY:
        return f"took more than {limits.memory >> 20} MiB"
    return f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
