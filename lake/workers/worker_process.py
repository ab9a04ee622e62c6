"""The program of one worker process of lake/workers/process_pool.py: reads jobs from a socket and answers with messages.

It ends when its parent does. It is a program of its own and not a `multiprocessing.Process`, which would import the
parent's main module again: Scrapy. It loads what the work needs, and nothing else. Frames on the socket: one byte for the
kind, four for the length, then the content.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import pickle
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

OUT_OF_MEMORY = 77  # exit status
READY, PART, LAST = b"r", b"p", b"l"  # kinds of frames that a worker sends
FRAME = struct.Struct("!cI")
_JOB_HEAD = struct.Struct("!I")
_PR_SET_PDEATHSIG = 1  # prctl(2)
_NICENESS = 10  # the process that assigns the work must not wait for the workers

Send = Callable[[bytes], None]  # sends a part of the answer before the last
Work = Callable[[Any, Send], bytes]  # does one job and returns the last part of the answer


def main(socket_fd: int, parent_pid: int, memory_bytes: int, load: str) -> None:
    """Do jobs until the parent closes the socket. socket_fd: its file descriptor. parent_pid: the parent's process id.
    memory_bytes: the memory that the parent allows this process. load: `module:function`, which loads what the work
    needs and returns the function that does it."""
    for stop_signal in (signal.SIGINT, signal.SIGTERM):  # meant for the parent, which still waits for results
        signal.signal(stop_signal, signal.SIG_IGN)
    _die_with_parent(parent_pid)
    _limit_memory(memory_bytes)
    os.nice(_NICENESS)
    gc.disable()  # loading makes many objects and no garbage: collections would take a sixth of its time
    module, _, function = load.partition(":")
    work: Work = getattr(importlib.import_module(module), function)()
    gc.freeze()  # collections skip the modules' objects: 5 % of the CPU of a page
    gc.enable()
    with socket.socket(fileno=socket_fd) as parent:
        try:
            _send(parent, READY, b"")
            while True:
                # the job comes from the parent, which the worker trusts; what goes back is not pickled
                job = pickle.loads(_receive(parent, _JOB_HEAD.unpack(_receive(parent, _JOB_HEAD.size))[0]))
                _send(parent, LAST, work(job, lambda part: _send(parent, PART, part)))
        except MemoryError:
            os._exit(OUT_OF_MEMORY)  # this process is of no use any more
        except (EOFError, OSError):
            os._exit(0)  # nothing needs an orderly end, and freeing a big heap takes long


def job_message(job: Any) -> bytes:
    """Return what a parent sends to its worker."""
    content = pickle.dumps(job, protocol=5)
    return _JOB_HEAD.pack(len(content)) + content


def _send(parent: socket.socket, kind: bytes, content: bytes) -> None:
    parent.sendall(FRAME.pack(kind, len(content)))
    parent.sendall(content)


def _receive(parent: socket.socket, size: int) -> bytearray:
    """Return the next bytes of the socket. Raises EOFError where the parent has closed it."""
    content = bytearray(size)
    view = memoryview(content)
    while len(view):
        if not (count := parent.recv_into(view)):
            raise EOFError
        view = view[count:]
    return content


def _die_with_parent(parent_pid: int) -> None:
    """Have Linux kill this process when its parent dies, even while it does a job. Elsewhere it sees the end of the
    socket after the job."""
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
