"""A batch laid out on disk: signatures in a temporary file, what is compared of every row in arrays.

Rows are numbered in the order of publication, then of ids, whatever the order of the input: all that follows goes by
row numbers, so that any permutation of a batch gives the same answer.
"""

from __future__ import annotations

import os
from array import array
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import numpy as np

from dedupe.online.index import UNLIMITED_WINDOW
from dedupe.online.inverted_index import UNDATED
from dedupe.online.rows import to_microseconds
from dedupe.signature.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from dedupe.records import Document


@dataclass(frozen=True, slots=True)
class StagedBatch:
    """One entry for each row, in the order of publication."""

    ids: list[str]
    outlets: NDArray[np.int32]  # numbers of outlets
    outlet_names: list[str]
    moments: NDArray[np.int64]  # microseconds since 1970; UNDATED for none
    digests: NDArray[np.uint64]  # of the words, in two columns
    comparable: NDArray[np.bool_]
    window: int  # microseconds
    _byte_ranges: NDArray[np.int64]  # first byte in the file, and the first after
    _file_descriptor: int

    def __len__(self) -> int:
        return len(self.ids)

    def signature(self, row: int) -> Signature:
        start, end = self._byte_ranges[row].tolist()
        return Signature.from_bytes(os.pread(self._file_descriptor, end - start, start))

    def outlet_name(self, row: int) -> str:
        return self.outlet_names[int(self.outlets[row])]

    def may_match(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Rows that lie within the window of one another, or that have no time."""
        times, other_times = self.moments[rows], self.moments[others]
        undated = (times == UNDATED) | (other_times == UNDATED)
        distance = np.abs(np.where(undated, 0, times) - np.where(undated, 0, other_times))
        is_match: NDArray[np.bool_] = undated | (distance <= self.window)
        return is_match


@contextmanager
def stage_batch(signed: Iterable[tuple[Document, bytes]], window: timedelta | None) -> Iterator[StagedBatch]:
    """Of an id that comes twice the last counts; raises SchemeMismatch."""
    latest_entry: dict[str, int] = {}
    outlet_numbers: dict[str, int] = {}
    outlets, moments, byte_ranges, digests, comparable = (
        array("i"),
        array("q"),
        array("q"),
        bytearray(),
        array("b"),
    )
    with TemporaryFile(prefix="cluster-") as file:
        for document, data in signed:
            signature = Signature.from_bytes(data)
            latest_entry[document.id] = len(outlets)
            outlets.append(outlet_numbers.setdefault(document.outlet, len(outlet_numbers)))
            moments.append(to_microseconds(document.moment))
            digests += signature.digest
            comparable.append(signature.comparable)
            byte_ranges.extend((file.tell(), file.tell() + len(data)))
            file.write(data)
        file.flush()
        ids = sorted(latest_entry, key=lambda id: (moments[latest_entry[id]], id))
        order = np.fromiter((latest_entry[id] for id in ids), np.int64, len(ids))
        latest_entry.clear()
        yield StagedBatch(
            ids=ids,
            outlets=np.array(outlets, np.int32)[order],
            outlet_names=list(outlet_numbers),
            moments=np.array(moments, np.int64)[order],
            digests=np.frombuffer(bytes(digests), "<u8").reshape(-1, 2)[order],
            comparable=np.array(comparable, np.bool_)[order],
            window=UNLIMITED_WINDOW if window is None else window // timedelta(microseconds=1),
            _byte_ranges=np.array(byte_ranges, np.int64).reshape(-1, 2)[order],
            _file_descriptor=file.fileno(),
        )
