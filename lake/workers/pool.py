"""Cleaning, language and signature of many pages, in processes of their own; for the crawl and for whole-lake jobs.

One thread hands out the work and takes the answers. A page whose worker crashes, hangs or takes too much memory is
quarantined: a reject with the reason `quarantined`, its bytes kept in raw; the worker is replaced. The processes are
started when there is work for them, and replaced after so many pages, or when they have grown.
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

_TICK_S = 0.1  # between two looks at what the workers are doing
_START_TIMEOUT_S = 60.0  # a worker that takes longer to load its libraries has failed
_MAX_FAILED_STARTS = 3  # that may fail, one after the other
_BACKLOG_PER_START = 4  # pages that wait make another worker worth its start, about a second of CPU
_PAGES_PER_WORKER = 8  # pages under way or waiting, of a worker
_WORKER_CODE = "import sys; sys.path[:] = sys.argv[4:]; from lake.workers.worker_process import main; main(*map(int, sys.argv[1:4]))"


class WorkersFailed(Exception):
    """No worker process can be started, or the workers are closed."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    workers: int = -1  # processes; 0: none, pages are refined in a thread; -1: one for each core
    deadline_s: float = 60.0  # of one page
    memory: int = 1 << 30  # bytes that one worker may take
    pages: int = 2000  # then a worker is replaced,
    recycle_bytes: int = 320 << 20  # or when after a page it holds so many bytes

    @property
    def worker_count(self) -> int:
        return cores() if self.workers < 0 else self.workers


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """Close it, or use it as a context manager. `submit` may be called from any thread."""

    def __init__(self, limits: WorkerLimits | None = None) -> None:
        self.limits = limits or WorkerLimits()
        self.room = max(
            1, _PAGES_PER_WORKER * self.limits.worker_count
        )  # pages that a caller should have under way at most
        self.counts: Counter[str] = Counter()  # workers by what became of them
        self._in_thread = None if self.limits.worker_count else ThreadPoolExecutor(1, "clean")
        self._waiting: deque[_Task] = deque()
        self._open_futures: set[Future[ProcessedPage]] = set()  # nobody may wait for ever
        self._workers: list[_Worker] = []
        self._retiring: list[_Worker] = []
        self._failed_starts = 0
        self._closed = False
        self._lock = threading.Lock()  # of _waiting and _closed, against submits after the end
        self._selector = selectors.DefaultSelector()
        self._wake_sender, self._wake_receiver = socket.socketpair()
        self._wake_sender.setblocking(False)
        self._wake_receiver.setblocking(False)
        self._selector.register(self._wake_receiver, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------------ what callers use

    def process(self, page: RawPage, rules: Rules) -> Future[ProcessedPage]:
        """As lake.workers.page_processing.process_page does it. Fails with WorkersFailed."""
        if self._in_thread:
            return self._in_thread.submit(process_page, page, rules)
        return self._submit(Job(page, rules))

    def append_page(self, so_far: ProcessedPage, later: RawPage, rules: Rules) -> Future[ProcessedPage]:
        """As lake.workers.page_processing.append_page does it; a part that is quarantined is a page without text."""
        if self._in_thread:
            return self._in_thread.submit(append_page, so_far, later, rules)
        return self._submit(Job(later, rules, so_far))

    def process_all(
        self, articles: Iterable[tuple[RawPage, Rules, Sequence[RawPage]]]
    ) -> Iterator[ProcessedPage]:
        """Articles with their later pages, in the order given, and no more of them in memory than `room`."""
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
        """Returns when all processes have ended. What is under way fails; callers wait for their answers first."""
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
            if self._thread is None:  # the only one that starts processes: Linux ends them when it ends
                self._thread = threading.Thread(target=self._serve, name="workers", daemon=True)
                self._thread.start()
        self._wake_thread()
        return task.future

    def _wake_thread(self) -> None:
        with suppress(BlockingIOError, OSError):  # it rings already
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
                # looks are counted, not seconds: a machine that slept for an hour has not given a page an hour
                if monotonic() - checked_at >= _TICK_S:
                    self._check_workers()
                    checked_at = monotonic()
        except Exception as error:  # a mistake of ours must not look like a crawl that is slow
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
            with suppress(InvalidStateError):  # its caller waits no more
                future.set_exception(error)

    def _assign_tasks(self) -> None:
        free = [worker for worker in self._workers if worker.ready and not worker.task]
        while self._waiting and free:
            task = self._waiting.popleft()
            if task.was_requeued or task.future.set_running_or_notify_cancel():
                self._send_task(free.pop(), task)
        starting = sum(not worker.ready for worker in self._workers)
        enough = (
            _BACKLOG_PER_START * (1 + starting) if self._workers else 1
        )  # each that starts takes some of them
        if len(self._workers) < self.limits.worker_count and len(self._waiting) >= enough:
            self._start_worker()

    def _send_task(self, worker: _Worker, task: _Task) -> None:
        try:
            worker.send(task.job)
        except OSError:  # it died between two pages, or takes nothing
            self._remove_lost(worker, None)
            self._requeue_or_quarantine(task)
        else:
            worker.task, worker.ticks, worker.tdm = task, 0, None

    def _requeue_or_quarantine(self, task: _Task) -> None:
        """The page was not looked at yet; once, it may be the worker's fault alone."""
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
        except ConnectionResetError:  # what was sent to it, it has not read
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
        """why: None where it ended by itself, as its exit status tells."""
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
        """It ends when it reads the end of its socket."""
        self._unregister(worker)
        self._retiring.append(worker)
        worker.connection.close()

    def _unregister(self, worker: _Worker) -> None:
        self._selector.unregister(worker.connection)
        self._workers.remove(worker)


@dataclass(slots=True)
class _Task:
    job: Job
    future: Future[ProcessedPage]
    was_requeued: bool = False  # a worker has died before it took the page

    def complete(self, processed: ProcessedPage, tdm: tuple[str, ...]) -> None:
        """With the pages that the worker left out."""
        page, article = replace(self.job.page, tdm=tdm), self.job.so_far
        self.future.set_result(
            replace(processed, page=article.page, later_pages=(*article.later_pages, page))
            if article
            else replace(processed, page=page)
        )

    def quarantine(self, why: str, tdm: tuple[str, ...] | None) -> None:
        """tdm: None where it died before it could tell; then what stands in the headers counts."""
        page, article = self.job.page, self.job.so_far
        page = with_header_evidence(page) if tdm is None else replace(page, tdm=tdm)
        if article:
            log.warning("a later page is left out, its worker %s: %s", why, page.url)
            self.future.set_result(replace(article, later_pages=(*article.later_pages, page)))
        else:
            log.warning("a page is quarantined, its worker %s: %s", why, page.url)
            self.future.set_result(
                ProcessedPage(page, reject=reject(page, "quarantined", f"its worker {why}"))
            )


class _Worker:
    """One process and its socket."""

    def __init__(self, limits: WorkerLimits) -> None:
        ours, theirs = socket.socketpair()
        # a worker that neither reads nor writes must not hold up the others for ever
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
                start_new_session=True,  # Ctrl-C is the crawl's, which still wants its answers
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        self.connection = Connection(ours.detach())
        self.ready = False
        self.task: _Task | None = None
        self.tdm: tuple[str, ...] | None = None  # of the page under way, once it has told
        self.ticks = 0  # since it started, or was given its page
        self.pages = 0

    def send(self, job: Job) -> None:
        bare = replace(job.so_far, page=None, later_pages=()) if job.so_far else None
        self.connection.send_bytes(pickle.dumps(replace(job, so_far=bare), protocol=5))

    def memory(self) -> int:
        """Resident bytes; 0 where the system does not tell."""
        try:
            pages = Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> int:
        """Its exit status: its own, where it had ended by itself."""
        self.connection.close()
        if self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):  # a socket's end is seen a moment before the process's
                return self.process.wait(0.05)
            self.process.kill()
        return self.process.wait()


def _exit_reason(status: int, limits: WorkerLimits) -> str:
    if status == OUT_OF_MEMORY:
        return f"took more than {limits.memory >> 20} MiB"
    return f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
