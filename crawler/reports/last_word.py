"""Says at the very end of a crawl what it did: on standard error, whatever the log is set to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from lake.storage.redaction import redacted

log = logging.getLogger(__name__)

_MAX_TEXTS = 10  # faults or alerts in the last line; the notify command gets all of them


@dataclass(slots=True)
class LastWord:
    """The last lines of a crawl: the outlets in trouble, then the last line."""

    name: str  # the spider
    summary: str = ""
    stopped: str | None = None  # how it ended before its end, where that is no fault
    faults: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)  # what is told of sources that did not fail the crawl
    is_said: bool = False

    @property
    def last_line(self) -> str:
        """The line that sums up the crawl."""
        parts = [
            self.summary,
            f"FAILED: {_some(self.faults)}" if self.faults else "",
            f"STOPPED: {self.stopped}" if self.stopped else "",
            f"CHANGED: {_some(self.alerts)}" if self.alerts else "",
            f"SOURCES: {_some(self.sources)}" if self.sources else "",
        ]
        return f"{self.name}: {'; '.join(filter(None, parts))}"

    def say(self) -> None:
        """Print the lines, once, and log them for those who read the log elsewhere."""
        if self.is_said:
            return
        self.is_said = True
        lines = [_printable(line) for line in (*self.troubles, self.last_line)]
        level = logging.ERROR if self.faults else logging.WARNING if self.alerts else logging.INFO
        for handler in logging.root.handlers:
            if getattr(handler, "stream", None) in (sys.stderr, sys.stdout):
                handler.addFilter(_is_not_said_there)
        if log.hasHandlers():  # else Python would print warnings itself
            for line in lines:
                log.log(level, "%s", line)
        with suppress(OSError, ValueError):  # nobody reads it any more
            print(*lines, sep="\n", file=sys.stderr, flush=True)


def _is_not_said_there(record: logging.LogRecord) -> bool:
    """Whether a log on the screen shows a record: not what is printed there anyway."""
    return record.name != __name__


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _MAX_TEXTS
    return "; ".join(texts) if more <= 0 else f"{'; '.join(texts[:_MAX_TEXTS])}; and {more} more"


def _printable(line: str) -> str:
    """The text on one line, without control characters (parts of it come from sites) and without secrets."""
    return "".join(c if c.isprintable() else " " for c in redacted(line))
