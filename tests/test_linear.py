"""Every regular expression takes time in proportion to its text, also on texts that are made to slow it down.

The patterns are found by reading the code, so that a new one is tried without being listed: whatever a module gives to
a function of `re`, and every compiled pattern that it keeps. The texts are made from the patterns (tests/bait.py).
Patterns in outlet files are a person's own: `scrapy outlets --check` times them.
"""

from __future__ import annotations

import ast
import importlib
import re
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from inspect import getattr_static
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from outlets import Outlet
from tests.bait import Bait, baits_of

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("cleaning", "crawler", "dedupe", "lake", "outlets")
# the index of the flags among the arguments of each function
FUNCTIONS = {"compile": 1, "search": 2, "match": 2, "fullmatch": 2, "findall": 2, "finditer": 2, "split": 3, "sub": 4, "subn": 4}  # fmt: skip
METHODS = {*FUNCTIONS} - {"compile"}
LENGTHS = (12, 16, 20, 24, 28, 40, 80, 200, 600, 2000, 6000)
QUICK_S = 0.003  # at 6,000 characters: below it, nobody can tell growth from noise, and nobody needs to
WORST_GROWTH = 7.0  # of the time for four times the text; linear: 4, n log n: 4.7, quadratic: 16
# patterns whose text is bounded, by module and name: the most bytes or characters that they see
BOUNDED = {
    ("crawler.sources.list_text", "_FEED_TAIL"): 2**12,
    ("crawler.sources.list_text", "_SITEMAP_TAIL"): 2**12,
}
BOUNDED_S = 0.05  # on a text of that length
# what a pattern is made of that is put together inside a function: names and values there, by module and line's text
PARTS: dict[tuple[str, str], dict[str, Any]] = {
    ("cleaning.pagination.next_page", "page"): {"page": type("Page", (), {"part": 2})},
    ("cleaning.vocabulary.phrases", "phrase"): {"phrase": "also read"},
    ("crawler.sources.list_text", "tag"): {"tag": [b"<urlset"]},
    ("outlets.reading", "name"): {"name": "delay_s"},
}
# patterns that a person writes, and those put together of parts that the test has as a whole: module, missing name
ELSEWHERE = {
    ("cleaning.clutter.outlet_rules", "text"),
    ("cleaning.metadata.authors", "either"),
    ("cleaning.metadata.credits", "names"),
    ("cleaning.metadata.credits", "origins"),
    ("cleaning.request_spelling", "patterns"),
    ("cleaning.rule_authoring.rule_suggestions", "trial"),
    ("cleaning.rule_authoring.rules_from_marks", "pattern"),
    ("cleaning.vocabulary.dates_in_text", "pattern"),
    ("cleaning.metadata.dates", "pattern"),
    ("cleaning.vocabulary.markup_names", "kinds"),
    ("cleaning.vocabulary.phrases", "body"),
    ("cleaning.vocabulary.wall_words", "body"),
    ("outlets.form", "value"),
    ("outlets.reading", "p"),
}


@dataclass(frozen=True)
class Use:
    """A pattern and one way in which it is applied. way: match, fullmatch, or search for all that goes on."""

    module: str
    name: str
    pattern: re.Pattern[Any]
    way: str

    def seconds(self, bait: Bait, length: int) -> float:
        """CPU seconds on a bait of this length."""
        text: Any = bait.text(length)
        if isinstance(self.pattern.pattern, bytes):
            text = text.encode("latin-1", "replace")
        call = getattr(self.pattern, self.way)
        started = time.process_time()
        if self.way == "finditer":
            for _ in call(text):
                pass
        else:
            call(text)
        return time.process_time() - started


# ---------------------------------------------------------------- finding


