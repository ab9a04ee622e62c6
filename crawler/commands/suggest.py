"""The command `scrapy suggest`: proposes a [clutter] section for an outlet's file, from five of its pages or more."""

from __future__ import annotations

import argparse
import sys
from typing import ClassVar

from crawler.command_line.options import StrictOptions
from lake.standard_output import reader_may_leave


class Command(StrictOptions):
    """Proposes clutter rules. Exit codes: 0 there is a proposal, 1 there is none, 2 the command cannot do what was
    requested."""

    requires_project = True
    requires_crawler_process = False  # the command makes one itself where a URL is given

    default_settings: ClassVar[dict[str, object]] = {}

    def syntax(self) -> str:
        return "[options] PAGE PAGE PAGE PAGE PAGE …"

    def short_desc(self) -> str:
        return "Propose a [clutter] section for an outlet from five pages of it or more (files or addresses)"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        from crawler.inspection.single_pages import add_outlet_option

        super().add_options(parser)
        add_outlet_option(parser)

    @reader_may_leave()
    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Propose the rules, and set the exit code."""
        from crawler.inspection.explanation_text import safe
        from crawler.inspection.single_pages import CannotInspect

        try:
            self._suggest(args, opts.outlet)
        except CannotInspect as error:
            print("\n".join(map(safe, str(error).splitlines())), file=sys.stderr)
            self.exitcode = 2

    def _suggest(self, args: list[str], outlet: str | None) -> None:
        """Print the proposed section. Raises CannotInspect."""
        from cleaning import RawPage
        from cleaning.rule_authoring.rule_suggestions import MIN_PAGES, suggest_rules
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
        answers = requested_pages(names, checked_outlet(outlet), settings)
        pages = [page for page in answers if isinstance(page, RawPage) and 200 <= page.status < 300]
        owners = sorted({page.outlet for page in pages})
        if len(owners) > 1:
            raise CannotInspect(
                f"pages of several outlets: {', '.join(owners)}; expected one, or --outlet NAME"
            )
        suggestion = suggest_rules(pages, rules_of(owners[0]) if owners else None)
        if suggestion.pages < MIN_PAGES:
            raise CannotInspect(
                f"pages that hold an article: {suggestion.pages} of {len(names)}, and {MIN_PAGES} are needed; `scrapy explain` "
                "says of a page what keeps it from being one"
            )
        if not suggestion.proposals:
            print(
                f"nothing to suggest: nothing recurs in the text of {suggestion.pages} pages", file=sys.stderr
            )
            self.exitcode = 1
            return
        print("\n".join(map(safe, suggestion.toml().splitlines())))
