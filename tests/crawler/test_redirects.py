"""Redirects are followed where a browser would follow them, and an endless one says what may help."""

import asyncio

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse, Response
from scrapy.utils.test import get_crawler

from crawler.politeness.redirects import MetaRefresh, Redirects
from crawler.politeness.request_policy import NotFetched
from crawler.reading.meta_refresh import find_refresh
from crawler.reading.page_text import PageText

ASKED = Request("https://gazette.example/a")
TAG = '<html><head><META HTTP-EQUIV="Refresh" content="0; url=/b"></head></html>'
META = '<meta http-equiv="refresh" content="{}">'
LEAVE = META.format("0;url=/b")


def middleware(kind, **settings):
    return kind.from_crawler(
        get_crawler(
            settings_dict={
                "METAREFRESH_MAXDELAY": 5,
                "COOKIES_ENABLED": False,
                "CLEAN_WORKERS": 0,
                "CLEAN_DEADLINE_S": 60,
                "CLEAN_BYTES": 2**30,
                "CLEAN_WORKER_PAGES": 1,
                **settings,
            }
        )
    )


def passed(body, encoding="utf-8", asked=ASKED, **settings):
    """(what the middleware makes of a page, the page)"""
    body = body if isinstance(body, bytes) else body.encode(encoding)
    response = HtmlResponse(asked.url, body=body, encoding=encoding, request=asked)
    return asyncio.run(middleware(MetaRefresh, **settings).process_response(asked, response)), response


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "shift_jis"])
def test_a_page_that_leads_on_by_a_tag_is_followed(encoding):
    found, _ = passed(TAG, encoding)
    assert found.url == "https://gazette.example/b"


def test_a_page_without_the_tag_is_not_decoded():
    found, response = passed(b"<html><body>" + b"a story " * 10_000 + b"refresh</body></html>")
    assert found is response
    assert response._cached_ubody is None


@pytest.mark.parametrize(
    "hidden",
    [
        f"<script>document.write('{LEAVE}')</script>",
        f'<script type="text/template">{LEAVE}</script>',
        f"<SCRIPT>var a = '<!-- {LEAVE} -->';</SCRIPT>",
        f"<style>/* {LEAVE} */</style>",
        f"<template><p><template></template>{LEAVE}</p></template>",
        f"<textarea>{LEAVE}</textarea>",
        f"<title>{LEAVE}</title>",
        f"<noscript>{LEAVE}</noscript>",
        f"<noscript><div>{LEAVE}</div></noscript>",
        f"<iframe>{LEAVE}</iframe>",
        f"<xmp>{LEAVE}</xmp>",
        f"<!-- {LEAVE} -->",
        f"<!--[if lt IE 9]>{LEAVE}<![endif]-->",
        f"<!-- a > {LEAVE} -->",
        f"<p title='{LEAVE}'>",
        "<pre>&lt;meta http-equiv=\"refresh\" content=\"0;url=/b\"&gt;</pre>",
        "<meta name='note' content='http-equiv=refresh 0;url=/b'>",
    ],
)  # fmt: skip
def test_what_a_browser_does_not_take_for_the_tag_leads_nowhere(hidden):
    page = f"<!doctype html><html><head><title>x</title>{hidden}</head><body>{hidden}<p>A story.</p></body></html>"
    found, response = passed(page)
    assert found is response


