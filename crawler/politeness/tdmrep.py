"""Text-and-data-mining reservations that stand before the fetch: /.well-known/tdmrep.json of a page's host, once a day.

TDM = respect: a page that is reserved is not asked for. tag: it is, and its row says so. ignore: nobody looks.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured, UsageError
from scrapy.settings import BaseSettings

from cleaning.metadata.reservations import is_reserved
from crawler.politeness.request_policy import NotFetched
from crawler.politeness.well_known import WellKnownCache

log = logging.getLogger(__name__)

TdmPolicy = Literal["respect", "tag", "ignore"]
META = "tdm"  # of a request: the evidence, cleaning.metadata.reservations
ROBOTS_META = "robots_evidence"  # the part of it that robots.txt gave; crawler/politeness/robots.py
_PATH = "/.well-known/tdmrep.json"
_MAX_BYTES = 2**20
_MAX_RULES = 1000
Rule = tuple[str, str]  # a pattern of the path with its query; the line of evidence


def tdm_policy(settings: BaseSettings) -> TdmPolicy:
    """Raises UsageError."""
    given = str(settings.get("TDM")).strip().lower()
    for policy in get_args(TdmPolicy):
        if given == policy:
            return policy  # type: ignore[no-any-return]
    raise UsageError(f"TDM: {given!r}; expected respect, tag or ignore", print_help=False)


class TdmReservations:
    """Downloader middleware, after robots.txt; sources are no candidates and pass."""

    def __init__(self, crawler: Crawler) -> None:
        self.policy = tdm_policy(crawler.settings)
        if self.policy == "ignore":
            raise NotConfigured
        self._kept = WellKnownCache(crawler)
        self._rules: dict[str, asyncio.Task[list[Rule]]] = {}  # by scheme and host

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> TdmReservations:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        if "requested_url" not in request.cb_kwargs:
            return
        scheme, host, path, query, _ = urlsplit(request.url)
        root = f"{scheme}://{host}"
        if root not in self._rules:  # the first one asks, the others wait for it
            self._rules[root] = asyncio.get_running_loop().create_task(self._read(root))
        rules = await asyncio.shield(self._rules[root])
        place = f"{path or '/'}?{query}" if query else path or "/"
        found = [line for pattern, line in rules if rule_matches(pattern, place)][
            :1
        ]  # the first that fits holds
        request.meta[META] = [*request.meta.get(ROBOTS_META, ()), *found]
        if self.policy == "respect" and is_reserved(found):
            raise NotFetched("tdm_reserved", found[0])

    async def _read(self, root: str) -> list[Rule]:
        """No rules where there is no such file; unlike robots.txt, one that cannot be had forbids nothing."""
        try:
            answer = await self._kept.answer(root + _PATH, download_maxsize=_MAX_BYTES)
        except Exception as error:  # whatever the downloader raises
            log.warning("%s%s cannot be had: %s", root, _PATH, error)
            return []
        return parse_rules(answer.body) if answer.status == 200 else []


def parse_rules(body: bytes) -> list[Rule]:
    """In order. What is no list of rules holds none, and a rule without a place or with another value than 0 and 1 is
    passed over."""
    try:
        told: Any = json.loads(body)
    except (ValueError, RecursionError):  # many sites answer every address with a page
        return []
    rules: list[Rule] = []
    for rule in told[:_MAX_RULES] if isinstance(told, list) else ():
        place, value = (
            (rule.get("location"), rule.get("tdm-reservation")) if isinstance(rule, dict) else ("", 0)
        )
        if isinstance(place, str) and place and str(value) in ("0", "1"):
            rules.append((place, f"tdmrep.json {place[:100]}: {value}"))
    return rules


def rule_matches(place: str, path: str) -> bool:
    """As in robots.txt: from the beginning of the path, `*` for anything, `$` for its end."""
    first, *others = place.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    if not place.endswith("$"):
        return _end_of(others, path, len(first)) is not None
    if not others:
        return path == first
    end = _end_of(others[:-1], path, len(first))  # the leftmost places leave most to the last
    return end is not None and len(path) - end >= len(others[-1]) and path.endswith(others[-1])


def _end_of(parts: list[str], path: str, end: int) -> int | None:
    """Behind the last of the parts, each found after the one before; None where one is missing."""
    for part in parts:
        at = path.find(part, end)
        if at < 0:
            return None
        end = at + len(part)
    return end
