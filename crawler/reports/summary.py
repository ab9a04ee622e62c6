"""Sums up in words what a crawl did: `212 known, 14 new, 1 to be tried again → 12 articles, 2 rejects`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cleaning.wording import counted
from crawler.reports.faults import OUTCOMES, EndedCrawl
from lake.runs.revisit_policy import RevisitDecision

_DECISION_WORDS: dict[RevisitDecision, str] = {  # in the order in which they are told
    "known": "known",
    "new": "new",
    "changed": "changed",
    "again": "tried again",
    "afresh": "known and asked for all the same",
    "later": "to be tried again",
    "never": "not worth another try",
    "taken_down": "taken down",
}
_SINGULARS = {"articles": "article", "copies": "copy", "revisions": "revision", "rejects": "reject"}


def outcome_text(name: str, count: int) -> str:
    """Return `1 copy`, `2 copies`, `3 unchanged`. name: of a table of the lake, or an outcome without a row."""
    return counted(count, _SINGULARS.get(name, name), name)


def summary(crawl: EndedCrawl, decisions: Mapping[str, int], forfeited: int) -> str:
    """Return what was decided of the candidates and what was found in the sources, then what came out. decisions: how
    often each was made; forfeited: rows that were left to another machine."""
    found = ", ".join((*_decision_texts(decisions), *_source_texts(crawl)))
    came_out = ", ".join(_outcome_texts(crawl, forfeited))
    return " → ".join(filter(None, [found, came_out or ("nothing new" if found else "nothing found")]))


def _decision_texts(decisions: Mapping[str, int]) -> Iterator[str]:
    for decision, words in _DECISION_WORDS.items():
        if count := decisions.get(decision, 0):
            yield f"{count} {words}"


def _source_texts(crawl: EndedCrawl) -> Iterator[str]:
    """The number of sources that were unchanged, of those that were not due for a fetch, and of the captures in WARC
    files that an earlier replay landed."""
    if landed_before := crawl.count("warc/landed_before"):
        yield f"{landed_before} landed before"
    if unchanged := crawl.count("sources/unchanged"):
        yield f"{counted(unchanged, 'source')} unchanged"
    if skipped := crawl.count("sources/not_due"):
        sources: dict[str, dict[str, Any]] = getattr(crawl.spider, "sources", {})
        next_at = min(s["not_due"] for s in sources.values() if "not_due" in s)
        yield f"{counted(skipped, 'source')} not due before {next_at[11:19]} UTC (-a fresh=1 asks now)"


def _outcome_texts(crawl: EndedCrawl, forfeited: int) -> Iterator[str]:
    for name in OUTCOMES:
        if count := crawl.count(f"outcome/{name}"):
            yield outcome_text(name, count)
    if reserved := crawl.count("outcome/rejects/tdm_reserved"):
        yield f"{reserved} left because text and data mining is reserved (TDM)"
    if gone := crawl.count("gone"):
        yield f"{gone} gone"
    if left := crawl.left_for_later:
        yield f"{counted(left, 'page')} left for the next run"
    if forfeited:
        yield f"{forfeited} left to another machine"
