"""Says why a request failed: in words, and whether the site, its answer or this machine is at fault.

- The site: it cannot be reached (`unreachable`).
- Its answer: bytes came, but no HTTP answer can be read from them (`broken_http`).
- This machine: no more open files, no network, no answer from DNS. Nothing is known of the site then, so the candidate
  is left for a later run, and the run fails.
"""

from __future__ import annotations

import errno
import re
import socket
from time import monotonic
from typing import Literal
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadFailedError,
    ResponseDataLossError,
)
from scrapy.http import Response
from twisted.internet.error import ConnectError
from twisted.web.client import ResponseFailed, ResponseNeverReceived

from crawler.politeness.private_networks import failed_lookups
from crawler.politeness.request_policy import LeftForLater

FaultKind = Literal["dns", "network", "open_files", "memory"]

_KINDS_OF_ERRNO: dict[int, FaultKind] = {
    errno.EMFILE: "open_files",
    errno.ENFILE: "open_files",
    errno.ENOMEM: "memory",
    errno.ENOBUFS: "memory",
    errno.ENETUNREACH: "network",
    errno.ENETDOWN: "network",
    errno.EHOSTUNREACH: "network",
    errno.EADDRNOTAVAIL: "network",  # no free local port, or no local address
    errno.EAFNOSUPPORT: "network",
    errno.EPERM: "network",  # a firewall of this machine
    errno.EACCES: "network",
}
# all other failures of a look-up say something about the name
_DNS_ERRNOS = (socket.EAI_AGAIN, socket.EAI_SYSTEM, socket.EAI_MEMORY)
_ERRNO = re.compile(r"\[Errno (-?\d+)\]")
# another site may be the cause of these; an answer from the public Internet within so many seconds tells
_AMBIGUOUS_ERRNOS = (errno.EHOSTUNREACH, socket.EAI_AGAIN)
_NETWORK_SEEN_S = 10.0
_WORDS: dict[FaultKind, str] = {
    "dns": "no host name can be resolved",
    "network": "the network is out of reach",
    "open_files": "too many files are open",
    "memory": "memory is short",
}


class LocalFault(LeftForLater):
    """This machine is at fault; nothing is known of the site."""

    def __init__(self, kind: FaultKind, detail: str) -> None:
        super().__init__(f"this machine is at fault, {_WORDS[kind]}: {detail}")
        self.kind: FaultKind = kind


class LocalFaults:
    """Downloader middleware behind the retries: makes a LocalFault of a request's last failure where this machine is at
    fault, and counts it (`local_faults/…`)."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._network_seen_at = -_NETWORK_SEEN_S

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> LocalFaults:
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Response:
        """Note that the public Internet answers."""
        if response.ip_address is not None and response.ip_address.is_global:
            self._network_seen_at = monotonic()
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:
        """Raises LocalFault."""
        number = _errno_of(exception, request.url)
        kind: FaultKind | None = "dns" if number in _DNS_ERRNOS else _KINDS_OF_ERRNO.get(number)
        is_network_up = monotonic() - self._network_seen_at < _NETWORK_SEEN_S
        if kind is None or (number in _AMBIGUOUS_ERRNOS and is_network_up):
            return
        assert self.crawler.stats
        self.crawler.stats.inc_value(f"local_faults/{kind}")
        raise LocalFault(kind, explain(exception, request.url)) from exception


def _errno_of(error: BaseException, url: str) -> int:
    """The operating system's number of the failure, or that of the resolver; 0 where there is none."""
    if isinstance(error, CannotResolveHostError):
        found = _ERRNO.search(failed_lookups.get(urlsplit(url).hostname or "", ""))
        return int(found[1]) if found else 0
    number = error.osError if isinstance(error, ConnectError) else getattr(error, "errno", None)
    return number if isinstance(number, int) else 0


def is_broken_answer(error: BaseException) -> bool:
    """Whether the server answered, and no HTTP answer can be read from its bytes."""
    if isinstance(error, DownloadFailedError):  # its cause tells whether any byte came
        return not isinstance(error.__cause__, ResponseNeverReceived)
    return isinstance(error, ResponseDataLossError | DownloadCancelledError)


def explain(error: BaseException, url: str = "") -> str:
    """Why a request failed, in words; never empty. url: of the request."""
    if isinstance(error, CannotResolveHostError):
        return failed_lookups.get(urlsplit(url).hostname or "") or str(error)
    if isinstance(error.__cause__, ResponseFailed):
        error = error.__cause__
    reasons = [failure.value for failure in getattr(error, "reasons", ())]  # of Twisted's wrapping exceptions
    text = "; ".join(dict.fromkeys(_words_of(reason) for reason in reasons)) or _words_of(error)
    if isinstance(error, ResponseNeverReceived):
        return f"no answer: {text}"
    return f"no readable answer: {text}" if isinstance(error, ResponseFailed) else text


def _words_of(error: BaseException) -> str:
    if str(error):
        return str(error)
    if isinstance(error, DownloadCancelledError):
        return "the answer is larger than DOWNLOAD_MAXSIZE"
    if isinstance(error, ResponseDataLossError):
        return "the answer ended before its end"
    return type(error).__name__
