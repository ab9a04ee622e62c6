import pytest

from cleaning import is_home_page, is_tied, without_return_address

SITE = "https://paper.example"


@pytest.mark.parametrize(
    ("requested", "page"),
    [
        pytest.param("/2026/03/ferry-stays-until-autumn", "/local/ferry-stays-until-autumn-2", id="moved"),
        pytest.param(
            "/ferry-until-autumn.html", "/local/the-ferry-stays-until-the-autumn", id="a longer slug"
        ),
        pytest.param("/-4711815", "/local/quite-other-words-4711815.html", id="the number of the story"),
        pytest.param("/story?id=4711815", "/local/4711815", id="its number in the query"),
        pytest.param("/index.php?id=1234", "/news/1234-harbour-council-votes", id="a short number"),
        pytest.param("/news/xy?from=feed", "/news/xy", id="the same without a parameter"),
        pytest.param("/news/xy", "/news/xy?session=1", id="the same with one more"),
        pytest.param("/amp/news/xy", "/news/xy", id="an AMP version"),
        pytest.param("/news/xy/", "/news/XY.html", id="another ending and case"),
        pytest.param(
            "/%D0%BC%D0%BE%D1%81%D1%82-%D0%B6%D0%B4%D1%91%D1%82", "/a/мост-ждёт-ещё", id="Cyrillic words"
        ),
    ],
)
def test_the_address_of_an_article_that_moved_says_so(requested, page):
    assert is_tied(SITE + requested, SITE + page)


@pytest.mark.parametrize("host", ["https://m.paper.example", "http://www.paper.example"])
def test_the_same_path_on_another_host_is_the_same(host):
    assert is_tied(f"{host}/news/xy", f"{SITE}/news/xy")


@pytest.mark.parametrize(
    ("requested", "page"),
    [
        ("/2026/03/ferry-stays-until-autumn", "/login"),
        ("/news/xy", "/notice"),
        ("/news/xy", "/"),
        ("/?p=12", "/2026/03/ferry-stays-until-autumn"),
        ("/news.php?id=3", "/news.php"),
        ("/news.php?id=3", "/news.php?id=4"),
        ("/2026/03/ferry-stays-until-autumn", "/2026/03/"),
        ("/news/2026/03/01/17", "/news/2026/03/01/18"),
        ("/20260301/a", "/20260301/pause"),
        ("/news/123456", "/login?next=/news/123456"),
        ("/us-news/new-york/mayor", "/us-news/new-york"),
    ],
)
def test_a_page_that_has_nothing_to_do_with_the_address(requested, page):
    assert not is_tied(SITE + requested, SITE + page)


def test_a_title_or_a_canonical_address_ties_what_the_address_does_not():
    short, page = f"{SITE}/?p=12", f"{SITE}/s/1"
    title = "The ferry stays until autumn"
    assert is_tied(short, page, title=title, listed_title="Ferry stays until autumn")
    assert is_tied(short, page, canonical_url=short)
    assert is_tied(f"{SITE}/ferry-until-autumn", page, title=title)
    assert not is_tied(short, page, title=title, listed_title="Council sells the old library")
    assert not is_tied(short, page, title="Log in", listed_title="Log in")  # one word says nothing
    assert not is_tied(short, page, canonical_url="not an address")
    notice, listed = "The Daily Paper asks for your consent", "Council votes tonight - The Daily Paper"
    assert not is_tied(short, page, title=notice, listed_title=listed)


def test_the_front_of_a_host_is_its_home_page():
    assert all(map(is_home_page, (SITE, f"{SITE}/#top", f"{SITE}/?utm_source=x")))
    assert not any(map(is_home_page, (f"{SITE}/news", f"{SITE}/?p=12")))


def test_the_parameter_that_leads_back_is_taken_from_an_address():
    asked = f"{SITE}/news/xy"
    for query in ("next=/news/xy", "next=%2Fnews%2Fxy", "r=https%3A%2F%2Fpaper.example%2Fnews%2Fxy%3Fa%3D1"):
        assert without_return_address(f"{SITE}/login?lang=en&{query}", asked) == f"{SITE}/login?lang=en"
    assert without_return_address(f"{SITE}/login?next=/news/z", asked) == f"{SITE}/login?next=/news/z"
    assert without_return_address(f"{SITE}/login?next=/", f"{SITE}/") == f"{SITE}/login?next=/"
