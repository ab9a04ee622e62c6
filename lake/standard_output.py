"""Lets a command print to a reader that may leave before the end, as in `… | head`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import IO, cast


class _Output(io.TextIOBase):
    """A stream whose reader may leave: what is written from then on goes nowhere."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._reader_may_leave():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._reader_may_leave():
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @contextmanager
    def _reader_may_leave(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # the interpreter writes what is left when it exits
            os.close(nowhere)


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Print to standard output as ever, but without an error where its reader leaves early. The command goes on to its
    end, so that its exit code stays what it found."""
    output = _Output(sys.stdout)
    with redirect_stdout(cast(IO[str], output)):
        try:
            yield
        finally:
            output.flush()
