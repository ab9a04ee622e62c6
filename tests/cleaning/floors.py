"""Floors of cleaning's quality on the shared pages, pinned in floors.json with the digest of the pages.

    python -m tests.cleaning.floors [SHARED]

measures, and raises the floors that are exceeded; none is ever lowered.
"""

from __future__ import annotations

import gzip
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
CORPORA = ("aeb", "fundus", "fe", "traf")
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


def measured(shared: Path, corpus: str) -> dict[str, float]:
    """Figures of one corpus, the higher the better: clutter and lost words as what is not clutter and not lost."""
    evaluate = _evaluate(shared)
    pages = _pages(evaluate, shared / "pages" / corpus, corpus)
    texts = [(body if corpus == "aeb" else full)(page.html, page.url) for page in pages]
    rows = evaluate.score(corpus, pages, texts)
    if corpus == "traf":
        figures = evaluate.snippet_totals(rows)
        return {key: round(figures[key], DIGITS) for key in ("f1", "p", "r")}
    figures = evaluate.corpus_scores(rows)
    found = {"f1": figures["f1"], "clean": 1 - figures["clutter"], "whole": 1 - figures["lost"]}
    if corpus == "fe":
        rows = evaluate.score(corpus, pages, [full_by_outlet(page.html, page.url) for page in pages])
        found["f1_by_outlet"] = evaluate.corpus_scores(rows)["f1"]
    if corpus == "fundus":
        told = [evaluate.meta_scores(page, meta(page.html, page.url)) for page in pages]
        for key in ("title", "date", "authors"):
            have = [row[key] for row in told if key in row]
            found[key] = sum(have) / len(have)
    return {key: round(float(value), DIGITS) for key, value in found.items()}


def _evaluate(shared: Path) -> ModuleType:
    folder = str(shared / "measure" / "extraction")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module("evaluate")


def _pages(evaluate: ModuleType, root: Path, corpus: str) -> list[Any]:
    if corpus != "fe":
        pages = getattr(evaluate, f"load_{corpus}")(root)
        return [page for page in pages if evaluate.split_of(page.host) == "dev"]
    gold = json.loads((root / "ground_truth.json").read_text("utf-8"))
    return [
        evaluate.Page("fe", key, gzip.decompress(path.read_bytes()).decode("utf-8", "replace"), gold[key]["url"], "",
                      "\n".join(part.strip("[]") for part in gold[key]["body"]))
        for key in sorted(gold)
        if (path := root / "html" / key).exists()
    ]  # fmt: skip


def main() -> None:
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SHARED", "../shared"))
    pinned: dict[str, Any] = (
        json.loads(FILE.read_text("utf-8")) if FILE.exists() else {"digest": "", "floors": {}}
    )
    now = digest(shared)
    floors: dict[str, dict[str, float]] = pinned["floors"] if pinned["digest"] == now else {}
    for corpus in CORPORA:
        for key, value in measured(shared, corpus).items():
            old = floors.setdefault(corpus, {}).get(key, 0.0)
            print(
                f"{corpus:7} {key:8} {old:.4f} -> {value:.4f}{'' if value > old else '   below: the floor stays'}"
            )
            floors[corpus][key] = max(old, value)
    FILE.write_text(json.dumps({"digest": now, "floors": floors}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
