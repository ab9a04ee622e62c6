"""A pool of worker processes for work on what sites send: each task has a deadline and a memory limit.

One thread assigns the tasks to workers and receives the answers. If a worker crashes, hangs, takes too much memory or
answers what is no answer, its task is lost and no other; a new worker takes its place. Processes are started when tasks
wait. A worker is replaced after a number of tasks, or when a finished one has left it larger than a second, lower bound.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections import Counter
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Generic, TypeVar

from lake.workers.plain_format import Malformed
from lake.workers.turns import Turns
from lake.workers.worker_process import FRAME, LAST, OUT_OF_MEMORY, PART, READY, job_message

log = logging.getLogger(__name__)
T = TypeVar("T")

_TICK_S = 0.1  # between two checks of the workers
_START_TIMEOUT_S = 60.0  # for a worker to load its libraries
_SEND_TIMEOUT_S = 20  # for a worker to take a piece of its job
_MAX_FAILED_STARTS = 3  # in a row; then the pool fails
_BACKLOG_PER_START = 4  # waiting tasks that justify another worker, whose start takes about a second of CPU
_MOST_EXTRA = 4  # workers at slow tasks that do not count against their number
_RECEIVED_AT_ONCE = 2**18  # bytes
_LOWEST_PRIORITY = 19
_SLOW_ANYHOW = (
    10  # a task that takes so many times slow_s is slow, though its worker computes less: the machine is busy
)
_WORKER_CODE = "import sys; sys.path[:] = sys.argv[5:]; from lake.workers.worker_process import main; main(*map(int, sys.argv[1:4]), sys.argv[4])"
# what the interpreter and its loader need; nothing of what a crawl is told: credentials, addresses, the home folder
_ENVIRONMENT = ("LANG", "LANGUAGE", "TZ", "TZDIR")
_ENVIRONMENT_PREFIXES = ("LC_", "LD_", "DYLD_", "PYTHON", "MALLOC_", "FAKETIME")


class WorkersFailed(Exception):
    """No worker process can be started, or the workers are closed."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How many workers there are, and what each may use."""

    workers: int = -1  # processes; 0: none, the work is done in a thread; -1: one for each core
    deadline_s: float = 60.0  # for one task
    memory: int = 1 << 30  # bytes that one worker may take
    pages: int = 2000  # tasks after which a worker is replaced
    recycle_bytes: int = 320 << 20  # a worker that holds more of them after a task is replaced
    slow_s: float = 3.0  # of computing, after which a task is slow, and others of its key wait for it
    # tasks of one key in a row that reach the deadline or the memory limit, after which its others are refused; 0: none is
    offences: int = 0

    @property
    def worker_count(self) -> int:
        """The number of worker processes; 0: the work is done in a thread."""
        return cores() if self.workers < 0 else self.workers


