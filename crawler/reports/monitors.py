"""Compares an outlet's run with its earlier ones and alerts on changes (monitors), so that none dries up unnoticed.

This is not done with Spidermon: its monitors see the stats of one run only, so the code below would be needed all the
same. The history is in the run records, and an outlet's run can be part of a run over many outlets (`crawlall`).
Alerts compare shares, pooled over the earlier runs, and only where there are enough pages: a run that finds nothing
new gives no alert.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from cleaning.wording import counted
from crawler.reports.outlet_health import READERS, SHARED_NAME, read_record, runs_by_name
from crawler.reports.source_findings import failure_of
from lake.storage.store import Store
from outlets import Limits

_OUTLET_RECORDS, _SHARED_RECORDS = 10, 10  # newest records read: of an outlet's own runs, of runs over many
_HISTORY_WINDOW = timedelta(days=30)
_MIN_HISTORY_RUNS = 3  # with pages; fewer are no history to compare with
_MIN_HISTORY_PAGES = 20
_MIN_LANDINGS = 5  # runs with an article before the time between them can be judged
_GAP_FACTOR, _MIN_SILENCE_H = 3.0, 48.0
_GAP_DECAY = 0.95  # factor of the longest time without an article, with each run that has one
# column of an article → its name in run records (with/…) and alerts
FIELD_NAMES = {"title": "title", "published_at": "date", "authors": "authors", "language": "language"}
_ARTICLE_COUNTS = ("articles", "copies", "revisions")
# rejects because of a rule, ours or the site's, and not because the page is no article
_NOT_JUDGED_REASONS = ("not_selected", "part", "robots", "refused", "tdm_reserved")
_CARRIED_FACTS = ("last_article_at", "landings", "longest_gap_h")
Facts = Mapping[str, Any]  # what a run record says of one outlet


def carried_facts(facts: Facts, before: Facts | None, now: datetime) -> dict[str, Any]:
    """The facts of an outlet that go from run record to run record: last_article_at, landings (runs with an article),
    longest_gap_h (longest time without an article, in hours). before: the newest record that has them."""
    carried = {k: v for k, v in (before or {}).items() if k in _CARRIED_FACTS}
    if not _total(facts, _ARTICLE_COUNTS):
        return carried
    gap_h = _hours_since(carried["last_article_at"], now) if carried else 0.0
    longest_gap_h = max(gap_h, carried.get("longest_gap_h", 0.0) * _GAP_DECAY)
    return {
        "last_article_at": now.isoformat(timespec="seconds"),
        "landings": carried.get("landings", 0) + 1,
        "longest_gap_h": round(longest_gap_h, 2),
    }


def alerts(facts: Facts, history: Sequence[Facts], limits: Limits, now: datetime) -> Iterator[str]:
    """The alerts of one outlet's run, as texts. history: the outlet's earlier runs, newest first; facts: of this run,
    with those from carried_facts(). `ended` in them is the close reason. Of a run that was cut short only shares of
    what it saw are compared."""
    pooled: Counter[str] = Counter()
    for earlier in history:
        pooled.update({k: v for k, v in earlier.items() if isinstance(v, int)})
    has_history = (
        sum(judged_pages(run) > 0 for run in history) >= _MIN_HISTORY_RUNS
        and judged_pages(pooled) >= _MIN_HISTORY_PAGES
    )
    yield from _article_share_alerts(facts, pooled if has_history else None, limits)
    if _is_whole(facts):  # what a run that was cut short did not find may be there
        yield from _source_alerts(facts, list(filter(_is_whole, history)), limits)
        yield from _silence_alerts(facts, limits, now)
    if has_history:
        yield from _reject_alerts(facts, pooled, limits)
        yield from _article_row_alerts(facts, pooled, limits)


def _article_share_alerts(facts: Facts, before: Facts | None, limits: Limits) -> Iterator[str]:
    pages, articles = judged_pages(facts), article_pages(facts)
    if pages < limits.min_pages:
        return
    if before is None:
        if not articles:
            yield f"none of {counted(pages, 'page')} is an article; are [articles] allow and deny right?"
        return
    usual = article_pages(before) / judged_pages(before)
    if articles / pages < limits.articles * usual:
        yield f"{articles} of {counted(pages, 'page')} are articles, before {usual:.0%}"


def _source_alerts(facts: Facts, history: Sequence[Facts], limits: Limits) -> Iterator[str]:
    dead, source_count = facts.get("dead_sources", 0), facts.get("sources", 0)
    latest, earlier = [facts, *history[:2]], history[2:]
    was_alive = any(_dead_share(run) <= limits.dead_sources for run in earlier)  # else it is no news
    if was_alive and all(_dead_share(run) > limits.dead_sources for run in latest):
        are = "is" if dead == 1 else "are"
        yield f"{dead} of {counted(source_count, 'source')} {are} dead, for the third time"
    listed_counts = [run.get("listed", 0) for run in earlier if run.get("answered")]
    always_listed = len(listed_counts) >= _MIN_HISTORY_RUNS and all(listed_counts)
    if always_listed and all(map(_lists_nothing, latest)):
        yield "its sources answer, and list no page any more, for the third time"


def _lists_nothing(facts: Facts) -> bool:
    """Whether the sources were all read anew, and named no page. One that was not may have some."""
    unread = _total(facts, ["dead_sources", "not_due", "unchanged_sources"])
    return bool(facts.get("answered")) and not unread and not facts.get("listed")


def _silence_alerts(facts: Facts, limits: Limits, now: datetime) -> Iterator[str]:
    if "last_article_at" not in facts:
        return
    silent_h = _hours_since(facts["last_article_at"], now)
    if limits.silence_h is not None:
        max_silence_h = limits.silence_h
    elif facts["landings"] < _MIN_LANDINGS:
        return
    else:
        max_silence_h = max(_MIN_SILENCE_H, _GAP_FACTOR * facts["longest_gap_h"])
    if silent_h > max_silence_h:
        longest_gap_h = facts["longest_gap_h"]
        hours = counted(round(silent_h), "hour")
        yield f"no article for {hours}; the longest time without one was {longest_gap_h:.0f}"


def _reject_alerts(facts: Facts, before: Facts, limits: Limits) -> Iterator[str]:
    pages, pages_before = judged_pages(facts), judged_pages(before)
    for name in sorted(k for k in facts if k.startswith("rejects/")):
        reason = name.removeprefix("rejects/")
        if reason in _NOT_JUDGED_REASONS or pages < limits.min_pages:
            continue
        usual = before.get(name, 0) / pages_before
        if facts[name] / pages > usual + limits.rejects:
            yield f"{facts[name]} of {counted(pages, 'page')} are rejects for {reason}, before {usual:.0%}"


def _article_row_alerts(facts: Facts, before: Facts, limits: Limits) -> Iterator[str]:
    """Alerts on the articles that landed: fields that are missing, the share of clutter, the share of copies."""
    rows, rows_before = _total(facts, _ARTICLE_COUNTS), _total(before, _ARTICLE_COUNTS)
    if rows < limits.min_pages or rows_before < _MIN_HISTORY_PAGES:
        return
    for name in FIELD_NAMES.values():
        count, usual = facts.get(f"with/{name}", 0), before.get(f"with/{name}", 0) / rows_before
        if usual >= 0.5 and count / rows < limits.fields * usual:
            yield f"{count} of {counted(rows, 'article')} have {name}, before {usual:.0%}"
    for phrase, part, total_of, limit in (
        ("of the text is clutter", "chars/removed", ("chars/removed", "chars/kept"), limits.clutter),
        ("of the articles are copies", "copies", _ARTICLE_COUNTS, limits.copies),
    ):
        share, usual = (run.get(part, 0) / max(1, _total(run, total_of)) for run in (facts, before))
        if share > usual + limit:
            yield f"{share:.0%} {phrase}, before {usual:.0%}"


def _total(facts: Facts, names: Iterable[str]) -> int:
    counts: list[int] = [facts.get(name, 0) for name in names]
    return sum(counts)


def _is_whole(facts: Facts) -> bool:
    """Whether the outlet's crawl went to its end."""
    return bool(facts.get("ended", "finished") == "finished")


