import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaning import canonical, host_of, page_id
from cleaning.url import without_tracking

SAME = [
    ("https://example.org/a", "http://www.example.org:80/a/?utm_source=x&fbclid=1#top"),
    ("https://example.org/a?b=1&c=2", "https://EXAMPLE.org/a/?c=2&b=1"),
    ("https://example.org", "https://example.org/"),
    ("https://example.org/a%c3%a9", "https://example.org/aé"),
    ("https://example.org/a?ref=rss", "https://example.org/a"),
    ("https://example.org/a;jsessionid=1F?PHPSESSID=2", "https://example.org/a"),
    ("https://user:secret@example.org./a", "https://example.org/a"),
    ("https://münchen.example/a", "https://xn--mnchen-3ya.example/a"),
]
OTHER = [
    ("?123", "?456"),
    ("?/2026/one", "?/2026/two"),
    ("?q=%E4", "?q=%F6"),
    ("?id=1", "?id=2"),
    ("?source=12", "?source=13"),
    ("?ref=12", "?ref=13"),
    ("?p=1&p=2", "?p=2"),
    ("/a//b", "/a/b"),
    ("/A", "/a"),
    ("/#!/story/1", "/#!/story/2"),
    (":8080/", ":8081/"),
    ("/a;id=1", "/a;id=2"),
    ("?page=1", "?page=2"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_spellings_of_one_page_share_an_id(one, two):
    assert page_id(one) == page_id(two)


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_different_pages_keep_different_ids(one, two):
    assert page_id(f"https://example.org{one}") != page_id(f"https://example.org{two}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a",
        "ftp://example.org/a",
        "javascript:x",
        "file:///etc/passwd",
        "http://",
        "http://[bad/",
        "http://a:99999/",
    ],
)
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(ValueError):  # noqa: PT011 - urllib's own messages differ
        canonical(url)


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        ("http://example.org/news/a/?utm_source=x#top", "http://example.org/news/a/"),
        ("https://u:p@example.org/a?12345", "https://example.org/a?12345"),
        ("https://example.org/index.php?/2026/a", "https://example.org/index.php?/2026/a"),
    ],
)
def test_a_page_is_asked_for_by_the_address_that_was_found(found, asked):
    assert without_tracking(found) == asked


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_canonical_is_its_own_canonical_form(tail):
    try:
        once = canonical("https://example.org/" + tail)
    except ValueError:
        return
    assert canonical(once) == once
    assert page_id(once) == page_id("https://example.org/" + tail)


def test_the_host_is_told_without_www():
    assert host_of("https://WWW.Example.org:8080/a") == "example.org"
    assert host_of("nonsense") == ""
