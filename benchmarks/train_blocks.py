"""Fits the weights of cleaning/verdict/block_model.py, and tells how well the confidence parts right texts from wrong ones.

usage: PYTHONPATH=.:$SHARED/measure/extraction python benchmarks/train_blocks.py $SHARED/pages [--write worked|both]
A block is labelled by the gold text. A text is right at F1 of 0.9 or more. First comes the table: weights fitted on the fold
`worked`, judged on the hosts of the fold `left`, and what the texts would gain if the model chose blocks itself. --write:
write the weights fitted on that fold, or on both, with the digest of the pages they were fitted on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import cleaning.cleaner
from benchmarks.adapters import body, full
from benchmarks.folds import evaluate, load, score
from cleaning.text.characters import fold
from cleaning.verdict import block_model, confidence
from cleaning.verdict.block_model import FEATURES, Floats

CORPORA = ("wcxb", "aeb", "fundus", "fe")
RIGHT = 0.9
_RIDGE, _ROUNDS, _WEIGHT_OF_A_PAGE = 5.0, 30, 30.0
_MIN_KEY = 12
_CHOICES = (
    (0.5, 0.3, 1.0),
    (0.6, 0.2, 1.0),
    (0.5, 0.1, 0.9),
    (0.7, 0.0, 1.0),
)  # restore above, cut below, below which F1


@dataclass(slots=True)
class Row:
    """One page: its blocks, what cleaning kept and cut of them, and which belong to the gold text."""

    corpus: str
    fold: str
    digest: str
    f1: float
    confidence: float
    words: Floats
    features: Floats
    kept: Floats
    cut: Floats
    right: Floats


def measured(page: Any) -> Row | None:
    """Return the row of a page; None where cleaning finds no article."""
    seen: dict[str, Any] = {}
    judged, counted, confidence_of = block_model.judge, block_model.kept_and_cut, confidence.text_confidence

    def kept_and_cut(texts: list[str], *rest: Any) -> Any:
        seen["texts"] = texts
        return counted(texts, *rest)

    def judge(blocks: Any, kept: Floats, cut: Floats, counts: Floats) -> Any:
        seen.update(blocks=blocks, kept=kept, cut=cut, counted=counts)
        return judged(blocks, kept, cut, counts)

    def text_confidence(signs: Any) -> float:
        seen["confidence"] = confidence_of(signs)
        return float(seen["confidence"])

    with (
        patch.object(block_model, "judge", judge),
        patch.object(block_model, "kept_and_cut", kept_and_cut),
        patch.object(cleaning.cleaner, "text_confidence", text_confidence),
    ):
        text = (body if page.corpus == "aeb" else full)(page.html, page.url)
    if "confidence" not in seen:
        return None
    gold, lines = fold(page.gold), {fold(line) for line in page.gold.splitlines()}
    keys = [fold(text) for text in seen["texts"]]
    right = np.array([float(key in lines or (len(key) >= _MIN_KEY and key in gold)) for key in keys])
    blocks, kept, cut = seen["blocks"], seen["kept"], seen["cut"]
    digest = hashlib.sha256(f"{page.html}\n{page.gold}".encode("utf-8", "replace")).hexdigest()
    return Row(
        page.corpus, evaluate.fold_of(page.host), digest, score(page, text).f1, seen["confidence"], blocks.words * seen["counted"],
        block_model.features_of(blocks, kept, cut), kept, cut, right,
    )  # fmt: skip


def fitted(rows: list[Row]) -> dict[str, Floats]:
    """Return the weights of kept and of left-out blocks: logistic regression, each page with the same weight in all."""
    weights = [np.sqrt(row.words) / max(1.0, np.sqrt(row.words).sum()) * _WEIGHT_OF_A_PAGE for row in rows]
    x, y = np.concatenate([row.features for row in rows]), np.concatenate([row.right for row in rows])
    w, kept = np.concatenate(weights), np.concatenate([row.kept for row in rows]) > 0
    return {"kept": _fit(x[kept], y[kept], w[kept]), "left": _fit(x[~kept], y[~kept], w[~kept])}


def _fit(x: Floats, y: Floats, w: Floats) -> Floats:
    """Newton's method, with a ridge on standardised features; returns the bias and the weights for features as they are."""
    mean, spread = x.mean(0), x.std(0) + 1e-9
    z = np.c_[np.ones(len(x)), (x - mean) / spread]
    ridge = np.diag([1e-9, *[_RIDGE] * x.shape[1]])
    beta = np.zeros(z.shape[1])
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-np.clip(z @ beta, -30, 30)))
        hessian = (z * (w * p * (1 - p))[:, None]).T @ z + ridge
        beta = beta + np.linalg.solve(hessian, z.T @ (w * (y - p)) - ridge @ beta)
    return np.asarray(np.r_[beta[0] - (beta[1:] * mean / spread).sum(), beta[1:] / spread])


