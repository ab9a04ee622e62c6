"""Gives each block of the page the probability that it belongs to the story, and from those the text's expected F1.

A block is a text that the page shows in one element. The model is a logistic function of language-free features: whether
the block was kept, what became of the blocks of its kind and of those around it, and where it stands. Blocks that were
kept and blocks that were left out have weights of their own. benchmarks/train_blocks.py fits them into
block_weights.json; docs/cleaning.md has the table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from cleaning.text.characters import fold
from cleaning.text.unextracted_text import fold_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.html import HtmlElement

    from cleaning.text.text_density import TextDensity

Floats = np.ndarray[Any, np.dtype[np.float64]]

FILE = "block_weights.json"
FEATURES = (
    "kind_kept", "box_kept", "before_kept", "behind_kept", "between", "distance", "size", "sentence", "linked", "paragraph", "heading",
    "item", "place", "kind_size", "page_kept", "box_size", "cut",
)  # fmt: skip
_SMOOTH = 20.0  # words of doubt, half of them kept, that each share begins with
_MIN_KEY = 12  # folded characters; a shorter text may occur in a longer one by chance
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_FULL_STOPS = frozenset('.!?…。！？।؟"”»)')


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a page. words: of each. kinds, boxes: numbers of the block's signature (tag and class, parent's tag and
    class) and of the element around it. looks: for each the features that do not depend on what was kept."""

    words: Floats
    kinds: np.ndarray[Any, np.dtype[np.int64]]
    boxes: np.ndarray[Any, np.dtype[np.int64]]
    looks: Floats


def read_blocks(
    texts: Sequence[str], owners: Sequence[HtmlElement], densities: dict[HtmlElement, TextDensity]
) -> Blocks:
    """Return the blocks of a page; call it before anything is cut. texts, owners: as `block_texts` returns them."""
    kinds: dict[tuple[str, ...], int] = {}
    boxes: dict[int, int] = {}
    known: dict[int, tuple[int, int, float, float, float, float]] = {}
    rows: list[tuple[int, int, float, float, float, float]] = []
    for owner in owners:
        row = known.get(id(owner))
        if row is None:
            parent = owner.getparent()
            around = parent if parent is not None else owner
            signature = (owner.tag, owner.get("class") or "", around.tag, around.get("class") or "")
            density = densities.get(owner)
            row = known[id(owner)] = (
                kinds.setdefault(signature, len(kinds)),
                boxes.setdefault(id(around), len(boxes)),
                density.linked / max(1, density.text) if density else 0.0,
                float(owner.tag == "p"),
                float(owner.tag in _HEADINGS),
                float(owner.tag in ("li", "dd", "dt")),
            )
        rows.append(row)
    count = len(texts)
    table = np.array(rows, dtype=np.float64).reshape(count, 6)
    words = np.array(
        [
            text.count(" ") + 1.0 if text.isascii() else max(text.count(" ") + 1.0, len(text) / 6)
            for text in texts
        ]
    )
    sentences = np.array([float(text[-1] in _FULL_STOPS) for text in texts])
    place = np.arange(count) / max(1, count)
    looks = np.column_stack([np.log1p(words), sentences, table[:, 2:], place]) if count else np.zeros((0, 7))
    return Blocks(words, table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), looks)


def features_of(blocks: Blocks, kept: Floats, cut: Floats) -> Floats:
    """Return one row of FEATURES for each block. kept, cut: 1 for each block that is in the text, and that a rule cut."""
    words, count = blocks.words, len(blocks.words)
    kept_words = words * kept
    total = words.sum() + 1.0
    kind_words, kind_kept = _sums(blocks.kinds, words), _sums(blocks.kinds, kept_words)
    box_words, box_kept = _sums(blocks.boxes, words), _sums(blocks.boxes, kept_words)
    places = np.flatnonzero(kept)
    first, last = (places[0], places[-1]) if len(places) else (count, -1)
    order = np.arange(count)
    distance = np.maximum(np.maximum(first - order, order - last), 0)
    around = np.concatenate([[0.0, 0.0], kept, [0.0, 0.0]])
    size, sentences, linked, paragraph, heading, item, place = blocks.looks.T
    return np.column_stack([
        (kind_kept - kept_words + _SMOOTH / 2) / (kind_words - words + _SMOOTH),
        (box_kept - kept_words + _SMOOTH / 2) / (box_words - words + _SMOOTH),
        (around[0:count] + around[1 : count + 1]) / 2,
        (around[3 : count + 3] + around[4 : count + 4]) / 2,
        (order >= first) & (order <= last),
        np.log1p(distance),
        size, sentences, linked, paragraph, heading, item, place,
        np.log1p(kind_words - words),
        np.full(count, kept_words.sum() / total),
        np.log1p(box_words - words),
        cut,
    ]).astype(np.float64)  # fmt: skip


def kept_and_cut(
    texts: Sequence[str], lines: Sequence[str], cuts: Sequence[str], field_texts: Sequence[str]
) -> tuple[Floats, Floats, Floats]:
    """Return three arrays with 1 for each block that is in the text, that a rule cut, and that counts at all.

    A block that is the headline or the standfirst does not count. lines: of the text. cuts: texts that rules cut."""
    story, cut_text = fold_all(lines), fold_all(cuts)
    line_keys, field_keys = {fold(line) for line in lines}, {fold(text) for text in field_texts}
    keys = [fold(text) for text in texts]
    kept = [key in line_keys or (len(key) >= _MIN_KEY and key in story) for key in keys]
    cut = [
        not is_kept and len(key) >= _MIN_KEY and key in cut_text
        for key, is_kept in zip(keys, kept, strict=True)
    ]
    counted = [is_kept or key not in field_keys for key, is_kept in zip(keys, kept, strict=True)]
    return np.array(kept, float), np.array(cut, float), np.array(counted, float)


def judge(blocks: Blocks, kept: Floats, cut: Floats, counted: Floats) -> tuple[Floats, float]:
    """Return the probability of each block, and the expected F1 of the kept ones."""
    chances = probabilities(features_of(blocks, kept, cut), kept)
    return chances, expected_f1(blocks.words * counted, kept, chances)


def _sums(groups: np.ndarray[Any, np.dtype[np.int64]], values: Floats) -> Floats:
    """Return for each block the sum of the values in its group."""
    return np.bincount(groups, values)[groups] if len(groups) else values


def probabilities(features: Floats, kept: Floats) -> Floats:
    """Return for each block the probability that it belongs to the story."""
    weights = _weights()
    scores = np.where(
        kept > 0,
        features @ weights["kept"][1:] + weights["kept"][0],
        features @ weights["left"][1:] + weights["left"][0],
    )
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))))


def expected_f1(words: Floats, kept: Floats, chances: Floats) -> float:
    """Return the F1 that the kept blocks have if each block belongs to the story with its probability."""
    right = float((words * kept * chances).sum())
    whole = float((words * kept).sum() + (words * chances).sum())
    return 2 * right / whole if whole else 0.0


@cache
def _weights() -> dict[str, Floats]:
    """Return the weights of kept and of left-out blocks, the bias first."""
    table = json.loads(files("cleaning").joinpath("verdict", FILE).read_text("utf-8"))
    return {name: np.array(table[name]) for name in ("kept", "left")}
