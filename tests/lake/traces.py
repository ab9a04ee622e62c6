"""Looks for every byte of a page in a lake and a working folder, and kills real processes at their writes."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet as pq

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def spellings(text: str) -> set[bytes]:
    """A text as it may stand in a file: plain, percent-encoded, escaped as in JSON, in UTF-16, in base64."""
    escaped = json.dumps(text)[1:-1]
    plain = {text, quote(text), quote(text, safe=""), escaped}
    if "/" not in text and " " not in text:  # a host
        plain.add(text.encode("idna").decode())
    found = {spelling.encode() for spelling in plain} | {text.encode("utf-16-le")}
    # three shifts, without the ends that depend on what stands around
    found |= {base64.b64encode(b"\0" * shift + text.encode())[4:-4] for shift in range(3)}
    return {spelling.lower() for spelling in found}


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what is packed in them."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    yield data
    if data[:4] == b"PAR1":
        with suppress(Exception):  # a torn one
            yield repr(pq.read_table(io.BytesIO(data), partitioning=None).to_pylist()).encode()
            rows = pq.read_table(io.BytesIO(data), partitioning=None)
            for name in {"body"} & set(rows.column_names):
                yield from filter(None, rows.column(name).to_pylist())
    if data[:4] == b"\x28\xb5\x2f\xfd":
        with suppress(Exception):
            yield zstd.decompress(data)
    if path.suffix == ".json":
        with suppress(ValueError):
            values = json.loads(data)
            yield json.dumps(values, ensure_ascii=False).encode()
            if isinstance(values, dict) and isinstance(values.get("body"), str):
                yield base64.b64decode(values["body"])


def traces(markers: set[str], *folders: Path) -> dict[str, set[str]]:
    """The files that hold a marker, by path below the folders, with the markers."""
    wanted = {marker: spellings(marker) for marker in markers}
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            for data in contents(path):
                lowered = data.lower()
                for marker, variants in wanted.items():
                    if any(variant in lowered for variant in variants):
                        found.setdefault(path.relative_to(folder.parent).as_posix(), set()).add(marker)
    return found


_POINTS = ((os, "fsync"), (os, "link"), (os, "replace"), (os, "unlink"), (os, "rename"))


def run_killed(work: Callable[[], Any], at: int) -> bool:
    """Run in a child process that is killed (SIGKILL) instead of its at-th call that changes the disk; return whether
    it was, and False where it came to its end before."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _kill_at(at)
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def _kill_at(at: int) -> None:
    left = [at]

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return call(*given, **named)

        return called

    for module, name in _POINTS:
        setattr(module, name, deadly(getattr(module, name)))
