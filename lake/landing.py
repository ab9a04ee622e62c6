"""A lake open for one run: the store, the index, and the machine's locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cleaning import Rules
from lake.catchup import catch_up, recover
from lake.index import index_path
from lake.run import Run, alive, new_run_id
from lake.store import open_store


class Lake:
    """Opening touches nothing; `run` does."""

    def __init__(self, uri: str, state: Path) -> None:
        self.store = open_store(uri)
        self.locks = state / "locks"
        self.index_path = index_path(state, self.store.uri)

    @contextmanager
    def run(
        self, name: str, rules_of: Callable[[str], Rules], facts: dict[str, Any]
    ) -> Iterator[tuple[Run, list[Run]]]:
        """A new run, and the dead ones that were finished first. The caller finishes or abandons it.
        Raises LakeError where the lake cannot be read or written."""
        self.store.probe()
        index = catch_up(self.store, self.index_path)
        try:
            recovered = recover(self.store, index, self.locks, rules_of)
            run = Run(self.store, index, new_run_id(name, datetime.now(UTC)))
            with alive(self.locks, run.run_id):
                run.start({"locks": str(self.locks.resolve()), **facts})
                yield run, recovered
        finally:
            index.close()
