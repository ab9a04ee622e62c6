"""One machine of a made world: a process with a working folder of its own that judges and lands made pages.

    python -m benchmarks.one_machine PLAN.json NUMBER NAME [WRITE AT WHICH IT DIES]

Stories and their copies appear at times that the plan's seed decides. A page belongs to an outlet, and an outlet to one
machine (`sharded`) or to two (`overlapping`: they begin at different times, and the second passes over what is known).
The journal of a machine says when it judged which page. Open first: machines.py.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from cleaning import RawPage, Rules, page_id
from dedupe import sign
from lake.runs.revisit_policy import RevisitPolicy
from lake.runs.session import Claim, Lake
from lake.schema.records import ProcessedPage
from lake.storage.leases import LeaseHeld
from lake.workers.page_processing import process_page

_COPIES = 4
_WORDS = 120


@dataclass(frozen=True, slots=True)
class Plan:
    """A world, and how its machines look at it. Times in seconds."""

    uri: str
    folder: str
    began_at: float  # of time.time()
    seed: str
    machines: int
    stories: int
    lasts_s: float
    flush_age_s: float
    look_interval_s: float
    lease_s: float
    overlapping: bool = False


@dataclass(frozen=True, slots=True)
class MadePage:
    """A page of the world. at_s: when it appears."""

    story: int
    copy: int
    at_s: float

    @property
    def outlet(self) -> str:
        return f"outlet-{(self.story + 5 * self.copy) % 32}"

    @property
    def url(self) -> str:
        return f"https://{self.outlet}.example/story-{self.story}-{self.copy}"

    def machines(self, plan: Plan) -> set[int]:
        """The machines that crawl its outlet."""
        first = int(self.outlet.rpartition("-")[2]) % plan.machines
        return {first, (first + 1) % plan.machines} if plan.overlapping else {first}

    def text(self) -> str:
        words = Random(f"text of {self.story}")
        lines = [" ".join(_word(words) for _ in range(12)).capitalize() + "." for _ in range(_WORDS // 12)]
        return "\n".join([*lines, f"The mayor said at the {self.copy}th table that this was so."])

    @property
    def title(self) -> str:
        return f"Story {self.story} told by {self.outlet}"

    def html(self) -> str:
        """A page that cleaning makes this article of: what a recovery finds in raw."""
        paragraphs = "".join(f"<p>{line}</p>" for line in self.text().splitlines())
        return f"<html><body><article><h1>{self.title}</h1>{paragraphs}</article></body></html>"


def _word(chance: Random) -> str:
    return "".join(chance.choice("abdeiklmnoprstu") for _ in range(7))


def made_pages(plan: Plan) -> list[MadePage]:
    """All pages of the world, in the order in which they appear."""
    chance = Random(f"pages of {plan.seed}")
    pages = []
    for story in range(plan.stories):
        first = chance.uniform(0, plan.lasts_s * 0.35)
        later = [chance.uniform(0, plan.lasts_s * 0.6) for _ in range(_COPIES - 1)]
        pages += [MadePage(story, n, first + after) for n, after in enumerate([0.0, *later])]
    return sorted(pages, key=lambda made: made.at_s)


def processed_page(made: MadePage, like: ProcessedPage) -> ProcessedPage:
    """The page as the cleaning would give it. like: any article."""
    text, now, id = made.text(), datetime.now(UTC), page_id(made.url)
    assert like.article
    article = replace(
        like.article, id=id, url=made.url, outlet=made.outlet, title=made.title,
        text=text, content_hash=f"{id}{made.story:08x}"[-32:], published_at=now, fetched_at=now,
    )  # fmt: skip
    return ProcessedPage(_page(made, now), article, sign(text))


def _page(made: MadePage, now: datetime) -> RawPage:
    return RawPage(page_id(made.url), made.url, made.url, made.outlet, 200, (), made.html().encode(), now)


def work(plan: Plan, number: int, name: str, dies_at: int | None) -> None:
    """Judge and land this machine's pages until the world ends. dies_at: the write at which the process kills itself."""
    mine = [made for made in made_pages(plan) if number in made.machines(plan)]
    claims = [] if plan.overlapping else [Claim(outlet) for outlet in sorted({made.outlet for made in mine})]
    lake = Lake(plan.uri, Path(plan.folder) / name, plan.lease_s, look_interval_s=plan.look_interval_s)
    counts: Counter[str] = Counter()
    _count_requests(lake.store, counts)
    if dies_at is not None:
        _die_at_write(lake.store, dies_at)
    journal = (Path(plan.folder) / f"{name}.journal").open("a")
    like = process_page(_page(mine[0], datetime.now(UTC)), Rules())
    with lake.run("machine", lambda outlet: Rules(), {}, claims) as (run, opening):
        counts.clear()
        began, looking = time.time(), Counter[str]()
        for made in _as_they_appear(plan, mine):
            if made is not None and run.revisit_decision(page_id(made.url), None, RevisitPolicy()) == "new":
                at = time.time()
                outcome = run.add(processed_page(made, like)).outcome
                entry = {"at": at, "url": made.url, "story": made.story, "outcome": outcome}
                print(json.dumps(entry), file=journal, flush=True)
            if run.waiting[2] >= plan.flush_age_s:
                run.flush()
            before = counts.copy()
            opening.others.look_if_due()
            looking += counts - before
        minutes = (time.time() - began) / 60
        total = counts.copy()
        run.flush()
        run.finish("finished", {})
    report = {"minutes": minutes, "total": total, "look_requests": looking, **opening.others.counts}
    (Path(plan.folder) / f"{name}.report").write_text(json.dumps(report))


def _as_they_appear(plan: Plan, pages: list[MadePage]) -> Iterator[MadePage | None]:
    """Each page at its time; None in between, ten times a second, until the world ends."""
    for made in [*pages, None]:
        until = plan.began_at + (made.at_s if made else plan.lasts_s)
        while (wait := until - time.time()) > 0:
            time.sleep(min(wait, 0.1))
            yield None
        yield made


def _count_requests(store: Any, counts: Counter[str]) -> None:
    if client := getattr(store, "_client", None):
        client.meta.events.register(
            "before-send.s3", lambda event_name, **_: counts.update([event_name.rpartition(".")[2]])
        )


def _die_at_write(store: Any, number: int) -> None:
    """Kill this process at a write: before the object is there where the number is even, behind it where it is odd."""
    left = [number]

    def dying(write: Any) -> Any:
        def wrapped(*arguments: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and number % 2 == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            result = write(*arguments)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    store.put_new = dying(store.put_new)


def main(plan_file: str, number: str, name: str, dies_at: str = "") -> int:
    plan = Plan(**json.loads(Path(plan_file).read_text()))
    try:
        work(plan, int(number), name, int(dies_at) if dies_at else None)
    except LeaseHeld as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
