"""Scrapy's middlewares that have something to do only now and then."""

import pytest
from scrapy import Request
from scrapy.downloadermiddlewares.cookies import CookiesMiddleware
from scrapy.exceptions import NotConfigured
from scrapy.http import HtmlResponse
from scrapy.utils.test import get_crawler

from crawler.politeness.cookies import Cookies
from crawler.politeness.redirects import MetaRefresh

ASKED = Request("https://gazette.example/a")
TAG = '<html><head><META HTTP-EQUIV="Refresh" content="0; url=/b"></head></html>'


def passed(body, encoding=None):
    middleware = MetaRefresh.from_crawler(get_crawler(settings_dict={"METAREFRESH_MAXDELAY": 5}))
    response = HtmlResponse(ASKED.url, body=body, encoding=encoding)
    return middleware.process_response(ASKED, response), response


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_page_that_leads_on_by_a_tag_is_followed(encoding):
    found, _ = passed(TAG.encode(encoding), encoding)
    assert found.url.startswith("https://gazette.example/b")  # w3lib joins in the page's own charset


def test_a_page_without_the_tag_is_not_decoded():
    found, response = passed(b"<html><body>" + b"a story " * 10_000 + b"refresh</body></html>")
    assert found is response
    assert response._cached_ubody is None


def test_cookies_are_kept_where_they_are_wanted():
    on = Cookies.from_crawler(get_crawler(settings_dict={"COOKIES_ENABLED": True}))
    assert isinstance(on, CookiesMiddleware)
    with pytest.raises(NotConfigured):
        Cookies.from_crawler(get_crawler(settings_dict={"COOKIES_ENABLED": False}))
