"""An outlet's sources, crawled: what is asked for, what is followed, and what the run record says of it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.crawler.outlet_crawl import PAGE, crawl, index, urlset
from tests.crawler.site import site


def ago(days):
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def news(asked):
    return [p for p in asked if p.startswith("/news/")]


def serve(answers):
    """Pages of articles are there, robots.txt is not; {home} is the site's address."""
    home = []

    def answer(path):
        if path not in answers:
            return PAGE if path.startswith("/news/") else None
        given = answers[path]
        return given.replace("{home}", home[0]) if isinstance(given, str) else given

    return answer, home


@pytest.fixture
def crawled(tmp_path):
    """crawled(answers, tables, *arguments) → (crawl, paths asked for)."""

    def crawled(answers, sources=None, *arguments, **tables):
        answer, base = serve(answers)
        with site(answer) as (home, asked):
            base.append(home)
            if sources:
                absolute = {
                    k: [
                        home + p if p.startswith("/") and "allow" not in k and "deny" not in k else p
                        for p in v
                    ]
                    if isinstance(v, list)
                    else v
                    for k, v in sources.items()
                }
                tables = {"sources": absolute, **tables}
            return crawl(tmp_path, home, *arguments, tables=tables), asked

    return crawled


def test_a_sitemap_gives_what_is_new_newest_first_and_leaves_what_is_old(crawled):
    sitemap = urlset(
        ("/news/old", ago(10)),
        ("/news/b", ago(1)),
        ("/news/a", ago(0.1)),
        "/about",
        "/news/undated",
        "/news/2019/05/01/by-its-address",
    )
    done, asked = crawled({"/sitemap.xml": sitemap}, {"sitemaps": ["/sitemap.xml"]})
    assert done.code == 0, done.log
    assert news(asked) == ["/news/a", "/news/b", "/news/undated"]
    facts = done.sources["/sitemap.xml"]
    assert (facts["kind"], facts["known_by"], facts["found"], facts["new"]) == (
        "sitemap",
        "outlet file",
        3,
        3,
    )
    assert facts["not_fetched"] == {"older": 2}
    assert "'not_fetched/older': 2" in done.log


def test_of_an_index_only_the_children_that_may_hold_news_are_opened(crawled):
    month = datetime.now(UTC).strftime("%Y-%m")
    answers = {
        "/index.xml": index(
            "{home}/s-2019-05.xml",
            f"{{home}}/s-{month}.xml",
            ("{home}/recent.xml", ago(0.5)),
            ("{home}/stale.xml", ago(300)),
            "{home}/category-sitemap.xml",
        ),
        f"/s-{month}.xml": urlset("/news/month"),
        "/recent.xml": urlset("/news/recent"),
        "/stale.xml": urlset(("/news/stale", ago(300))),
    }
    done, asked = crawled(answers, {"sitemaps": ["/index.xml"]})
    assert done.code == 0, done.log
    opened = [p for p in asked if p.endswith(".xml")]
    assert sorted(opened[:-1]) == sorted(["/index.xml", f"/s-{month}.xml", "/recent.xml"])
    assert opened[-1] == "/stale.xml"  # a lastmod is a hint only
    assert sorted(news(asked)) == ["/news/month", "/news/recent"]
    assert done.sources["/recent.xml"]["known_by"] == "sitemap index"


def test_the_outlet_file_says_which_children_and_that_the_newest_stand_last(crawled):
    answers = {
        "/index.xml": index(*(f"{{home}}/{kind}-{n}.xml" for kind in ("post", "shop") for n in range(9))),
        **{f"/post-{n}.xml": urlset(f"/news/{n}a", f"/news/{n}b") for n in range(9)},
    }
    sources = {
        "sitemaps": ["/index.xml"],
        "sitemaps_allow": ["/post-"],
        "sitemaps_deny": ["-8"],
        "newest_last": True,
    }
    done, asked = crawled(answers, sources, "-s", "SITEMAP_FILES=2")
    assert [p for p in asked if p.endswith(".xml")] == ["/index.xml", "/post-7.xml", "/post-6.xml"]
    assert done.sources["/index.xml"]["capped"] == {"files": 2}
    assert sorted(news(asked)) == ["/news/6a", "/news/6b", "/news/7a", "/news/7b"]


