"""Lake, an open lake: `run` prepares it for one run and gives the run to the caller.

Before: probe the store, take the leases, catch up the index, look at what unfinished runs have landed, land spools,
recover dead runs, write the started record.
After: give back the leases, and write a checkpoint where one is due.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cleaning import Rules
from dedupe import WINDOW
from lake.index.checkpoints import Cadence, write_if_due
from lake.index.page_index import index_path, note_damage
from lake.runs.catch_up import catch_up, clear_dead_locks, recover_dead_runs
from lake.runs.other_runs import LOOK_INTERVAL_S, OtherRuns
from lake.runs.run import Run, new_run_id, run_lock
from lake.runs.spool_recovery import recover_spools
from lake.storage.leases import LEASE_S, LeaseHeld, Leases, folder_id
from lake.storage.open_store import open_store
from lake.storage.spool import Outbox, Spool, spool_folder
from lake.storage.state_folder import LOCKS, prepare, state_failures_told
from lake.workers.pool import WorkerLimits, Workers

log = logging.getLogger(__name__)

_BRIEF_WAIT_S = 30.0  # a crawl waits so long for leases that are held while a batch of another run lands
_BRIEF_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Claim:
    """An outlet whose pages a run is going to land; the run takes a lease for it."""

    outlet: str
    alone: str | None = (
        None  # kind of crawl that a machine runs once at a time for this outlet; None: no limit
    )
    needed: bool = True  # False: the run starts without this outlet if others hold it


@dataclass(frozen=True, slots=True)
class Opening:
    """What was done and found before a run began."""

    others: OtherRuns  # what other machines land; whoever lands for longer looks again and again
    recovered: list[Run] = field(default_factory=list)  # dead runs that were finished
    unspooled: int = 0  # objects that earlier runs had spooled, and that are in the lake now
    held: dict[str, LeaseHeld] = field(default_factory=dict)  # by outlet: claims that others hold


class Lake:
    """A lake and this machine's state folder. Making one reads and writes nothing; `run` does."""

    def __init__(
        self,
        uri: str,
        state: Path,
        lease_s: float = LEASE_S,
        window: timedelta | None = WINDOW,
        cadence: Cadence | None = None,
        limits: WorkerLimits | None = None,
        removed_texts: bool = True,
        look_interval_s: float = LOOK_INTERVAL_S,
    ) -> None:
        """uri: a folder or s3://bucket/prefix. state: the folder of the index, spools and run locks.

        lease_s: how long a lease lasts without a renewal, in seconds. window: pages published further apart are no
        copies of one another; None: no limit. cadence: when to write checkpoints of the index. limits: of the worker
        processes that clean the pages of dead runs; None: they are cleaned in this process. removed_texts: rows keep
        the texts that cleaning removed. Raises LakeConfigError for a wrong uri."""
        self.store, self.state, self.lease_s, self.window = open_store(uri), state, lease_s, window
        self.cadence, self.limits = cadence or Cadence(), limits or WorkerLimits(workers=0)
        self.locks, self.removed_texts = state / LOCKS, removed_texts
        self.look_interval_s = look_interval_s
        self.index_path = index_path(state, self.store.uri)

    @contextmanager
    def run(
        self, name: str, rules_of: Callable[[str], Rules], facts: dict[str, Any], claims: Sequence[Claim] = ()
    ) -> Iterator[tuple[Run, Opening]]:
        """Start a new run, after recovering spools and dead runs. The caller finishes or abandons it.

        name: the spider's or command's name, which becomes part of the run id. rules_of: an outlet's clutter rules.
        facts: written into the start record. Raises LeaseHeld where others hold a claim that is needed, or all
        claims, LakeError where the lake cannot be read or written, and StateFailed where the state folder cannot."""
        with ExitStack() as stack:
            with state_failures_told(self.state):
                try:
                    opened = stack.enter_context(self._run(name, rules_of, facts, claims))
                except (sqlite3.Error, UnicodeDecodeError) as error:
                    note_damage(self.index_path, error)
                    raise
            yield opened

    @contextmanager
    def _run(
        self, name: str, rules_of: Callable[[str], Rules], facts: dict[str, Any], claims: Sequence[Claim]
    ) -> Iterator[tuple[Run, Opening]]:
        self.store.probe()
        prepare(self.state)
        run_id = new_run_id(name, datetime.now(UTC))
        with ExitStack() as stack:
            leases = stack.enter_context(self._open_leases(run_id))
            held_elsewhere = _take_claims(leases, claims)
            # after taking the leases: nobody else adds to these outlets now
            index = catch_up(self.store, self.index_path)
            stack.callback(index.close)
            index.signatures.keep_within(self.window)

            others = OtherRuns(self.store, index, self.locks, self.look_interval_s)
            others.look()
            others.remove_left_behind()

            def recovery_leases() -> Leases:
                return self._open_leases(run_id)

            with Workers(self.limits) as workers:
                unspooled = recover_spools(
                    self.store, index, self.state, rules_of, recovery_leases, workers, others.look_if_due
                )
                recovered = recover_dead_runs(
                    self.store, index, self.locks, rules_of, recovery_leases, workers, others.look_if_due
                )
            others.look_if_due()
            clear_dead_locks(self.store, index, self.locks)
            outbox = Outbox(self.store, Spool(spool_folder(self.state, self.store.uri) / run_id))
            run = Run(
                self.store, index, run_id, outbox=outbox, leases=leases, removed_texts=self.removed_texts
            )
            run.known_takedowns = index.takedowns()
            stack.enter_context(run_lock(self.locks, run_id, self.store.uri))
            run.start(
                {
                    "locks": str(self.locks.resolve()),
                    "folder": folder_id(self.state),
                    "leases": leases.names,
                    "removed_texts": self.removed_texts,
                    **facts,
                }
            )
            yield run, Opening(others, recovered, unspooled, held_elsewhere)
        # the leases have been released: no other process waits for the checkpoint
        write_if_due(self.store, self.index_path, self.cadence)

    def _open_leases(self, run_id: str) -> Leases:
        return Leases(self.store, self.state, run_id, self.lease_s)

    def brief_leases(self, run_id: str) -> Leases:
        """Return leases for one batch of a run that claims none: they are given back within seconds, and crawls of
        other machines wait for them."""
        return Leases(self.store, self.state, run_id, self.lease_s, are_brief=True)


def _take_claims(leases: Leases, claims: Sequence[Claim]) -> dict[str, LeaseHeld]:
    """Take a lease for each claim, and return the claims that others hold, by outlet. Raises LeaseHeld where such a
    claim is needed, or where others hold all claims. Waits for brief leases."""
    held_elsewhere: dict[str, LeaseHeld] = {}
    until = time.monotonic() + _BRIEF_WAIT_S
    for claim in claims:
        try:
            _take_claim(leases, claim, until)
        except LeaseHeld as error:
            if claim.needed:
                raise
            held_elsewhere[claim.outlet] = error
    if held_elsewhere and len(held_elsewhere) == len(claims):
        raise next(iter(held_elsewhere.values()))
    return held_elsewhere


def _take_claim(leases: Leases, claim: Claim, until: float) -> None:
    """Take the lease for a claim; wait for a brief one, up to a time of the monotonic clock. Raises LeaseHeld."""
    while True:
        try:
            leases.take(claim.outlet, alone=claim.alone)
            return
        except LeaseHeld as error:
            if not error.is_brief or time.monotonic() >= until:
                raise
        time.sleep(_BRIEF_POLL_S)
