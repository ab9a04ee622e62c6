"""Fuzz: whatever a site, a person or a disk may hand over gives a result or an error of a kind that callers expect.

Cleaning gets three quarters of the CPU time, all other readers the rest. A step is one chunk of inputs, repeatable by
its name: `pages-7`. An input that broke a promise is kept in the session's folder, under its step and number.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import FrameType

from tests.torture import fuzz_pages
from tests.torture.session import Session

SHARED = Path(os.environ.get("SHARED", Path(__file__).parents[2].parent / "shared"))
_PAGES_SHARE = 0.75  # of the CPU time
_LONG_BUDGET_S = 600.0  # from such a budget on, saved pages are seeds besides our own
_MAX_CPU_S = 5.0  # of one input of less than a megabyte
_STOP_CPU_S = 60.0  # an input that takes longer is stopped
_MAX_SEED_BYTES = 300_000
_MAX_SEEDS = 1500


@dataclass(frozen=True)
class Kind:
    """One kind of input. try_one: makes one input from random numbers and tries it; yields the promises that broke.
    size: inputs of a step."""

    try_one: Callable[[Random, Path], Sequence[str]]
    size: int
    is_page: bool = False


def kinds() -> dict[str, Kind]:
    """The kinds of input by name."""
    from tests.torture import fuzz_readers  # Scrapy is slow to import

    return {
        "pages": Kind(_try_own_page, 60, is_page=True),
        "saved": Kind(_try_saved_page, 60, is_page=True),
        **{name: Kind(try_one, size) for name, (try_one, size) in fuzz_readers.READERS.items()},
    }


def run(session: Session) -> None:
    """Fuzz until the budget is spent."""
    table = kinds()
    if session.budget_s < _LONG_BUDGET_S or not saved_pages():
        del table["saved"]  # where saved pages are missing, our own are all there is
    for step in session.steps(_step_names(session, list(table), {n for n in table if table[n].is_page})):
        name = step.rpartition("-")[0]
        random, kind = session.random(), table[name]
        began = time.process_time()
        for number in range(kind.size):
            _try(session, kind, Random(f"{random.random()}/{number}"), number)
            if session.left_s <= 0:
                break
        session.count("inputs", number + 1)
        session.count(f"inputs_{name}", number + 1)
        spent_ms = int((time.process_time() - began) * 1000)
        session.count("cpu_ms_pages" if kind.is_page else "cpu_ms_other", spent_ms)


def _step_names(session: Session, names: list[str], pages: set[str]) -> Iterator[str]:
    """The steps without end: every kind once, then as the share of cleaning has it."""
    turn = dict.fromkeys(names, 0)
    for name in names:
        yield f"{name}-0"
    while True:
        spent, other = session.counts["cpu_ms_pages"], session.counts["cpu_ms_other"]
        is_pages_turn = spent < _PAGES_SHARE * (spent + other)
        name = min((n for n in names if (n in pages) == is_pages_turn), key=turn.__getitem__)
        turn[name] += 1
        yield f"{name}-{turn[name]}"


def _try(session: Session, kind: Kind, random: Random, number: int) -> None:
    """Try one input, and note what broke."""
    folder = session.folder / "work"
    state, found = random.getstate(), list[tuple[str, str]]()
    began = time.process_time()
    try:
        with _stopped_after(_STOP_CPU_S):
            found += [("silent", problem) for problem in kind.try_one(random, folder)]
    except _TooLong:
        found.append(("slow", f"stopped after {_STOP_CPU_S:.0f} s of CPU: {traceback.format_exc()[-600:]}"))
    except Exception:
        found.append(("escaped", traceback.format_exc()[-1500:]))
    took = time.process_time() - began
    if took > 2 * _MAX_CPU_S and not found:  # every input is tried twice, for the same row
        found.append(("slow", f"{took:.1f} s of CPU"))
    for what, detail in found:
        session.find(what, f"input {number}: {detail}")  # type: ignore[arg-type]  # one of Kind
    if found:
        kept = session.folder / "found"
        kept.mkdir(exist_ok=True)
        random.setstate(state)
        (kept / f"{session.step}-{number}.random").write_text(repr(state))


class _TooLong(BaseException):
    """The CPU time of an input is over. No `except Exception` may take it for an error of the input."""


@contextmanager
def _stopped_after(cpu_s: float) -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _try_own_page(random: Random, _: Path) -> list[str]:
    return fuzz_pages.problems(*fuzz_pages.make_page(random))


def _try_saved_page(random: Random, _: Path) -> list[str]:
    return fuzz_pages.problems(*fuzz_pages.make_page(random, saved_pages()))


@cache
def saved_pages() -> tuple[bytes, ...]:
    """Real pages to spoil; none where $SHARED is not there."""
    paths = [
        p
        for p in sorted((SHARED / "pages").rglob("*"))
        if p.suffix in (".html", ".htm", ".gz") and p.is_file()
    ]
    step = max(1, len(paths) // _MAX_SEEDS)
    return tuple(_seed(path) for path in paths[::step])


def _seed(path: Path) -> bytes:
    import gzip

    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data)[:_MAX_SEED_BYTES]
