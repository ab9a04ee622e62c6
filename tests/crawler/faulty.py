"""A download handler under which this machine fails, for some hosts and for some time."""

import errno

from scrapy import Request
from scrapy.http import Response
from twisted.internet.error import ConnectBindError, NoRouteError

from crawler.politeness.http_client import HttpClient


class FaultyClient(HttpClient):
    """No network to hosts that begin with `far`; no open files left for the pages of those that begin with `full`."""

    async def download_request(self, request: Request) -> Response:
        if "//far" in request.url:
            raise NoRouteError(errno.ENETUNREACH, "Network is unreachable")
        if "//full" in request.url and not request.url.endswith((".txt", ".json")):
            raise ConnectBindError(errno.EMFILE, "Too many open files")
        return await super().download_request(request)
