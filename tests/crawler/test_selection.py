"""What is chosen before a request is made: entries by selection and window, children by their days, pages by number."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from crawler.command_line.arguments import BadArgument, order_of, selection_of, window_of
from crawler.sources.day_span import DaySpan
from crawler.sources.entries import Entry
from crawler.sources.entry_filters import is_frozen, is_within, why_not_wanted
from crawler.sources.section_pages import next_page
from crawler.sources.sitemap_index import fresh_sitemaps, of_this_hour, sitemaps_in_window
from crawler.sources.url_dates import article_days, sitemap_days
from outlets import Outlet, Selection

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
A = "https://example.org/a"


def entry(url=A, days=None, modified=None, language=None):
    at = [NOW - timedelta(days=d) if d is not None else None for d in (days, modified)]
    return Entry(url, *at, language=language)


@pytest.mark.parametrize(
    ("selection", "listed", "why"),
    [
        (Selection(), entry(days=9999), None),
        (Selection(languages=("de",)), entry(language="de"), None),
        (Selection(languages=("de",)), entry(language="en"), "language"),
        (Selection(languages=("de",)), entry(), None),  # nobody says: fetched, and looked at then
        (Selection(sections=("politics",)), entry("https://example.org/en/Politics/a"), None),
        (Selection(sections=("politics",)), entry("https://example.org/sport/politics-of-it"), "section"),
        (Selection(max_age_days=2), entry(days=1), None),
        (Selection(max_age_days=2), entry(days=3), "age"),
        (Selection(max_age_days=2), entry(days=3, modified=0), "age"),
        (Selection(max_age_days=2), entry(modified=3), "age"),  # untouched since: it has not appeared since
        (Selection(max_age_days=2), entry("https://example.org/2026/03/01/a"), "age"),
        (Selection(max_age_days=2), entry("https://example.org/2026/03/08/a"), None),
        (Selection(max_age_days=2), entry("https://example.org/2026/03/a"), None),
        (Selection(max_age_days=2), entry(), None),
    ],
)
def test_an_entry_is_refused_for_a_reason(selection, listed, why):
    assert why_not_wanted(selection, listed, NOW) == why


def test_an_argument_takes_the_place_of_what_the_outlet_file_says():
    given = selection_of(
        Selection(("hu",), ("world",), 9, 50), {"languages": "de, EN", "max_age_days": "7", "other": "x"}
    )
    assert given == Selection(("de", "en"), ("world",), 7, 50)


@pytest.mark.parametrize(
    "given",
    [{"since": "01.02.2019"}, {"until": "2019-01-01"}, {"since": "2019-02-01", "until": "2019-01-01"}],
)
def test_a_window_that_cannot_be_is_told(given):
    with pytest.raises(BadArgument):
        window_of(given)


def test_a_window_ends_today_unless_told():
    before = datetime.now(UTC).date()
    window = window_of({"since": "2019-01-01"})
    assert window in (DaySpan(date(2019, 1, 1), day) for day in (before, datetime.now(UTC).date()))
    assert window_of({}) is None
    assert order_of({}) == "newest"


JANUARY = DaySpan(date(2019, 1, 1), date(2019, 1, 31))


@pytest.mark.parametrize(
    ("listed", "inside"),
    [
        (Entry(A, datetime(2019, 1, 31, 23, tzinfo=UTC)), True),
        (Entry(A, datetime(2019, 2, 1, 0, tzinfo=UTC)), False),
        (Entry("https://example.org/2019/01/05/a"), True),
        (Entry("https://example.org/2019/02/a"), False),
        (Entry(A, None, datetime(2018, 5, 1, tzinfo=UTC)), False),
        (
            Entry(A, None, datetime(2020, 5, 1, tzinfo=UTC)),
            None,
        ),  # changed later says nothing of when it appeared
        (Entry(A), None),
    ],
)
def test_an_entry_is_within_the_window_or_not_or_nobody_knows(listed, inside):
    assert is_within(JANUARY, listed) is inside


def test_days_are_those_of_the_outlet():
    new_year = Entry(A, datetime(2019, 2, 1, 3, tzinfo=UTC))
    assert is_within(JANUARY, new_year, timezone(timedelta(hours=-5))) is True


# ---------------------------------------------------------------- days in addresses


@pytest.mark.parametrize(
    ("path", "days"),
    [
        ("/2019/05/12/slug", ("2019-05-12", "2019-05-12")),
        ("/2019/5/2/slug", ("2019-05-02", "2019-05-02")),
        ("/news/2019/may/12/slug", ("2019-05-12", "2019-05-12")),
        ("/2019-05-12-slug", ("2019-05-12", "2019-05-12")),
        ("/20190512/slug", ("2019-05-12", "2019-05-12")),
        ("/2019/02/slug", ("2019-02-01", "2019-02-28")),
        ("/2019/14/slug", None),
        ("/the-2019-05-12-election", None),
        ("/201905121", None),
        ("/1066/10/14/hastings", None),
    ],
)
def test_the_day_of_an_article_stands_in_its_path(path, days):
    assert article_days("https://example.org" + path) == (
        DaySpan(*map(date.fromisoformat, days)) if days else None
    )


@pytest.mark.parametrize(
    ("address", "days"),
    [
        ("/sitemap-2019-05.xml", ("2019-05-01", "2019-05-31")),
        ("/sitemap_201905.xml.gz", ("2019-05-01", "2019-05-31")),
        ("/sitemaps/2019/05/12.xml", ("2019-05-12", "2019-05-12")),
        ("/sitemap.xml?yyyy=2019&mm=05&dd=12", ("2019-05-12", "2019-05-12")),
        ("/sitemap?date=20190512", ("2019-05-12", "2019-05-12")),
        ("/2019/may.xml", ("2019-05-01", "2019-05-31")),
        ("/articles_2019.xml", ("2019-01-01", "2019-12-31")),
        ("/post-sitemap12.xml", None),
        ("/sitemap-123456789.xml", None),
    ],
)
def test_the_days_of_a_sitemap_stand_in_its_address(address, days):
    assert sitemap_days("https://example.org" + address) == (
        DaySpan(*map(date.fromisoformat, days)) if days else None
    )


# ---------------------------------------------------------------- children of an index


def outlet(**more):
    return Outlet("mine", "Mine", "https://example.org/", ("example.org",), **more)


def children(*names):
    return [Entry(f"https://example.org/{name}") for name in names]


def names(found):
    return [getattr(f, "url", f).rpartition("/")[2] for f in found]


def test_a_number_behind_a_year_is_no_month_where_one_of_them_cannot_be():
    series = children(*(f"s-2019-{n}.xml" for n in range(10, 15)))
    assert len(sitemaps_in_window(series, outlet(), JANUARY)) == 5
    assert len(sitemaps_in_window(children("s-2019-01.xml", "s-2019-10.xml"), outlet(), JANUARY)) == 1


def test_where_nothing_tells_which_child_is_new_both_ends_are_tried():
    found = fresh_sitemaps(children(*(f"s{n}.xml" for n in range(10))), outlet(), date(2026, 1, 1), 4)
    assert names(found) == ["s0.xml", "s1.xml", "s9.xml", "s8.xml"]


@pytest.mark.parametrize(
    "name",
    [
        "category-sitemap.xml",
        "sitemap-tags-1.xml",
        "wp-sitemap-users-1.xml",
        "video_sitemap.xml",
        "page-sitemap.xml",
    ],
)
def test_what_holds_no_articles_is_left_unless_the_outlet_file_wants_it(name):
    assert fresh_sitemaps(children(name), outlet(), date(2026, 1, 1), 9) == []
    assert fresh_sitemaps(children(name), outlet(sitemaps_allow=(re.compile("."),)), date(2026, 1, 1), 9)


@pytest.mark.parametrize(
    "name",
    [
        "post-sitemap2.xml",
        "wp-sitemap-posts-post-1.xml",
        "sitemap.xml?page=2",
        "news.xml",
        "2019/05.xml",
        "sitemap/page/3",
    ],
)
def test_what_may_hold_articles_is_opened(name):
    assert fresh_sitemaps(children(name), outlet(), date(2019, 1, 1), 9)


# ---------------------------------------------------------------- pagination


@pytest.mark.parametrize(
    ("url", "named", "links", "following"),
    [
        ("/s", ["/s/2"], [], "/s/2"),
        ("/s", [], ["/s/page/2/", "/s/page/3/"], "/s/page/2/"),
        ("/s/page/2/", [], ["/s/page/1/", "/s", "/s/page/3/"], "/s/page/3/"),
        ("/s?a=1", [], ["/s?page=2", "/s?page=2&a=1"], "/s?page=2&a=1"),
        ("/s?page=9", [], ["/s?page=10"], "/s?page=10"),
        ("/s", [], ["/other/page/2", "/s/2026/11/21"], None),  # a calendar is no pagination
        ("/s", ["https://elsewhere.org/2"], [], None),
        ("/s", ["/s", "/s/"], [], None),
        ("/s", ["http://[bad", "javascript:next()"], [], None),
    ],
)
def test_the_next_page_is_what_the_page_names_or_the_next_number(url, named, links, following):
    found = next_page("https://example.org" + url, named, links)
    assert found == ("https://example.org" + following if following else None)


@pytest.mark.parametrize("count", [1, 2, 5, 24])
def test_of_stale_sitemaps_the_newest_and_each_hour_another_one_is_opened(count):
    urls = [f"s{n}" for n in range(count)]
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    opened = [of_this_hour(urls, noon + timedelta(hours=n)) for n in range(24)]
    assert {url for some in opened for url in some} == set(urls)
    assert all(some[0] == "s0" and len(some) <= 2 for some in opened)


@pytest.mark.parametrize(
    ("entry", "frozen"),
    [
        (Entry("https://x.test/news/a", None, datetime(2020, 1, 1, tzinfo=UTC)), True),
        (Entry("https://x.test/news/a", None, datetime(2026, 11, 10, tzinfo=UTC)), False),
        (
            Entry(
                "https://x.test/news/a", datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
            ),
            False,
        ),
        (Entry("https://x.test/2020/01/01/a", None, datetime(2020, 1, 1, tzinfo=UTC)), False),
        (Entry("https://x.test/news/a"), False),
    ],
)
def test_a_list_is_frozen_where_nothing_but_its_lastmods_are_old(entry, frozen):
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert is_frozen([entry], now) == frozen
    assert not is_frozen([], now)
