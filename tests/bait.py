"""Bait for regular expressions: texts made of what a pattern itself looks for, that grow and in the end do not match.

A pattern is slow where it tries again and again what it has already read: from each start (`\\s+$` on white space that
goes on), or in each division of a run between two repeats (`\\w+\\d+x`). Both happen on runs of characters that its own
repeats accept, so the runs are read from the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from re import _compiler, _constants, _parser  # type: ignore[attr-defined]

_COMMON = "a0 -.,/<=\"'>&;:#%(A_é一\n"
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
_MOST_BRANCHES = 6  # of an alternation that are tried; vocabularies have hundreds that look alike
_MOST_CHARACTERS = 3  # of a set
_MOST_BAITS = 160  # of one pattern
_MOST_BAITS_OF_VOCABULARY = 40  # of a pattern of hundreds of words, each of which is looked for at each place
_VOCABULARY_CHARS = 2000


@dataclass(frozen=True)
class Bait:
    """A text of any length: before, unit over and over, after."""

    before: str
    unit: str
    after: str

    def text(self, length: int) -> str:
        return self.before + self.unit * max(1, length // len(self.unit)) + self.after


def baits_of(pattern: re.Pattern[str] | re.Pattern[bytes]) -> list[Bait]:
    """Return the baits of a pattern, without repetitions."""
    reader = _Reader(pattern)
    baits = dict.fromkeys(reader.baits())
    is_vocabulary = len(pattern.pattern) > _VOCABULARY_CHARS
    return list(baits)[: _MOST_BAITS_OF_VOCABULARY if is_vocabulary else _MOST_BAITS]


class _Reader:
    def __init__(self, pattern: re.Pattern[str] | re.Pattern[bytes]) -> None:
        self.flags = pattern.flags
        self.is_bytes = isinstance(pattern.pattern, bytes)
        self.tree = _parser.parse(pattern.pattern, self.flags)
        literals = dict.fromkeys(self._literals(self.tree))
        self.alphabet = "".join(dict.fromkeys([*list(literals)[:60], *_COMMON]))
        if self.is_bytes:
            self.alphabet = "".join(c for c in self.alphabet if ord(c) < 256)

    def baits(self) -> Iterator[Bait]:
        afters = ("", "\0", "\n")
        whole = list(self._samples(self.tree))
        runs: list[tuple[str, str]] = []  # what may stand before a repeat, and what it repeats
        self._runs(list(self.tree), "", runs)
        units = dict.fromkeys(unit for _, unit in runs)
        for before, unit in runs:
            for after in afters:
                yield Bait("", unit, after)
                if before:
                    yield Bait(before, unit, after)
        for before, unit in runs:
            if before:  # the beginning over and over: each is a start whose end is missing
                yield Bait("", before, "")
                yield Bait("", before + unit, "\0")
                yield Bait("", before + " ", "\0")  # where a word has to end
                yield Bait("", before[-3:], "")
        for sample in whole:
            for text in (sample, sample[:-1], sample[: len(sample) // 2], sample[1:]):
                if text:
                    yield Bait("", text, "\0")
        for one in units:
            for other in units:
                if one != other:
                    yield Bait("", one + other, "\0")
        for text in (" ", "\n", "a", "0", "-", "a ", "a.", ".", "\t\n"):
            yield Bait("", text, "\0")

    def _literals(self, nodes: object) -> Iterator[str]:
        for op, value in nodes:  # type: ignore[attr-defined]
            if op in (_constants.LITERAL, _constants.NOT_LITERAL):
                yield chr(value)
            elif op is _constants.IN:
                yield from self._literals([item for item in value if item[0] is _constants.LITERAL])
                yield from (chr(item[1][0]) for item in value if item[0] is _constants.RANGE)
            else:
                for inner in _inner(op, value):
                    yield from self._literals(inner)

    def _accepted(self, node: tuple[object, object]) -> list[str]:
        """Return characters that a node for one character accepts."""
        one = _compiler.compile(_parser.SubPattern(self.tree.state, [node]))
        match = one.fullmatch
        found = [c for c in self.alphabet if match(c.encode("latin-1") if self.is_bytes else c)]
        return found[:1] + found[1:][-_MOST_CHARACTERS + 1 :] if len(found) > _MOST_CHARACTERS else found

    def _samples(self, nodes: object) -> list[str]:
        """Return some texts that match the nodes, or nearly do: conditions beside them are not looked at."""
        texts = [""]
        for node in nodes:  # type: ignore[attr-defined]
            pieces = self._node_samples(node)
            texts = [text + piece for text in texts for piece in pieces][:_MOST_BRANCHES]
        return texts

    def _node_samples(self, node: tuple[object, object]) -> list[str]:
        op, value = node
        if op in (_constants.LITERAL,):
            return [chr(value)]  # type: ignore[arg-type]
        if op in (_constants.NOT_LITERAL, _constants.IN, _constants.ANY):
            return self._accepted(node) or [""]
        if op in _REPEATS:
            low, high, inner = value  # type: ignore[misc]
            times = max(low, min(high, 1))
            return [text * times for text in self._samples(inner)] or [""]
        if op in (_constants.ASSERT_NOT, _constants.AT, _constants.GROUPREF):
            return [""]
        if op is _constants.ASSERT:
            return [""]
        if op is _constants.BRANCH:
            branches = value[1]  # type: ignore[index]
            step = max(1, len(branches) // _MOST_BRANCHES)
            return [text for branch in branches[::step] for text in self._samples(branch)[:2]]
        return [text for inner in _inner(op, value) for text in self._samples(inner)] or [""]

    def _runs(self, nodes: list[tuple[object, object]], before: str, runs: list[tuple[str, str]]) -> None:
        """Collect each repeat of the nodes with what may stand before it."""
        for node in nodes:
            op, value = node
            if op in _REPEATS:
                _, high, inner = value  # type: ignore[misc]
                if high > 8:
                    runs.extend((before, unit) for unit in self._samples(inner)[:4] if unit)
                self._runs(list(inner), before, runs)
            else:
                for inner in _inner(op, value):
                    self._runs(list(inner), before, runs)
            before += next(iter(self._node_samples(node)), "")


def _inner(op: object, value: object) -> list[object]:
    """Return the sub-patterns of a node."""
    if op in _REPEATS:
        return [value[2]]  # type: ignore[index]
    if op is _constants.SUBPATTERN:
        return [value[3]]  # type: ignore[index]
    if op in (_constants.ASSERT, _constants.ASSERT_NOT):
        return [value[1]]  # type: ignore[index]
    if op is _constants.ATOMIC_GROUP:
        return [value]
    if op is _constants.BRANCH:
        return list(value[1])  # type: ignore[index]
    if op is _constants.GROUPREF_EXISTS:
        return [inner for inner in value[1:] if inner]  # type: ignore[index]
    return []
