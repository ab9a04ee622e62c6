"""Checks each candidate against its host's text-and-data-mining reservations (TDMRep) before the page is fetched.

They are in /.well-known/tdmrep.json, which is fetched once a day. The setting TDM decides: with "respect" a reserved
page is not fetched; with "tag" it is fetched and its row carries the evidence; with "ignore" the file is not read at
all.
"""

from __future__ import annotations

import asyncio
import json
import logging
from itertools import islice
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
_MAX_BYTES = 2**18  # a parser of JSON lets no other thread run; 256 KiB take it 30 ms
_MAX_RULES = 1000
# of all patterns together: one may cost half a microsecond for each of its characters, for each URL
_MAX_CHARACTERS = 2**16
_QUICK_CHARACTERS = 2000  # of those with *: the event loop may wait for them
Rule = tuple[str, str]  # pattern of path and query, line of evidence
# whatever stands behind the bounds may reserve anything
_THE_REST: Rule = ("*", "tdmrep.json (more than can be read): 1")


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
        if sum(len(pattern) for pattern, _ in rules if "*" in pattern) > _QUICK_CHARACTERS:
            evidence = await asyncio.to_thread(_evidence, rules, location)
        else:
            evidence = _evidence(rules, location)
        request.meta[META] = [*request.meta.get(ROBOTS_META, ()), *evidence]
        if self.policy == "respect" and is_reserved(evidence):
            raise NotFetched("tdm_reserved", evidence[0])

    async def _fetch_rules(self, root: str) -> list[Rule]:
        """The rules of a host; none where it has no such file. Unlike robots.txt, one that is unreachable
        forbids nothing."""
        try:
            answer = await self._well_known.get(root + _PATH, _MAX_BYTES)
        except Exception as error:  # the downloader may raise anything
            log.warning("%s%s cannot be had: %s", root, _PATH, error)
            return []
        if answer.status != 200:
            return []
        return await asyncio.to_thread(parse_rules, answer.body, is_cut=answer.is_cut)


def _evidence(rules: list[Rule], location: str) -> list[str]:
    """The line of the first rule that matches, which applies; empty if there is none."""
    return [line for _, line in islice((rule for rule in rules if rule_matches(rule[0], location)), 1)]


def parse_rules(body: bytes, *, is_cut: bool = False) -> list[Rule]:
    """The rules of a tdmrep.json, in the file's order. Not a JSON list: no rules. Rules without `location`, or whose
    value is not 0 or 1, are skipped. Where there are more than can be matched in time, or the file is cut off, the last
    rule reserves everything."""
    if is_cut:
        return [_THE_REST] if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") else []
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):  # many sites answer every URL with an HTML page
        return []
    rules: list[Rule] = []
    characters_left = _MAX_CHARACTERS
    for rule in document if isinstance(document, list) else ():
        location, value = (
            (rule.get("location"), rule.get("tdm-reservation")) if isinstance(rule, dict) else ("", 0)
        )
        if isinstance(location, str) and location and value in (0, 1, "0", "1"):
            characters_left -= len(location)
            if len(rules) == _MAX_RULES or characters_left < 0:
                return [*rules, _THE_REST]
            rules.append((location, f"tdmrep.json {_shown(location)}: {int(value)}"))
    return rules


def _shown(location: str) -> str:
    """A location as it stands in a line of evidence: short, and without what would end it or cannot be written."""
    return "".join(c if c.isprintable() and c != " " else "?" for c in location[:100])


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
