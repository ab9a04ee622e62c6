"""The command `scrapy explain`: shows what a page becomes, what is cut from it, and why."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from crawler.command_line.options import StrictOptions
from lake.standard_output import reader_may_leave

if TYPE_CHECKING:
    from cleaning import RawPage
    from crawler.inspection.explanation import LakeFacts
    from lake.schema.records import Reject


class Command(StrictOptions):
    """Explains one page. It reads the lake and writes nothing to it. Exit codes: 0 an article, 1 not an article, 2
    the command cannot do what was requested."""

    requires_project = True
    requires_crawler_process = False  # the command makes one itself where a URL is given

    default_settings: ClassVar[dict[str, object]] = {}

    def syntax(self) -> str:
        return "[options] URL|FILE"

    def short_desc(self) -> str:
        return "Show a page's article, what was cut from it and why, and the story it is a copy of"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        from crawler.inspection.single_pages import add_outlet_option

        super().add_options(parser)
        add_outlet_option(parser)
        parser.add_argument("--html", metavar="FILE", help="write it as one HTML file")

    @reader_may_leave()
    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Explain the page, and set the exit code."""
        from crawler.inspection.single_pages import CannotInspect

        try:
            self._explain(args, opts)
        except CannotInspect as error:
            from crawler.inspection.explanation_text import safe

            print("\n".join(map(safe, str(error).splitlines())), file=sys.stderr)
            self.exitcode = 2

    def _explain(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print or write the explanation. Raises CannotInspect."""
        from scrapy.exceptions import UsageError

        from crawler.inspection.explanation_job import ExplanationJob, report_of
        from crawler.inspection.single_pages import (
            CannotInspect,
            checked_outlet,
            prepare_settings,
            requested_pages,
        )
        from crawler.pipeline.from_settings import limits_of, rules_of
        from crawler.politeness.tdmrep import tdm_policy

        if len(args) != 1:
            raise CannotInspect(
                "expected one page: scrapy explain URL|FILE; `scrapy explain --help` says more"
            )
        settings = prepare_settings(self.settings)
        outlet = checked_outlet(opts.outlet)
        try:
            leaves_reserved = tdm_policy(settings) == "respect"
        except UsageError as error:
            raise CannotInspect(str(error)) from error
        page = requested_pages(args, outlet, settings)[0]
        styled = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if styled else 100
        job = ExplanationJob(
            page,
            rules_of(page.outlet),
            self._lake_facts(page),
            leaves_reserved,
            None if opts.html else width,
            styled,
        )
        report = report_of(job, limits_of(settings))
        if opts.html:
            _write(Path(opts.html), report.text)
        else:
            print(report.text)
        self.exitcode = 1 if report.reason else 0

    def _lake_facts(self, page: RawPage | Reject) -> LakeFacts:
        """Return what the lake knows of the page and its outlet; nothing where the lake cannot be read."""
        from crawler.inspection.explanation import LakeFacts
        from lake.parquet.page_lookup import find_page
        from lake.storage import boilerplate_file
        from lake.storage.open_store import open_store
        from lake.storage.store import LakeError

        assert self.settings
        uri = self.settings["LAKE_URI"]
        try:
            learned = boilerplate_file.latest_boilerplate(open_store(uri)).of(page.outlet)
            return LakeFacts(find_page(uri, page.id), learned)
        except (LakeError, OSError) as error:
            print(f"without what the lake knows of it, for the lake cannot be read: {error}", file=sys.stderr)
            return LakeFacts()


def _write(path: Path, text: str) -> None:
    """Write the report and print its path. Raises CannotInspect where it cannot be written."""
    from crawler.inspection.single_pages import CannotInspect

    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise CannotInspect(f"--html {path}: cannot be written: {error.strerror}") from error
    print(path)
