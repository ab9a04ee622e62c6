import pytest

from cleaning import is_alternate_url

PAGE = "https://www.gazette.example/harbour/bridge-closes"


@pytest.mark.parametrize(
    "url",
    [
        PAGE + "/amp",
        PAGE + "/amp/",
        PAGE + "?amp=1",
        PAGE + "?amp",
        PAGE + "?outputType=amp",
        PAGE + ".amp.html",
        PAGE + "-amp.html",
        PAGE + "/print/",
        PAGE + "?print=1",
        PAGE + "?view=print",
        "https://amp.gazette.example/harbour/bridge-closes",
        "https://m.gazette.example/harbour/bridge-closes",
        "https://gazette.example/amp/harbour/bridge-closes",
        "http://gazette.example/print/harbour/bridge-closes.html",
    ],
)
def test_amp_print_and_mobile_addresses_are_versions_of_the_page(url):
    assert is_alternate_url(url, PAGE)


@pytest.mark.parametrize(
    "url",
    [
        PAGE,
        PAGE + "/",
        PAGE + ".html",
        PAGE + "?id=2",
        PAGE + "-again/amp",
        "https://www.gazette.example/harbour/amp/bridge-closes",
        "https://www.gazette.example/harbour/bridge-closes-in-print",
        "https://amp.example/harbour/bridge-closes",
        "https://other.example/harbour/bridge-closes/amp",
        "http://[bad/amp",
        "",
    ],
)
def test_other_addresses_are_none(url):
    assert not is_alternate_url(url, PAGE)