def test_the_tag_counts_beside_hidden_ones_and_wherever_it_stands():
    filler = "<script>var a = 1;</script>" * 5000
    assert passed(f"<head><template>{LEAVE}</template>{filler}</head><body>{LEAVE}")[0].url.endswith("/b")
    assert passed(f"<noscript>{LEAVE}</noscript>", METAREFRESH_IGNORE_TAGS=[])[0].url.endswith("/b")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("0;url=/b", (0, "/b")),
        ("0; URL='/b'", (0, "/b")),
        ('1,url="/b" x', (1, "/b")),
        ("3 /b", (3, "/b")),
        ("0;/b", (0, "/b")),
        (".5; url = /b ", (0, "/b")),
        ("4.9;url=b?c=d", (4, "/b?c=d")),
        ("5", None),
        ("5;", None),
        ("0;url=''", None),
        ("-1;url=/b", None),
        ("url=/b", None),
        ("0url=/b", None),
        ("", None),
    ],
)
def test_the_content_is_read_as_browsers_read_it(content, found):
    quote = "'" if '"' in content else '"'
    body = f"<meta http-equiv=refresh content={quote}{content}{quote}>".encode()
    refresh = find_refresh(PageText(body, "https://x.example/"), ())
    assert (refresh and (refresh.seconds, refresh.url)) == (
        found and (found[0], f"https://x.example{found[1]}")
    )


def test_the_first_tag_that_can_be_read_counts():
    assert passed(META.format("soon") + META.format("0;url=/first") + LEAVE)[0].url.endswith("/first")
    found, response = passed(META.format("60") + LEAVE)  # it reloads the page, and later
    assert found is response


@pytest.mark.parametrize(
    "url", ["/a", "#top", "?", "", "/a/", "HTTPS://GAZETTE.example:443/a", "/a?utm_source=x"]
)
def test_a_page_that_reloads_itself_is_the_page(url):
    found, response = passed(META.format(f"3;url={url}"))
    assert found is response


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "mailto:a@b.example", "file:///etc/passwd", "http://[", "data:,x"]
)
def test_a_tag_that_names_no_address_leads_nowhere(url):
    found, response = passed(META.format(f"0;url={url}"))
    assert found is response


def test_pages_that_lead_to_one_another_end_with_the_page():
    """By turns, and with an address that is never the same."""
    back = Request(ASKED.url, meta={"redirect_urls": ["https://gazette.example/b"], "redirect_times": 1})
    found, response = passed(LEAVE, asked=back)
    assert found is response
    tired = Request(ASKED.url, meta={"redirect_times": 5, "redirect_ttl": 0})
    found, response = passed(META.format("1;url=?n=6"), asked=tired, REDIRECT_MAX_TIMES=5)
    assert found is response


# ---------------------------------------------------------------- status lines


def follow(location, request, times=5, **headers):
    response = Response(request.url, 302, headers={"Location": location, **headers})
    return middleware(Redirects, REDIRECT_MAX_TIMES=times).process_response(request, response)


@pytest.mark.parametrize("location", ["javascript:alert(1)", "mailto:a@b.example", "file:///etc/passwd"])
def test_a_location_that_is_no_address_leaves_the_answer(location):
    assert follow(location, ASKED).status == 302


def test_an_endless_redirect_says_where_it_led():
    request = follow("/b", ASKED, 2)
    request = follow("/c", request, 2)
    with pytest.raises(NotFetched, match=r"max redirections reached .*/a → .*/b → .*/c") as refused:
        follow("/a", request, 2)
    assert refused.value.reason == "http_error"
    assert "cookie" not in str(refused.value)


@pytest.mark.parametrize("chain", [["/a"], ["/check?back=/a", "/a"], ["/a?n=1", "/a?n=2"]])
def test_one_that_waits_for_its_cookie_names_the_cure(chain):
    request = ASKED
    with pytest.raises(NotFetched, match=r"sets a cookie and redirects to itself.* `cookies = true`"):
        for location in chain * 9:
            request = follow(location, request, **{"Set-Cookie": "seen=1"} if location == chain[0] else {})
    with pytest.raises(NotFetched) as refused:
        settings = {"COOKIES_ENABLED": True, "REDIRECT_MAX_TIMES": 0}
        response = Response(ASKED.url, 302, headers={"Location": "/a", "Set-Cookie": "seen=1"})
        middleware(Redirects, **settings).process_response(ASKED, response)
    assert "cookie" not in str(refused.value)
