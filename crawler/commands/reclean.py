"""The command `scrapy reclean`: cleans the pages in a lake's table `raw` again, without a request.

Where the result differs a new row lands: a revision, a first article or copy of the page, or a reject. Options choose the
pages by day, outlet or run.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from typing import TYPE_CHECKING, ClassVar

from cleaning.wording import counted
from crawler.command_line.options import NoArguments
from lake.standard_output import reader_may_leave

if TYPE_CHECKING:
    from lake.parquet.raw_page_selection import RawPageSelection
    from lake.storage.store import Store


class Command(NoArguments):
    """Cleans a lake's pages again. Exit codes: 0 all landed, 1 it failed, 2 there is no such lake or page, 3 pages
    of an outlet were left, because another machine was crawling it."""

    requires_project = True
    requires_crawler_process = False

    default_settings: ClassVar[dict[str, object]] = {}

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Clean a lake's pages anew from raw, without a request; what comes out otherwise lands as revisions"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        group = parser.add_argument_group(
            "Pages; all of the lake, but for these choices, which may be repeated"
        )
        group.add_argument(
            "--day", action="append", default=[], type=_parse_day, help="of landing, as 2026-11-22"
        )
        group.add_argument("--outlet", action="append", default=[], help="as in the outlet column")
        group.add_argument("--run", action="append", default=[], dest="run_id", help="a run's id")

    @reader_may_leave()
    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Check the configuration, clean the pages again, and set the exit code."""
        from crawler.command_line.preflight import Refused, check_configuration
        from crawler.reports.run_report import EXIT_CONFIGURATION, EXIT_FAILED
        from lake.storage.redaction import redacted
        from lake.storage.store import LakeConfigError, LakeError
        from lake.workers.pool import WorkersFailed

        assert self.settings
        try:
            check_configuration(self.settings)
            self._reclean(opts)
        except (Refused, LakeConfigError) as error:
            print(error, file=sys.stderr)
            self.exitcode = EXIT_CONFIGURATION
        except (LakeError, WorkersFailed, OSError) as error:
            print(redacted(str(error)), file=sys.stderr)
            self.exitcode = EXIT_FAILED

    def _reclean(self, opts: argparse.Namespace) -> None:
        """Clean the chosen pages in a run of their own, and print the counts. Raises LakeConfigError, LakeError or
        WorkersFailed."""
        from crawler.outlet_files import known_outlets, mistakes_in
        from crawler.pipeline.from_settings import lake_of, limits_of, rules_of
        from crawler.politeness.tdmrep import tdm_policy
        from crawler.reports.run_report import EXIT_HELD
        from crawler.reports.summary import outcome_text
        from lake.jobs.reclean import Recleaning
        from lake.parquet.raw_page_selection import RawPageSelection
        from lake.storage.open_store import open_lake
        from lake.storage.store import LakeConfigError
        from lake.workers.page_processing import reject_reserved
        from lake.workers.pool import Workers

        assert self.settings
        choice = RawPageSelection(*map(frozenset, (opts.day, opts.outlet, opts.run_id)))
        outlets = _outlets_to_reclean(open_lake(self.settings["LAKE_URI"]), choice)
        lake = lake_of(self.settings)
        reject_if_reserved = (
            reject_reserved if tdm_policy(self.settings) == "respect" else (lambda processed: processed)
        )
        if mistakes := "\n".join(filter(None, map(mistakes_in, sorted(outlets)))):
            raise LakeConfigError(mistakes)  # without the outlets' own rules other texts would come out
        known = sorted(outlets & known_outlets().by_name.keys())
        facts = {"spider": None, "reclean": True}
        with (
            lake.run("reclean", rules_of, facts) as (run, opening),
            Workers(limits_of(self.settings)) as workers,
        ):
            work = Recleaning(
                run,
                opening.others,
                workers,
                rules_of,
                lambda: lake.brief_leases(run.run_id),
                known,
                reject_if_reserved,
                self.settings.getint("FLUSH_ROWS"),
            )
            try:
                work.reclean(choice)
            except BaseException:
                run.abandon()
                raise
            run.finish("finished", {**facts, "reason": "finished", "looked_at": work.looked_at})
        counts = ", ".join(outcome_text(name, count) for name, count in run.counts.items() if "/" not in name)
        print(f"reclean: {counted(work.looked_at, 'page')} → {counts or 'nothing'} → {lake.store.uri}")
        for outlet, held in work.held.items():
            print(f"{outlet}: its pages were left, the same command does them later: {held}", file=sys.stderr)
        if work.held:
            self.exitcode = EXIT_HELD


def _outlets_to_reclean(store: Store, choice: RawPageSelection) -> set[str]:
    """Return the outlets of the chosen pages. Raises LakeConfigError where the lake has no such page."""
    from lake.jobs.reclean import outlets_to_reclean
    from lake.storage.store import LakeConfigError

    chosen = outlets_to_reclean(store, choice)
    if missing := sorted(choice.outlets - chosen):
        raise LakeConfigError(f"{store.uri}: no such page of {', '.join(missing)} in raw")
    if not chosen:
        raise LakeConfigError(f"{store.uri}: no such page in raw")
    return chosen


def _parse_day(text: str) -> str:
    """Return a day in ISO 8601. Raises ArgumentTypeError."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a day as 2026-11-22") from None