def modules() -> Iterator[tuple[ModuleType, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            with warnings.catch_warnings(action="ignore"):  # old names of modules warn
                yield importlib.import_module(name), ast.parse(path.read_text("utf-8"))


def patterns_in(value: object, depth: int = 3) -> Iterator[re.Pattern[Any]]:
    """The compiled patterns of a value, its members and its items."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, tuple | list | set | frozenset | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from patterns_in(item, depth - 1)
    elif depth and hasattr(type(value), "__slots__") and hasattr(type(value), "__dataclass_fields__"):
        for field in type(value).__dataclass_fields__:
            yield from patterns_in(getattr(value, field, None), depth - 1)


def kept_patterns(module: ModuleType) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """The patterns that a module keeps: constants, attributes of its classes, results of functions without arguments
    that it remembers."""
    for name, value in list(vars(module).items()):
        values = [value]
        if isinstance(value, type) and value.__module__ == module.__name__:
            values = [
                v for v in map(partial(getattr_static, value), vars(value)) if not isinstance(v, Outlet)
            ]
        elif hasattr(value, "cache_info") and value.__module__ == module.__name__:
            values = [] if value.__wrapped__.__code__.co_argcount else [value()]
        for one in values:
            yield from ((name, pattern) for pattern in patterns_in(one))


def written_patterns(module: ModuleType, tree: ast.Module) -> Iterator[tuple[str, str, re.Pattern[Any]]]:
    """(place, function, pattern) of each call of `re`."""
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and is_function_of_re(call.func)):
            continue
        function = call.func.attr
        flags = next((k.value for k in call.keywords if k.arg == "flags"), ast.parse("0", mode="eval").body)
        if len(call.args) > FUNCTIONS[function]:
            flags = call.args[FUNCTIONS[function]]
        try:
            pattern = evaluated(call.args[0], module)
        except NameError as error:
            if (module.__name__, error.name) in ELSEWHERE:
                continue
            pattern = evaluated(call.args[0], module, PARTS[module.__name__, error.name])
        if not isinstance(pattern, re.Pattern):
            pattern = re.compile(pattern, evaluated(flags, module))
        yield f"line {call.lineno}", function, pattern


def is_function_of_re(called: ast.expr) -> bool:
    return (
        isinstance(called, ast.Attribute) and called.attr in FUNCTIONS and ast.unparse(called.value) == "re"
    )


def evaluated(expression: ast.expr, module: ModuleType, more: dict[str, Any] | None = None) -> Any:
    return eval(compile(ast.Expression(expression), "", "eval"), {**vars(module), **(more or {})})


def methods_by_name(tree: ast.Module) -> dict[str, set[str]]:
    """The methods of `re.Pattern` that a module calls on each name."""
    methods: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in METHODS:
            methods.setdefault(node.value.id, set()).add(node.attr)
    return methods


@cache
def uses() -> tuple[Use, ...]:
    """All patterns with all ways in which they are applied."""
    found: dict[tuple[re.Pattern[Any], str], Use] = {}
    for module, tree in modules():
        methods, kept = methods_by_name(tree), set()
        for name, pattern in kept_patterns(module):
            kept.add(pattern)
            for way in ways(methods.get(name, METHODS)):
                found.setdefault((pattern, way), Use(module.__name__, name, pattern, way))
        for place, function, pattern in written_patterns(module, tree):
            if function != "compile" or pattern not in kept:
                for way in ways({function} if function != "compile" else METHODS):
                    found.setdefault((pattern, way), Use(module.__name__, place, pattern, way))
    return tuple(found.values())


def ways(methods: set[str]) -> set[str]:
    """search, sub, split and the like read as finditer does. What is quick for match is quick for fullmatch, too, but
    for what comes behind the match."""
    return {method if method in ("match", "fullmatch") else "finditer" for method in methods}


# ---------------------------------------------------------------- trying


def slowness(use: Use) -> str | None:
    """How a pattern is slow, on the first bait on which it is; None where it is not."""
    for bait in baits_of(use.pattern):
        if told := slowness_on(use, bait):
            return f"{use.module} {use.name} ({use.way}): {told}"
    return None


def slowness_on(use: Use, bait: Bait) -> str | None:
    if most := BOUNDED.get((use.module, use.name)):
        took = min(use.seconds(bait, most) for _ in range(2))
        return f"{took:.3f} s on {most} of {bait}" if took > BOUNDED_S else None
    for length in LENGTHS:
        took = use.seconds(bait, length)
        if took <= QUICK_S:
            continue
        if length < 200:  # exponential growth shows here
            if min(use.seconds(bait, length) for _ in range(5)) > QUICK_S:
                return f"{took:.3f} s on {length} of {bait}"
            continue
        # more tries, while it looks slow: another process may have had the caches of this one
        for _ in range(3):
            growth = min(use.seconds(bait, length) for _ in range(3)) / min(
                use.seconds(bait, length // 4) for _ in range(3)
            )
            if growth <= WORST_GROWTH:
                break
        else:
            return f"{growth:.1f} times the time for 4 times the text, at {length} of {bait}"
        if took > 2 * QUICK_S:  # much to look for at each place, as in a vocabulary
            return None
    return None


def test_no_pattern_is_slow():
    slow = [told for use in uses() if (told := slowness(use))]
    assert not slow, "\n".join(slow)


def test_the_patterns_are_found():
    names = {(use.module, use.name) for use in uses()}
    for module in {module for module, _ in names}:
        assert module.partition(".")[0] in PACKAGES
    assert len(names) > 150
    for wanted in [
        ("cleaning.metadata.lenient_json", "_NOISE"),  # a constant
        ("cleaning.vocabulary.wall_words", "_walls"),  # made from TOML, remembered
        ("outlets.general", "_PATHS"),
    ]:
        assert wanted in names
    assert any(name.startswith("line ") for _, name in names)  # written where it is used


@pytest.mark.parametrize(
    ("pattern", "way"),
    [
        (r"\s+$", "finditer"), (r"(a+)+b", "match"), (r"<link[^>]*>", "finditer"), (r"\w+\d+x", "match"), (rb"&#0*(\d*);", "match"),
        (r'"(?:[^"\\]|\\.)*"', "finditer"), (r"(?:\s*,\s*)*;", "match"), (r"\bago\b.*\bend\b", "finditer"), (r"/\*.*?\*/", "finditer"),
        (r"(?:a|a)*b", "match"), (r"x*(?:yx*)*z", "finditer"), (r"^\W*(.{2,40}?)\s*:", "match"),
    ],
)  # fmt: skip
def test_slow_patterns_are_noticed(pattern, way):
    assert slowness(Use("here", "_SLOW", re.compile(pattern), way))


@pytest.mark.parametrize(
    "pattern", [r"\w+", r"(?<!\s)\s++$", r"<[^<>]*>", r"(?<![a-d])(?:ab|cd)++e", r"a{2,5}b", r"\d\d:\d\d"]
)
def test_quick_patterns_pass(pattern):
    assert slowness(Use("here", "_QUICK", re.compile(pattern), "finditer")) is None


if __name__ == "__main__":
    for one in uses():
        began = time.process_time()
        if told := slowness(one):
            print(told, flush=True)
        if (spent := time.process_time() - began) > 0.2:
            print(f"    {spent:.2f} s: {one.module} {one.name} {one.way}", flush=True)
    print(len(uses()), time.process_time())
