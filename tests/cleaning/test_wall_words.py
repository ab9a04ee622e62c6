from __future__ import annotations

import pytest

from cleaning import NoArticle, Rules, clean

from .pages import cleaned, html, paragraphs, raw, story

LINKS = "".join(
    f'<li><a href="/{n}">Story number {n} of the harbour and its bridge</a></li>' for n in range(40)
)
FIGURES = "".join(
    f"<figure><img src='{n}.jpg'><figcaption>The bridge from quay number {n} at night</figcaption></figure>"
    for n in range(8)
)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("", "empty"), ("just words", "not_html"), ("<html><body></body></html>", "empty"), ("<p>Nine words are not a story of the bridge.</p>", "too_short"),
        ("<title>Page not found</title><h1>404</h1><p>The page you are looking for is not here.</p>", "soft_404"),
        ("<title>Just a moment...</title><p>Verify you are human by ticking the box below.</p>", "bot_wall"),
        ("<title>Gazette</title><p>We value your privacy. We and our partners store data on your device.</p><button>Accept</button>", "consent_wall"),
        (html("<h1>The bridge</h1><p>Cracks in four piers.</p><p>Subscribe to continue reading.</p>"), "paywall"),
        (html("<h1>The bridge in pictures</h1>" + FIGURES), "gallery"),
        (html('<h1>Watch the bridge</h1><video src="a.mp4"></video><p>See it.</p>', '<meta property="og:type" content="video.other">'), "video"),
    ],
)  # fmt: skip
def test_each_page_that_is_no_article_has_its_reason(page: str, reason: str):
    with pytest.raises(NoArticle) as caught:
        cleaned(page)
    assert caught.value.reason == reason


def test_a_front_page_is_a_listing():
    with pytest.raises(NoArticle) as caught:
        clean(raw(html(f"<ul>{LINKS}</ul>"), "https://gazette.example/"), Rules())
    assert caught.value.reason == "listing"


@pytest.mark.parametrize(
    "page",
    [
        story(after="<p>Subscribe to continue reading.</p>"),
        story(head="<title>404 piers and not found a crack</title>"),
        story(after=f"<ul>{LINKS}</ul>"),
        story(before=FIGURES),
        html(f"<div>We value your privacy.</div>{paragraphs()}"),
    ],
)
def test_a_story_is_an_article_whatever_stands_around_it(page: str):
    assert cleaned(page).word_count > 80
