"""Asking for the next things while one is looked at: a store answers several requests in the time of one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def prefetch(work: Callable[[_T], _R], items: Iterable[_T], limit: int = 4) -> Iterator[_R]:
    """What work makes of each, in order, in threads; most: under way or waiting to be looked at. The first error ends
    it."""
    under_way: deque[Future[_R]] = deque()
    with ThreadPoolExecutor(limit, "ahead") as pool:
        try:
            for item in items:
                if len(under_way) == limit:
                    yield under_way.popleft().result()
                under_way.append(pool.submit(work, item))
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
