"""Tells how far cleaning's rules carry: the same figures on pages that rules were made on and on hosts that nobody has read.

usage: PYTHONPATH=.:$SHARED/measure/extraction python benchmarks/folds.py $SHARED/pages [--corpora wcxb,aeb] [--peer]
       [--save rows.json] [--against rows.json]
Each corpus is scored on its fold `worked` and its fold `left` (evaluate.fold_of, by host). --peer: trafilatura with its
default settings beside, on the same pages; the difference is paired, with a 95 % bootstrap interval. --save and --against
compare two states of the code page by page: pages of the fold `worked` are named, those of `left` only counted.
Figures: aeb, fundus, fe: F1 of word 4-shingles (aeb the story, the others with the standfirst). wcxb: F1 of words, and the
shares of wanted snippets that are there and of unwanted ones that are not. traf: F1 of snippets.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.adapters import body, full

evaluate = importlib.import_module("evaluate")  # of $SHARED
CORPORA = ("wcxb", "aeb", "fundus", "fe", "traf")
FOLDS = ("worked", "left")
_DRAWS = 2000
Extractor = Callable[[str, str | None], str | None]


@dataclass(slots=True)
class Row:
    """The scores of one page."""

    key: str
    fold: str
    f1: float
    snippets: dict[str, int] = field(default_factory=dict)  # wanted, wanted_there, unwanted, unwanted_there


def load(root: Path, corpus: str) -> list[Any]:
    """Return the development pages of a corpus. root: of all corpora."""
    if corpus == "wcxb":
        return _load_wcxb(root / "wcxb" / "dev")
    if corpus == "fe":
        return _load_fe(root / "fe")
    pages = getattr(evaluate, f"load_{corpus}")(root / corpus)
    return [page for page in pages if evaluate.split_of(page.host) == "dev"]


def _load_wcxb(root: Path) -> list[Any]:
    pages = []
    for path in sorted((root / "ground-truth").glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        gold, url = told["ground_truth"], told.get("url")
        if told["_internal"]["page_type"]["primary"] == "article" and gold.get("main_content"):
            html = _unpacked(root / "html" / f"{path.stem}.html.gz")
            host = evaluate.registered_domain(url or "")
            pages.append(evaluate.Page("wcxb", path.stem, html, url, host, gold["main_content"], gold))
    return pages


def _load_fe(root: Path) -> list[Any]:
    gold = json.loads((root / "ground_truth.json").read_text("utf-8"))
    pages = []
    for key in sorted(gold):
        if (path := root / "html" / key).exists():
            text = "\n".join(part.strip("[]") for part in gold[key]["body"])
            url = gold[key]["url"]
            pages.append(
                evaluate.Page("fe", key, _unpacked(path), url, evaluate.registered_domain(url), text)
            )
    return pages


def _unpacked(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode("utf-8", "replace")


def score(page: Any, text: str) -> Row:
    """Return the scores of a page's text."""
    fold = evaluate.fold_of(page.host)
    if page.corpus == "traf":
        scores = evaluate.snippet_scores(page.extra, text)
        counts = {
            "wanted": scores["tp"] + scores["fn"], "wanted_there": scores["tp"],
            "unwanted": scores["fp"] + scores["tn"], "unwanted_there": scores["fp"],
        }  # fmt: skip
        return Row(page.key, fold, evaluate.snippet_totals([scores])["f1"], counts)
    if page.corpus == "wcxb":
        lower = text.lower()
        wanted, unwanted = page.extra.get("with") or [], page.extra.get("without") or []
        counts = {
            "wanted": len(wanted), "wanted_there": sum(s.lower() in lower for s in wanted),
            "unwanted": len(unwanted), "unwanted_there": sum(s.lower() in lower for s in unwanted),
        }  # fmt: skip
        return Row(page.key, fold, _word_f1(page.gold, text), counts)
    return Row(page.key, fold, evaluate.page_scores(page.gold, text, page.corpus == "fundus")["f1"])


def _word_f1(gold: str, text: str) -> float:
    wanted, given = Counter(evaluate.WORD.findall(gold.lower())), Counter(evaluate.WORD.findall(text.lower()))
    both = sum((wanted & given).values())
    return float(2 * both / (sum(wanted.values()) + sum(given.values()))) if both else 0.0


def _trafilatura(html: str, url: str | None) -> str | None:
    """Return what trafilatura finds with its default settings, which include tables; its comments left out."""
    import trafilatura

    return trafilatura.extract(html, url=url, include_comments=False, include_tables=True)


