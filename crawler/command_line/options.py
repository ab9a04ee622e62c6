"""Commands that take a misspelt option for what it is: Scrapy hands it to them as if it were an argument."""

from __future__ import annotations

import argparse
from difflib import get_close_matches

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError


class StrictOptions(ScrapyCommand):
    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        self._parser = parser

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        self.refuse_options(args)
        super().process_options(args, opts)

    def refuse_options(self, args: list[str]) -> None:
        """Raises UsageError for what looks like an option: the parser has taken those that it knows."""
        if unknown := next((arg for arg in args if arg.startswith("-")), None):
            known = [name for name in self._parser._option_string_actions if name.startswith("--")]
            guess = get_close_matches(unknown.partition("=")[0], known, 1)
            hint = f"did you mean {guess[0]}?" if guess else "--help names them"
            raise UsageError(f"unknown option {unknown}; {hint}", print_help=False)


class NoArguments(StrictOptions):
    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        if args:
            raise UsageError(f"unexpected argument {args[0]!r}; --help names the options", print_help=False)
