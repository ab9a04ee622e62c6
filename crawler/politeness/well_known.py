"""Well-known cache: answers for robots.txt and tdmrep.json, cached on disk between runs (RFC 9309, 2.4).

Each URL has one file in STATE_DIR/kept, which is always replaced as a whole. A file that cannot be read is fetched
again. A server error is no answer and is not cached.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from lake.storage.local_files import private_folder, replace_private
from lake.storage.state_folder import KEPT

log = logging.getLogger(__name__)

MAX_AGE = timedelta(hours=24)  # RFC 9309, 2.4
_MAX_BYTES = 2**20  # a larger answer is not cached, so each run fetches it
_TOO_MANY_REQUESTS = 429  # a rate limit is no answer
_PRIORITY = 1000


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer with what is needed to revalidate it."""

    url: str
    status: int
    body: bytes
    asked_at: datetime  # UTC; when it was fetched or last revalidated
    etag: str | None
    last_modified: str | None


class WellKnownCache:
    """The cached answers of this machine; several processes share the folder."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._folder = Path(crawler.settings["STATE_DIR"]) / KEPT
        max_age = timedelta(seconds=crawler.settings.getfloat("WELL_KNOWN_KEPT_S"))
        self.max_age = min(max_age, MAX_AGE)

    async def get(self, url: str, **meta: Any) -> CachedAnswer:
        """The cached answer if it is young enough; else one fetched now, with a conditional request where an older
        one is cached. An answer of status 429, or of 500 and more, is returned but not cached. Raises what the
        downloader raises. meta: for the request."""
        cached, now = self._read(url), datetime.now(UTC)
        if cached and cached.asked_at <= now < cached.asked_at + self.max_age:
            self._count("kept")
            return cached
        response = await self._fetch(url, cached, meta)
        if cached and response.status == 304:
            fresh = replace(cached, asked_at=now)
        else:
            fresh = CachedAnswer(
                url, response.status, response.body, now, *(_header(response, n) for n in _VALIDATORS)
            )
        if self.max_age and fresh.status < 500 and fresh.status != _TOO_MANY_REQUESTS:
            self._write(fresh)
        return fresh

    async def _fetch(self, url: str, cached: CachedAnswer | None, meta: dict[str, Any]) -> Response:
        assert self.crawler.engine
        fields = {"If-None-Match": cached.etag, "If-Modified-Since": cached.last_modified} if cached else {}
        request = Request(
            url,
            headers={name: value for name, value in fields.items() if value},
            priority=_PRIORITY,
            meta={"dont_obey_robotstxt": True, **meta},
            callback=NO_CALLBACK,
            dont_filter=True,
        )
        self._count("asked")
        return await self.crawler.engine.download_async(request)

    def _read(self, url: str) -> CachedAnswer | None:
        try:
            fields = json.loads(self._path(url).read_text("utf-8"))
            answer = CachedAnswer(
                fields["url"],
                int(fields["status"]),
                base64.b64decode(fields["body"], validate=True),
                datetime.fromisoformat(fields["asked_at"]).astimezone(UTC),
                fields["etag"],
                fields["last_modified"],
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read and is asked for again: %s", self._path(url), error)
            return None
        return answer if answer.url == url else None

    def _write(self, answer: CachedAnswer) -> None:
        path = self._path(answer.url)
        if len(answer.body) > _MAX_BYTES:
            path.unlink(missing_ok=True)
            return
        fields = {
            "url": answer.url,
            "status": answer.status,
            "body": base64.b64encode(answer.body).decode(),
            "asked_at": answer.asked_at.isoformat(),
            "etag": answer.etag,
            "last_modified": answer.last_modified,
        }
        try:
            private_folder(self._folder.parent, self._folder.name)
            replace_private(path, json.dumps(fields).encode())
        except OSError as error:  # with a full disk, the next run sends one more request
            log.warning("%s cannot be kept: %s", answer.url, error)

    def _path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"

    def _count(self, stat: str) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(f"well_known/{stat}")


_VALIDATORS = ("ETag", "Last-Modified")


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else None
