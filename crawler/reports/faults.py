"""Finds what makes a crawl a failed one. Each function looks for one kind of fault, and gives sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from scrapy import Spider
from scrapy.statscollectors import StatsCollector

from cleaning.wording import counted
from crawler.reports.endings import Ending
from crawler.reports.source_findings import why_failed
from lake.runs.run import Run

_LOCAL_FAULTS = {  # by the stat local_faults/…, of crawler/politeness/failures.py
    "dns": "no host name can be resolved",
    "network": "the network is out of reach",
    "open_files": "too many files are open (ulimit -n)",
    "memory": "memory is short",
}
OUTCOMES = ("articles", "copies", "revisions", "rejects", "unchanged")


@dataclass(frozen=True, slots=True)
class EndedCrawl:
    """A crawl at its end, as the functions of this module see it."""

    stats: StatsCollector
    spider: Spider | None
    run: Run
    ending: Ending
    state_failure: str | None = None  # why the working folder could not be used any more

    def count(self, stat: str) -> int:
        """Return a stat; 0 where it was never set."""
        value: int = self.stats.get_value(stat, 0)
        return value

    @property
    def outcomes(self) -> int:
        """The number of candidates that have an outcome."""
        return sum(self.count(f"outcome/{name}") for name in OUTCOMES)

    @property
    def without_outcome(self) -> int:
        """The number of candidates that have none, and that no outlet left for a later run."""
        candidates = self.stats.get_value("candidates")
        return candidates - self.outcomes - self.count("left") if candidates is not None else 0

    @property
    def left_for_later(self) -> int:
        """The number of candidates that are left for a later run."""
        return self.count("left") + (0 if self.ending.is_whole else max(0, self.without_outcome))


def faults(crawl: EndedCrawl) -> list[str]:
    """Return all that makes the crawl a failed one, as sentences; an outlet's begin with its key."""
    return [sentence for find in _FINDERS for sentence in find(crawl)]


def _early_end(crawl: EndedCrawl) -> Iterator[str]:
    if crawl.ending.is_failure and crawl.ending.words:
        yield crawl.ending.words


def _failed_state(crawl: EndedCrawl) -> Iterator[str]:
    if crawl.state_failure:
        yield crawl.state_failure


def _lost_rows(crawl: EndedCrawl) -> Iterator[str]:
    if lost := crawl.count("lost/not_landed"):
        yield f"{counted(lost, 'candidate')} did not land"


def _lost_candidates(crawl: EndedCrawl) -> Iterator[str]:
    if crawl.ending.is_whole and (lost := crawl.without_outcome):
        yield f"{counted(lost, 'candidate')} {'has' if lost == 1 else 'have'} no outcome"


def _failed_outlets(crawl: EndedCrawl) -> Iterator[str]:
    sources: dict[str, dict[str, Any]] = getattr(crawl.spider, "sources", {})
    if outlet_crawls := getattr(crawl.spider, "outlet_crawls", None):
        yield from outlet_crawls.faults()
    elif why := why_failed(sources):
        yield why


def _unreadable_warcs(crawl: EndedCrawl) -> Iterator[str]:
    if unreadable := crawl.count("warc/unreadable_files"):
        yield f"{counted(unreadable, 'WARC file')} could not be read"


def _faults_of_this_machine(crawl: EndedCrawl) -> Iterator[str]:
    counts = {words: crawl.count(f"local_faults/{kind}") for kind, words in _LOCAL_FAULTS.items()}
    if found := [f"{words} ({counted(count, 'request')})" for words, count in counts.items() if count]:
        yield (
            f"this machine is at fault: {', '.join(found)}; "
            f"{counted(crawl.count('left'), 'candidate')} left for the next run"
        )


def _nobody_answered(crawl: EndedCrawl) -> Iterator[str]:
    candidates = crawl.count("candidates")
    if candidates and crawl.count("unreachable") + crawl.count("broken_http") == candidates:
        yield "no candidate answered"


def _all_quarantined(crawl: EndedCrawl) -> Iterator[str]:
    if crawl.outcomes and crawl.count("outcome/rejects/quarantined") == crawl.outcomes:
        yield "every page was quarantined"


def _outlets_given_up(crawl: EndedCrawl) -> Iterator[str]:
    count = crawl.count("workers/outlets_given_up")
    if count and crawl.ending.is_whole and not hasattr(crawl.spider, "outlet_crawls"):
        was = "was" if count == 1 else "were"
        yield f"{counted(count, 'outlet')} {was} given up: their pages took a worker too long or too much memory"


def _failed_pages(crawl: EndedCrawl) -> Iterator[str]:
    if errors := crawl.count("lost/item_errors"):
        yield f"{counted(errors, 'page')} failed in the pipeline"


def _spider_errors(crawl: EndedCrawl) -> Iterator[str]:
    if errors := crawl.count("spider_errors"):
        yield f"{counted(errors, 'error')} in the spider"


def _spooled_rows(crawl: EndedCrawl) -> Iterator[str]:
    spool = crawl.run.outbox.spool
    if spool and spool.keys:
        rows = crawl.run.spooled_rows
        yield (
            f"{counted(rows, 'candidate')} {'waits' if rows == 1 else 'wait'} in {spool.folder} "
            f"({counted(len(spool.keys), 'object')}); the next start of any crawl on this machine lands all of it"
        )


_FINDERS: tuple[Callable[[EndedCrawl], Iterator[str]], ...] = (
    _early_end,
    _failed_state,
    _lost_rows,
    _lost_candidates,
    _failed_outlets,
    _unreadable_warcs,
    _faults_of_this_machine,
    _nobody_answered,
    _all_quarantined,
    _outlets_given_up,
    _failed_pages,
    _spider_errors,
    _spooled_rows,
)
