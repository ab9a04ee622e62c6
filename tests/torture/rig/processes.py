"""Processes of the product that are forked from one that has loaded everything, so that each costs a fraction of a second.

The forking process has neither threads nor a reactor: it is multiprocessing's own fork server, a program apart from this
one.
"""

from __future__ import annotations

import atexit
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from unittest.mock import patch

import time_machine

from tests.torture.rig.faults import Fault, Faults

ROOT = Path(__file__).resolve().parents[3]
LONGEST_S = 120.0  # of one process; then something hangs


@dataclass(frozen=True)
class Task:
    """A command to run. command: `scrapy …` or `lake …`. output: the file for what it prints. roots: the folders whose
    files count for `fault`. limits: resource limits by name, as RLIMIT_NOFILE."""

    command: Sequence[str]
    output: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    roots: Sequence[Path] = ()
    fault: Fault | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    shift_s: float = 0.0  # of the clock


class Running:
    """A process that was started."""

    def __init__(self, process: ForkServerProcess, task: Task) -> None:
        self.process, self.task = process, task
        self.hung = False  # it had to be killed because it took too long

    @property
    def pid(self) -> int:
        assert self.process.pid
        return self.process.pid

    def send(self, number: int) -> None:
        """Send a signal, if the process is still there."""
        if self.process.is_alive():
            os.kill(self.pid, number)

    def is_stopped(self) -> bool:
        """Whether SIGSTOP has stopped it."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][0] == "T"
        except OSError:
            return False

    def wait(self, longest_s: float = LONGEST_S) -> int | None:
        """Its exit code, negative for a signal; None where it had to be killed because it took too long."""
        self.process.join(longest_s)
        if self.process.exitcode is None:
            self.hung = True
            os.kill(self.pid, signal.SIGKILL)
            self.process.join()
            return None
        return self.process.exitcode

    @property
    def output(self) -> str:
        return self.task.output.read_text(errors="replace") if self.task.output.exists() else ""

    @property
    def operations(self) -> int:
        """How many operations it did, of those that tests/torture/rig/faults.py counts; 0 where it died before its end."""
        told = _note(self.task).read_text().splitlines() if _note(self.task).exists() else []
        return next((int(line.split()[0]) for line in told if line.endswith("operations")), 0)

    @property
    def fault_told(self) -> str:
        """At which operation the fault happened; empty where it did not."""
        told = _note(self.task).read_text().splitlines() if _note(self.task).exists() else []
        return next((line for line in told if " at " in line), "")


_running: set[Running] = set()


def start(task: Task) -> Running:
    """Start a process."""
    _note(task).unlink(missing_ok=True)
    process = _context().Process(target=_run, args=(task,), daemon=True)
    process.start()
    for other in [r for r in _running if not r.process.is_alive()]:
        _running.discard(other)
    running = Running(process, task)
    _running.add(running)
    return running


def run(task: Task) -> Running:
    """Run a process to its end."""
    running = start(task)
    running.wait()
    return running


def end_all() -> None:
    """End every process that was started here and still runs."""
    for running in list(_running):
        if running.process.is_alive():
            os.kill(running.pid, signal.SIGKILL)
            running.process.join()
    _running.clear()


atexit.register(end_all)


def cpu_s() -> float:
    """CPU seconds of all processes that were forked and have ended."""
    from multiprocessing.forkserver import _forkserver  # its process has waited for them

    if _forkserver._forkserver_pid is None:
        return 0.0
    fields = Path(f"/proc/{_forkserver._forkserver_pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@cache
def _context() -> ForkServerContext:
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.torture.rig.warm", __name__])
    return context


def _note(task: Task) -> Path:
    return task.output.with_suffix(".operations")


def _run(task: Task) -> None:
    """In the forked process."""
    os.setsid()  # a Ctrl-C is for the campaign, which then ends this process
    os.chdir(ROOT)
    with task.output.open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", 1, closefd=False) for n in (1, 2))
    os.environ.update({"CLEAN_WORKERS": "0", "LOG_LEVEL": "INFO", **task.environ})
    if "CONTACT" not in task.environ:
        os.environ.pop("CONTACT", None)
    for name, value in task.limits.items():
        resource.setrlimit(getattr(resource, name), (value, value))
    faults = Faults(task.fault, task.roots, _note(task)) if task.fault else None
    if faults:
        faults.install()
    try:
        with _clock_ahead(task):
            _execute(task.command)
    finally:
        if faults:
            faults.close()


@contextmanager
def _clock_ahead(task: Task) -> Iterator[None]:
    """Shift the clock: of a job on a lake only its own look at the date, because S3 refuses requests from another time."""
    if not task.shift_s:
        yield
    elif task.command[0] == "lake":

        class Ahead(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Ahead:  # type: ignore[override]
                return super().now(tz) + timedelta(seconds=task.shift_s)

        with patch("lake.__main__.datetime", Ahead):
            yield
    else:
        with time_machine.travel(time.time() + task.shift_s, tick=True):
            yield


def _execute(command: Sequence[str]) -> None:
    program, *arguments = command
    sys.argv = [program, *arguments]
    if program == "scrapy":
        from scrapy.cmdline import execute

        execute(["scrapy", *arguments])
    elif program == "lake":
        from lake.__main__ import main

        sys.exit(main(arguments))
    else:
        raise ValueError(program)
