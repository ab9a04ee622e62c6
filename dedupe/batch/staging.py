"""Stages a batch: writes its signatures to a temporary file, and keeps ids, outlets, times and digests in arrays.

Rows are numbered by time of publication, then by id, whatever the order of the input. All later stages use the row
numbers, so that any permutation of a batch gives the same clusters.
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
    """A staged batch. Every list and array has one entry for each row, in the order of publication."""

    ids: list[str]
    outlets: NDArray[np.int32]  # numbers of outlets
    outlet_names: list[str]
    moments: NDArray[np.int64]  # microseconds since 1970; UNDATED for none
    digests: NDArray[np.uint64]  # of the words, in two columns
    comparable: NDArray[np.bool_]
    window: int  # microseconds
    _byte_ranges: NDArray[np.int64]  # first byte in the file, and the first one after it
    _file_descriptor: int

    def __len__(self) -> int:
        return len(self.ids)

    def signature(self, row: int) -> Signature:
        """The row's signature, read from the file."""
        start, end = self._byte_ranges[row].tolist()
        return Signature.from_bytes(os.pread(self._file_descriptor, end - start, start))

    def outlet_name(self, row: int) -> str:
        """The name of the row's outlet."""
        return self.outlet_names[int(self.outlets[row])]

    def may_match(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """A mask of the pairs rows[i], others[i] that are no further apart than the window, or have no time."""
        times, other_times = self.moments[rows], self.moments[others]
        undated = (times == UNDATED) | (other_times == UNDATED)
        distance = np.abs(np.where(undated, 0, times) - np.where(undated, 0, other_times))
        is_match: NDArray[np.bool_] = undated | (distance <= self.window)
        return is_match


@contextmanager
def stage_batch(signed: Iterable[tuple[Document, bytes]], window: timedelta | None) -> Iterator[StagedBatch]:
    """Stage documents with their signatures; the temporary file exists while the context is open.

    If an id occurs twice, the last document counts. Raises SchemeMismatch for a signature of another scheme,
    ValueError for one of the wrong length.
    """
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
