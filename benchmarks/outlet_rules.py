"""What an outlet's own rules are worth: ROUGE-Lsum of general rules, of those that `suggest` proposes and of those in
the outlet's file, on the pages of fundus-evaluation.

    PYTHONPATH=. python benchmarks/outlet_rules.py $SHARED/pages/fe

`suggested` reads off all pages of an outlet that are there; `left out` scores each page with what is read off the
others alone; `taught` scores each page with what the gold texts of the others teach. Needs rouge-score.
"""

from __future__ import annotations

import gzip
import itertools
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import outlets
from benchmarks.adapters import _page as page_of
from cleaning import NoArticle, RawPage, Rules, clean, host_of
from cleaning.rule_authoring.rule_suggestions import suggest_rules
from cleaning.rule_authoring.rules_from_marks import marks_of_gold, suggest_from_marks


def main(root: Path) -> None:
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(["rougeLsum"])
    gold = json.loads((root / "ground_truth.json").read_text("utf-8"))
    by_outlet: dict[str, list[tuple[str, RawPage]]] = defaultdict(list)
    for key in sorted(gold):
        if (path := root / "html" / key).exists():
            markup = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
            by_outlet[key.rpartition("_")[0]].append((key, page_of(markup, gold[key]["url"])))
    scores: dict[str, list[float]] = defaultdict(list)
    for name, found in by_outlet.items():
        pages = [page for _, page in found]
        outlet = outlets.load().find(host_of(pages[0].url))
        own, all_of_them = outlet.rules if outlet else Rules(), suggest_rules(pages).rules
        for key, page in found:
            others = suggest_rules([one for one in pages if one is not page]).rules
            taught = suggest_from_marks(
                [
                    marks_of_gold(one, "\n".join(_bare(gold[other]["body"])))
                    for other, one in found
                    if other != key
                ]
            ).rules
            ways = {
                "general": Rules(),
                "suggested": all_of_them,
                "left out": others,
                "taught": taught,
                "written": own,
            }
            line = {way: _score(scorer, gold[key]["body"], page, rules) for way, rules in ways.items()}
            for way, score in line.items():
                scores[way].append(score)
            if len(set(line.values())) > 1:
                print(key, {way: round(score, 4) for way, score in line.items()})
        print(
            name,
            len(all_of_them.cut),
            "cut",
            len(all_of_them.keep),
            "keep",
            len(all_of_them.lines),
            "lines",
            flush=True,
        )
    for way, found_scores in scores.items():
        print(f"{way:10} ROUGE-Lsum {100 * mean(found_scores):.2f} on {len(found_scores)} pages")


def _score(scorer: Any, body: list[str], page: RawPage, rules: Rules) -> float:
    try:
        article = clean(page, rules)
    except NoArticle:
        return 0.0
    text = "\n".join(filter(None, (article.summary, article.text)))
    return max(float(scorer.score(wanted, text)["rougeLsum"].fmeasure) for wanted in _accepted(body))


def _bare(body: list[str]) -> list[str]:
    """Paragraphs without the brackets of those that may be there or not."""
    return [p[1:-1] if p[:1] == "[" and p[-1:] == "]" else p for p in body]


def _accepted(body: list[str]) -> Iterator[str]:
    """Paragraphs in square brackets may be there or not."""
    optional = [n for n, p in enumerate(body) if p[:1] == "[" and p[-1:] == "]"]
    bare = [p[1:-1] if n in optional else p for n, p in enumerate(body)]
    sizes = range(len(optional) + 1) if len(optional) <= 3 else (0, len(optional))
    for dropped in itertools.chain.from_iterable(itertools.combinations(optional, size) for size in sizes):
        yield "\n".join(p for n, p in enumerate(bare) if n not in dropped)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
