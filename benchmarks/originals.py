"""How often the batch finds the originals of the demonstration newsroom's stories: python benchmarks/originals.py

Drawn fifty times: when in a round of visits, each outlet at a moment of its own, every page was seen. Copies may claim
to be older than they are.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dedupe import Member, original
from demo.newsroom import GoldPage, gold

DRAWS = 50
ROUNDS = 1, 4, 6, 12
CLAIMS = {"honest": 0, "copies dated back by 3 h": 3, "by a day": 24, "by five days": 120}


@cache
def stories() -> tuple[list[GoldPage], ...]:
    """Those of more than one page."""
    found: dict[str, list[GoldPage]] = {}
    for page in gold(2, 80):
        if page.outcome in ("article", "copy") and page.published_at:
            found.setdefault(page.story or page.url, []).append(page)
    return tuple(pages for pages in found.values() if len(pages) > 1)


def judged(hours: float, back: timedelta = timedelta(), *, visits_known: bool) -> list[bool]:
    """Whether each story's original was found, in each draw; hours: between two visits to an outlet."""
    found = []
    for seed in range(DRAWS):
        draw = random.Random(seed)
        for pages in stories():
            members = [_seen(page, draw.uniform(1, 60 * hours), hours, back, visits_known) for page in pages]
            chosen, _ = original(members)
            found.append(chosen in {page.url for page in pages if page.outcome == "article"})
    return found


def _seen(page: GoldPage, minutes: float, hours: float, back: timedelta, visits_known: bool) -> Member:
    assert page.published_at
    seen_at = page.published_at + timedelta(minutes=minutes)
    member = Member(page.url, page.published_at, seen_at, len(" ".join(page.text_lines).split()))
    if visits_known:
        member = replace(member, visited_at=seen_at - timedelta(hours=hours))
    return replace(member, published_at=page.published_at - back) if page.outcome == "copy" else member


def main() -> None:
    for known in (True, False):
        print(f"visits {'known' if known else 'not known'}; right, at visits every {ROUNDS} hours")
        for claim, back in CLAIMS.items():
            right = [judged(hours, timedelta(hours=back), visits_known=known) for hours in ROUNDS]
            print(f"  {claim:26}" + "".join(f"{sum(found):5} of {len(found)}" for found in right))


if __name__ == "__main__":
    main()
