"""What cleaning can tell beside its article: for people who ask why, and for pages that are no article."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cleaning.metadata.head import Head
    from cleaning.metadata.json_ld import Node
    from cleaning.records import Removed
    from cleaning.verdict.confidence import Signs


@dataclass(slots=True)
class Trace:
    """Filled while a page is cleaned, as far as it came. `clean` takes one that is new."""

    stages: list[tuple[str, float]] = field(default_factory=list)  # (name, seconds), in order
    head: Head | None = None
    stated: Node = field(default_factory=dict)  # JSON-LD of the article
    title: str = ""
    blocks: list[str] = field(default_factory=list)  # all that the page shows, in order
    lines: list[str] = field(default_factory=list)  # of the story, also where it is refused
    removed: list[Removed] = field(default_factory=list)  # with their whole texts
    signs: Signs | None = None
    _since: float = field(default_factory=perf_counter)

    def mark(self, stage: str) -> None:
        """The stage has just ended."""
        now = perf_counter()
        self.stages.append((stage, now - self._since))
        self._since = now