def test_plain_sitemaps_are_left_alone_where_a_news_sitemap_answers(crawled):
    answers = {"/n.xml": urlset("/news/a"), "/all.xml": urlset("/news/b")}
    _, asked = crawled(answers, {"news_sitemaps": ["/n.xml"], "sitemaps": ["/all.xml"]})
    assert "/all.xml" not in asked
    _, asked = crawled(
        {"/all.xml": urlset("/news/b")}, {"news_sitemaps": ["/n.xml"], "sitemaps": ["/all.xml"]}
    )
    assert "/all.xml" in asked


def test_a_source_that_has_moved_is_read_where_it_is_and_says_so(crawled):
    answers = {"/old.xml": (301, "", {"Location": "/new.xml"}), "/new.xml": urlset("/news/a")}
    done, asked = crawled(answers, {"sitemaps": ["/old.xml"]})
    assert news(asked) == ["/news/a"]
    assert done.sources["/old.xml"]["moved_to"].endswith("/new.xml")


def test_a_sitemap_named_as_a_feed_is_read_as_what_it_is(crawled):
    done, asked = crawled({"/feed": urlset("/news/a")}, {"feeds": ["/feed"]})
    assert news(asked) == ["/news/a"]
    assert done.sources["/feed"]["error"] is None


def test_sections_are_followed_page_by_page_as_long_as_they_list_something_new(crawled):
    def page(n, links):
        return (
            "".join(f"<a href='/news/{k}'>x</a>" for k in links)
            + f"<a rel='next' href='/s?page={n + 1}'>next</a>"
        )

    answers = {
        "/s": page(1, "ab"),
        "/s?page=2": page(2, "bc"),
        "/s?page=3": page(3, "ab"),
        "/s?page=4": page(4, "d"),
    }
    done, asked = crawled(answers, {"sections": ["/s"]})
    assert "/s?page=4" not in asked
    assert sorted(news(asked)) == ["/news/a", "/news/b", "/news/c"]
    assert done.sources["/s"]["pages"] == 3


def test_a_missing_later_page_ends_a_section_and_does_not_kill_it(crawled):
    done, _ = crawled({"/s": "<a href='/news/a'>a</a><a href='/s/page/2/'>2</a>"}, {"sections": ["/s"]})
    assert done.code == 0
    assert done.sources["/s"]["error"] is None
    assert done.sources["/s"]["stopped"] == "page 2: answered 404"


def test_dated_sections_are_asked_for_yesterday_and_today(crawled):
    days = [(datetime.now(UTC) + timedelta(days=n)).date() for n in (-2, -1, 0, 1)]
    answers = {f"/day/{d:%Y/%m/%d}": f"<a href='/news/{d}'>x</a>" for d in days}
    _, asked = crawled(answers, {"dated_sections": ["/day/{yyyy}/{mm}/{dd}"]})
    today = datetime.now(UTC).date()  # if the day has turned, the crawl may have begun before or after
    wanted = [[f"/news/{d}" for d in pair] for pair in (days[1:3], days[2:])]
    assert sorted(news(asked)) in wanted[: 1 + (today != days[2])]


# ---------------------------------------------------------------- selection


def test_what_is_not_selected_is_not_fetched_and_counted_by_reason(crawled):
    entry = "<url><loc>{}</loc><news:news xmlns:news='n'><news:publication><news:language>{}</news:language></news:publication><news:publication_date>{}</news:publication_date></news:news></url>"
    sitemap = "<urlset>" + "".join(
        entry.format(*e)
        for e in (
            ("/news/politics/a", "de", ago(0.1)),
            ("/news/politics/b", "fr", ago(0.1)),
            ("/news/sport/c", "de", ago(0.1)),
            ("/news/politics/d", "de", ago(2)),
        )
    )
    select = {"languages": ["de"], "sections": ["politics"], "max_age_days": 1}
    done, asked = crawled({"/n.xml": sitemap + "</urlset>"}, {"news_sitemaps": ["/n.xml"]}, select=select)
    assert news(asked) == ["/news/politics/a"]
    assert done.sources["/n.xml"]["not_fetched"] == {"language": 1, "section": 1, "age": 1}
    assert "'not_fetched/language': 1" in done.log


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("since=2019", "-a since: '2019'; expected a day as 2019-01-31"),
        ("until=2019-01-01", "since is missing"),
        ("order=best", "expected oldest or newest"),
        ("languages=german", "expected ISO 639-1 codes"),
        ("max_age_days=old", "expected a number of days"),
        ("min_words=-3", "expected a whole number"),
        ("sinse=2019-01-01", "no such argument; did you mean 'since'?"),
    ],
)
def test_an_argument_that_cannot_be_used_ends_with_2(tmp_path, argument, told):
    done = crawl(tmp_path, "http://127.0.0.1:9", "-a", argument)
    assert done.code == 2
    assert told in done.log


