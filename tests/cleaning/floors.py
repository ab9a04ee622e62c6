"""Floors of cleaning's quality on the shared pages, pinned in floors.json with the digest of the pages, by corpus and fold.

    python -m tests.cleaning.floors [SHARED] [--lower]

measures, and raises the floors that are exceeded. None is lowered but with --lower, which pins what is measured: rules that
fit the pages which they were made on may go. The fold `left` are hosts whose pages nobody reads while working.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.adapters import body, full, full_by_outlet, meta

FILE = Path(__file__).with_name("floors.json")
CORPORA = ("wcxb", "aeb", "fundus", "fe", "traf")
DIGITS = 4


def digest(shared: Path) -> str:
    """32 hex digits of the names and sizes of all pages and gold texts, and of the gold texts' bytes."""
    found = hashlib.sha256()
    for path in sorted(
        path for corpus in CORPORA for path in (shared / "pages" / corpus).rglob("*") if path.is_file()
    ):
        found.update(f"{path.relative_to(shared).as_posix()} {path.stat().st_size}\n".encode())
        found.update(path.read_bytes() if path.suffix == ".json" else b"")
    return found.hexdigest()[:32]


def measured(shared: Path, corpus: str) -> dict[str, dict[str, float]]:
    """Figures of one corpus by fold, the higher the better: clutter and lost words as what is not clutter and not lost."""
    folds = _folds(shared)
    pages = folds.load(shared / "pages", corpus)
    texts = [(body if corpus == "aeb" else full)(page.html, page.url) for page in pages]
    found: dict[str, dict[str, float]] = {}
    for fold in folds.FOLDS:
        chosen = [(p, t) for p, t in zip(pages, texts, strict=True) if folds.evaluate.fold_of(p.host) == fold]
        figures = _figures(folds, corpus, *map(list, zip(*chosen, strict=True)))
        found[fold] = {key: round(float(value), DIGITS) for key, value in figures.items()}
    return found


def _figures(folds: ModuleType, corpus: str, pages: list[Any], texts: list[str]) -> dict[str, float]:
    rows, evaluate = (
        [folds.score(page, text) for page, text in zip(pages, texts, strict=True)],
        folds.evaluate,
    )
    found = {"f1": folds.figure(corpus, rows)}
    if corpus in ("wcxb", "traf"):
        total = {name: sum(row.snippets[name] for row in rows) for name in rows[0].snippets}
        found["wanted"] = total["wanted_there"] / total["wanted"]
        found["unwanted_absent"] = 1 - total["unwanted_there"] / total["unwanted"]
        return found
    scores = evaluate.corpus_scores(evaluate.score(corpus, pages, texts))
    found |= {"clean": 1 - scores["clutter"], "whole": 1 - scores["lost"]}
    if corpus == "fe":
        by_outlet = [folds.score(page, full_by_outlet(page.html, page.url)) for page in pages]
        found["f1_by_outlet"] = folds.figure(corpus, by_outlet)
    if corpus == "fundus":
        told = [evaluate.meta_scores(page, meta(page.html, page.url)) for page in pages]
        for key in ("title", "date", "authors"):
            have = [row[key] for row in told if key in row]
            found[key] = sum(have) / len(have)
    return found


def _folds(shared: Path) -> ModuleType:
    folder = str(shared / "measure" / "extraction")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module("benchmarks.folds")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shared", nargs="?", type=Path, default=Path(os.environ.get("SHARED", "../shared")))
    parser.add_argument("--lower", action="store_true")
    given = parser.parse_args()
    pinned: dict[str, Any] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {"digest": ""}
    now = digest(given.shared)
    is_known = pinned["digest"] == now and not given.lower
    floors: dict[str, dict[str, dict[str, float]]] = pinned["floors"] if is_known else {}
    for corpus in CORPORA:
        for fold, figures in measured(given.shared, corpus).items():
            for key, value in figures.items():
                old = floors.setdefault(corpus, {}).setdefault(fold, {}).get(key, 0.0)
                note = "" if value > old else "   below: the floor stays" if value < old else "   as before"
                print(f"{corpus:7} {fold:6} {key:15} {old:.4f} -> {value:.4f}{note}")
                floors[corpus][fold][key] = max(old, value)
    FILE.write_text(json.dumps({"digest": now, "floors": floors}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
