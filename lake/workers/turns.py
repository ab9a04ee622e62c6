"""Whose task a worker does next: the keys (outlets) take turns, so that none holds the workers.

A key whose task has run for long is slow, until a task of it is done in time again. Where there are other keys it has
one task under way at a time, and takes no worker that they need.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Generic, Protocol, TypeVar


class Keyed(Protocol):
    """What waits for a worker."""

    key: str


T = TypeVar("T", bound=Keyed)


class Turns(Generic[T]):
    """The tasks that wait, by key, and how many of each key are under way."""

    def __init__(self) -> None:
        self.slow: set[str] = set()
        self.is_shared = False  # there has been more than one key
        self._last_key: str | None = None
        self._waiting: dict[str, deque[T]] = {}  # the key that was served the longest ago first
        self._under_way: Counter[str] = Counter()

    def put(self, task: T, *, first: bool = False) -> None:
        """Add a task behind the others of its key; first: before them."""
        self.is_shared = self.is_shared or self._last_key not in (None, task.key)
        self._last_key = task.key
        queue = self._waiting.setdefault(task.key, deque())
        (queue.appendleft if first else queue.append)(task)

    def take(self, *, slow_too: bool = True) -> T | None:
        """Take a task of the key with the fewest under way, of several the one that was served the longest ago. None
        where none may begin. slow_too: whether one of a slow key may."""
        if not self.is_shared:
            slow_too = True
        keys = [key for key in self._waiting if self._may_begin(key) and (slow_too or key not in self.slow)]
        if not keys:
            return None
        key = min(keys, key=lambda key: self._under_way[key])
        queue = self._waiting.pop(key)
        task = queue.popleft()
        if queue:
            self._waiting[key] = queue  # behind the other keys
        self._under_way[key] += 1
        return task

    def end(self, key: str) -> None:
        """Note that a task of this key is no longer under way."""
        self._under_way[key] -= 1
        if not self._under_way[key]:
            del self._under_way[key]

    def remove(self, key: str) -> list[T]:
        """Take all tasks of a key that wait."""
        return list(self._waiting.pop(key, ()))

    def clear(self) -> None:
        """Forget all tasks that wait."""
        self._waiting.clear()

    def _may_begin(self, key: str) -> bool:
        return not (self.is_shared and key in self.slow and self._under_way[key])

    @property
    def ready(self) -> int:
        """The number of waiting tasks that may begin."""
        return sum(
            min(len(queue), 1) if self.is_shared and key in self.slow else len(queue)
            for key, queue in self._waiting.items()
            if self._may_begin(key)
        )

    @property
    def slow_ready(self) -> bool:
        """Whether one of them is of a slow key, and there are other keys."""
        return self.is_shared and any(key in self.slow and self._may_begin(key) for key in self._waiting)