def cores() -> int:
    """The number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Task(ABC, Generic[T]):
    """A job for a worker, and the future of its result."""

    key: str  # of whom it is: an outlet
    job: Any  # what the worker gets, pickled
    max_bytes: int  # of the answer

    def __init__(self) -> None:
        self.future: Future[T] = Future()
        self.was_requeued = False  # a worker has died before it read the job

    def take(self, part: bytes) -> None:
        """Take an early part of the answer. Raises Malformed."""
        raise Malformed("a part of an answer that has none")

    @abstractmethod
    def finish(self, part: bytes) -> T:
        """Return the result, with the last part of the answer. Raises Malformed."""

    @abstractmethod
    def lost(self, why: str) -> T:
        """Return the result where the worker gave none. why: a sentence. May raise an error instead."""


class ProcessPool:
    """The pool. Close it in the end. Tasks may be submitted from any thread."""

    def __init__(self, load: str, limits: WorkerLimits) -> None:
        """load: what a worker loads, as `module:function`; lake/workers/worker_process.py."""
        self.limits = limits
        self.counts: Counter[str] = Counter()  # number of workers started, lost and recycled
        self.refused: set[str] = set()  # keys whose tasks are refused for their offences
        self._load = load
        self._offences: Counter[str] = Counter()
        self._turns: Turns[Task[Any]] = Turns()
        self._open_tasks: set[Task[Any]] = set()  # not settled yet; all fail when the pool ends
        self._workers: list[_Worker] = []
        self._retiring: list[_Worker] = []
        self._failed_starts = 0
        self._closed = False
        self._lock = threading.Lock()  # guards _turns and _closed: no task is accepted after the end
        self._selector = selectors.DefaultSelector()
        self._wake_sender, self._wake_receiver = socket.socketpair()
        self._wake_sender.setblocking(False)
        self._wake_receiver.setblocking(False)
        self._selector.register(self._wake_receiver, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None

    def submit(self, task: Task[T]) -> Future[T]:
        """Have a worker do a task. Raises WorkersFailed, or the future does."""
        if task.key in self.refused:
            _settle(task, lambda: task.lost(self._refusal()))
            return task.future
        with self._lock:
            if self._closed or self._failed_starts >= _MAX_FAILED_STARTS:
                raise WorkersFailed("the workers are closed" if self._closed else "no worker can be started")
            self._open_tasks.add(task)
            task.future.add_done_callback(lambda _: self._open_tasks.discard(task))
            self._turns.put(task)
            if self._thread is None:  # this thread alone starts processes: Linux kills them when it ends
                self._thread = threading.Thread(target=self._serve, name="workers", daemon=True)
                self._thread.start()
        self._wake_thread()
        return task.future

    def is_slow(self, key: str) -> bool:
        """Whether a task of this key has run for long, and none has been done in time since."""
        return key in self._turns.slow

    def close(self) -> None:
        """End all processes and wait for them. Tasks under way fail with WorkersFailed, so callers wait for their
        results first."""
        with self._lock:
            self._closed = True
        self._wake_thread()
        if self._thread:
            self._thread.join()
        for end in (self._wake_sender, self._wake_receiver):
            end.close()
        self._selector.close()

    def _wake_thread(self) -> None:
        with suppress(BlockingIOError, OSError):  # a wake-up is pending already
            self._wake_sender.send(b"\0")

    def _refusal(self) -> str:
        return f"its outlet was given up: {self.limits.offences} in a row took too long or too much memory"

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
                # checks are counted, not seconds: a task must not time out because the machine was suspended
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
            self._turns.clear()
        for task in list(self._open_tasks):
            with suppress(InvalidStateError):  # its caller has cancelled it
                task.future.set_exception(error)

    # ------------------------------------------------------------ from tasks to workers

    def _assign_tasks(self) -> None:
        free = [worker for worker in self._workers if worker.ready and not worker.task]
        while free and (task := self._next_task()):
            if task.was_requeued or task.future.set_running_or_notify_cancel():
                self._send_task(free.pop(), task)
            else:
                self._turns.end(task.key)
        if len(self._workers) < self._most_workers() and self._wants_worker():
            self._start_worker()

    def _next_task(self) -> Task[Any] | None:
        """Take the next task. One of a slow key leaves a worker for those of others."""
        regular = sum(not worker.is_slow for worker in self._workers)
        with self._lock:
            return self._turns.take(slow_too=regular > 1)

    def _most_workers(self) -> int:
        """The number of workers that there may be now: some of those at slow tasks do not count."""
        with self._lock:
            slow = sum(worker.is_slow for worker in self._workers) + self._turns.slow_ready
        return self.limits.worker_count + min(slow, _MOST_EXTRA)

    def _wants_worker(self) -> bool:
        starting = sum(not worker.ready for worker in self._workers)
        with self._lock:
            waiting, slow_waits = self._turns.ready, self._turns.slow_ready
        if all(worker.is_slow for worker in self._workers):
            return waiting > 0
        # each starting worker will take some of the waiting tasks
        is_backlog = waiting >= _BACKLOG_PER_START * (1 + starting)
        return is_backlog or (slow_waits and not starting)

    def _send_task(self, worker: _Worker, task: Task[Any]) -> None:
        try:
            worker.give(task, is_slow=self._turns.is_shared and task.key in self._turns.slow)
        except OSError:  # it died between two tasks, or does not read
            worker.task = None
            self._remove_lost(worker, None)
            self._requeue_or_lose(task)

    def _requeue_or_lose(self, task: Task[Any]) -> None:
        """Give a job that its worker never read to another worker; lose it if that happens a second time."""
        self._turns.end(task.key)
        if task.was_requeued:
            _settle(task, lambda: task.lost("its worker died before it took the page"))
        else:
            task.was_requeued = True
            with self._lock:
                self._turns.put(task, first=True)

    def _start_worker(self) -> None:
        worker = _Worker(self._load, self.limits)
        self._workers.append(worker)
        self._selector.register(worker.socket, selectors.EVENT_READ, worker)
        self.counts["started"] += 1

    # ------------------------------------------------------------ from workers to results

    def _receive(self, worker: _Worker) -> None:
        try:
            data = worker.socket.recv(_RECEIVED_AT_ONCE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionResetError:  # it has not read what was sent to it
            task, worker.task = worker.task, None
            self._remove_lost(worker, None)
            if task:
                self._requeue_or_lose(task)
            return
        except OSError:
            data = b""
        if not data:
            self._remove_lost(worker, None)
            return
        worker.received += data
        try:
            while worker in self._workers and (frame := worker.next_frame()):
                self._take_frame(worker, *frame)
        except Malformed as error:
            log.error("a worker process answered what is no answer: %s", error)
            self._remove_lost(worker, "its worker gave an answer that cannot be read")

    def _take_frame(self, worker: _Worker, kind: bytes, content: bytes) -> None:
        """Take one frame of a worker. Raises Malformed."""
        task = worker.task
        if kind == READY and not worker.ready:
            worker.ready, worker.ticks, self._failed_starts = True, 0, 0
        elif kind == PART and task:
            task.take(content)
        elif kind == LAST and task:
            result = task.finish(content)
            worker.task, worker.is_slow = None, False
            worker.tasks += 1
            self._end_task(task, worker, is_offence=False)
            _settle(task, lambda: result)
            self._retire_if_due(worker)
        else:
            raise Malformed("a frame out of turn")

    def _end_task(self, task: Task[Any], worker: _Worker, *, is_offence: bool) -> None:
        """Note how a task has ended, for the turns of its key. is_offence: it reached the deadline or the memory
        limit."""
        self._turns.end(task.key)
        if is_offence:
            self._turns.slow.add(task.key)
            self._offences[task.key] += 1
            if self.limits.offences and self._offences[task.key] >= self.limits.offences:
                self._refuse(task.key)
        else:
            self._offences.pop(task.key, None)
            if not self._is_slow(worker):
                self._turns.slow.discard(task.key)

    def _refuse(self, key: str) -> None:
        """Refuse all tasks of a key that wait or come."""
        self.refused.add(key)
        with self._lock:
            waiting = self._turns.remove(key)
        for task in waiting:
            if task.was_requeued or task.future.set_running_or_notify_cancel():
                _settle(task, lambda task=task: task.lost(self._refusal()))

    def _retire_if_due(self, worker: _Worker) -> None:
        is_worn = worker.tasks >= self.limits.pages or worker.memory() > self.limits.recycle_bytes
        # a lowered priority cannot be raised again
        if is_worn or worker.is_lowered or len(self._workers) > self._most_workers():
            self.counts["recycled"] += 1
            self._retire(worker)

    def _check_workers(self) -> None:
        limits = self.limits
        for worker in list(self._workers):
            worker.ticks += 1
            if not worker.ready:
                if worker.ticks * _TICK_S > _START_TIMEOUT_S:
                    self._remove_lost(worker, f"its worker was not ready in {_START_TIMEOUT_S:g} s")
            elif worker.task and worker.ticks * _TICK_S > limits.deadline_s:
                why = f"its worker gave no answer in {limits.deadline_s:g} s"
                self._remove_lost(worker, why, is_offence=True)
            elif worker.task and worker.memory() > limits.memory:
                why = f"its worker took more than {limits.memory >> 20} MiB"
                self._remove_lost(worker, why, is_offence=True)
            elif worker.task and self._is_slow(worker):
                self._turns.slow.add(worker.task.key)
                if self._turns.is_shared:
                    worker.lower()
        self._retiring = [worker for worker in self._retiring if worker.process.poll() is None]

    def _is_slow(self, worker: _Worker) -> bool:
        """Whether its task has run for long."""
        passed_s, slow_s = worker.ticks * _TICK_S, self.limits.slow_s
        return passed_s > slow_s and (worker.task_cpu_s() > slow_s or passed_s > _SLOW_ANYHOW * slow_s)

    def _remove_lost(self, worker: _Worker, why: str | None, *, is_offence: bool = False) -> None:
        """Kill and forget a worker, and lose its task. why: None where the process ended by itself; then its exit
        status gives the reason."""
        self._unregister(worker)
        status = worker.kill()
        self.counts["lost"] += 1
        why = why or f"its worker {_exit_reason(status, self.limits)}"
        if task := worker.task:
            worker.task = None
            self._end_task(task, worker, is_offence=is_offence or status == OUT_OF_MEMORY)
            _settle(task, lambda: task.lost(why))
        elif not worker.ready:
            self._failed_starts += 1
            log.error("a worker process could not start: %s", why)
            if self._failed_starts >= _MAX_FAILED_STARTS:
                self._fail_all(
                    WorkersFailed(f"{_MAX_FAILED_STARTS} worker processes in a row could not start")
                )

    def _retire(self, worker: _Worker) -> None:
        """Close the worker's socket: the process ends when it reads the end."""
        self._unregister(worker)
        self._retiring.append(worker)
        worker.socket.close()

    def _unregister(self, worker: _Worker) -> None:
        self._selector.unregister(worker.socket)
        self._workers.remove(worker)


