"""Well-known cache: answers for robots.txt and tdmrep.json, cached on disk between runs (RFC 9309, 2.4).

Each URL has one file in STATE_DIR/kept, which is always replaced as a whole. A file that cannot be read is fetched
again. A server error is no answer and is not cached. Of a long answer only the beginning is downloaded.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadFailedError
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from lake.storage.local_files import private_folder, replace_private
from lake.storage.state_folder import KEPT

log = logging.getLogger(__name__)

MAX_AGE = timedelta(hours=24)  # RFC 9309, 2.4
_TOO_MANY_REQUESTS = 429  # a rate limit is no answer
_PRIORITY = 1000
_FORGOTTEN_AFTER_S = 30 * 86400  # a file that was not written for so long is removed


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer with what is needed to revalidate it."""

    url: str
    status: int
    body: bytes
    asked_at: datetime  # UTC; when it was fetched or last revalidated
    etag: str | None
    last_modified: str | None
    is_cut: bool = False  # the answer is longer

    def cut(self, max_bytes: int) -> CachedAnswer:
        """The answer with the first max_bytes of its body."""
        if len(self.body) <= max_bytes:
            return self
        return replace(self, body=self.body[:max_bytes], is_cut=True)


class WellKnownCache:
    """The cached answers of this machine; several processes share the folder."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._folder = Path(crawler.settings["STATE_DIR"]) / KEPT
        max_age = timedelta(seconds=crawler.settings.getfloat("WELL_KNOWN_KEPT_S"))
        self.max_age = min(max_age, MAX_AGE)
        self._is_swept = False

    async def get(self, url: str, max_bytes: int) -> CachedAnswer:
        """The cached answer if it is young enough; else one fetched now, with a conditional request where an older
        one is cached. An answer of status 429, or of 500 and more, is returned but not cached. No more than max_bytes
        are downloaded, nor unpacked; of an error page nothing is kept. Raises what the downloader raises."""
        cached, now = self._read(url), datetime.now(UTC)
        cached = cached and cached.cut(max_bytes)  # an earlier version kept more
        if cached and cached.asked_at <= now < cached.asked_at + self.max_age:
            self._count("kept")
            return cached
        response = await self._fetch(url, cached, max_bytes)
        if cached and response.status == 304:
            fresh = replace(cached, asked_at=now)
        else:
            body = response.body if response.status < 400 else b""
            if body.startswith(_GZIP):
                body = await asyncio.to_thread(_unpacked, body, max_bytes + 1)
            etag, modified = (_header(response, name) for name in ("ETag", "Last-Modified"))
            fresh = CachedAnswer(url, response.status, body, now, etag, modified).cut(max_bytes)
        if self.max_age and fresh.status < 500 and fresh.status != _TOO_MANY_REQUESTS:
            self._write(fresh)
            if not self._is_swept:
                self._is_swept = True
                await asyncio.to_thread(self._sweep)
        return fresh

    async def _fetch(self, url: str, cached: CachedAnswer | None, max_bytes: int) -> Response:
        assert self.crawler.engine
        # other packings cannot be unpacked in part
        fields: dict[str, str | None] = {"Accept-Encoding": "gzip"}
        if cached:
            fields |= {"If-None-Match": cached.etag, "If-Modified-Since": cached.last_modified}
        request = Request(
            url,
            headers={name: value for name, value in fields.items() if value},
            priority=_PRIORITY,
            # crawler/tuning/compression.py stops the download behind so many bytes
            meta={"dont_obey_robotstxt": True, "packed": max_bytes, "download_maxsize": 0},
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
                bool(fields.get("is_cut")),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read and is asked for again: %s", self._path(url), error)
            return None
        return answer if answer.url == url else None

    def _write(self, answer: CachedAnswer) -> None:
        path = self._path(answer.url)
        fields = {
            "url": answer.url,
            "status": answer.status,
            "body": base64.b64encode(answer.body).decode(),
            "asked_at": answer.asked_at.isoformat(),
            "etag": answer.etag,
            "last_modified": answer.last_modified,
            "is_cut": answer.is_cut,
        }
        try:
            private_folder(self._folder.parent, self._folder.name)
            replace_private(path, json.dumps(fields).encode())
        except OSError as error:  # with a full disk, the next run sends one more request
            log.warning("%s cannot be kept: %s", answer.url, error)

    def _sweep(self) -> None:
        """Remove the files of hosts that are no longer crawled, and what killed processes left."""
        with suppress(OSError):
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):  # another process was quicker
                    if time.time() - path.stat().st_mtime > _FORGOTTEN_AFTER_S:
                        path.unlink()

    def _path(self, url: str) -> Path:
        return self._folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"

    def _count(self, stat: str) -> None:
        assert self.crawler.stats
        self.crawler.stats.inc_value(f"well_known/{stat}")


_GZIP = b"\x1f\x8b"


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    """The first max_bytes of a gzipped body. Raises DownloadFailedError where it is damaged, or ends before its end."""
    pieces, left = [], max_bytes
    while left > 0 and body.startswith(_GZIP):  # a file may have several members
        packed = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            pieces.append(packed.decompress(body, left))
        except zlib.error as error:
            raise DownloadFailedError(f"the body cannot be unpacked: {error}") from error
        left -= len(pieces[-1])
        if left > 0 and not packed.eof:
            raise DownloadFailedError("the packed body ends before its end")
        body = packed.unused_data
    return b"".join(pieces)


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else None
