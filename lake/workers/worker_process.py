"""The program of one worker process of lake/workers/pool.py: reads pages from a socket and answers with results.

It ends when its parent does. It is a program of its own and not a `multiprocessing.Process`, which would import the
parent's main module again: Scrapy. It loads cleaning and dedupe, but neither pyarrow nor boto3.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import resource
import signal
import sys
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from cleaning import Document, RawPage, Rules, load_extractor
from cleaning.metadata.language import language_of
from dedupe import sign
from lake.schema.records import ProcessedPage
from lake.workers.page_processing import append_with_evidence, process_with_evidence, with_tdm_evidence

OUT_OF_MEMORY = 77  # exit status
_PR_SET_PDEATHSIG = 1  # prctl(2)
_NICENESS = 10  # the process that assigns the work must not wait for the workers


@dataclass(frozen=True, slots=True)
class Job:
    """One page to process. Of a paginated article, `so_far` is the article and `page` its next page."""

    page: RawPage
    rules: Rules
    so_far: ProcessedPage | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the worker sends back for a page. `processed` comes without the raw pages, which the parent has. It is
    None in an early answer with the reservations alone: the parent needs them if it has to quarantine the page."""

    tdm: tuple[str, ...]
    processed: ProcessedPage | None = None


def main(socket_fd: int, parent_pid: int, memory_bytes: int) -> None:
    """Process jobs until the parent closes the socket. socket_fd: its file descriptor. parent_pid: the parent's
    process id. memory_bytes: the memory that the parent allows this process."""
    for stop_signal in (signal.SIGINT, signal.SIGTERM):  # meant for the parent, which still waits for results
        signal.signal(stop_signal, signal.SIG_IGN)
    _die_with_parent(parent_pid)
    _limit_memory(memory_bytes)
    os.nice(_NICENESS)
    gc.disable()  # loading makes many objects and no garbage: collections would take a sixth of its time
    _warm_up()
    gc.freeze()  # collections skip the modules' objects: 5 % of the CPU of a page
    gc.enable()
    with Connection(socket_fd) as connection:
        connection.send_bytes(b"")  # ready
        try:
            while True:
                _process_job(connection, pickle.loads(connection.recv_bytes()))
        except (EOFError, OSError):
            os._exit(0)  # nothing needs an orderly end, and freeing a big heap takes long


def _process_job(parent: Connection, job: Job) -> None:
    document = Document(job.page)
    page = with_tdm_evidence(document)
    if page.tdm:  # few pages have reservations
        parent.send_bytes(pickle.dumps(Answer(page.tdm), protocol=5))
    if job.so_far:
        processed = append_with_evidence(job.so_far, page, job.rules, document)
    else:
        processed = process_with_evidence(page, job.rules, document)
    if processed.reject and (processed.reject.detail or "").startswith("MemoryError"):
        os._exit(OUT_OF_MEMORY)  # the parent quarantines the page; this process is of no use any more
    bare = replace(processed, page=None, later_pages=())
    parent.send_bytes(pickle.dumps(Answer(page.tdm, bare), protocol=5))


def _warm_up() -> None:
    """Load what libraries load at their first use, so that the time does not count against a page."""
    load_extractor()
    words = "these are more than twenty words of no meaning at all " * 3
    language_of(words)
    sign(words)


def _die_with_parent(parent_pid: int) -> None:
    """Have Linux kill this process when its parent dies, even while it processes a page. Elsewhere it sees the end of
    the socket after the page."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it had died before
        os._exit(0)


def _limit_memory(memory_bytes: int) -> None:
    """Limit this process's memory to twice the allowed bytes. It is a last resort: the parent checks the memory, but
    only ten times a second."""
    limit_bytes = 2 * memory_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > limit_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, hard))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
