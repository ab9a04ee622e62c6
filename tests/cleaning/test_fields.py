from __future__ import annotations

import json

import pytest

from .pages import cleaned, story


def ld(text: str) -> str:
    return f'<script type="application/ld+json">{text}</script>'


NODE = {
    "@type": "NewsArticle",
    "headline": "Bridge shut",
    "author": {"name": "Ann Lee"},
    "datePublished": "2024-12-03",
}


@pytest.mark.parametrize(
    "script",
    [
        json.dumps(NODE), json.dumps([NODE]), json.dumps({"@graph": [{"@type": "WebSite"}, NODE]}), f"/* made by a plugin */ {json.dumps(NODE)}",
        json.dumps(NODE)[:-1] + ",}", f"<!-- {json.dumps(NODE)} -->", json.dumps(NODE | {"@type": ["Thing", "NewsArticle"]}), json.dumps(NODE) + ";",
    ],
)  # fmt: skip
def test_linked_data_is_read_as_it_is_found(script: str):
    article = cleaned(story(head=ld(script)))
    assert (article.title, article.authors, article.published_raw) == (
        "Bridge shut",
        ("Ann Lee",),
        "2024-12-03",
    )


@pytest.mark.parametrize("value", [None, [], {}, 7, [[None]], {"@type": None}, "\ud800"])
def test_wrong_types_cost_a_field_and_not_the_article(value: object):
    keys = (
        "headline",
        "author",
        "datePublished",
        "image",
        "keywords",
        "articleSection",
        "description",
        "isAccessibleForFree",
        "articleBody",
    )
    article = cleaned(story(head=ld(json.dumps({"@type": "NewsArticle"} | dict.fromkeys(keys, value)))))
    assert article.text


@pytest.mark.parametrize(
    ("named", "authors"),
    [
        ("By Ann Lee", ("Ann Lee",)), ("Ann Lee and Bo Ek", ("Ann Lee", "Bo Ek")), ("Ann Lee und Bo Ek, dpa", ("Ann Lee", "Bo Ek")),
        ("Lee, Ann", ("Lee, Ann",)), ("https://gazette.example/ann", ()), ("10587", ()), ("Ann Lee (al)", ("Ann Lee",)),
    ],
)  # fmt: skip
def test_names_of_authors(named: str, authors: tuple[str, ...]):
    assert cleaned(story(head=f'<meta name="author" content="{named}">')).authors == authors


def test_the_outlet_is_the_author_only_where_nobody_else_is():
    head = '<meta property="og:site_name" content="Gazette">' + ld(
        json.dumps(NODE | {"author": {"name": "Gazette"}})
    )
    assert cleaned(story(head=head)).authors == ("Gazette",)
    assert cleaned(story(head=head + '<meta name="author" content="Ann Lee">')).authors == ("Ann Lee",)


def test_a_picture_with_caption_and_credit():
    figure = "<figure><img src='/b.jpg'><figcaption>The bridge at night. Photo: Ann Lee</figcaption></figure>"
    image = cleaned(story(before=figure)).images[0]
    assert (image.url, image.caption, image.credit) == (
        "https://gazette.example/b.jpg",
        "The bridge at night.",
        "Ann Lee",
    )


@pytest.mark.parametrize(
    ("declared", "paywall"), [(False, True), ("False", True), (True, False), (None, None)]
)
def test_what_the_page_declares_of_a_paywall(declared: object, paywall: bool | None):
    assert cleaned(story(head=ld(json.dumps(NODE | {"isAccessibleForFree": declared})))).paywall is paywall


def test_rights_stand_anywhere_on_the_page():
    article = cleaned(story(after="<footer><p>© 2024 Gazette. All rights reserved.</p></footer>"))
    assert article.rights == "© 2024 Gazette. All rights reserved."
    assert "Gazette" not in article.text
