"""The time of cleaning grows as the page does: no page costs another its turn."""

from __future__ import annotations

import json
import time
import unicodedata
from contextlib import suppress

import pytest

from cleaning import NoArticle, clean
from cleaning.text.characters import tidy
from cleaning.text.document import parse

from .pages import STORY, html, paragraphs, raw, story

WORST_GROWTH = 9.0  # of the time for four times the page; linear: 4, quadratic: 16
QUICK_S = 0.15  # below it growth is noise


def linked(text: str) -> str:
    return story(head=f'<script type="application/ld+json">{text}</script>')


def named(text: str) -> str:
    return story(head=f'<meta name="author" content="{text}">')


def flooded(attribute: str, count: int) -> str:
    return story(after=f"<p {' '.join(f'a{n}{attribute}' for n in range(count))}>x</p>")


SHAPES = {  # pages of about n characters
    "marks in no order": lambda n: story(after="<p>a" + "\u0301\u0327\u0323" * (n // 6) + "</p>"),
    "joiners": lambda n: story(after="<p>" + "ب\u200d" * (n // 5) + "</p>"),
    "attributes of one element": lambda n: flooded("", n // 7),
    "attributes that hold tags": lambda n: flooded('="<v>"', n // 12),
    "signs before a credit": lambda n: story(after=f"<figure><img src=/a><figcaption>{'( © ' * (n // 4)}</figcaption></figure>"),
    "one name after another": lambda n: named("Ann Lee  ,  " * (n // 12)),
    "blanks in a name": lambda n: named(f"Ann{' ' * n}Lee"),
    "a string that never ends": lambda n: linked('{,"a": "' + '\\"x' * (n // 3)),
    "comments that never end": lambda n: linked("{," + "/*" * (n // 2)),
    "bylines in a box of bylines": lambda n: story(
        after=f"<div class=authors>{'<p class=author><span class=name>x</span></p>' * (n // 48)}</div>"
    ),
    "the site's name over and over": lambda n: story().replace("</title>", f"{' | Gazette' * (n // 10)}</title>"),
    "objects of one article": lambda n: linked(
        json.dumps([{"@type": "NewsArticle", "headline": "Harbour bridge closes", f"k{i}": i} for i in range(n // 80)])
    ),
    "dates": lambda n: html(f"<h1>Bridge</h1>{'<span class=date>Updated 1.</span>' * (n // 36)}<p>{STORY[0]}</p>"),
    "headlines": lambda n: story(after="<h1>Bridge | A - B</h1><p>x</p>" * (n // 32)),
    "numbered boxes": lambda n: story(after=f"<div>{'<div><h4>1/9</h4><p>One two.</p></div>' * (n // 38)}</div>"),
    "custom elements": lambda n: story(after="<a-b>one<c-d>two</c-d></a-b>" * (n // 30)),
    "styles": lambda n: story(head=f"<style>{'.a{display:none}@media x{.b{display:block}}' * (n // 44)}</style>"),
    "hidden boxes": lambda n: story(after="<div hidden><b>-</b></div>" * (n // 26)),
    "bracket after bracket": lambda n: linked("[" * n),
    "tags without an end": lambda n: linked(json.dumps({"@type": "NewsArticle", "articleBody": "<br" * (n // 3)})),
    "one sentence over and over": lambda n: story(after=f"<p>{STORY[0]}</p>" * (n // 120)),
    "dashes": lambda n: story(after=f"<p>{'a-_' * (n // 3)}</p>"),
}  # fmt: skip


def seconds(body: str) -> float:
    started = time.process_time()
    with suppress(NoArticle):
        clean(raw(body))
    return time.process_time() - started


@pytest.mark.parametrize("shape", SHAPES)
def test_time_grows_with_the_page(shape):
    for _ in range(3):
        if (long_s := seconds(SHAPES[shape](160_000))) < QUICK_S:
            return
        if long_s < WORST_GROWTH * seconds(SHAPES[shape](40_000)):
            return
    pytest.fail(f"{long_s:.2f} s for 160,000 characters")


def test_a_text_has_no_more_marks_in_a_row_than_a_script_needs():
    text = tidy("a" + "\u0301\u0327" * 40 + " b")
    assert text == unicodedata.normalize("NFC", text)
    assert [len(run) for run in text[1:-2].split("\u034f")] == [29, 30, 20]  # á is one character
    assert text.replace("\u034f", "").count("\u0327") == 40


@pytest.mark.parametrize("text", ["Crème brûlée", "a" + "\u0301" * 30, "नमस्ते 😀" + "😀" * 50, "…" * 60])
def test_other_texts_keep_their_characters(text):
    assert tidy(text) == unicodedata.normalize("NFC", text)


def test_an_element_keeps_two_thousand_attributes():
    tree, _, _ = parse(
        f"<p class=x {' '.join(f'a{i}={i}' for i in range(3000))}>Text</p><p data-a='>' b>More</p>"
    )
    first, second = tree.iter("p")
    assert (len(first.attrib), first.get("class"), first.text) == (2000, "x", "Text")
    assert dict(second.attrib) == {"data-a": ">", "b": ""}


def test_a_repeated_line_is_compared_once():
    started = time.process_time()
    clean(raw(story(after=paragraphs() + f"<p>{STORY[1]}</p>" * 3000)))
    assert time.process_time() - started < 5
