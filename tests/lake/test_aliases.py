"""Other addresses of one page: AMP and print versions, in both orders, also where the text is short."""

from dataclasses import replace

import pytest

from tests.lake.stories import raw, text_of
from tests.lake.test_run import crawl, rows, state  # noqa: F401  # a fixture

URL = "https://one.example/bridge"


def version(url, *lines, canonical=URL, title="The bridge"):
    text = "".join(f"<p>{line}</p>" for line in lines)
    head = f'<title>{title}</title><link rel="canonical" href="{canonical}">'
    return raw(url, f"<html><head>{head}</head><body><article><h1>{title}</h1>{text}</article></body></html>")


@pytest.mark.parametrize("ending", ["/amp", "?amp=1", "?outputType=amp", ".amp.html", "/print", "?print=1"])
@pytest.mark.parametrize("lines", [1, 8])
@pytest.mark.parametrize("first", ["page", "version"])
def test_a_version_of_a_page_is_its_alias_whichever_comes_first(tmp_path, state, ending, lines, first):  # noqa: F811
    pages = [version(URL, *text_of("bridge")[:lines]), version(URL + ending, *text_of("bridge")[:lines])]
    pages = pages if first == "page" else pages[::-1]
    article, alias = crawl(str(tmp_path / "lake"), state, *pages)
    assert (article.outcome, alias.outcome) == ("articles", "copies")
    assert alias.verdict.relation == "alias"
    assert alias.verdict.story_id == pages[0].id
    (row,) = rows(str(tmp_path / "lake"), state, "copies")
    assert row["copy_of"] == pages[0].id


@pytest.mark.parametrize("host", ["amp.one.example", "www.one.example/amp", "one.example/print"])
def test_so_is_one_that_shows_but_the_beginning(tmp_path, state, host):  # noqa: F811
    outlet = {"outlet": "one"}
    page, short = version(URL, *text_of("bridge")), version(f"https://{host}/bridge", text_of("bridge")[0])
    _, alias = crawl(str(tmp_path / "lake"), state, replace(page, **outlet), replace(short, **outlet))
    assert (alias.outcome, alias.verdict.relation) == ("copies", "alias")


def test_a_wrong_canonical_makes_no_alias_of_another_story(tmp_path, state):  # noqa: F811
    """As on sites whose every page names the same one."""
    other = version("https://one.example/library", *text_of("library"), title="The library")
    found = crawl(str(tmp_path / "lake"), state, version(URL, *text_of("bridge")), other)
    assert [r.outcome for r in found] == ["articles", "articles"]
