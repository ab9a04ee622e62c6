"""Which JSON-LD object is the page's own, and what is read of a broken one."""

from __future__ import annotations

import json

import pytest

from cleaning.metadata.lenient_json import read_leniently

from .pages import URL, cleaned, story

OWN = {
    "@type": "NewsArticle",
    "headline": "Harbour bridge closes",
    "author": {"@type": "Person", "name": "Ann Lee"},
    "datePublished": "2024-12-03",
}
OTHER = {
    "@type": "NewsArticle", "headline": "Five walks along the dunes in autumn", "author": {"name": "Otto Other"}, "datePublished": "2020-01-01",
    "description": "Walks for the whole family.", "url": "https://gazette.example/2020/01/01/walks", "isAccessibleForFree": False, "wordCount": 9000,
}  # fmt: skip


def script(*values: object) -> str:
    return "".join(
        f'<script type="application/ld+json">{v if isinstance(v, str) else json.dumps(v)}</script>'
        for v in values
    )


@pytest.mark.parametrize(
    "values",
    [
        [{"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": OTHER}]}],
        [{"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": OTHER}]}, OWN],
        [OTHER | {"author": "Otto Other", "keywords": "a, b"}, OWN],
        [OWN | {"citation": OTHER, "mentions": [OTHER]}],
        [{"@type": "Organization", "name": "Gazette", "about": OTHER}, OWN],
        [{"@type": "WebPage", "mainEntity": OWN, "relatedLink": [OTHER]}],
        [OWN | {"@type": "LiveBlogPosting", "liveBlogUpdate": [{**OTHER, "@type": "BlogPosting"}]}],
        [{"@graph": [OTHER, OWN]}],
        [OTHER | {"mainEntityOfPage": {"@id": OTHER["url"]}}, OWN | {"mainEntityOfPage": URL}],
    ],
)
def test_another_storys_object_gives_nothing(values: list[object]):
    article = cleaned(story(head=script(*values)))
    assert article.title == "Harbour bridge closes"
    assert article.authors in (("Ann Lee",), ())
    assert article.published_raw != "2020-01-01"
    assert (article.paywall, article.paywall_seen) in ((None, False), (False, False))


@pytest.mark.parametrize(
    "url", ["A://[", "http://[::1", "//", "/\\", "javascript:void(0)/", "https://gazette.example:port/x"]
)
def test_an_address_that_is_none_does_no_harm(url: str):
    assert cleaned(story(head=script(OWN | {"url": url, "mainEntityOfPage": {"@id": url}}))).authors == (
        "Ann Lee",
    )


def test_an_object_named_by_its_id_stands_in_its_place():
    person = {"@type": "Person", "@id": "https://gazette.example/#ann", "name": "Ann Lee"}
    for named in ({"@id": person["@id"]}, [{"@id": person["@id"]}], person["@id"]):
        page = story(head=script({"@graph": [OWN | {"author": named}, person]}))
        assert cleaned(page).authors == ("Ann Lee",)
    parts = {"@type": "Person", "givenName": "Ann", "familyName": "Lee"}
    assert cleaned(story(head=script(OWN | {"author": parts}))).authors == ("Ann Lee",)


@pytest.mark.parametrize(
    "broken",
    [
        "\ufeff%s", "<!-- %s -->", "/* <![CDATA[ */ %s /* ]]> */", "%s;", "%s%s", "[%s,]",
    ],
)  # fmt: skip
def test_wrappers_are_read(broken: str):
    text = broken.replace("%s", json.dumps(OWN))
    assert cleaned(story(head=script(text))).authors == ("Ann Lee",)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "said "no", and left", "b": 1}', {"a": 'said "no", and left', "b": 1}),
        ('{"a": undefined, "b": NaN, "c": True1}', {"a": None, "b": None, "c": "True1"}),
        ('{"a": "x"\n"b": "y"}', {"a": "x", "b": "y"}),
        ('{"a": ["x",, "y",], }', {"a": ["x", "y"]}),
        ('{"a": "x\\q \\u00e9", "b": "cut o', {"a": "xq é", "b": "cut o"}),
        ('{"a": "one\ntwo", // why\n "b": -1.5}', {"a": "one\ntwo", "b": -1.5}),
        ('{"a": {"b": 1}]', {"a": {"b": 1}}),
    ],
)
def test_what_can_be_read_of_broken_json(text: str, value: object):
    assert read_leniently(text) == [value]


@pytest.mark.parametrize(
    "text", ["", "}}]]", '"', "{", '{"a"', "[[[[", '{"a":' * 500, "\\" * 50, "nonsense here"]
)
def test_any_text_gives_something_or_nothing(text: str):
    assert isinstance(read_leniently(text), list)


# ---------------------------------------------------------------- authors