def test_an_argument_of_the_scheduler_is_let_be(tmp_path):
    done = crawl(tmp_path, "http://127.0.0.1:9", "-a", "_job=26d1b1a6d6f111e0be5c001e648c57f8")
    assert "no such argument" not in done.log
    assert done.code == 1  # nobody listens there


# ---------------------------------------------------------------- archives


def archive_answers():
    months = ["2019-01", "2019-02", "2019-03", "2018-12"]
    return {
        "/index.xml": index(*(f"{{home}}/s-{m}.xml" for m in months)),
        **{f"/s-{m}.xml": urlset((f"/news/{m}-a", f"{m}-03"), (f"/news/{m}-b", f"{m}-20")) for m in months},
    }


def test_an_archive_is_read_month_by_month_within_its_window(crawled):
    arguments = ("-a", "since=2019-01-01", "-a", "until=2019-02-10", "-a", "order=oldest")
    done, asked = crawled(archive_answers(), {"sitemaps": ["/index.xml"]}, *arguments)
    assert done.code == 0, done.log
    first, second = asked.index("/s-2019-01.xml"), asked.index("/s-2019-02.xml")
    assert sorted(asked[first + 1 : second]) == ["/news/2019-01-a", "/news/2019-01-b"]
    # -b was changed later; when it appeared nobody knows, so it is looked at
    assert sorted(asked[second + 1 :]) == ["/news/2019-02-a", "/news/2019-02-b"]
    assert not any("2018" in p or "2019-03" in p for p in asked)
    assert done.sources["/s-2019-01.xml"]["complete"] is True


def test_what_an_earlier_run_has_read_to_its_end_is_not_opened_again(tmp_path):
    answer, base = serve(archive_answers())
    with site(answer) as (home, asked):
        base.append(home)
        for _ in range(2):
            asked.clear()
            arguments = ("-a", "since=2019-01-01", "-a", "until=2019-03-31")
            done = crawl(tmp_path, home, *arguments, tables={"sources": {"sitemaps": [f"{home}/index.xml"]}})
    assert done.code == 0, done.log
    assert [p for p in asked if p != "/robots.txt"] == ["/index.xml"]
    assert "'archive/complete_before': 3" in done.log


def test_dated_sections_are_an_archive_too(crawled):
    days = [f"2019-01-{d:02}" for d in (1, 2, 3)]
    answers = {
        **{
            f"/day/{d.replace('-', '/')}": f"<a href='/news/{d}'>x</a><a rel=next href='?page=2'>n</a>"
            for d in days
        },
        **{f"/day/{d.replace('-', '/')}?page=2": f"<a href='/news/{d}-more'>x</a>" for d in days},
    }
    arguments = ("-a", "since=2019-01-01", "-a", "until=2019-01-03", "-a", "order=oldest")
    done, asked = crawled(answers, {"dated_sections": ["/day/{yyyy}/{mm}/{dd}"]}, *arguments)
    assert news(asked) == [f"/news/{d}{more}" for d in days for more in ("", "-more")]
    assert done.sources["/day/2019/01/02"]["complete"] is True


FROZEN = "2020-01-01"


def sitemaps_opened(asked):
    return [p for p in asked if p.endswith(".xml")]


