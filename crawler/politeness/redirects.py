"""Downloader middlewares that follow redirects: those of the status line, and those of a meta element."""

from __future__ import annotations

import re
from typing import cast
from urllib.parse import urljoin

from lxml import etree
from scrapy import Request
from scrapy.downloadermiddlewares.redirect import MetaRefreshMiddleware, RedirectMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import HtmlResponse, Response

from cleaning import canonical
from crawler.politeness.cookies import keeps_cookies
from crawler.politeness.request_policy import NotFetched

_COOKIE_META = "redirect_sets_cookie"  # key of a request's meta: a redirect on the way to it set a cookie
_SEARCHED_CHARACTERS = 2**18
_SEARCHED_BYTES = 4 * _SEARCHED_CHARACTERS  # a character has at most four bytes
_REFRESH_ATTRIBUTE = re.compile(rb"http-equiv\s*+=\s*+(?:[\"']\s*+)?refresh")
# inside these a browser sees text, or no part of the document; lxml takes most of them for text by itself
_INERT_TAGS = ("template", "select", "script", "style", "textarea", "title")
# seconds and URL of the content: https://html.spec.whatwg.org/#shared-declarative-refresh-steps
_REFRESH_CONTENT = re.compile(
    r"\s*(?:([0-9]{1,9})|(?=\.))[0-9.]*(?:\s*[;,]\s*|\s+|\Z)(?:url\s*=\s*)?(.*)", re.I | re.S
)


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
    """Scrapy's middleware finds the element by a pattern, in scripts, templates and text fields, too. This one parses
    the page, and follows where a browser would. Only a page with `http-equiv=refresh` is decoded."""

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """The response, or the request that the page leads to. A page that leads to itself, or back to where the
        request came from, is the page: a browser would show it again and again."""
        if request.meta.get("dont_redirect") or not isinstance(response, HtmlResponse):
            return response
        try:
            refresh = find_refresh(response, self._ignore_tags)
            if refresh is None or refresh[0] >= self._maxdelay:
                return response
            way = {canonical(url) for url in (*request.meta.get("redirect_urls", ()), response.url)}
            if canonical(refresh[1]) in way:
                return response
            return self._redirect(
                self._redirect_request_using_get(request, response, refresh[1]), request, "meta refresh"
            )
        except (IgnoreRequest, ValueError):  # one redirect too many; no http or https address
            return response


def find_refresh(response: HtmlResponse, ignored_tags: list[str]) -> tuple[int, str] | None:
    """The refresh that a browser would do, as seconds and absolute URL; None where there is none, or it reloads the
    page. ignored_tags: elements inside which none counts, as noscript to a browser that runs scripts. Raises
    ValueError for a malformed URL."""
    start = response.body[:_SEARCHED_BYTES].replace(b"\0", b"").lower()  # without zeros UTF-16 is found, too
    if b"http-equiv" not in start or not _REFRESH_ATTRIBUTE.search(start):
        return None
    text = response.text[:_SEARCHED_CHARACTERS].encode("utf-8", "replace").replace(b"\0", b"")
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    tree = cast("etree._Element | None", etree.fromstring(text, parser))
    if tree is None:
        return None
    inert = {*_INERT_TAGS, *(tag.lower() for tag in ignored_tags)}
    base = next(
        (b.get("href", "") for b in tree.iter("base") if b.get("href") and not _is_inside(b, inert)), ""
    )
    for meta in tree.iter("meta"):
        if (meta.get("http-equiv") or "").lower() == "refresh" and not _is_inside(meta, inert):
            content = _REFRESH_CONTENT.match(meta.get("content") or "")
            if content:  # the first that can be read counts, also where it only reloads the page
                url = _unquote(content[2].strip())
                return (int(content[1] or 0), urljoin(urljoin(response.url, base), url)) if url else None
    return None


def _unquote(url: str) -> str:
    return url[1:].partition(url[0])[0].strip() if url[:1] in ("'", '"') else url


def _is_inside(element: etree._Element, tags: set[str]) -> bool:
    return any(outer.tag in tags for outer in element.iterancestors())