@pytest.mark.parametrize(
    ("byline", "authors"),
    [
        ("<p class=byline>By Ann Lee in Berlin and Bo Ek in Paris</p>", ("Ann Lee", "Bo Ek")),
        ("<p class=byline>Text: Ann Lee | Foto: Bo Ek</p>", ("Ann Lee",)),
        ("<p class=byline>Von Ann Lee, Hamburg</p>", ("Ann Lee",)),
        ("<p class=author>Ann Lee, Chief Harbour Correspondent</p>", ("Ann Lee",)),
        ("<div class=byline>By<span>Ann Lee</span></div>", ("Ann Lee",)),
        ("<div class=byline><a rel=author href=/a/1>Ann Lee</a> <a href=https://twitter.com/a>Twitter</a></div>", ("Ann Lee",)),
        ("<address><a rel=author href=/p/1>Ann Lee</a> and <a rel=author href=/p/2>Bo Ek</a></address>", ("Ann Lee", "Bo Ek")),
        ("<div class=author>Ann Lee last updated 4 April 24</div>", ("Ann Lee",)),
        ("<p class=byline>Ann Lee December 23, 2024</p>", ("Ann Lee",)),
        ("<p class=byline>By Ann Lee - Published 3 May 2024 - 4 min read</p>", ("Ann Lee",)),
        ("<div class=byline><span class=date>Dec 1st 2024 1:01PM</span></div>", ()),
        ("<div class=author-name>بقلم: سمير حداد</div>", ("سمير حداد",)),
        ("<p class=author>文・山田花子</p>", ("山田花子",)),
        ("<p class=author>Par Ann Lee et Bo Ek · Mis à jour le 3 mai</p>", ("Ann Lee", "Bo Ek")),
        ("<p class=comment-author>Carl Crow</p>", ()),
        ("<p class=byline>By Ann Lee @annlee</p>", ("Ann Lee",)),
        ("<p class=byline>By Ann Lee and Bo Ek, Reuters</p>", ("Ann Lee", "Bo Ek")),
    ],
)  # fmt: skip
def test_the_names_in_a_byline(byline: str, authors: tuple[str, ...]):
    assert cleaned(story(byline)).authors == authors


@pytest.mark.parametrize(
    ("stated", "byline", "authors"),
    [
        ("Ann Lee | The Harbour Post", "", ("Ann Lee",)),
        ("Ann Lee, Staff Writer", "", ("Ann Lee",)),
        ("The Harbour Post", "<p class=byline>Ann Lee</p>", ("Ann Lee",)),
        ("Newsroom", "<p class=byline>Ann Lee</p>", ("Ann Lee",)),
        ("The Harbour Post", "", ("The Harbour Post",)),
    ],
)
def test_a_house_is_named_only_where_nobody_is(stated: str, byline: str, authors: tuple[str, ...]):
    head = script(OWN | {"author": {"name": stated}, "publisher": {"name": "The Harbour Post"}})
    assert cleaned(story(byline, head=head)).authors == authors


# ---------------------------------------------------------------- titles

LONG = "Harbour bridge closes for a whole year after engineers find cracks in four of its nine piers"


@pytest.mark.parametrize("separator", ["|", "-", "–", "—", "»", "›", "⋆", "/", "·", "::", "•", "~"])
def test_the_sites_name_goes_before_and_behind_any_separator(separator: str):
    site = '<meta property="og:site_name" content="The Harbour Post">'
    for title in (f"{LONG} {separator} The Harbour Post", f"The Harbour Post {separator} {LONG}"):
        page = story().replace("<title>Harbour bridge closes</title>", f"<title>{title}</title>{site}")
        page = page.replace("<h1>Harbour bridge closes</h1>", "")
        assert cleaned(page).title == LONG


@pytest.mark.parametrize(
    ("head", "h1", "title"),
    [
        (f'<meta property="og:title" content="{LONG[:60]}…">', LONG, LONG),
        (script(OWN | {"headline": f"{LONG[:70]}..."}), LONG, LONG),
        (script(OWN | {"headline": "The <em>Gannet</em> sails no more &amp; rests"}), "", "The Gannet sails no more & rests"),
        ("", f"<span class=kicker>Harbour row</span><span>{LONG}</span>", LONG),
        ("", f"<small>Harbour row</small> {LONG}", LONG),
        (script(OWN | {"name": LONG, "headline": "a tagline of the desk"}), LONG, LONG),
        ('<meta property="og:title" content="Plus/Minus - a first album">', "Plus/Minus - a first album", "Plus/Minus - a first album"),
    ],
)  # fmt: skip
def test_the_headline_as_the_page_shows_it(head: str, h1: str, title: str):
    page = story(head=head).replace(
        "<title>Harbour bridge closes</title>", f"<title>{LONG}</title>" if h1 else ""
    )
    page = page.replace("<h1>Harbour bridge closes</h1>", f"<h1>{h1}</h1>" if h1 else "")
    assert cleaned(page).title == title
