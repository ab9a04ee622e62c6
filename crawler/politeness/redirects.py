"""Downloader middlewares that follow redirects: those of the status line, and those of a meta element."""

from __future__ import annotations

import asyncio

from scrapy import Request
from scrapy.downloadermiddlewares.redirect import MetaRefreshMiddleware, RedirectMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import HtmlResponse, Response

from cleaning import canonical, host_of
from crawler.outlet_files import known_outlets
from crawler.politeness.cookies import keeps_cookies
from crawler.politeness.request_policy import NotFetched
from crawler.reading.jobs import RefreshJob
from crawler.reading.meta_refresh import Refresh, may_refresh
from crawler.reading.source_readers import SourceReaders, page_text

_COOKIE_META = "redirect_sets_cookie"  # key of a request's meta: a redirect on the way to it set a cookie


class Redirects(RedirectMiddleware):
    """Scrapy's middleware. An endless redirect also says where it led and what may help, and where a Location is no
    address, the answer stays as it is."""

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """The response, or the request that it leads to. Raises NotFetched where that would be one too many."""
        sets_cookie = request.meta.get(_COOKIE_META, False) or "Set-Cookie" in response.headers
        try:
            found = super().process_response(request, response)
        except IgnoreRequest as error:
            raise NotFetched("http_error", self._explain(str(error), request, sets_cookie)) from error
        except ValueError:  # javascript:…, mailto:…
            return response
        if isinstance(found, Request):
            found.meta[_COOKIE_META] = sets_cookie
        return found

    def _explain(self, text: str, request: Request, sets_cookie: bool) -> str:
        way = " → ".join(dict.fromkeys([*request.meta.get("redirect_urls", []), request.url]))
        text = f"{text} (REDIRECT_MAX_TIMES {self.max_redirect_times}): {way}"
        if sets_cookie and not keeps_cookies(request.url, self.crawler.settings):
            cure = "`cookies = true` under [politeness] of its outlet file"
            return (
                f"the site sets a cookie and redirects to itself until it gets it back: {cure} helps; {text}"
            )
        return text


class MetaRefresh(MetaRefreshMiddleware):
    """Scrapy's middleware finds the element by a pattern, in scripts, templates and text fields, too. This one has the
    page parsed by a reader process, and follows where a browser would. Only a page with `http-equiv=refresh` is."""

    async def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """The response, or the request that the page leads to. A page that leads to itself, or back to where the
        request came from, is the page: a browser would show it again and again."""
        if request.meta.get("dont_redirect") or not isinstance(response, HtmlResponse):
            return response
        if not may_refresh(response.body):
            return response
        try:
            refresh = await self._refresh_of(response)
            if refresh is None or refresh.seconds >= self._maxdelay:
                return response
            way = {canonical(url) for url in (*request.meta.get("redirect_urls", ()), response.url)}
            if canonical(refresh.url) in way:
                return response
            return self._redirect(
                self._redirect_request_using_get(request, response, refresh.url), request, "meta refresh"
            )
        except (IgnoreRequest, ValueError):  # one redirect too many; no http or https address
            return response

    async def _refresh_of(self, response: HtmlResponse) -> Refresh | None:
        """The page's refresh; None also where it cannot be read: what becomes of the page is told by whoever reads
        the rest of it."""
        readers, host = SourceReaders.of(self.crawler), host_of(response.url)
        known_outlet = known_outlets().find(host)
        job = RefreshJob(page_text(response), tuple(self._ignore_tags))
        reading = await asyncio.wrap_future(readers.read(job, known_outlet.key if known_outlet else host))
        return reading.refresh
