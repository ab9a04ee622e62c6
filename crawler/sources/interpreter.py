"""Lets other threads run: a long list is read in a thread, and the event loop must not wait for it."""

from __future__ import annotations

import select


def yield_interpreter() -> None:
    """Release the interpreter lock for a moment, before its switch interval is over."""
    # not time.sleep(0), which fails (EINVAL) where libfaketime moves the clock
    select.select((), (), (), 0)
