"""The rules of a robots.txt by product token (RFC 9309, 2.2.1), read at a cost that grows with its length alone.

Protego copies each rule to every user agent of its group, so a file of 118 KiB can take it 40 seconds and gigabytes. Here
it gets the rules of one user agent at a time. Pure functions: crawler/politeness/robots.py fetches the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from scrapy.crawler import Crawler
from scrapy.robotstxt import ProtegoRobotParser, RobotParser, decode_robotstxt
from scrapy.utils.python import to_unicode

# Protego reads these spellings of the fields, too
_USER_AGENT_LINE = re.compile(r"user[- ]?agent(?:\s*:|\s|$)\s*(.*)", re.I)
_SITE_LINE = re.compile(r"(sitemaps?|site-map|host)(?:\s*:|\s|$)\s*(.*)", re.I)  # belongs to no group
_LINE_WITHOUT_COLON = re.compile(
    r"(?:dis?s?all?[oa]w|diasllow|allow|(?:crawl[- ]delay|(?:request|visit)[- ](?:rate|time)))(?:\s|$)", re.I
)
_PRODUCT_TOKEN = re.compile(r"[\w-]{1,40}|\*(?=\s|$)")
_MAX_OTHER_AGENTS = 30
_MAX_OTHER_RULES = 20_000  # of all other user agents together; with more, the longest are left out
# a pattern with * may cost half a microsecond for each of its characters, for each URL
_MAX_WILDCARD_CHARACTERS = 2**16
_QUICK_CHARACTERS = 2000
_QUICK_RULES = 1000

Group = list[str]  # the lines below the user agents


class TooManyRules(ValueError):
    """The rules for our user agent cannot be matched within bounds."""


class ProductTokenParser(RobotParser):
    """Protego with the groups of RFC 9309: `User-agent: Pressline/1.0 (news)` is pressline's group, and
    `User-agent: press`, which Protego takes for it, is not.

    It answers for our user agent, and for `other_agents`, whose rules are evidence only."""

    def __init__(self, robotstxt_body: bytes, spider: Any, user_agent: str = "pressline") -> None:
        """user_agent: ours. Raises TooManyRules."""
        # in UTF-16 every second byte is NUL
        text = decode_robotstxt(robotstxt_body, spider).replace("\0", "")
        groups, self.sitemaps = _read_groups(text.splitlines())
        named = product_token(user_agent)
        self._own = named if named in groups else "*"  # of a token that has no group, the group for all holds
        self.rule_count, self._wildcard_characters = _weight_of(groups.get(self._own, ()))
        if self._wildcard_characters > _MAX_WILDCARD_CHARACTERS:
            raise TooManyRules(
                f"its patterns with * for {self._own} have {self._wildcard_characters} characters, and only "
                f"{_MAX_WILDCARD_CHARACTERS} can be matched in time"
            )
        self._rules: dict[str, ProtegoRobotParser] = {}  # by product token
        if self._own in groups:
            self._rules[self._own] = _parse(groups[self._own])
        self.other_agents = [name for name in groups if name not in (named, "*")][:_MAX_OTHER_AGENTS]
        self._keep_evidence(groups)

    @classmethod
    def from_crawler(cls, crawler: Crawler, robotstxt_body: bytes) -> ProductTokenParser:
        settings = crawler.settings
        agent = settings["ROBOTSTXT_USER_AGENT"] or settings["USER_AGENT"]
        return cls(robotstxt_body, crawler.spider, agent)

    def _keep_evidence(self, groups: dict[str, list[Group]]) -> None:
        """Parse the rules of the other user agents, within the bounds; leave those out whose rules are too many."""
        by_groups: dict[
            tuple[int, ...], ProtegoRobotParser
        ] = {}  # agents that stand together share their rules
        rules_left, characters_left = _MAX_OTHER_RULES, _MAX_WILDCARD_CHARACTERS
        for name in self.other_agents:
            key = tuple(map(id, groups[name]))
            if key not in by_groups:
                count, characters = _weight_of(groups[name])
                if count > rules_left or characters > characters_left:
                    continue
                rules_left, characters_left = rules_left - count, characters_left - characters
                by_groups[key] = _parse(groups[name])
            self._rules[name] = by_groups[key]
        self.is_evidence_whole = all(name in self._rules for name in self.other_agents)
        self.other_agents = [name for name in self.other_agents if name in self._rules]
        self.rule_count += _MAX_OTHER_RULES - rules_left
        self._wildcard_characters += _MAX_WILDCARD_CHARACTERS - characters_left

    @property
    def is_quick(self) -> bool:
        """Whether a URL is matched in less than a millisecond, so that the event loop may wait for it."""
        return self.rule_count <= _QUICK_RULES and self._wildcard_characters <= _QUICK_CHARACTERS

    def allowed(self, url: str | bytes, user_agent: str | bytes) -> bool:
        """Whether the user agent's group, else the one for all, allows the URL."""
        rules = self._rules_for(user_agent)
        return rules is None or rules.allowed(url, "*")

    def crawl_delay(self, user_agent: str | bytes) -> float | None:
        """The crawl-delay, in seconds, of the same group."""
        rules = self._rules_for(user_agent)
        return rules.crawl_delay("*") if rules else None

    def forbidden_to(self, url: str) -> list[str]:
        """The other user agents that must not fetch the URL."""
        verdicts: dict[int, bool] = {}
        for name in self.other_agents:
            rules = self._rules[name]
            if id(rules) not in verdicts:
                verdicts[id(rules)] = rules.allowed(url, "*")
        return [name for name in self.other_agents if not verdicts[id(self._rules[name])]]

    def _rules_for(self, user_agent: str | bytes) -> ProtegoRobotParser | None:
        token = product_token(to_unicode(user_agent))
        return self._rules.get(token if token in self.other_agents else self._own)


def _read_groups(lines: Iterable[str]) -> tuple[dict[str, list[Group]], list[str]]:
    """The groups by product token, in lower case, or *; and the sitemaps."""
    by_token: dict[str, list[Group]] = {}
    sitemaps: list[str] = []
    group: Group = []
    is_heading = False  # a user agent line came last: the next one belongs to the same group
    for line in (line.partition("#")[0].strip() for line in lines):
        if agent := _USER_AGENT_LINE.match(line):
            if not is_heading:
                group, is_heading = [], True
            token = product_token(agent[1])
            groups = by_token.setdefault(token, []) if token else [group]
            if not groups or groups[-1] is not group:
                groups.append(group)
        elif site := _SITE_LINE.match(line):
            if site[1].lower() != "host" and site[2]:
                sitemaps.append(site[2])
        elif ":" in line or _LINE_WITHOUT_COLON.match(line):
            is_heading = False
            group.append(line)
    return by_token, sitemaps


def _weight_of(groups: Iterable[Group]) -> tuple[int, int]:
    """(number of lines, characters of those with *)."""
    count = characters = 0
    for line in (line for group in groups for line in group):
        count += 1
        characters += len(line) if "*" in line else 0
    return count, characters


def _parse(groups: Iterable[Group]) -> ProtegoRobotParser:
    lines = [line for group in groups for line in group]
    return ProtegoRobotParser("\n".join(["User-agent: *", *lines]).encode(), None)


def product_token(user_agent: str) -> str:
    """The product token of a user agent, in lower case: `pressline` of `Pressline/1.0`; "" where it has none."""
    token = _PRODUCT_TOKEN.match(user_agent.strip())
    return token[0].lower() if token else ""
