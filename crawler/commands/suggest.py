"""The command `scrapy suggest`: proposes [clutter] and [fields] for an outlet's file, from five of its pages or more, or from
marks of one to five."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from crawler.command_line.options import StrictOptions
from lake.standard_output import reader_may_leave

if TYPE_CHECKING:
    from cleaning import RawPage, Rules
    from cleaning.rule_authoring.rule_suggestions import Suggestion
    from crawler.inspection.marked_pages import Given

_SHOWN_CHARS = 90
_SHOWN_LINES = 12  # that change on one page


class Command(StrictOptions):
    """Proposes clutter rules. Exit codes: 0 there is a proposal, 1 there is none, 2 the command cannot do what was
    requested."""

    requires_project = True
    requires_crawler_process = False  # the command makes one itself where a URL is given

    default_settings: ClassVar[dict[str, object]] = {}

    def syntax(self) -> str:
        return "[options] PAGE PAGE PAGE PAGE PAGE … | --marks FILE… PAGE…"

    def short_desc(self) -> str:
        return "Propose cleaning rules for an outlet from five pages of it (files or addresses), or from marked ones"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        from crawler.inspection.single_pages import add_outlet_option

        super().add_options(parser)
        add_outlet_option(parser)
        parser.add_argument(
            "--marks",
            nargs="+",
            action="extend",
            default=[],
            metavar="FILE",
            help="marks of one to five pages, as `scrapy explain --html` makes them, gold texts (NAME.txt for NAME.html), or "
            "folders of them; pages may follow",
        )
        parser.add_argument(
            "--keep",
            action="store_true",
            help="keep the marks and their pages beside the outlet's file, for `scrapy outlets --check`",
        )

    @reader_may_leave()
    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Propose the rules, and set the exit code."""
        from crawler.inspection.explanation_text import safe
        from crawler.inspection.single_pages import CannotInspect

        try:
            if opts.marks:
                self._suggest_from_marks(opts.marks, args, opts.outlet, keeps=opts.keep)
            elif opts.keep:
                raise CannotInspect("--keep: there are no marks to keep; expected --marks FILE…")
            else:
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
        suggestion = suggest_rules(pages, rules_of(_owner(pages)) if pages else None)
        if suggestion.pages < MIN_PAGES:
            raise CannotInspect(
                f"pages that hold an article: {suggestion.pages} of {len(names)}, and {MIN_PAGES} are needed; `scrapy explain` "
                "says of a page what keeps it from being one"
            )
        if not suggestion:
            print(
                f"nothing to suggest: nothing recurs in the text of {suggestion.pages} pages", file=sys.stderr
            )
            self.exitcode = 1
            return
        print("\n".join(map(safe, suggestion.toml().splitlines())))

    def _suggest_from_marks(
        self, marks: list[str], args: list[str], outlet: str | None, *, keeps: bool
    ) -> None:
        """Print the proposed sections, and what they change on pages that nobody marked. Raises CannotInspect."""
        from cleaning.rule_authoring.rules_from_marks import MAX_PAGES, suggest_from_marks
        from crawler.inspection.explanation_text import safe
        from crawler.inspection.marked_pages import given_pages, keep, split_marks
        from crawler.inspection.single_pages import CannotInspect, checked_outlet, prepare_settings
        from crawler.outlet_files import known_outlets
        from crawler.pipeline.from_settings import rules_of

        marks_names, page_names = split_marks(marks)
        settings = prepare_settings(self.settings)
        names = list(dict.fromkeys([*page_names, *args]))
        given = given_pages(marks_names, names, checked_outlet(outlet), settings)
        owner = _owner([*(page for _, page in given.marked), *given.unmarked])
        if keeps and owner not in known_outlets().by_name:
            raise CannotInspect(
                f"--keep: no outlet file for {owner}, beside which the marks could be kept; write one first "
                "(docs/outlets.md), or name one with --outlet"
            )
        if len(given.marked) > MAX_PAGES:
            print(f"marks of {len(given.marked)} pages: the first {MAX_PAGES} are used", file=sys.stderr)
        rules = rules_of(owner)
        suggestion = suggest_from_marks(given.marked_pages(), rules, given.unmarked)
        if not suggestion.pages:
            raise CannotInspect(
                "none of the marked pages holds an article; `scrapy explain` says what keeps it from being one"
            )
        lines = [
            *(suggestion.toml().splitlines() if suggestion else ()),
            *_comments(given, rules, suggestion),
        ]
        print("\n".join(map(safe, lines)))
        for path in keep(given, owner) if keeps else ():
            print(f"kept: {path}", file=sys.stderr)
        if not suggestion:
            print("nothing to suggest", file=sys.stderr)
            self.exitcode = 1


def _owner(pages: list[RawPage]) -> str:
    """Return the outlet of all pages. Raises CannotInspect where they have several."""
    from crawler.inspection.single_pages import CannotInspect

    owners = sorted({page.outlet for page in pages})
    if len(owners) > 1:
        raise CannotInspect(f"pages of several outlets: {', '.join(owners)}; expected one, or --outlet NAME")
    return owners[0]


def _comments(given: Given, rules: Rules, suggestion: Suggestion) -> Iterator[str]:
    """Yield as comments of TOML what still comes out otherwise than marked, and what changes on the other pages."""
    from cleaning.rule_authoring.marks import departures
    from cleaning.rule_authoring.rules_from_marks import page_change

    after = suggestion.added_to(rules)
    for file, page in given.marked:
        if file.marks and (still := list(departures(page, file.marks, after))):
            yield f"# {page.url}: still otherwise than marked:"
            yield from _some(still)
    for page in given.unmarked:
        change = page_change(page, rules, after)
        yield f"# {page.url}, which nobody marked: {'these changes' if change else 'no change'}"
        yield from _some(
            [*(f"- {text}" for text in change.lost), *(f"+ {text}" for text in change.gained), *change.fields]
        )


def _some(texts: list[str]) -> Iterator[str]:
    """Yield the first texts, shortened, as comments."""
    for text in texts[:_SHOWN_LINES]:
        yield f"#   {text if len(text) <= _SHOWN_CHARS else f'{text[:_SHOWN_CHARS]} …'}"
    if len(texts) > _SHOWN_LINES:
        yield f"#   and {len(texts) - _SHOWN_LINES} more"
