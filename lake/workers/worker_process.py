"""One worker process of lake/workers/pool.py: pages in, what became of them out. Ends when its parent does.

It is a program of its own and not a `multiprocessing.Process`: that would import the parent's main module again, which
is Scrapy. It loads cleaning and dedupe, and neither pyarrow nor boto3.
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
_NICENESS = 10  # whoever hands out the work must not wait for those who do it


@dataclass(frozen=True, slots=True)
class Job:
    """One page to refine; of an article in parts, `so_far` is the article and `page` its next page."""

    page: RawPage
    rules: Rules
    so_far: ProcessedPage | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """refined comes without its pages, which the parent has. None where it is yet to come: what reserves a page must be
    known of one that is quarantined, too."""

    tdm: tuple[str, ...]
    processed: ProcessedPage | None = None


def main(socket_fd: int, parent_pid: int, memory_bytes: int) -> None:
    """channel: the file descriptor of a socket; memory: bytes that the process may not exceed."""
    for stop_signal in (signal.SIGINT, signal.SIGTERM):  # meant for the parent, which wants its answers
        signal.signal(stop_signal, signal.SIG_IGN)
    _die_with_parent(parent_pid)
    _limit_memory(memory_bytes)
    os.nice(_NICENESS)
    gc.disable()  # loading makes objects by the hundred thousand, and none is garbage: a sixth of its time
    _warm_up()
    gc.freeze()  # the modules' own objects are here to stay: 5 % of the CPU of a page
    gc.enable()
    with Connection(socket_fd) as connection:
        connection.send_bytes(b"")  # ready
        try:
            while True:
                _process_job(connection, pickle.loads(connection.recv_bytes()))
        except (EOFError, OSError):
            os._exit(0)  # nothing here needs an orderly end, and a big heap takes long to take down


def _process_job(parent: Connection, job: Job) -> None:
    document = Document(job.page)
    page = with_tdm_evidence(document)
    if page.tdm:  # few pages say any of it
        parent.send_bytes(pickle.dumps(Answer(page.tdm), protocol=5))
    if job.so_far:
        processed = append_with_evidence(job.so_far, page, job.rules, document)
    else:
        processed = process_with_evidence(page, job.rules, document)
    if processed.reject and (processed.reject.detail or "").startswith("MemoryError"):
        os._exit(OUT_OF_MEMORY)  # the page is no worse than others, and the process is of no use any more
    bare = replace(processed, page=None, later_pages=())
    parent.send_bytes(pickle.dumps(Answer(page.tdm, bare), protocol=5))


def _warm_up() -> None:
    """What is loaded when it is first wanted must not count against a page."""
    load_extractor()
    words = "these are more than twenty words of no meaning at all " * 3
    language_of(words)
    sign(words)


def _die_with_parent(parent_pid: int) -> None:
    """Linux kills the process at its parent's death, even in the midst of a page; elsewhere it sees the socket's end
    after the page."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before
        os._exit(0)


def _limit_memory(memory_bytes: int) -> None:
    """A last resort behind the parent's watch, which looks ten times a second."""
    limit_bytes = 2 * memory_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > limit_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, hard))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
