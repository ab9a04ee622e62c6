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

from dedupe.online.index import ALWAYS
from dedupe.online.inverted_index import UNDATED
from dedupe.online.rows import microseconds
from dedupe.signature.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from dedupe.records import Document


@dataclass(frozen=True, slots=True)
class Staged:
    """One entry for each row, in the order of publication."""

    ids: list[str]
    outlets: NDArray[np.int32]  # numbers of outlets
    outlet_names: list[str]
    moments: NDArray[np.int64]  # microseconds since 1970; UNDATED for none
    digests: NDArray[np.uint64]  # of the words, in two columns
    comparable: NDArray[np.bool_]
    window: int  # microseconds
    _places: NDArray[np.int64]  # first byte in the file, and the first after
    _file: int

    def __len__(self) -> int:
        return len(self.ids)

    def signature(self, row: int) -> Signature:
        start, end = self._places[row].tolist()
        return Signature.from_bytes(os.pread(self._file, end - start, start))

    def outlet(self, row: int) -> str:
        return self.outlet_names[int(self.outlets[row])]

    def may_match(self, some: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Rows that lie within the window of one another, or that have no time."""
        mine, theirs = self.moments[some], self.moments[others]
        undated = (mine == UNDATED) | (theirs == UNDATED)
        apart = np.abs(np.where(undated, 0, mine) - np.where(undated, 0, theirs))
        matching: NDArray[np.bool_] = undated | (apart <= self.window)
        return matching


@contextmanager
def staged(signed: Iterable[tuple[Document, bytes]], window: timedelta | None) -> Iterator[Staged]:
    """Of an id that comes twice the last counts; raises SchemeMismatch."""
    place_of: dict[str, int] = {}
    names: dict[str, int] = {}
    outlets, moments, places, digests, comparable = (
        array("i"),
        array("q"),
        array("q"),
        bytearray(),
        array("b"),
    )
    with TemporaryFile(prefix="cluster-") as file:
        for document, data in signed:
            signature = Signature.from_bytes(data)
            place_of[document.id] = len(outlets)
            outlets.append(names.setdefault(document.outlet, len(names)))
            moments.append(microseconds(document.moment))
            digests += signature.digest
            comparable.append(signature.comparable)
            places.extend((file.tell(), file.tell() + len(data)))
            file.write(data)
        file.flush()
        ids = sorted(place_of, key=lambda id: (moments[place_of[id]], id))
        order = np.fromiter((place_of[id] for id in ids), np.int64, len(ids))
        place_of.clear()
        yield Staged(
            ids=ids,
            outlets=np.array(outlets, np.int32)[order],
            outlet_names=list(names),
            moments=np.array(moments, np.int64)[order],
            digests=np.frombuffer(bytes(digests), "<u8").reshape(-1, 2)[order],
            comparable=np.array(comparable, np.bool_)[order],
            window=ALWAYS if window is None else window // timedelta(microseconds=1),
            _places=np.array(places, np.int64).reshape(-1, 2)[order],
            _file=file.fileno(),
        )
