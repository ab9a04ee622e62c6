"""Monitors: whether an outlet's run is as its earlier ones, so that nothing dries up in silence.

Own code and not Spidermon, whose monitors see one run's stats and so would need all that follows all the same: the
history is in the run records, and an outlet's run can be a part of another (`crawlall`). Judgements are made of rates,
pooled over the runs looked at, and of enough pages only: a run that finds nothing new says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from crawler.reports.outlet_health import READERS, SHARED_NAME, read_record, runs_by_name
from lake.storage.store import Store
from outlets import Limits

OWN, SHARED = 10, 10  # records read of an outlet's own runs, and of runs over many outlets; the newest
_LOOK_BACK = timedelta(days=30)
_HISTORY_RUNS = 3  # with pages: fewer are no history
_HISTORY_PAGES = 20
_GAPS = 5  # landings, before the time between them is one to go by
_GAP_FACTOR, _LEAST_SILENCE_H = 3.0, 48.0
_FADES = 0.95  # of the longest time without an article, with each landing
FIELDS = {"title": "title", "published_at": "date", "authors": "authors", "language": "language"}
_KEPT = ("articles", "copies", "revisions")
# refused by a rule, ours or theirs, and not for want of an article
_NOT_JUDGED = ("not_selected", "part", "robots", "refused", "tdm_reserved")
_REMEMBERED = ("last_article_at", "landings", "longest_gap_h")
Facts = Mapping[str, Any]  # what a run record says of one outlet


def carried_facts(facts: Facts, before: Facts | None, now: datetime) -> dict[str, Any]:
    """What goes from record to record: when the outlet last had an article, and how long it has been without one."""
    held = {k: v for k, v in (before or {}).items() if k in _REMEMBERED}
    if not _sum(facts, _KEPT):
        return held
    gap_h = _hours(held["last_article_at"], now) if held else 0.0
    longest = max(gap_h, held.get("longest_gap_h", 0.0) * _FADES)
    return {
        "last_article_at": now.isoformat(timespec="seconds"),
        "landings": held.get("landings", 0) + 1,
        "longest_gap_h": round(longest, 2),
    }


def alerts(facts: Facts, history: Sequence[Facts], limits: Limits, now: datetime) -> Iterator[str]:
    """What is not as it was, in words. history: the outlet's earlier runs, newest first; facts hold what `remembered`
    gave."""
    pooled: Counter[str] = Counter()
    for earlier in history:
        pooled.update({k: v for k, v in earlier.items() if isinstance(v, int)})
    is_known = sum(_judged(run) > 0 for run in history) >= _HISTORY_RUNS and _judged(pooled) >= _HISTORY_PAGES
    yield from _of_yield(facts, pooled if is_known else None, limits)
    yield from _of_sources(facts, history, limits)
    yield from _of_silence(facts, limits, now)
    if is_known:
        yield from _of_rejects(facts, pooled, limits)
        yield from _of_rows(facts, pooled, limits)


def _of_yield(facts: Facts, before: Facts | None, limits: Limits) -> Iterator[str]:
    pages, good = _judged(facts), _good(facts)
    if pages < limits.min_pages:
        return
    if before is None:
        if not good:
            yield f"none of {pages} pages is an article; are [articles] allow and deny right?"
        return
    usual = _good(before) / _judged(before)
    if good / pages < limits.articles * usual:
        yield f"{good} of {pages} pages are articles, before {usual:.0%}"


def _of_sources(facts: Facts, history: Sequence[Facts], limits: Limits) -> Iterator[str]:
    dead, of = facts.get("dead_sources", 0), facts.get("sources", 0)
    lately, earlier = [facts, *history[:2]], history[2:]
    was_alive = any(_dead(run) <= limits.dead_sources for run in earlier)  # else it is no news
    if was_alive and all(_dead(run) > limits.dead_sources for run in lately):
        yield f"{dead} of {of} sources are dead, for the third time"
    listed = [run.get("listed", 0) for run in history if run.get("answered")]
    always = len(listed) >= _HISTORY_RUNS and all(listed)
    if always and facts.get("answered") and not dead and not facts.get("listed"):
        yield "its sources answer, and list no page any more"


def _of_silence(facts: Facts, limits: Limits, now: datetime) -> Iterator[str]:
    if "last_article_at" not in facts:
        return
    silent_h = _hours(facts["last_article_at"], now)
    if limits.silence_h is not None:
        most_h = limits.silence_h
    elif facts["landings"] < _GAPS:
        return
    else:
        most_h = max(_LEAST_SILENCE_H, _GAP_FACTOR * facts["longest_gap_h"])
    if silent_h > most_h:
        longest = facts["longest_gap_h"]
        yield f"no article for {silent_h:.0f} hours; the longest time without one was {longest:.0f}"


def _of_rejects(facts: Facts, before: Facts, limits: Limits) -> Iterator[str]:
    pages, pages_before = _judged(facts), _judged(before)
    for name in sorted(k for k in facts if k.startswith("rejects/")):
        reason = name.removeprefix("rejects/")
        if reason in _NOT_JUDGED or pages < limits.min_pages:
            continue
        usual = before.get(name, 0) / pages_before
        if facts[name] / pages > usual + limits.rejects:
            yield f"{facts[name]} of {pages} pages are rejects for {reason}, before {usual:.0%}"


def _of_rows(facts: Facts, before: Facts, limits: Limits) -> Iterator[str]:
    """The articles that landed: their fields, how much of them was clutter, how many are copies."""
    rows, rows_before = _sum(facts, _KEPT), _sum(before, _KEPT)
    if rows < limits.min_pages or rows_before < _HISTORY_PAGES:
        return
    for name in FIELDS.values():
        count, usual = facts.get(f"with/{name}", 0), before.get(f"with/{name}", 0) / rows_before
        if usual >= 0.5 and count / rows < limits.fields * usual:
            yield f"{count} of {rows} articles have {name}, before {usual:.0%}"
    for what, part, whole, limit in (
        ("of the text is clutter", "chars/removed", ("chars/removed", "chars/kept"), limits.clutter),
        ("of the articles are copies", "copies", _KEPT, limits.copies),
    ):
        share, usual = (run.get(part, 0) / max(1, _sum(run, whole)) for run in (facts, before))
        if share > usual + limit:
            yield f"{share:.0%} {what}, before {usual:.0%}"


def _sum(facts: Facts, names: Iterable[str]) -> int:
    counts: list[int] = [facts.get(name, 0) for name in names]
    return sum(counts)


def _good(facts: Facts) -> int:
    return _sum(facts, (*_KEPT, "unchanged"))


def _judged(facts: Facts) -> int:
    """Pages that were to be articles."""
    rejects = facts.get("rejects", 0) - sum(facts.get(f"rejects/{reason}", 0) for reason in _NOT_JUDGED)
    judged: int = _good(facts) + max(0, rejects)
    return judged


def _dead(facts: Facts) -> float:
    return _sum(facts, ["dead_sources"]) / (_sum(facts, ["sources"]) or 1)


def _hours(since: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(since)).total_seconds() / 3600


# ---------------------------------------------------------------- what is read


def source_counts(sources: Collection[Mapping[str, Any]]) -> dict[str, int]:
    """What the monitors, and lake/runs/visit_history.py, want to know of an outlet's sources; answered: anew, unlike one that has not
    changed."""
    anew = [s for s in sources if not s.get("error") and "not_due" not in s and not s.get("unchanged")]
    return {
        "sources": len(sources),
        "dead_sources": sum(bool(s.get("error")) for s in sources),
        "not_due": sum("not_due" in s for s in sources),
        "answered": len(anew),
        "listed": sum(s.get("found", 0) for s in anew),
    }


def outlet_histories(store: Store, names: Collection[str], now: datetime) -> dict[str, list[Facts]]:
    """By outlet its earlier runs, newest first, backfills not among them. Raises LakeError."""
    runs = runs_by_name(store, since=now - _LOOK_BACK)
    keys = [*runs[SHARED_NAME][:SHARED], *(key for name in names for key in runs[name][:OWN])]
    found: dict[str, list[tuple[str, Facts]]] = {name: [] for name in names}
    with ThreadPoolExecutor(READERS) as readers:
        for record in filter(None, readers.map(lambda key: read_record(store, key), keys)):
            for name, facts in record.get("outlets", {}).items():
                if name in found and "answered" in facts:
                    found[name].append((record["finished_at"], facts))
    return {
        name: [facts for _, facts in sorted(runs, key=lambda run: run[0], reverse=True)]
        for name, runs in found.items()
    }
