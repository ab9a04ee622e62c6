"""Base classes of commands that refuse unknown options, which Scrapy would pass on as arguments."""

from __future__ import annotations

import argparse
import logging
from difflib import get_close_matches

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError


class StrictOptions(ScrapyCommand):
    """A command that refuses unknown options."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        self._parser = parser

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        self.refuse_options(args)
        super().process_options(args, opts)
        assert self.settings
        level, levels = self.settings["LOG_LEVEL"], logging.getLevelNamesMapping()
        if level not in levels and not isinstance(level, int):
            names = ", ".join(name for name in levels if name not in ("NOTSET", "WARN", "FATAL"))
            raise UsageError(f"LOG_LEVEL: {level!r}; expected one of {names}", print_help=False)

    def refuse_options(self, args: list[str]) -> None:
        """Raises UsageError where an argument looks like an option: the parser has removed those that it knows."""
        if unknown := next((arg for arg in args if arg.startswith("-")), None):
            known = [name for name in self._parser._option_string_actions if name.startswith("--")]
            guess = get_close_matches(unknown.partition("=")[0], known, 1)
            hint = f"did you mean {guess[0]}?" if guess else "--help names them"
            raise UsageError(f"unknown option {unknown}; {hint}", print_help=False)


class NoArguments(StrictOptions):
    """A command that refuses unknown options and every positional argument."""

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        if args:
            raise UsageError(f"unexpected argument {args[0]!r}; --help names the options", print_help=False)