def measure(pages: list[Any], extract: Extractor) -> tuple[list[Row], float]:
    """Return the scores of all pages, in order, and the CPU seconds of the extraction."""
    rows, cpu_s = [], 0.0
    for page in pages:
        began = time.process_time()
        text = extract(page.html, page.url) or ""
        cpu_s += time.process_time() - began
        rows.append(score(page, text))
    return rows, cpu_s


def figure(corpus: str, rows: list[Row]) -> float:
    """Return the corpus' figure: the mean F1 of its pages; for traf, of all its snippets."""
    if corpus != "traf":
        return mean(row.f1 for row in rows)
    there = sum(row.snippets["wanted_there"] for row in rows)
    wrong = sum(row.snippets["unwanted_there"] for row in rows)
    return 2 * there / max(1, sum(row.snippets["wanted"] for row in rows) + there + wrong)


def _measured(task: tuple[Path, str, bool]) -> tuple[str, list[Row], float, list[Row]]:
    root, corpus, with_peer = task
    pages = load(root, corpus)
    rows, cpu_s = measure(pages, body if corpus == "aeb" else full)
    peer: list[Row] = []
    if with_peer:
        peer, _ = measure(pages, _trafilatura)
    return corpus, rows, cpu_s, peer


def _interval(corpus: str, ours: list[Row], theirs: list[Row]) -> tuple[float, float]:
    """Return the 95 % interval of the paired difference of two figures."""
    draw, size = random.Random(0), len(ours)
    differences = []
    for _ in range(_DRAWS if corpus != "traf" else _DRAWS // 10):
        picked = [draw.randrange(size) for _ in range(size)]
        differences.append(
            figure(corpus, [ours[n] for n in picked]) - figure(corpus, [theirs[n] for n in picked])
        )
    differences.sort()
    return differences[len(differences) // 40], differences[-len(differences) // 40]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", type=Path)
    parser.add_argument("--corpora", default=",".join(CORPORA))
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--against", type=Path)
    given = parser.parse_args()
    corpora = given.corpora.split(",")
    saved: dict[str, dict[str, float]] = {}
    before = json.loads(given.against.read_text()) if given.against else {}
    with ProcessPoolExecutor(2) as pool:
        for corpus, rows, cpu_s, peer in pool.map(_measured, [(given.pages, c, given.peer) for c in corpora]):
            _tell(corpus, rows, cpu_s, peer)
            saved[corpus] = {row.key: row.f1 for row in rows}
            if corpus in before:
                _tell_changes(rows, before[corpus])
    if given.save:
        given.save.write_text(json.dumps(saved))


def _tell(corpus: str, rows: list[Row], cpu_s: float, peer: list[Row]) -> None:
    figures = {}
    for fold in FOLDS:
        chosen = [n for n, row in enumerate(rows) if row.fold == fold]
        ours = [rows[n] for n in chosen]
        figures[fold] = figure(corpus, ours)
        line = f"{corpus:7} {fold:7} {len(ours):4} pages  {figures[fold]:.4f}"
        if ours[0].snippets:
            totals = {name: sum(row.snippets[name] for row in ours) for name in ours[0].snippets}
            line += f"  wanted {totals['wanted_there'] / max(1, totals['wanted']):.4f}"
            line += f"  unwanted absent {1 - totals['unwanted_there'] / max(1, totals['unwanted']):.4f}"
        if peer:
            theirs = [peer[n] for n in chosen]
            low, high = _interval(corpus, ours, theirs)
            gain = figures[fold] - figure(corpus, theirs)
            worse = sum(a.f1 < b.f1 - 0.05 for a, b in zip(ours, theirs, strict=True))
            better = sum(a.f1 > b.f1 + 0.05 for a, b in zip(ours, theirs, strict=True))
            line += f"  trafilatura {figure(corpus, theirs):.4f}, gain {gain:+.4f} [{low:+.4f}, {high:+.4f}], worse on {worse}, better on {better}"
        print(line, flush=True)
    fall = figures["worked"] - figures["left"]
    print(f"{corpus:7} fall    {fall:+.4f}; {1000 * cpu_s / len(rows):.1f} ms of CPU a page", flush=True)


def _tell_changes(rows: list[Row], before: dict[str, float]) -> None:
    changes = sorted(
        ((row.f1 - before[row.key], row) for row in rows if row.key in before and row.f1 != before[row.key]),
        key=lambda change: change[0],
    )
    for difference, row in changes:
        if row.fold == "worked":
            print(f"    {difference:+.4f} to {row.f1:.4f}  {row.key}")
    left = [difference for difference, row in changes if row.fold == "left"]
    if left:
        print(
            f"    left: {sum(d > 0 for d in left)} better, {sum(d < 0 for d in left)} worse, sum {sum(left):+.4f}"
        )


if __name__ == "__main__":
    main()