def chances(row: Row, weights: dict[str, Floats]) -> Floats:
    """Return the probability of each block of a page."""
    scores = {name: row.features @ of[1:] + of[0] for name, of in weights.items()}
    return np.asarray(
        1 / (1 + np.exp(-np.clip(np.where(row.kept > 0, scores["kept"], scores["left"]), -30, 30)))
    )


def auroc(told: Floats, right: np.ndarray[Any, Any]) -> float:
    """The chance that a right text has the higher figure than a wrong one."""
    good, bad = told[right], told[~right]
    if not len(good) or not len(bad):
        return float("nan")
    return float(np.mean((good[:, None] > bad[None]) + 0.5 * (good[:, None] == bad[None])))


def report(rows: list[Row], weights: dict[str, Floats]) -> None:
    """Print how well the expected F1 parts right texts from wrong ones, and what the texts would gain from the model."""
    told = np.array([block_model.expected_f1(row.words, row.kept, chances(row, weights)) for row in rows])
    right, corpora = np.array([row.f1 >= RIGHT for row in rows]), np.array([row.corpus for row in rows])
    for name in ("all", *CORPORA):
        of = (corpora == name) | (name == "all")
        print(
            f"  {name:7} {of.sum():4} pages, {(~right[of]).sum():3} wrong, AUROC {auroc(told[of], right[of]):.3f}"
        )
    print(f"  mean: expected {told.mean():.3f}, true {np.mean([row.f1 for row in rows]):.3f}")
    for above, below, limit in _CHOICES:
        gains = np.array(
            [
                _gain(row, weights, above, below) if f1 < limit else 0.0
                for row, f1 in zip(rows, told, strict=True)
            ]
        )
        of_corpus = "  ".join(f"{name} {gains[corpora == name].mean():+.4f}" for name in CORPORA)
        print(f"  restore above {above}, cut below {below}, where F1 is expected below {limit}: {of_corpus}")


def _gain(row: Row, weights: dict[str, Floats], above: float, below: float) -> float:
    """Return what the F1 by blocks gains if the model restores and cuts; the rules' cuts stay."""
    told = chances(row, weights)
    chosen = np.where(
        (row.kept == 0) & (row.cut == 0) & (told > above),
        1.0,
        np.where((row.kept > 0) & (told < below), 0.0, row.kept),
    )
    return _block_f1(row, chosen) - _block_f1(row, row.kept)


def _block_f1(row: Row, kept: Floats) -> float:
    both = (row.words * kept * row.right).sum()
    whole = (row.words * kept).sum() + (row.words * row.right).sum()
    return float(2 * both / whole) if whole else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--write", choices=("worked", "both"))
    given = parser.parse_args()
    pages = [page for corpus in CORPORA for page in load(given.pages, corpus)]
    with ProcessPoolExecutor(2) as pool:
        rows = [row for row in pool.map(measured, pages, chunksize=20) if row]
    worked, left = ([row for row in rows if row.fold == name] for name in ("worked", "left"))
    weights = fitted(worked)
    for name, of in (("worked", worked), ("left", left)):
        print(f"fold {name}, weights of the fold worked:")
        report(of, weights)
    told = np.array([row.confidence for row in left])
    print(
        f"text_confidence as it is now, fold left: AUROC {auroc(told, np.array([row.f1 >= RIGHT for row in left])):.3f}"
    )
    if given.write:
        of = worked if given.write == "worked" else rows
        table = {
            "features": ["bias", *FEATURES],
            **{name: [round(float(value), 4) for value in values] for name, values in fitted(of).items()},
            "pages": len(of),
            "data": hashlib.sha256("".join(sorted(row.digest for row in of)).encode()).hexdigest(),
        }
        path = Path("cleaning", "verdict", block_model.FILE)
        path.write_text(json.dumps(table, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
