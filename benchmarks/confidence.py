"""Fits the weights of cleaning/verdict/confidence.py, and tells how well they part right texts from wrong ones.

usage: PYTHONPATH=.:$SHARED/measure/extraction python benchmarks/confidence.py $SHARED/pages
A text is right at F1 of 0.9 or more. AUROC and Brier score come from pages that the weights were not fitted on (ten
folds, pages of one host in one fold); the weights printed at the end are fitted on all.
"""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np

import cleaning.cleaner
from benchmarks.adapters import body, full
from cleaning.verdict.confidence import Signs, text_confidence

evaluate = importlib.import_module("evaluate")  # of $SHARED
RIGHT = 0.9
_FOLDS, _ROUNDS, _RIDGE = 10, 60, 20.0
Array = np.ndarray[Any, np.dtype[np.float64]]


def main() -> None:
    signs, right, hosts, corpora = _measured(Path(sys.argv[1]))
    folds = np.array([hash_of(host) % _FOLDS for host in hosts])
    told = np.zeros(len(right))
    for fold in range(_FOLDS):
        chosen = folds != fold
        told[~chosen] = _probability(signs[~chosen], _fit(signs[chosen], right[chosen]))
    for name in ("all", "whole", *sorted(set(corpora))):  # whole: gold texts, not snippets
        of = np.array(
            [name in ("all", corpus) or (name == "whole" and corpus != "traf") for corpus in corpora]
        )
        print(
            f"{name:7} {of.sum():4d} pages, {int((1 - right[of]).sum()):3d} wrong, AUROC {auroc(told[of], right[of]):.3f},"
            f" Brier {np.mean((told[of] - right[of]) ** 2):.3f}"
        )
    for low, high in ((0, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 1.01)):
        of = (told >= low) & (told < high)
        print(
            f"told {low:.2f} to {min(high, 1):.2f}: {of.sum():4d} pages, right {right[of].mean() if of.any() else 0:.2f}"
        )
    weights = _fit(signs, right)
    for name, weight in zip(["bias", *(field.name for field in fields(Signs))], weights, strict=True):
        print(f"{name:10} {weight:+.3f}")
    print(tuple(round(float(weight), 3) for weight in weights))


def hash_of(host: str) -> int:
    return sum(map(ord, host))


def auroc(told: Array, right: Array) -> float:
    """The chance that a right text has the higher figure than a wrong one."""
    good, bad = told[right == 1], told[right == 0]
    if not len(good) or not len(bad):
        return float("nan")
    return float(np.mean((good[:, None] > bad[None]) + 0.5 * (good[:, None] == bad[None])))


def _measured(root: Path) -> tuple[Array, Array, list[str], list[str]]:
    seen: list[Signs] = []

    def watched(signs: Signs) -> float:
        seen.append(signs)
        return text_confidence(signs)

    setattr(cleaning.cleaner, "text_confidence", watched)  # noqa: B010 - the one place that knows the signs
    rows: list[tuple[Signs, float, str, str]] = []
    for page in [
        *evaluate.load_aeb(root / "aeb"),
        *evaluate.load_fundus(root / "fundus"),
        *evaluate.load_traf(root / "traf"),
        *_typed_by_hand(root / "fe"),
    ]:
        seen.clear()
        text = (body if page.corpus == "aeb" else full)(page.html, page.url)
        if seen:
            rows.append((seen[-1], _f1(page, text), page.host, page.corpus))
    signs = np.array([astuple(row[0]) for row in rows])
    return (
        signs,
        np.array([float(row[1] >= RIGHT) for row in rows]),
        [r[2] for r in rows],
        [r[3] for r in rows],
    )


def _f1(page: Any, text: str) -> float:
    if page.corpus == "traf":
        return float(evaluate.snippet_totals([evaluate.snippet_scores(page.extra, text)])["f1"])
    return float(evaluate.page_scores(page.gold, text, page.corpus == "fundus")["f1"])


def _typed_by_hand(root: Path) -> list[Any]:
    gold = json.loads((root / "ground_truth.json").read_text("utf-8"))
    pages = []
    for key in sorted(gold):
        if (path := root / "html" / key).exists():
            html = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
            text = "\n".join(part.strip("[]") for part in gold[key]["body"])
            pages.append(
                evaluate.Page(
                    "fe", key, html, gold[key]["url"], evaluate.registered_domain(gold[key]["url"]), text
                )
            )
    return pages


def _fit(signs: Array, right: Array) -> Array:
    """Logistic regression by Newton's method, with a ridge on standardised signs; weights for the signs as they are."""
    mean, spread = signs.mean(0), signs.std(0) + 1e-9
    x = np.c_[np.ones(len(signs)), (signs - mean) / spread]
    weights = np.zeros(x.shape[1])
    ridge = _RIDGE * np.diag([0.0] + [1.0] * signs.shape[1])
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-x @ weights))
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + ridge
        weights += np.linalg.solve(hessian, x.T @ (right - p) - ridge @ weights)
    scaled = weights[1:] / spread
    return np.asarray(np.r_[weights[0] - scaled @ mean, scaled])


def _probability(signs: Array, weights: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-(weights[0] + signs @ weights[1:]))))


if __name__ == "__main__":
    main()
