"""Names the outlets that are in trouble: one line for each, with one address and the command that looks at it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scrapy import Spider

from cleaning.wording import counted
from crawler.reports.monitors import article_pages, judged_pages
from crawler.reports.source_findings import failure_of, why_failed
from outlets import Limits, Outlet

_MAX_LINES = 10  # cron mails and terminals show few lines; the run record has all outlets
FAILED = "failed"  # kind of an example: the page failed in the pipeline

Sources = Mapping[str, Mapping[str, Any]]  # URL → what the run record says of the source


@dataclass(slots=True)
class SeenOutlet:
    """What a crawl saw of an outlet."""

    counts: Counter[str] = field(default_factory=Counter)  # outcomes, and rejects/<reason>
    # outcome, reason or FAILED → the first address that had it
    examples: dict[str, str] = field(default_factory=dict)
    failed: int = 0  # pages that failed in the pipeline


def trouble_lines(
    seen: Mapping[str, SeenOutlet], spider: Spider | None, sentences: Collection[str]
) -> list[str]:
    """Return a line for each outlet in trouble, at most ten, and how many more there are. sentences: faults and alerts;
    those of an outlet begin with its key."""
    sources = _sources_by_outlet(spider)
    # a crawl of many outlets has some with a single new page that is none every hour
    tells_few = not hasattr(spider, "outlet_crawls") and not any(
        article_pages(outlet.counts) for outlet in seen.values()
    )
    lines: list[str] = []
    broken_keys = getattr(getattr(spider, "outlet_crawls", None), "broken_keys", ())
    for key in sorted({*seen, *sources, *broken_keys}):
        outlet, its_sources = seen.get(key, SeenOutlet()), sources.get(key, {})
        told = [s.removeprefix(f"{key}: ") for s in sentences if s.startswith(f"{key}: ")]
        told = told or list(_own_troubles(outlet, its_sources, tells_few=tells_few))
        if told:
            look = (
                f"scrapy outlets --check {key}"
                if key in broken_keys
                else _where_to_look(key, told, outlet, its_sources)
            )
            lines.append(f"{key}: {'; '.join(told)}; {look}")
    more = len(lines) - _MAX_LINES
    return lines if more <= 0 else [*lines[:_MAX_LINES], f"and {counted(more, 'more outlet')} in trouble"]


def _sources_by_outlet(spider: Spider | None) -> dict[str, Sources]:
    if outlet_crawls := getattr(spider, "outlet_crawls", None):
        return {crawl.key: crawl.spider.sources for crawl in outlet_crawls.crawls}
    outlet = getattr(spider, "outlet", None)
    return {outlet.key: getattr(spider, "sources", {})} if isinstance(outlet, Outlet) else {}


def _own_troubles(outlet: SeenOutlet, sources: Sources, *, tells_few: bool) -> Iterator[str]:
    """What stands in no fault or alert as this outlet's. tells_few: also a few pages that are no articles are told."""
    if why := why_failed(sources):
        yield why
    if outlet.failed:
        yield f"{counted(outlet.failed, 'page')} failed in the pipeline"
    pages = judged_pages(outlet.counts)
    if pages and not article_pages(outlet.counts) and (pages >= Limits().min_pages or tells_few):
        yield "its page is no article" if pages == 1 else f"none of {pages} pages is an article"


def _where_to_look(key: str, told: Sequence[str], outlet: SeenOutlet, sources: Sources) -> str:
    """An address to begin with, and the command that looks at it."""
    kind = _kind_to_look_at(told, outlet)
    if kind:
        return f"one ({kind}): scrapy explain {shlex.quote(outlet.examples[kind])}"
    named = " ".join(told)
    dead = next(
        (f"{url} ({why}): " for url, s in sources.items() if (why := failure_of(s)) and url not in named), ""
    )
    return f"{dead}scrapy outlets --live {key}"


def _kind_to_look_at(told: Sequence[str], outlet: SeenOutlet) -> str | None:
    """The kind of page that shows the trouble; None where it lies in the sources."""
    reasons = [kind for kind, _ in outlet.counts.most_common() if kind.startswith("rejects/")]
    names = [kind.removeprefix("rejects/") for kind in reasons]
    articles = [name for name in ("articles", "copies", "revisions") if name in outlet.examples]
    named = [name for name in names if any(f"rejects for {name}" in text for text in told)]
    mostly_rejects = 2 * outlet.counts["rejects"] >= judged_pages(outlet.counts)
    failed = [FAILED] if FAILED in outlet.examples else []
    order = [*named, *failed, *(names if mostly_rejects else articles), *names, *articles]
    return next((kind for kind in order if kind in outlet.examples), None)
