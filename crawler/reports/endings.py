"""Says how a crawl ended: at its end, where the user wanted it to end, or stopped by trouble.

Only endings that are known to be good are good: Scrapy, its extensions and spiders may give any close reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from scrapy.crawler import Crawler

# bounds that the user asks for: close reason → the setting, and words for its value
_WANTED_BOUNDS = {
    "closespider_pagecount": ("CLOSESPIDER_PAGECOUNT", "the answers reached {:g}"),
    "closespider_itemcount": ("CLOSESPIDER_ITEMCOUNT", "the rows reached {:g}"),
    "closespider_timeout": ("CLOSESPIDER_TIMEOUT", "{:g} s were over"),
}
# the same for bounds that only trouble reaches
_TROUBLE_BOUNDS = {
    "memusage_exceeded": ("MEMUSAGE_LIMIT_MB", "the process took more than {:g} MB of memory"),
    "closespider_errorcount": ("CLOSESPIDER_ERRORCOUNT", "the errors in the spider reached {:g}"),
    "closespider_timeout_no_item": ("CLOSESPIDER_TIMEOUT_NO_ITEM", "no row came out within {:g} s"),
    "closespider_pagecount_no_item": ("CLOSESPIDER_PAGECOUNT_NO_ITEM", "answers without a row reached {:g}"),
    "loop_held": ("OUTLET_HELD_S", "the outlet held up the event loop for more than {:g} s"),
    "spool_full": ("SPOOL_BYTES", "the store is away, and more than {:.0f} bytes wait on disk"),
}
_OTHER_TROUBLE = {
    "landing_failed": "rows could not be landed; the log says why",
    "state_failed": "the working folder of this machine failed",
    "workers_failed": "the workers that clean pages failed; the log says why",
    "slow_pages": "pages in a row took a worker too long or too much memory (CLEAN_DEADLINE_S, CLEAN_BYTES)",
    "start_error": "start() of the spider failed; the log says why",
    "shutdown": "the engine stopped by itself, on an error; the log says which",
}
# another machine has the outlet: no failure; where pages were left to it the exit code says so
LEFT_TO_OTHERS = ("held", "lease_lost")
# close reasons that are no failure in a run record, which does not say whether the user had set a bound
HARMLESS = ("finished", "shutdown", *LEFT_TO_OTHERS, *_WANTED_BOUNDS)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a crawl ended."""

    reason: str  # the close reason, as Scrapy calls it
    words: str | None = None  # why it ended before its end, for people; None where it went to its end
    is_failure: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the crawl went to its end, so that what it did not find is not there."""
        return self.words is None


def ending_of(crawler: Crawler, reason: str) -> Ending:
    """Return how a crawl ended, by its close reason, while its spider is being closed.

    A spider names the close reasons of its own that are no failure in `good_reasons`."""
    if reason == "finished":
        return Ending(reason)
    if reason == "shutdown" and not crawler.crawling:  # an error inside would have stopped the engine only
        return Ending(reason, "as asked, by SIGTERM or Ctrl-C")
    if reason in LEFT_TO_OTHERS:
        return Ending(reason, "another machine has the outlet")
    if reason in _WANTED_BOUNDS and crawler.settings.getfloat(_WANTED_BOUNDS[reason][0]):
        return Ending(reason, f"as asked, {_bound_words(crawler, *_WANTED_BOUNDS[reason])}")
    if reason in getattr(crawler.spider, "good_reasons", ()):
        return Ending(reason, f"by the spider itself ({reason})")
    words = (
        _bound_words(crawler, *_TROUBLE_BOUNDS[reason])
        if reason in _TROUBLE_BOUNDS
        else _OTHER_TROUBLE.get(reason, f"its close reason is {reason!r}")
    )
    return Ending(reason, f"stopped early: {words}", is_failure=True)


def _bound_words(crawler: Crawler, setting: str, words: str) -> str:
    return f"{words.format(crawler.settings.getfloat(setting))} ({setting})"
