"""What pages do to us: sizes, charsets, nesting. Each ends in an article or a reason, in bounded time and memory."""

from __future__ import annotations

import time
import unicodedata

import pytest

from cleaning import NoArticle

from .pages import STORY, cleaned, paragraphs, story

_DEADLINE_S = 20.0  # of CPU; what one takes on an idle machine is a second or two


def outcome(body: bytes) -> str:
    """The text, or the reason."""
    began = time.process_time()
    try:
        found = cleaned(body).text
    except NoArticle as none:
        found = none.reason
    assert found != "broken"
    assert time.process_time() - began < _DEADLINE_S
    return found


@pytest.mark.parametrize(
    "body",
    [
        b"<p>" + b"word " * (20 << 20),
        story().encode() + b"<!--" + b"x" * (50 << 20),
        paragraphs().encode() + b"<i>x</i>" * 100_000,
        b"<div><p><b>" * 5000 + paragraphs().encode(),
        b"<table><tr><td>" * 400 + paragraphs().encode(),
    ],
    ids=[
        "a line of 100 MB",
        "a page of 50 MB",
        "100,000 elements wide",
        "nothing closed",
        "tables in tables",
    ],
)
def test_size_and_shape_are_bounded(body: bytes):
    assert outcome(body)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (story().replace("harbour", "hârbour").encode("cp1252"), "hârbour"),
        (story().replace("harbour", "гавань").encode("koi8-r", "ignore"), None),  # no label: no promise but that of an end
        (b'<meta charset="koi8-r">' + story().replace("harbour", "гавань").encode("koi8-r", "ignore"), "гавань"),
        (b'<meta charset="utf-8">' + story().encode("utf-16"), "harbour"),
        (story().replace("harbour", "hârbour").encode().decode("cp1252", "replace").encode(), None),  # encoded twice
        (story().replace("harbour", unicodedata.normalize("NFD", "hârbour")).encode(), "hârbour"),
        (story().replace("harbour", "har\u200bb\u202eour\0").encode(), "harbour"),
        (story().replace("harbour", "har\ud800bour").encode("utf-8", "surrogatepass"), None),
    ],
    ids=["cp1252", "koi8 without a label", "koi8", "utf-16 that says utf-8", "twice", "decomposed", "unseen", "surrogate"],
)  # fmt: skip
def test_whatever_the_charset_the_text_is_valid_and_composed(body: bytes, wanted: str | None):
    text = outcome(body)
    assert len(text.splitlines()) == len(STORY)
    assert text == unicodedata.normalize("NFC", text)
    assert text.encode("utf-8")
    assert wanted is None or wanted in text
