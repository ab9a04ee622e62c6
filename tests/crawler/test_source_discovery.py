"""Sources that no file names, or that have died: where they are looked for, in which order, and when it is enough."""

import pytest

from crawler.discovery import source_discovery
from crawler.reading.declared_feeds import declared_feeds
from crawler.reading.page_text import PageText
from tests.crawler.outlet_crawl import PAGE, crawl, index, urlset
from tests.crawler.site import site

RSS = "<rss version='2.0'><channel><item><link>{}</link></item></channel></rss>"
HOME = "<head>{}</head><a href='/news/of-home'>a</a><a href='/tag/x'>b</a>"
DECLARED = "<link rel='alternate' type='application/rss+xml' href='{}'>"


@pytest.fixture
def found(tmp_path):
    """found(answers, sources) → (crawl, paths asked for); the outlet file names nothing, unless sources does."""

    def found(answers, **sources):
        base = []

        def answer(path):
            given = PAGE if path.startswith("/news/") else answers.get(path)
            return given.replace("{home}", base[0]) if isinstance(given, str) else given

        with site(answer) as (home, asked):
            base.append(home)
            named = {k: [home + path for path in paths] for k, paths in sources.items()}
            return crawl(tmp_path, home, tables={"sources": named} if named else {}), asked

    return found


def test_the_news_sitemap_of_robots_txt_comes_first_and_is_enough(found):
    answers = {
        "/robots.txt": "User-agent: *\nAllow: /\nSitemap: {home}/all.xml\nSitemap: {home}/news.xml\nSitemap: {home}/video.xml",
        "/": HOME.format(DECLARED.format("/feed.xml")),
        "/news.xml": urlset("/news/a"),
        "/all.xml": urlset("/news/b"),
    }
    done, asked = found(answers)
    assert done.code == 0, done.log
    assert asked == ["/robots.txt", "/", "/news.xml", "/news/a"]
    facts = done.sources["/news.xml"]
    assert (facts["kind"], facts["known_by"], facts["found"]) == ("news_sitemap", "robots.txt", 1)


def test_then_the_feeds_that_the_home_page_names(found):
    links = DECLARED.format("/comments/feed/") + DECLARED.format("/stories.rss")
    done, asked = found({"/": HOME.format(links), "/stories.rss": RSS.format("/news/a")})
    assert asked == ["/robots.txt", "/", "/stories.rss", "/news/a"]
    assert done.sources["/stories.rss"]["known_by"] == "home page"


def test_then_the_sitemaps_of_robots_txt_and_their_children(found):
    answers = {
        "/robots.txt": "Sitemap: /all.xml",
        "/": HOME.format(DECLARED.format("/gone.rss")),
        "/all.xml": index("{home}/one.xml"),
        "/one.xml": urlset("/news/a"),
    }
    done, asked = found(answers)
    assert asked == ["/robots.txt", "/", "/gone.rss", "/all.xml", "/one.xml", "/news/a"]
    assert done.sources["/gone.rss"]["error"] == "answered 404"
    assert done.code == 0


def test_then_the_usual_paths_until_one_lists_an_article(found):
    done, asked = found({"/": "<p>x", "/feed/": RSS.format("/about"), "/rss/": RSS.format("/news/a")})
    tried = [path for _, path in source_discovery.USUAL_PATHS]
    assert asked == ["/robots.txt", "/", *tried[: tried.index("/rss/") + 1], "/news/a"]
    assert done.sources["/rss/"]["known_by"] == "usual path"
    assert "/news-sitemap.xml" not in done.sources  # nobody said that anything would be there
    assert done.code == 0


def test_the_links_of_the_home_page_come_last(found):
    done, asked = found({"/": HOME.format("")})
    assert asked[-1] == "/news/of-home"
    assert len(asked) == 3 + len(source_discovery.USUAL_PATHS)
    assert (done.sources["/"]["kind"], done.sources["/"]["new"]) == ("home", 1)


def test_sources_that_have_all_died_are_looked_for_elsewhere(found):
    answers = {
        "/robots.txt": "Sitemap: {home}/new/news.xml",
        "/": HOME.format(""),
        "/new/news.xml": urlset("/news/a"),
    }
    done, asked = found(answers, feeds=["/dead.rss"], sitemaps=["/dead.xml"])
    assert done.code == 0, done.log
    assert asked[-1] == "/news/a"
    assert done.sources["/dead.rss"]["error"] == "answered 404"
    assert done.sources["/new/news.xml"]["found"] == 1


def test_where_nothing_is_found_the_crawl_fails(found):
    done, asked = found({})
    assert done.code == 1
    assert "FAILED: no source answered" in done.log
    assert len(asked) == 2 + len(source_discovery.USUAL_PATHS)


def test_nothing_is_looked_for_where_a_named_source_answers(found):
    done, asked = found({"/feed": RSS.format("/about"), "/": HOME.format("")}, feeds=["/feed"])
    assert asked == ["/robots.txt", "/feed"]
    # it is the outlet's, and of no use
    assert done.code == 1
    assert "/feed: 1 address listed, none of an article by [articles] allow and deny" in done.log


@pytest.mark.parametrize("left_behind", ["", "<item><link>https://elsewhere.example/news/a</link></item>"])
def test_a_feed_without_any_page_of_the_outlet_is_no_answer(found, left_behind):
    feed = f"<rss version='2.0'><channel><title>x</title>{left_behind}</channel></rss>"
    done, asked = found(
        {"/old": feed, "/": HOME.format(DECLARED.format("/feed")), "/feed": RSS.format("/news/a")},
        feeds=["/old"],
    )
    assert done.code == 0, done.log
    assert asked == ["/robots.txt", "/old", "/", "/feed", "/news/a"]
    assert done.sources["/old"]["foreign"]


@pytest.mark.parametrize(
    ("html", "feeds"),
    [
        ("<link rel='Alternate' type='application/rss+xml' href='/a'>", ["/a"]),
        ("<base href='/sub/'><link rel='alternate' type='application/rss+xml' href='a'>", ["/sub/a"]),
        ("<link rel='alternate' type='application/atom+xml' href='/a'>", ["/a"]),
        ("<link rel='alternate' type='application/rss+xml; charset=utf-8' href='/a'>", ["/a"]),
        ("<link rel='alternate' type='application/rdf+xml' href='/a'>", ["/a"]),
        ("<link rel='alternate' type='text/html' hreflang='de' href='/de'>", []),
        ("<link rel='alternate' type='application/json+oembed' href='/o'>", []),
        ("<link rel='alternate' title='Comments Feed' type='application/rss+xml' href='/c'>", []),
        (
            "<a href='/feed/'>RSS</a><a href='/rss.xml'>x</a><a href='/feeding-cats'>y</a>",
            ["/feed/", "/rss.xml"],
        ),
        ("<a href='https://[bad/rss.xml'>x</a>", []),
    ],
)
def test_feeds_are_known_by_what_the_page_says_of_them(html, feeds):
    page = PageText(f"<html>{html}</html>".encode(), "https://example.org/", encoding="utf-8")
    assert [f.removeprefix("https://example.org") for f in declared_feeds(page)] == feeds
