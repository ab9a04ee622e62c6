"""Checks each candidate against its host's text-and-data-mining reservations (TDMRep) before the page is fetched.

They are in /.well-known/tdmrep.json, which is fetched once a day. The setting TDM decides: with "respect" a reserved
page is not fetched; with "tag" it is fetched and its row carries the evidence; with "ignore" the file is not read at
all.
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
from crawler.politeness.request_policy import REQUESTED_URL_KEY, NotFetched
from crawler.politeness.well_known import WellKnownCache

log = logging.getLogger(__name__)

TdmPolicy = Literal["respect", "tag", "ignore"]
META = "tdm"  # key of a request's meta: all lines of evidence; cleaning.metadata.reservations reads them
ROBOTS_META = "robots_evidence"  # the lines that robots.txt gave; crawler/politeness/robots.py sets them
_PATH = "/.well-known/tdmrep.json"
_MAX_BYTES = 2**20
_MAX_RULES = 1000
Rule = tuple[str, str]  # pattern of path and query, line of evidence


def tdm_policy(settings: BaseSettings) -> TdmPolicy:
    """The setting TDM. Raises UsageError where it is not respect, tag or ignore."""
    policy_text = str(settings.get("TDM")).strip().lower()
    for policy in get_args(TdmPolicy):
        if policy_text == policy:
            return policy  # type: ignore[no-any-return]
    raise UsageError(f"TDM: {policy_text!r}; expected respect, tag or ignore", print_help=False)


class TdmReservations:
    """Downloader middleware behind the one for robots.txt. Only candidates are checked; requests for sources pass."""

    def __init__(self, crawler: Crawler) -> None:
        self.policy = tdm_policy(crawler.settings)
        if self.policy == "ignore":
            raise NotConfigured
        self._well_known = WellKnownCache(crawler)
        self._rules: dict[str, asyncio.Task[list[Rule]]] = {}  # by scheme and host

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> TdmReservations:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Add the evidence to a candidate's meta. Raises NotFetched where it is reserved and TDM is respect."""
        if REQUESTED_URL_KEY not in request.cb_kwargs:
            return
        scheme, host, path, query, _ = urlsplit(request.url)
        root = f"{scheme}://{host}"
        if root not in self._rules:  # the first request fetches the rules, the others wait for them
            self._rules[root] = asyncio.get_running_loop().create_task(self._fetch_rules(root))
        rules = await asyncio.shield(self._rules[root])
        location = f"{path or '/'}?{query}" if query else path or "/"
        # the first matching rule applies
        evidence = [line for pattern, line in rules if rule_matches(pattern, location)][:1]
        request.meta[META] = [*request.meta.get(ROBOTS_META, ()), *evidence]
        if self.policy == "respect" and is_reserved(evidence):
            raise NotFetched("tdm_reserved", evidence[0])

    async def _fetch_rules(self, root: str) -> list[Rule]:
        """The rules of a host; none where it has no such file. Unlike robots.txt, one that is unreachable
        forbids nothing."""
        try:
            answer = await self._well_known.get(root + _PATH, download_maxsize=_MAX_BYTES)
        except Exception as error:  # the downloader may raise anything
            log.warning("%s%s cannot be had: %s", root, _PATH, error)
            return []
        return parse_rules(answer.body) if answer.status == 200 else []


def parse_rules(body: bytes) -> list[Rule]:
    """The rules of a tdmrep.json, in the file's order. Not a JSON list: no rules. Rules without `location`, or whose
    value is not 0 or 1, are skipped."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):  # many sites answer every URL with an HTML page
        return []
    rules: list[Rule] = []
    for rule in document[:_MAX_RULES] if isinstance(document, list) else ():
        location, value = (
            (rule.get("location"), rule.get("tdm-reservation")) if isinstance(rule, dict) else ("", 0)
        )
        if isinstance(location, str) and location and str(value) in ("0", "1"):
            rules.append((location, f"tdmrep.json {location[:100]}: {value}"))
    return rules


def rule_matches(location: str, path: str) -> bool:
    """Whether a rule's location matches a path with its query. As in robots.txt: matched from the beginning of the
    path, `*` stands for any characters, a final `$` for the end."""
    prefix, *pieces = location.removesuffix("$").split("*")
    if not path.startswith(prefix):
        return False
    if not location.endswith("$"):
        return _find_in_order(pieces, path, len(prefix)) is not None
    if not pieces:
        return path == prefix
    end = _find_in_order(pieces[:-1], path, len(prefix))  # leftmost matches leave most for the last piece
    return end is not None and len(path) - end >= len(pieces[-1]) and path.endswith(pieces[-1])


def _find_in_order(pieces: list[str], path: str, end: int) -> int | None:
    """Find the pieces in order, from index end on. Returns the index behind the last one, None if one is missing."""
    for piece in pieces:
        start = path.find(piece, end)
        if start < 0:
            return None
        end = start + len(piece)
    return end