def article_pages(facts: Facts) -> int:
    """Pages that are articles."""
    return _total(facts, (*_ARTICLE_COUNTS, "unchanged"))


def judged_pages(facts: Facts) -> int:
    """Pages that were expected to be articles: all but rejects because of a rule."""
    rejects = facts.get("rejects", 0) - sum(
        facts.get(f"rejects/{reason}", 0) for reason in _NOT_JUDGED_REASONS
    )
    judged: int = article_pages(facts) + max(0, rejects)
    return judged


def _dead_share(facts: Facts) -> float:
    return _total(facts, ["dead_sources"]) / (_total(facts, ["sources"]) or 1)


def _hours_since(since: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(since)).total_seconds() / 3600


# ---------------------------------------------------------------- facts and history


def source_counts(sources: Collection[Mapping[str, Any]]) -> dict[str, int]:
    """Facts of an outlet's sources, for the monitors and lake/runs/visit_history.py: how many there are, have failed,
    were not due or unchanged, answered; and the pages listed. answered: with new content; unchanged sources are not counted."""
    answered = [s for s in sources if not failure_of(s) and "not_due" not in s and not s.get("unchanged")]
    return {
        "sources": len(sources),
        "dead_sources": sum(bool(failure_of(s)) for s in sources),
        "not_due": sum("not_due" in s for s in sources),
        "unchanged_sources": sum(bool(s.get("unchanged")) for s in sources),
        "answered": len(answered),
        "listed": sum(s.get("found", 0) for s in answered),
    }


def outlet_histories(store: Store, names: Collection[str], now: datetime) -> dict[str, list[Facts]]:
    """Outlet → facts of its runs in the last 30 days, newest first, without backfills. Raises LakeError."""
    runs = runs_by_name(store, since=now - _HISTORY_WINDOW)
    keys = [
        *runs[SHARED_NAME][:_SHARED_RECORDS],
        *(key for name in names for key in runs[name][:_OUTLET_RECORDS]),
    ]
    history: dict[str, list[tuple[str, Facts]]] = {name: [] for name in names}
    with ThreadPoolExecutor(READERS) as readers:
        for record in filter(None, readers.map(lambda key: read_record(store, key), keys)):
            for name, facts in record.get("outlets", {}).items():
                if name in history and "answered" in facts:
                    ended = {"ended": record.get("reason", "finished")}  # of an outlet alone: the run's
                    history[name].append((record["finished_at"], {**ended, **facts}))
    return {
        name: [facts for _, facts in sorted(runs, key=lambda run: run[0], reverse=True)]
        for name, runs in history.items()
    }