@pytest.mark.parametrize("beside", [{}, {"feeds": ["/feed"]}])
def test_frozen_indexes_one_inside_the_other_are_opened_beside_a_living_feed(crawled, beside):
    answers = {
        "/feed": "<rss version='2.0'><channel><item><link>/news/living</link></item></channel></rss>",
        "/i.xml": index(("{home}/j.xml", FROZEN)),
        "/j.xml": index(("{home}/k.xml", FROZEN)),
        "/k.xml": urlset("/news/a", ("/news/b", ago(1))),
    }
    done, asked = crawled(answers, {"sitemaps": ["/i.xml"], **beside})
    assert done.code == 0, done.log
    assert sitemaps_opened(asked) == ["/i.xml", "/j.xml", "/k.xml"]
    assert {"/news/a", "/news/b"} <= set(news(asked))


def test_a_frozen_child_beside_a_fresh_one_has_its_turn(crawled):
    answers = {
        "/i.xml": index(("{home}/a.xml", ago(0)), *((f"{{home}}/b{n}.xml", FROZEN) for n in range(4))),
        "/a.xml": urlset("/news/a"),
        **{f"/b{n}.xml": urlset((f"/news/b{n}", FROZEN)) for n in range(1, 4)},
        "/b0.xml": urlset(("/news/b0", ago(0.1))),
    }
    done, asked = crawled(answers, {"sitemaps": ["/i.xml"]})
    assert done.code == 0, done.log
    assert len(sitemaps_opened(asked)) == 4
    assert {"/news/a", "/news/b0"} == set(news(asked))
    assert done.sources["/i.xml"]["not_fetched"] == {"stale_sitemap": 2}
    assert "SOURCES" not in done.log


def test_a_new_address_in_an_only_sitemap_is_new_whatever_its_lastmod_says(tmp_path):
    answers = {"/s.xml": urlset(("/news/a", FROZEN), ("/news/b", FROZEN), "http://[url]/news/x")}
    answer, base = serve(answers)
    with site(answer) as (home, asked):
        base.append(home)
        tables = {"sources": {"sitemaps": [f"{home}/s.xml"]}}
        done = crawl(tmp_path, home, tables=tables)
        assert news(asked) == ["/news/a", "/news/b"]
        asked.clear()
        answers["/s.xml"] = urlset(*((f"/news/{n}", FROZEN) for n in "abc"))
        done = crawl(tmp_path, home, tables=tables)
        assert done.code == 0, done.log
        assert news(asked) == ["/news/c"]
        asked.clear()  # beside a source that lists something it is an archive
        answers["/s.xml"] = urlset(*((f"/news/{n}", FROZEN) for n in "abcd"))
        answers["/feed"] = (
            "<rss version='2.0'><channel><item><link>/news/living</link></item></channel></rss>"
        )
        tables["sources"]["feeds"] = [f"{home}/feed"]
        done = crawl(tmp_path, home, tables=tables)
        assert news(asked) == ["/news/living"]
        assert done.sources["/s.xml"]["not_fetched"] == {"older": 4}


def test_an_empty_night_of_an_only_feed_is_an_answer(tmp_path):
    item = "<item><link>/news/a</link></item>"
    feed = "<rss version='2.0'><channel>{}</channel></rss>"
    answers = {"/feed": feed.format(item)}
    answer, base = serve(answers)
    with site(answer) as (home, asked):
        base.append(home)
        tables = {"sources": {"feeds": [f"{home}/feed"]}}
        crawl(tmp_path, home, tables=tables)
        for _ in range(2):
            answers["/feed"] = feed.format("")
            asked.clear()
            done = crawl(tmp_path, home, tables=tables)
            assert (done.code, asked[-1:], len(asked) <= 2) == (0, ["/feed"], True), done.log
            assert "foreign" not in done.sources["/feed"]


def test_an_unusable_source_is_due_at_once(tmp_path):
    feed = "<rss version='2.0'><channel><item><link>{}</link></item></channel></rss>"
    headers = {"Cache-Control": "max-age=3000"}
    answers = {"/feed": (200, feed.format("/video/1"), headers)}
    answer, base = serve(answers)
    with site(answer) as (home, asked):
        base.append(home)
        tables = {"sources": {"feeds": [f"{home}/feed"]}}
        assert crawl(tmp_path, home, tables=tables).code == 1
        answers["/feed"] = (200, feed.format("/news/1"), headers)
        assert crawl(tmp_path, home, tables=tables).code == 0
        assert news(asked) == ["/news/1"]
