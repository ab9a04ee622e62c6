"""What is misspelt on the command line is told, and nothing is done."""

import importlib

import pytest
from scrapy.cmdline import ScrapyArgumentParser
from scrapy.exceptions import UsageError
from scrapy.utils.project import get_project_settings

COMMANDS = (
    *(
        "bench",
        "crawl",
        "crawlall",
        "edit",
        "explain",
        "fetch",
        "genspider",
        "list",
        "outlets",
        "parse",
        "reclean",
    ),
    *("runspider", "shell", "suggest", "view"),
)


def given(name, *arguments):
    """The command takes these arguments, as `scrapy` gives them."""
    command = importlib.import_module(f"crawler.commands.{name}").Command()
    command.settings = get_project_settings()
    parser = ScrapyArgumentParser(conflict_handler="resolve")
    command.add_options(parser)
    options, others = parser.parse_known_args(list(arguments))
    command.process_options(others, options)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_misspelt_option_is_told_with_a_guess(name):
    with pytest.raises(UsageError, match="unknown option --loglevl; did you mean --loglevel"):
        given(name, "--loglevl", "x")


@pytest.mark.parametrize("name", ["list", "reclean"])
def test_an_argument_that_no_option_wants_is_told(name):
    with pytest.raises(UsageError, match="unexpected argument 'bbc'"):
        given(name, "bbc")


def test_a_guess_stays_when_a_value_is_joined_to_the_option():
    with pytest.raises(UsageError, match="did you mean --outlet"):
        given("reclean", "--outlett=bbc")


def test_no_requests_at_once_are_none():
    with pytest.raises(UsageError, match="expected a number from 1"):
        given("crawlall", "--concurrency", "0")


def test_a_day_that_is_none_is_told(capsys):
    with pytest.raises(SystemExit):
        given("reclean", "--day", "2026-13-01")
    assert "expected a day as 2026-11-22" in capsys.readouterr().err