def _settle(task: Task[T], result: Any) -> None:
    """Give a task's future what `result` returns or raises."""
    with suppress(InvalidStateError):  # the pool has ended meanwhile
        try:
            task.future.set_result(result())
        except InvalidStateError:
            raise
        except Exception as error:
            task.future.set_exception(error)


class _Worker:
    """One process and its socket."""

    def __init__(self, load: str, limits: WorkerLimits) -> None:
        self.socket, theirs = socket.socketpair()
        # a worker that does not read must not block the thread for ever
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_TIMEOUT_S, 0))
        with theirs:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _WORKER_CODE,
                    *map(str, (theirs.fileno(), os.getpid(), limits.memory)),
                    load,
                    *map(os.path.abspath, sys.path),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C must not reach the workers: the crawl still waits for results
                cwd="/",
                env=worker_environment(),
            )
        self.ready = False
        self.task: Task[Any] | None = None
        self.is_lowered = False  # its priority is the lowest
        self.is_slow = (
            False  # its task is slow, or of a slow key: it does not count against the number of workers
        )
        self.ticks = 0  # checks since it started or got its task
        self.tasks = 0  # done so far
        self.received = bytearray()  # frames that are not taken yet
        self._answered = 0  # bytes of the answer under way
        self._cpu_before_s = 0.0  # computed before its task

    def give(self, task: Task[Any], *, is_slow: bool) -> None:
        """Send it the job of a task. Raises OSError where it does not take it."""
        self.task, self.ticks, self.is_slow, self._answered = task, 0, is_slow, 0
        self._cpu_before_s = self._cpu_s()
        self.socket.sendall(job_message(task.job))

    def next_frame(self) -> tuple[bytes, bytes] | None:
        """Take (kind, content) of the next whole frame; None where there is none yet. Raises Malformed for an answer
        of more bytes than its task may have."""
        if len(self.received) < FRAME.size:
            return None
        kind, size = FRAME.unpack_from(self.received)
        if self._answered + size > (self.task.max_bytes if self.task else 0):
            raise Malformed(f"an answer of more than {self._answered + size} bytes")
        end = FRAME.size + size
        if len(self.received) < end:
            return None
        content = bytes(self.received[FRAME.size : end])
        del self.received[:end]
        self._answered += size
        return kind, content

    def lower(self) -> None:
        """Let it compute only when no other process wants to, and no longer count."""
        self.is_slow = True
        if not self.is_lowered and hasattr(os, "setpriority"):
            self.is_lowered = True
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self.process.pid, _LOWEST_PRIORITY)

    def task_cpu_s(self) -> float:
        """Return for how many seconds it has computed at its task; the time that passed where nothing reports it."""
        return self._cpu_s() - self._cpu_before_s

    def _cpu_s(self) -> float:
        try:
            ticks = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()[11]
        except (OSError, IndexError):
            return monotonic()
        return int(ticks) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Resident memory in bytes; 0 where the system does not report it."""
        try:
            pages = Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> int:
        """End the process and return its exit status; its own where it had ended by itself."""
        self.socket.close()
        if self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):  # the socket closes a moment before the process ends
                return self.process.wait(0.05)
            self.process.kill()
        return self.process.wait()


def worker_environment() -> dict[str, str]:
    """Return the environment of a worker: it parses what sites send, so it gets no secret, no home and no proxy."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith(_ENVIRONMENT_PREFIXES)
    }
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _exit_reason(status: int, limits: WorkerLimits) -> str:
    """Why a worker ended, in the words of a log message and a reject's detail."""
    if status == OUT_OF_MEMORY:
        return f"took more than {limits.memory >> 20} MiB"
    return f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
