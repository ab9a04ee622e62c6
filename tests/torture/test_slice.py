"""A small part of `make torture` with a fixed seed: the same steps at every run.

A campaign joins by a line in SLICE.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.torture.session import Session

SEED = 1
# test → the steps that it takes, each as campaign and step. The tests run beside each other.
SLICE = {
    "kills": [
        ("kills", ["write/folder/0", "moment/folder/0", "start/folder/0", "cut/folder/0", "spool/folder/0"])
    ],
    "kills_on_s3": [("kills", ["write/s3/1", "spool/s3/1"])],
    "jobs": [
        ("jobs", ["coverage", "reclean/folder/121", "cluster/folder/5", "boilerplate/folder/5"]),
        ("jobs", ["forget/folder/31", "forget-outlet/folder/61", "expire/folder/4", "warc/folder/9"]),
    ],
    "faults": [
        ("disks", ["full/0", "files/96"]),
        ("signals", ["term/folder/0", "stop/folder/0", "clock/folder/0"]),
        ("overlap", ["folder/1/0"]),
        ("takedown", ["page 0", "outlet 0"]),
        ("store_faults", ["folder/boilerplate/no space/once"]),
    ],
}


class Slice(Session):
    """A session that takes some of the steps."""

    def __init__(self, name: str, folder: Path, wanted: Iterable[str]) -> None:
        super().__init__(name, folder, SEED, 600)
        self._wanted = set(wanted)

    def steps(self, names: Iterable[str]) -> Iterator[str]:
        yield from super().steps(name for name in islice(names, 1000) if name in self._wanted)


@pytest.mark.parametrize(
    "test", [pytest.param(name, marks=pytest.mark.xdist_group(f"torture-{name}")) for name in SLICE]
)
def test_nothing_is_lost_doubled_let_in_or_silent(test, tmp_path):
    for n, (name, wanted) in enumerate(SLICE[test]):
        session = Slice(name, tmp_path / f"{name}-{n}", wanted)
        importlib.import_module(f"tests.torture.{name}").run(session)
        assert session.findings == []
        assert session.counts["steps"] == len(wanted), f"{name} has not all of the steps {wanted}"
