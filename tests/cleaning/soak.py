"""Cleaning is total: any bytes give an article or a reason. Looks for a counterexample for so many seconds.

python -m tests.cleaning.soak [SECONDS]
"""

from __future__ import annotations

import json
import secrets
import sys
import time
import unicodedata
from collections import Counter
from itertools import count

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from cleaning import Article, Header, NoArticle, clean
from cleaning.records import RawPage

from .pages import NOW, STORY, URL, story

_TAGS = ["p", "div", "span", "a", "ul", "li", "table", "tr", "td", "h1", "h2", "figure", "figcaption", "br", "b", "font", "aside", "nav", "svg", "template", "noscript", "x-y", "time", "blockquote", "form", "html", "body", "head", "title"]  # fmt: skip
_ATTRIBUTES = st.sampled_from(["", " class='related'", " class='author-bio'", " href='/a'", " id='comments'", " datetime='2024-13-45'", " itemprop='author'", " style='x", " class='"])  # fmt: skip
_OPEN = st.builds("<{}{}>".format, st.sampled_from(_TAGS), _ATTRIBUTES)
_CLOSE = st.builds("</{}>".format, st.sampled_from(_TAGS))
_KEYS = st.sampled_from(["@type", "@graph", "headline", "author", "name", "url", "datePublished", "dateModified", "image", "keywords", "articleSection", "articleBody", "isAccessibleForFree", "hasPart", "cssSelector", "wordCount", "isBasedOn", "license", "genre", "sponsor", "digitalSourceType", "description"])  # fmt: skip
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(["NewsArticle", "2024-12-03", "False", "http://[", ".x", "1e400"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
_LINKED = st.builds(
    lambda values: (
        f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle"} | values)}</script>'
    ),
    st.dictionaries(_KEYS, _VALUES, max_size=8),
)
_META = st.builds("<meta property='{}' content='{}'>".format, st.sampled_from(["og:title", "og:type", "article:published_time", "author", "syndication-source", "keywords"]), st.text(max_size=30))  # fmt: skip
_PIECES = st.one_of(_OPEN, _CLOSE, _LINKED, _META, st.sampled_from([*STORY, "<!--", "-->", "&#0;", "&#xD800;", "\u202e", "]]>", "<![CDATA[", "© 2024 "]), st.text(max_size=40))  # fmt: skip
_MARKUP = st.lists(_PIECES, max_size=80).map(lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass"))
_BROKEN = st.builds(
    lambda at, length, put: (page := story().encode())[: at % len(page)] + put + page[(at + length) % len(page) :],
    st.integers(0, 5000), st.integers(0, 300), st.binary(max_size=40),
)  # fmt: skip
_BODIES = st.one_of(
    _MARKUP, _BROKEN, st.binary(max_size=4000), st.binary(max_size=2000).map(lambda b: b"<html><p>" + b)
)
_TYPES = st.sampled_from(["text/html", "text/html; charset=utf-8", "text/html; charset=utf-16", "text/html; charset=iso-2022-jp", "application/xhtml+xml", "", "text/html; charset=\u00fc"])  # fmt: skip
_URLS = st.sampled_from([URL, "https://gazette.example/", "https://gazette.example/opinion/a/", "https://gazette.example"])  # fmt: skip


def outcome(body: bytes, content_type: str = "text/html", url: str = URL) -> Article | str:
    """The article, checked for what every consumer may rely on, or the reason."""
    page = RawPage("0" * 32, url, url, "gazette", 200, (Header("content-type", content_type),), body, NOW)
    try:
        article = clean(page)
    except NoArticle as none:
        if none.reason == "broken":  # an exception in disguise
            raise
        return none.reason
    assert article.text == unicodedata.normalize("NFC", article.text)
    assert all(line == line.strip() != "" for line in article.text.split("\n"))
    assert "\0" not in article.text
    assert 0 <= article.text_confidence <= 1
    assert all(cut.kind and cut.rule and len(cut.text) <= 2000 for cut in article.removed)
    return article


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    outcomes: Counter[str] = Counter()

    @settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_BODIES, _TYPES, _URLS)
    def look(body: bytes, content_type: str, url: str) -> None:
        found = outcome(body, content_type, url)
        outcomes[found if isinstance(found, str) else "article"] += 1

    began, first = time.monotonic(), secrets.randbits(32)
    for number in count(first):  # other pages each time; a counterexample is printed in any case
        if time.monotonic() - began > seconds:
            break
        seed(number)(look)()
    print(
        f"{outcomes.total()} pages in {time.monotonic() - began:.0f} s, no counterexample: {dict(outcomes)}"
    )


if __name__ == "__main__":
    main()
