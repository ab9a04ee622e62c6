"""Answers to well-known addresses of a host (robots.txt, tdmrep.json), kept on disk between runs; RFC 9309, 2.4.

One file for each address in STATE_DIR/kept, replaced as a whole; one that cannot be read is asked for again. An error of
the server is no answer, and is not kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

log = logging.getLogger(__name__)

LONGEST = timedelta(hours=24)  # RFC 9309, 2.4
_MAX_BYTES = 2**20  # what is larger is asked for in each run
_TOO_MANY = 429  # a server that is asked too often has not answered
_PRIORITY = 1000


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    url: str
    status: int
    body: bytes
    asked_at: datetime  # UTC
    etag: str | None
    last_modified: str | None


class WellKnownCache:
    """The answers of one machine; several processes share the folder."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._folder = Path(crawler.settings["STATE_DIR"]) / "kept"
        longest = timedelta(seconds=crawler.settings.getfloat("WELL_KNOWN_KEPT_S"))
        self.longest = min(longest, LONGEST)

    async def answer(self, url: str, **meta: Any) -> CachedAnswer:
        """As kept, or asked for now, with conditions where an older answer is kept. A status of 500 and more, or 429, is
        given and not kept; raises what the downloader raises."""
        kept, now = self._read(url), datetime.now(UTC)
        if kept and kept.asked_at <= now < kept.asked_at + self.longest:
            self._count("kept")
            return kept
        response = await self._ask(url, kept, meta)
        if kept and response.status == 304:
            given = replace(kept, asked_at=now)
        else:
            given = CachedAnswer(
                url, response.status, response.body, now, *(_header(response, n) for n in _VALIDATORS)
            )
        if self.longest and given.status < 500 and given.status != _TOO_MANY:
            self._write(given)
        return given

    async def _ask(self, url: str, kept: CachedAnswer | None, meta: dict[str, Any]) -> Response:
        assert self.crawler.engine
        told = {"If-None-Match": kept.etag, "If-Modified-Since": kept.last_modified} if kept else {}
        request = Request(
            url,
            headers={name: value for name, value in told.items() if value},
            priority=_PRIORITY,
            meta={"dont_obey_robotstxt": True, **meta},
            callback=NO_CALLBACK,
            dont_filter=True,
        )
        self._count("asked")
        return await self.crawler.engine.download_async(request)

    def _read(self, url: str) -> CachedAnswer | None:
        try:
            found = json.loads(self._path(url).read_text("utf-8"))
            answer = CachedAnswer(
                found["url"],
                int(found["status"]),
                base64.b64decode(found["body"], validate=True),
                datetime.fromisoformat(found["asked_at"]).astimezone(UTC),
                found["etag"],
                found["last_modified"],
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read and is asked for again: %s", self._path(url), error)
            return None
        return answer if answer.url == url else None

    def _write(self, answer: CachedAnswer) -> None:
        path = self._path(answer.url)
        passing = path.with_suffix(f".{os.getpid()}.tmp")
        if len(answer.body) > _MAX_BYTES:
            path.unlink(missing_ok=True)
            return
        told = {
            "url": answer.url,
            "status": answer.status,
            "body": base64.b64encode(answer.body).decode(),
            "asked_at": answer.asked_at.isoformat(),
            "etag": answer.etag,
            "last_modified": answer.last_modified,
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            passing.write_text(json.dumps(told), "utf-8")
            passing.replace(path)
        except OSError as error:  # a full disk costs one request more the next time
            log.warning("%s cannot be kept: %s", answer.url, error)
            with suppress(OSError):
                passing.unlink(missing_ok=True)

    def _path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"

    def _count(self, what: str) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(f"well_known/{what}")


_VALIDATORS = ("ETag", "Last-Modified")


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else None
