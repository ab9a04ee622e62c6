"""The trace of cleaning one page: intermediate results, and the seconds that each step took.

`clean` fills a trace that its caller gives it, also for a page that turns out to be no article. `scrapy explain` and the
benchmarks print it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cleaning.metadata.json_ld import Node
    from cleaning.metadata.meta_tags import MetaTags
    from cleaning.records import Removed
    from cleaning.verdict.confidence import Signs


@dataclass(slots=True)
class Trace:
    """What `clean` found on the way. Pass a new one to each call. After NoArticle it ends at the failed step."""

    stages: list[tuple[str, float]] = field(
        default_factory=list
    )  # (name, seconds) of each finished stage, in order
    head: MetaTags | None = None
    json_ld_article: Node = field(default_factory=dict)  # the page's JSON-LD object of the article
    title: str = ""
    repaired_characters: int = 0  # that were encoded twice in UTF-8
    placed_fields: dict[str, list[str]] = field(
        default_factory=dict
    )  # by the outlet's [fields]: field -> texts found
    blocks: list[str] = field(default_factory=list)  # the text of every block that the page shows, in order
    lines: list[str] = field(default_factory=list)  # of the story; also set where the page is refused later
    removed: list[Removed] = field(default_factory=list)  # every cut with its full text
    signs: Signs | None = None  # what the text confidence was computed from
    _stage_started: float = field(default_factory=perf_counter)

    def end_stage(self, stage: str) -> None:
        """Record that a stage ends now; it began when the one before it ended."""
        now = perf_counter()
        self.stages.append((stage, now - self._stage_started))
        self._stage_started = now
