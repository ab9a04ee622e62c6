"""The command `scrapy outlets`: lists the outlets with their health, or checks their files or their sources."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cleaning.wording import counted
from crawler.command_line.options import StrictOptions
from lake.standard_output import reader_may_leave

if TYPE_CHECKING:
    from crawler.inspection.outlet_table import OutletStatus
    from crawler.inspection.source_check import SourceAnswer
    from crawler.reports.outlet_health import Health
    from outlets import Outlet


class Command(StrictOptions):
    """Lists or checks outlets. Exit codes: 0 success, 1 an outlet has no living source or, with --broken, is in trouble, or
    a file has mistakes (with --broken or --live), or a marked page comes out otherwise (with --check), 2 a mistake in a
    file (with --check) or in the arguments."""

    requires_project = True
    requires_crawler_process = False  # only --live makes one

    default_settings: ClassVar[dict[str, object]] = {}

    def syntax(self) -> str:
        return "[options] [OUTLET …]"

    def short_desc(self) -> str:
        return "List the outlets with their health; --check their files, --live ask their sources"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--check", action="store_true", help="validate every outlet file")
        mode.add_argument(
            "--live", action="store_true", help="ask every source once, politely, and tell what answers"
        )
        group = parser.add_argument_group("Outlets; all, but for these choices")
        group.add_argument("--mine", action="store_true", help="those of the folder OUTLETS_DIR")
        group.add_argument(
            "--broken", action="store_true", help="those in trouble; exit 1 where there are any"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    @reader_may_leave()
    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do what the options say, and set the exit code."""
        try:
            keys = self._selected_keys(args, mine=opts.mine)
            if opts.check:
                if opts.broken:
                    raise CannotRun("--check looks at files, and --broken at runs: expected one of them")
                self._check_files(keys)
                return
            statuses = self._statuses(
                keys, needs_health=opts.broken, wants_health=opts.broken or not opts.live
            )
            if opts.broken:
                statuses = [status for status in statuses if status.troubles]
                self.exitcode = 1 if statuses else 0
            if opts.live:
                self._check_sources(statuses, as_json=opts.json)
            else:
                self._print_table(statuses, as_json=opts.json, only_broken=opts.broken)
        except CannotRun as error:
            print(error, file=sys.stderr)
            self.exitcode = 2

    def _selected_keys(self, names: list[str], *, mine: bool) -> list[str]:
        """Return the keys of the outlets that the arguments name; all where they name none. mine: only those of
        OUTLETS_DIR. Raises CannotRun."""
        from crawler.addon import Pressline
        from crawler.outlet_files import known_outlets
        from outlets import OutletErrors

        assert self.settings
        Pressline.update_pre_crawler_settings(self.settings)
        try:
            known = known_outlets()
        except OutletErrors as errors:
            raise CannotRun(str(errors)) from errors
        keys = {*known.by_name, *known.broken}
        if mine:
            if not (folder := os.environ.get("OUTLETS_DIR")):
                raise CannotRun("--mine: OUTLETS_DIR is not set, so there are no outlets of your own")
            keys &= {path.stem for path in Path(folder).glob("*.toml")}
        return select_outlets(names, sorted(keys))

    def _statuses(self, keys: list[str], *, wants_health: bool, needs_health: bool) -> list[OutletStatus]:
        """Return the outlets with their health, those in trouble first. Raises CannotRun where the health is needed
        and cannot be had."""
        from crawler.inspection.outlet_table import OutletStatus, troubled_first
        from crawler.outlet_files import known_outlets
        from outlets import Outlet

        known = known_outlets()
        health_by_outlet = self._load_health(set(keys), is_needed=needs_health) if wants_health else {}
        return troubled_first(
            OutletStatus(known.by_name[key], health_by_outlet.get(key))
            if key in known.by_name
            else OutletStatus(Outlet(key, key, "", ()), None, known.broken[key].problems)
            for key in keys
        )

    # ------------------------------------------------------------ the three modes

    def _check_files(self, keys: list[str]) -> None:
        """Tell the mistakes in the files of these outlets, and do the checks that are too slow for every start. Raises
        CannotRun."""
        from crawler.outlet_files import known_outlets
        from outlets.checking import mistakes

        known = known_outlets()
        found_mistakes = [
            mistake
            for key in keys
            for mistake in (
                known.broken[key].problems if key in known.broken else mistakes(known.by_name[key])
            )
        ]
        if found_mistakes:
            raise CannotRun(
                "\n".join(dict.fromkeys(found_mistakes))
            )  # two files can share one mistake: a domain
        self._check_marked_pages(keys)
        are = "is" if len(keys) == 1 else "are"
        print(f"{counted(len(keys), 'outlet')} {are} sound")

    def _check_marked_pages(self, keys: list[str]) -> None:
        """Clean every marked page that is kept, and tell what comes out otherwise; exit code 1 where one does. Raises
        CannotRun for marks that cannot be read."""
        from crawler.outlet_files import known_outlets, marks_folder

        with_marks = [key for key in keys if marks_folder(key).is_dir()]
        if not with_marks:
            return
        from crawler.inspection.explanation_text import safe
        from crawler.inspection.marked_pages import departures_of_kept
        from crawler.inspection.single_pages import CannotInspect

        checked = wrong = 0
        try:
            for key in with_marks:
                for path, found in departures_of_kept(key, known_outlets().by_name[key].rules):
                    checked, wrong = checked + 1, wrong + bool(found)
                    for text in found:
                        print(safe(f"{path}: {text}"), file=sys.stderr)
        except CannotInspect as error:
            raise CannotRun(str(error)) from error
        print(f"{counted(checked, 'marked page')}: {wrong or 'none'} not as marked")
        self.exitcode = 1 if wrong else 0

    def _print_table(self, statuses: list[OutletStatus], *, as_json: bool, only_broken: bool) -> None:
        """Print the outlets with their health, those in trouble first."""
        from crawler.inspection import outlet_table

        if as_json:
            print(_json(outlet_table.as_json(statuses)))
        elif statuses:
            print(outlet_table.outlet_table(statuses, _width()))
        if only_broken and not statuses:
            print("no outlet is in trouble", file=sys.stderr)

    def _load_health(self, names: set[str], *, is_needed: bool) -> dict[str, Health]:
        """Return the health of the outlets by key; nothing where the lake cannot be read. Raises CannotRun for such a
        lake where the health is needed."""
        from crawler.reports.outlet_health import outlet_health
        from lake.storage.open_store import open_store
        from lake.storage.store import LakeError

        assert self.settings
        try:
            store = open_store(self.settings["LAKE_URI"])
            health_by_outlet = outlet_health(store, names)
        except LakeError as error:
            if is_needed:
                raise CannotRun(f"the lake cannot be read: {error}") from error
            print(f"without health, for the lake cannot be read: {error}", file=sys.stderr)
            return {}
        if not health_by_outlet:
            print(f"without health, for {store.uri} holds no finished run of these outlets", file=sys.stderr)
        return health_by_outlet

    def _check_sources(self, statuses: list[OutletStatus], *, as_json: bool) -> None:
        """Print what each source answers; exit code 1 where an outlet has no living source, or a file has mistakes."""
        from crawler.inspection import outlet_table
        from crawler.inspection.source_check import SourceAnswer

        broken = [
            SourceAnswer(status.outlet.key, "file", "", error="; ".join(status.mistakes))
            for status in statuses
            if status.mistakes
        ]
        selected = [status.outlet for status in statuses if not status.mistakes]
        answers = [*broken, *(self._source_answers(selected) if selected else ())]
        self.exitcode = 1 if broken else 0
        dead = sorted({o.key for o in selected} - {a.outlet for a in answers if a.is_alive})
        if as_json:
            print(_json([outlet_table.with_iso_dates(asdict(answer)) for answer in answers]))
        else:
            print(outlet_table.answer_table(answers, _width()))
        if dead:
            print(f"no living source: {', '.join(dead)}", file=sys.stderr)
            self.exitcode = 1

    def _source_answers(self, selected: Sequence[Outlet]) -> list[SourceAnswer]:
        """Return the answer of every source, sorted by outlet; a source without one gets an answer that says so.
        Raises CannotRun where no request may be made."""
        from scrapy.crawler import AsyncCrawlerProcess
        from scrapy.settings import SETTINGS_PRIORITIES

        from cleaning import host_of
        from crawler.inspection.source_check import SourceAnswer, SourceCheckSpider, all_sources
        from crawler.politeness.contact import contact_problem, public_hosts
        from crawler.sources.source import source_hosts

        assert self.settings
        hosts = {host for outlet in selected for host in (host_of(outlet.home), *source_hosts(outlet))}
        open_to = public_hosts(
            hosts, self.settings.getlist("ALLOWED_NETWORKS"), self.settings.getdict("DNS_OVERRIDES")
        )
        if problem := contact_problem(self.settings.get("CONTACT"), open_to):
            raise CannotRun(problem)
        if "LOG_LEVEL" not in os.environ and (
            (self.settings.getpriority("LOG_LEVEL") or 0) < SETTINGS_PRIORITIES["cmdline"]
        ):
            self.settings.set("LOG_LEVEL", "WARNING", "cmdline")  # the command prints the answers itself
        answers: list[SourceAnswer] = []
        process = AsyncCrawlerProcess(self.settings)
        process.crawl(SourceCheckSpider, outlets_to_check=selected, answers=answers)
        process.start()
        answered = {(a.outlet, a.kind, a.url) for a in answers}
        answers += [
            SourceAnswer(outlet.key, kind, url, error="not read; the log says why")
            for outlet in selected
            for kind, url in all_sources(outlet)
            if (outlet.key, kind, url) not in answered
        ]
        return sorted(answers, key=lambda a: (a.outlet, a.kind, a.url))


class CannotRun(Exception):
    """The command cannot do what was requested; the message says why."""


def select_outlets(names: list[str], known: list[str]) -> list[str]:
    """Return the sorted names; all known ones where none is given. Raises CannotRun for an unknown name."""
    if unknown := [name for name in names if name not in known]:
        raise CannotRun("\n".join(_unknown(name, known) for name in unknown))
    return sorted(names or known)


def _unknown(name: str, known: list[str]) -> str:
    guess = get_close_matches(name, known, 1)
    return f"no outlet is called {name!r}; " + (
        f"did you mean {guess[0]!r}?" if guess else "`scrapy outlets` names them"
    )


def _width() -> int | None:
    """Return the terminal's width; None where the output goes to a program or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _json(values: object) -> str:
    return json.dumps(values, ensure_ascii=False, indent=1)
