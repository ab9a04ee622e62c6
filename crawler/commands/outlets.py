from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

from crawler.command_line.options import StrictOptions

if TYPE_CHECKING:
    from crawler.inspection.source_check import SourceAnswer
    from crawler.reports.outlet_health import Health
    from outlets import Outlet


class Command(StrictOptions):
    """The outlets and how they fare. Exit codes: 0, 1 an outlet has no living source, 2 a mistake in a file or in
    what was asked."""

    requires_project = True
    requires_crawler_process = False  # made by --live alone

    default_settings: ClassVar[dict[str, object]] = {}

    def syntax(self) -> str:
        return "[options] [OUTLET …]"

    def short_desc(self) -> str:
        return "List the outlets with their health; --check their files, --live ask their sources"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--check", action="store_true", help="validate every outlet file")
        what.add_argument(
            "--live", action="store_true", help="ask every source once, politely, and tell what answers"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        try:
            selected = self._selected(args)
            if opts.check:
                self._check(selected)
            elif opts.live:
                self._live(selected, as_json=opts.json)
            else:
                self._list(selected, as_json=opts.json)
        except Wrong as wrong:
            print(wrong, file=sys.stderr)
            self.exitcode = 2

    def _selected(self, names: list[str]) -> list[Outlet]:
        from crawler.addon import Pressline
        from crawler.outlet_files import known_outlets
        from outlets import OutletErrors

        assert self.settings
        Pressline.update_pre_crawler_settings(self.settings)
        try:
            known = known_outlets().by_name
        except OutletErrors as errors:
            raise Wrong(str(errors)) from errors
        return [known[n] for n in outlets_asked(names, list(known))]

    # ------------------------------------------------------------ the three things it does

    def _check(self, selected: Sequence[Outlet]) -> None:
        """Every file has been validated while it was loaded; here comes what is too slow for every start."""
        from outlets.checking import mistakes

        if found := [mistake for outlet in selected for mistake in mistakes(outlet)]:
            raise Wrong("\n".join(found))
        print(f"{len(selected)} outlets are sound")

    def _list(self, selected: Sequence[Outlet], *, as_json: bool) -> None:
        from crawler.inspection import outlet_table

        fared = self._health({outlet.key for outlet in selected})
        known = [outlet_table.OutletStatus(outlet, fared.get(outlet.key)) for outlet in selected]
        print(_json(outlet_table.as_json(known)) if as_json else outlet_table.outlet_table(known, _width()))

    def _health(self, names: set[str]) -> dict[str, Health]:
        from crawler.reports.outlet_health import outlet_health
        from lake.storage.open_store import open_store
        from lake.storage.store import LakeError

        assert self.settings
        try:
            store = open_store(self.settings["LAKE_URI"])
            found = outlet_health(store, names)
        except LakeError as error:
            print(f"without health, for the lake cannot be read: {error}", file=sys.stderr)
            return {}
        if not found:
            print(f"without health, for {store.uri} holds no finished run of these outlets", file=sys.stderr)
        return found

    def _live(self, selected: Sequence[Outlet], *, as_json: bool) -> None:
        from crawler.inspection import outlet_table

        told = self._answers(selected)
        dead = sorted({o.key for o in selected} - {a.outlet for a in told if a.living})
        if as_json:
            print(_json([outlet_table.plain(asdict(answer)) for answer in told]))
        else:
            print(outlet_table.answer_table(told, _width()))
        if dead:
            print(f"no living source: {', '.join(dead)}", file=sys.stderr)
            self.exitcode = 1

    def _answers(self, selected: Sequence[Outlet]) -> list[SourceAnswer]:
        """Sorted by outlet. A source that gave no answer at all has one that says so."""
        from scrapy.crawler import AsyncCrawlerProcess
        from scrapy.settings import SETTINGS_PRIORITIES

        from crawler.inspection.source_check import SourceAnswer, SourceCheckSpider, all_sources
        from crawler.politeness.contact import contact_problem, public_hosts
        from crawler.sources.source import source_hosts

        assert self.settings
        hosts = (host for outlet in selected for host in source_hosts(outlet))
        open_to = public_hosts(
            hosts, self.settings.getlist("ALLOWED_NETWORKS"), self.settings.getdict("DNS_OVERRIDES")
        )
        if problem := contact_problem(self.settings.get("CONTACT"), open_to):
            raise Wrong(problem)
        if "LOG_LEVEL" not in os.environ and (
            (self.settings.getpriority("LOG_LEVEL") or 0) < SETTINGS_PRIORITIES["cmdline"]
        ):
            self.settings.set("LOG_LEVEL", "WARNING", "cmdline")  # the answers are what is told
        told: list[SourceAnswer] = []
        process = AsyncCrawlerProcess(self.settings)
        process.crawl(SourceCheckSpider, outlets_to_check=selected, answers=told)
        process.start()
        given = {(a.outlet, a.kind, a.url) for a in told}
        told += [
            SourceAnswer(outlet.key, kind, url, error="not read; the log says why")
            for outlet in selected
            for kind, url in all_sources(outlet)
            if (outlet.key, kind, url) not in given
        ]
        return sorted(told, key=lambda a: (a.outlet, a.kind, a.url))


class Wrong(Exception):
    """What was asked for cannot be done as it stands."""


def outlets_asked(names: list[str], known: list[str]) -> list[str]:
    """Sorted; all where none is named. Raises Wrong."""
    if unknown := [n for n in names if n not in known]:
        raise Wrong("\n".join(_unknown(n, known) for n in unknown))
    return sorted(names or known)


def _unknown(name: str, known: list[str]) -> str:
    guess = get_close_matches(name, known, 1)
    return f"no outlet is called {name!r}; " + (
        f"did you mean {guess[0]!r}?" if guess else "`scrapy outlets` names them"
    )


def _width() -> int | None:
    """None where the output is read by a program or in a pager."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _json(values: object) -> str:
    return json.dumps(values, ensure_ascii=False, indent=1)
