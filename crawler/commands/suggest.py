from __future__ import annotations

import argparse
import sys
from typing import ClassVar

from crawler.command_line.options import StrictOptions


class Command(StrictOptions):
    """A [clutter] section read off a few pages. Exit codes: 0 something to suggest, 1 nothing, 2 what was asked cannot
    be done."""

    requires_project = True
    requires_crawler_process = False  # made where an address is given

    default_settings: ClassVar[dict[str, object]] = {}

    def syntax(self) -> str:
        return "[options] PAGE PAGE PAGE PAGE PAGE …"

    def short_desc(self) -> str:
        return "Propose a [clutter] section for an outlet from five pages of it or more (files or addresses)"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        from crawler.inspection.single_pages import add_outlet

        super().add_options(parser)
        add_outlet(parser)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        from crawler.inspection.explanation_text import safe
        from crawler.inspection.single_pages import CannotInspect

        try:
            self._suggest(args, opts.outlet)
        except CannotInspect as wrong:
            print("\n".join(map(safe, str(wrong).splitlines())), file=sys.stderr)
            self.exitcode = 2

    def _suggest(self, args: list[str], outlet: str | None) -> None:
        from cleaning import RawPage
        from cleaning.authoring.rule_suggestions import MIN_PAGES, suggest_rules
        from crawler.inspection.explanation_text import safe
        from crawler.inspection.single_pages import (
            CannotInspect,
            checked_outlet,
            prepare_settings,
            requested_pages,
        )
        from crawler.pipeline.from_settings import rules_of

        names = list(dict.fromkeys(args))
        if len(names) < MIN_PAGES:
            raise CannotInspect(
                f"expected at least {MIN_PAGES} different pages of one outlet, not {len(names)}: fewer cannot tell "
                "what is the outlet's from what is one story's"
            )
        settings = prepare_settings(self.settings)
        given = requested_pages(names, checked_outlet(outlet), settings)
        pages = [page for page in given if isinstance(page, RawPage) and 200 <= page.status < 300]
        owners = sorted({page.outlet for page in pages})
        if len(owners) > 1:
            raise CannotInspect(
                f"pages of several outlets: {', '.join(owners)}; expected one, or --outlet NAME"
            )
        found = suggest_rules(pages, rules_of(owners[0]) if owners else None)
        if found.pages < MIN_PAGES:
            raise CannotInspect(
                f"{found.pages} of {len(names)} pages hold an article, and {MIN_PAGES} are needed; `scrapy explain` "
                "says of a page what keeps it from being one"
            )
        if not found.proposals:
            print(f"nothing to suggest: nothing recurs in the text of {found.pages} pages", file=sys.stderr)
            self.exitcode = 1
            return
        print("\n".join(map(safe, found.toml().splitlines())))
