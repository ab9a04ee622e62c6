"""What is read of an item on which the parser raises: the elements of an entry, in time that grows as the item does."""

from __future__ import annotations

import time

import pytest

from crawler.sources.feeds import _needed_elements
from crawler.sources.list_text import to_utf8

LINK, TITLE = b"<link>https://gazette.example/1</link>", b"<title><![CDATA[A <b>bridge</b>]]></title>"


@pytest.mark.parametrize(
    ("item", "needed"),
    [
        (LINK + TITLE, [LINK, TITLE]),
        (b"<description>" + LINK + b"</description>" + TITLE, [TITLE]),
        (b"<content:encoded><![CDATA[</content:encoded>]]><guid>x</guid></content:encoded>" + LINK, [LINK]),
        (b"<description>never ends" + LINK, [LINK]),
        (b"<title>a <i>b</i></title>" + LINK, [LINK]),
        (b"<title><![CDATA[open</title>" + LINK, [b"<title>open</title>", LINK]),
        (b"<a><![CDATA[x]]></a><title><![CDATA[1<![CDATA[2</title>" + LINK, [b"<title>12</title>", LINK]),
        (b"<atom:link href='https://gazette.example/2'/><dc:date>2026-01-02</dc:date>", [b"<atom:link href='https://gazette.example/2'/>", b"<dc:date>2026-01-02</dc:date>"]),
        (b"< title>" + b"<" * 9 + LINK, [LINK]),
    ],
)  # fmt: skip
def test_the_elements_of_an_entry(item, needed):
    assert list(_needed_elements(item)) == needed


@pytest.mark.parametrize(
    "unit", [b"<description>", b"<link><![CDATA[", b"<link>", b"<", b"<link a", b"]]>", b"<![CDATA["]
)
@pytest.mark.parametrize("end", [b"", b"]]>"])
def test_an_item_of_a_megabyte(unit, end):
    began = time.process_time()
    list(_needed_elements(unit * (1_000_000 // len(unit)) + end))
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", "undefined", "base64", "zip", "utf-7", "x-none", "\u00fc"]
)
def test_no_name_of_an_encoding_raises(charset):
    assert b"caf" in to_utf8(b"<rss>caf\xe9 -x</rss>", charset)
