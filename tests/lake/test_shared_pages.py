"""Addresses that are answered by one page that is none of them, and what becomes of each."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from cleaning import Rules, page_id
from lake.jobs.verify import verify
from lake.parquet.reading import table
from lake.runs.catch_up import catch_up
from lake.runs.revisit_policy import RevisitPolicy
from lake.runs.session import Lake
from lake.workers.page_processing import apply_selection
from outlets import Selection
from tests.lake.stories import page, processed, raw

SITE = "https://paper.example"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOTICE = page(f"{SITE}/notice", "library", title="How we move to a new system this week")
FERRY = page(f"{SITE}/local/ferry-stays-until-autumn", "bridge", title="The ferry stays until autumn")
_RUNS = count()


def thin(path, words="We will be back soon."):
    return raw(SITE + path, f"<html><body><h1>Pause</h1><p>{words}</p></body></html>")


NOT_FOUND = raw(
    f"{SITE}/missing",
    "<html><head><title>404 Page not found</title></head><body><h1>Page not found</h1>"
    "<p>The page you asked for does not exist any more.</p></body></html>",
)


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"), tmp_path / "state")


def asked(path, answer, days=0.0):
    """The page that answered a request for this path, so many days after the start."""
    return replace(answer, requested_url=SITE + path, fetched_at=START + timedelta(days=days))


def crawl(lake, *pages, flush_each=False):
    with lake.run(f"test{next(_RUNS):03d}", lambda outlet: Rules(), {}) as (run, _):
        results = []
        for one in pages:
            results.append(run.add(processed(one)))
            if flush_each:
                run.flush()
        run.flush()
        run.finish("finished", {})
    return results


def rows(lake, name):
    columns = ["id", "requested_url", "url"] + (["reason", "retry_at"] if name == "rejects" else [])
    found = table(lake.store.uri, name, columns).to_pylist()
    return sorted(found, key=lambda row: row["requested_url"])


def paths(lake, name):
    return [row["requested_url"].removeprefix(SITE) for row in rows(lake, name)]


def decision(lake, path, days, modified_at=None):
    """What a run so many days later does with an address."""
    index = catch_up(lake.store, lake.index_path)
    try:
        known = index.requested_state(page_id(SITE + path))
        return RevisitPolicy().decide(known, modified_at, START + timedelta(days=days))
    finally:
        index.close()


ANSWERS = {
    "an article": NOTICE,
    "a soft 404": NOT_FOUND,
    "a thin page": thin("/maintenance"),
    "the home page": thin("/"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_each_address_behind_a_shared_page_is_a_reject_of_its_own_and_lands_when_the_site_is_well(
    lake, answer
):
    crawl(lake, *(asked(f"/news/{n}", answer) for n in "abc"))
    rejects = rows(lake, "rejects")
    assert [row["id"] for row in rejects] == [page_id(f"{SITE}/news/{n}") for n in "abc"]
    assert {row["reason"] for row in rejects} == {"shared_page"}
    assert {row["url"] for row in rejects} == {answer.url}
    assert not rows(lake, "articles")
    assert all(row["retry_at"] == START + timedelta(hours=1) for row in rejects)
    assert [decision(lake, f"/news/{n}", 0.5) for n in "abc"] == ["again"] * 3

    own = [page(f"{SITE}/news/{n}", "bridge", title=f"Story {n} of the ferry", extra=n * 40) for n in "abc"]
    results = crawl(lake, *(replace(one, fetched_at=START + timedelta(days=1)) for one in own))
    assert {result.outcome for result in results} <= {"articles", "copies"}
    assert [decision(lake, f"/news/{n}", 2) for n in "abc"] == ["known"] * 3
    assert not verify(lake.store).faults


def test_the_second_address_corrects_the_outcome_of_the_first(lake):
    first, second = crawl(lake, asked("/news/a", NOTICE), asked("/news/b", NOTICE))
    (revised,) = second.revised
    assert (first.outcome, second.outcome) == ("articles", "rejects")
    assert (revised.before, revised.after.reason) == (first, "shared_page")
    assert paths(lake, "rejects") == ["/news/a", "/news/b"]


def test_a_row_that_has_landed_stays_and_its_address_is_retried_all_the_same(lake):
    _, second = crawl(lake, asked("/news/a", NOTICE), asked("/news/b", NOTICE), flush_each=True)
    assert not second.revised
    assert paths(lake, "articles") == ["/news/a"]
    assert paths(lake, "rejects") == ["/news/a", "/news/b"]
    assert [decision(lake, f"/news/{n}", 1) for n in "ab"] == ["again", "again"]
    assert not verify(lake.store).faults


def test_one_address_in_each_of_several_runs_is_enough(lake):
    crawl(lake, asked("/news/a", NOTICE))
    crawl(lake, asked("/news/b", NOTICE, 0.01))
    crawl(lake, asked("/news/c", NOTICE, 0.02))
    assert paths(lake, "rejects") == ["/news/a", "/news/b", "/news/c"]
    assert [decision(lake, f"/news/{n}", 1) for n in "abc"] == ["again"] * 3


def test_a_lake_read_anew_knows_the_shared_page_and_each_address(lake):
    crawl(lake, asked("/news/a", NOTICE))
    lake.index_path.unlink()
    crawl(lake, asked("/news/b", NOTICE, 0.01))
    lake.index_path.unlink()
    crawl(lake, asked("/news/c", NOTICE, 0.02))
    lake.index_path.unlink()
    assert paths(lake, "rejects") == ["/news/a", "/news/b", "/news/c"]
    assert [decision(lake, f"/news/{n}", 1) for n in "abc"] == ["again"] * 3


def test_the_address_to_return_to_does_not_make_another_page_of_a_log_in(lake):
    def log_in(n):
        return asked(f"/news/{n}", page(f"{SITE}/login?next=%2Fnews%2F{n}", "library", title="Welcome back"))

    crawl(lake, *map(log_in, "abc"))
    assert paths(lake, "rejects") == ["/news/a", "/news/b", "/news/c"]
    assert not rows(lake, "articles")
    assert not rows(lake, "copies")


def test_a_reject_behind_a_single_redirect_is_never_final(lake):
    crawl(lake, asked("/news/a", NOT_FOUND))
    (reject,) = rows(lake, "rejects")
    assert (reject["reason"], reject["retry_at"]) == ("soft_404", START + timedelta(days=1))


@pytest.mark.parametrize("status", [401, 404, 410])
def test_an_error_page_that_several_addresses_are_redirected_to_is_shared(lake, status):
    error = raw(f"{SITE}/error", "", status=status)
    crawl(lake, asked("/news/a", error))
    (reject,) = rows(lake, "rejects")
    assert (reject["reason"], reject["retry_at"]) == ("http_error", START + timedelta(days=1))
    crawl(lake, *(asked(f"/news/{n}", error, 1) for n in "bc"))
    assert [row["reason"] for row in rows(lake, "rejects")] == ["http_error", "shared_page", "shared_page"]


@pytest.mark.parametrize("status", [404, 410, 503])
def test_an_error_at_its_own_address_or_of_the_server_keeps_its_reason(lake, status):
    own = [raw(f"{SITE}/news/{n}", "", status=status) for n in "ab"]
    crawl(lake, *own, *(asked(f"/news/{n}", raw(f"{SITE}/down", "", status=503)) for n in "cd"))
    assert {row["reason"] for row in rows(lake, "rejects")} == {"http_error"}


SEVERAL = {
    "words of the address": ["/ferry-stays-until-autumn", "/2026/ferry-stays-autumn", "/x/the-ferry-stays"],
    "version spellings": ["/amp/local/ferry-stays-until-autumn", "/local/ferry-stays-until-autumn?print=1"],
}


@pytest.mark.parametrize("addresses", SEVERAL.values(), ids=SEVERAL)
def test_an_article_behind_several_addresses_is_one_article(lake, addresses):
    crawl(lake, *(asked(path, FERRY) for path in addresses))
    assert not rows(lake, "rejects")
    assert [row["id"] for row in rows(lake, "articles")] == [FERRY.id]
    assert [decision(lake, path, 1) for path in addresses] == ["known"] * len(addresses)


def test_titles_of_the_source_tie_short_addresses_to_an_article(lake):
    listed = [
        replace(asked(f"/?p={n}", FERRY), listed_title="Ferry stays until autumn, council says")
        for n in (7, 8)
    ]
    crawl(lake, *listed)
    assert not rows(lake, "rejects")
    assert len(rows(lake, "articles")) == 1


def test_an_article_of_its_own_address_stays_when_others_are_redirected_to_it(lake):
    crawl(lake, replace(FERRY, fetched_at=START), *(asked(f"/old/{n}", FERRY) for n in "ab"))
    assert [row["id"] for row in rows(lake, "articles")] == [FERRY.id]
    assert paths(lake, "rejects") == ["/old/a", "/old/b"]
    assert decision(lake, "/local/ferry-stays-until-autumn", 1) == "known"


def test_an_article_that_answers_for_weeks_is_taken_for_what_the_addresses_mean(lake):
    days = [0, 0.1, 0.5, 2, 6, 14, 30]
    outcomes = [
        [one.outcome for one in crawl(lake, *(asked(f"/?p={n}", FERRY, day) for n in (7, 8)))] for day in days
    ]
    assert outcomes[:-1] == [["articles", "rejects"], *[["rejects", "rejects"]] * 5]
    assert outcomes[-1] == ["articles", "unchanged"]
    assert [decision(lake, f"/?p={n}", 31) for n in (7, 8)] == ["known", "known"]
    assert not verify(lake.store).faults


def test_an_article_asked_for_by_its_own_address_between_two_that_are_redirected_to_it_stays(lake):
    crawl(lake, asked("/r/1", FERRY), replace(FERRY, fetched_at=START), asked("/r/2", FERRY))
    assert [row["id"] for row in rows(lake, "articles")] == [FERRY.id]
    assert paths(lake, "rejects") == ["/r/1", "/r/2"]
    assert sorted(due(lake, 1)) == ["/r/1", "/r/2"]
    lake.index_path.unlink()
    assert sorted(due(lake, 1)) == ["/r/1", "/r/2"]
    assert decision(lake, "/local/ferry-stays-until-autumn", 1) == "known"


def test_a_row_that_another_outlet_s_copy_rests_on_stays_and_its_address_is_retried(lake):
    copy = page("https://sister.example/pause", "library", title="How we move to a new system this week")
    crawl(lake, asked("/news/a", NOTICE), replace(copy, fetched_at=START), asked("/news/b", NOTICE))
    assert sorted(due(lake, 1)) == ["/news/a", "/news/b"]
    lake.index_path.unlink()
    assert sorted(due(lake, 1)) == ["/news/a", "/news/b"]
    assert not verify(lake.store).faults


def test_a_killed_run_leaves_what_its_articles_say_of_redirects_and_of_one_text(lake):
    """Their rows had landed; its record had not."""
    with lake.run("killed", lambda outlet: Rules(), {}) as (run, _):
        for one in (asked("/news/a", NOTICE), *in_place("/x/c", "/x/d", topic="bridge")):
            run.add(processed(one))
        run.flush()
    crawl(lake, asked("/news/b", NOTICE, 0.01))
    assert paths(lake, "rejects") == ["/news/a", "/news/b"]
    now = (datetime.now(UTC) - START) / timedelta(days=1)
    assert {"/x/c", "/x/d"} <= set(due(lake, now + 2))


@pytest.mark.parametrize("status", [200, 404])
def test_a_page_that_is_not_selected_is_shared_like_any_other(lake, status):
    answers = [asked(f"/news/{n}", FERRY if status == 200 else thin("/pause")) for n in "ab"]
    with lake.run("selecting", lambda outlet: Rules(), {}) as (run, _):
        for one in answers:
            run.add(apply_selection(processed(one), Selection(min_words=5000)))
        run.flush()
        run.finish("finished", {})
    assert {row["reason"] for row in rows(lake, "rejects")} == {"shared_page"}
    assert sorted(due(lake, 1)) == ["/news/a", "/news/b"]


def test_the_short_link_that_a_page_names_is_one_of_its_addresses(lake):
    head = f'<link rel="shortlink" href="{SITE}/?p=77">'
    story = replace(FERRY, body=FERRY.body.replace(b"</head>", head.encode() + b"</head>"))
    crawl(lake, asked("/?p=77", story), asked("/node/77", story))
    assert [row["id"] for row in rows(lake, "articles")] == [FERRY.id]
    assert not rows(lake, "rejects")


def test_the_tries_of_an_address_begin_anew_after_it_led_to_an_article(lake):
    for day in (0, 1.5, 5):
        crawl(lake, asked("/ferry-stays-until-autumn", raw(f"{SITE}/x", "", status=404), day))
    crawl(lake, asked("/ferry-stays-until-autumn", FERRY, 13))
    assert decision(lake, "/ferry-stays-until-autumn", 14) == "known"
    crawl(lake, asked("/ferry-stays-until-autumn", raw(f"{SITE}/x", "", status=404), 14))
    assert rows(lake, "rejects")[-1]["retry_at"] == START + timedelta(days=15)
    assert decision(lake, "/local/ferry-stays-until-autumn", 14.5) == "known"  # the article is not touched


def test_an_address_that_shows_an_article_again_after_a_reject_is_known(lake):
    crawl(lake, asked("/ferry-stays-until-autumn", FERRY))
    crawl(lake, asked("/ferry-stays-until-autumn", thin("/pause"), 1))
    assert decision(lake, "/ferry-stays-until-autumn", 1.5) == "later"
    assert decision(lake, "/ferry-stays-until-autumn", 2.5) == "again"
    crawl(lake, asked("/ferry-stays-until-autumn", FERRY, 3))
    assert decision(lake, "/ferry-stays-until-autumn", 4) == "known"


def due(lake, days, max_tries=8):
    index = catch_up(lake.store, lake.index_path)
    try:
        found = index.due_retries("paper.example", START + timedelta(days=days), max_tries)
        return [url.removeprefix(SITE) for url in found]
    finally:
        index.close()


def test_retries_are_due_oldest_first_and_end_with_the_tries(lake):
    crawl(lake, replace(thin("/b"), fetched_at=START + timedelta(days=0.5)))
    crawl(lake, replace(thin("/a"), fetched_at=START), replace(FERRY, fetched_at=START))
    assert due(lake, 0.9) == []
    assert due(lake, 2) == ["/a", "/b"]
    assert due(lake, 2, max_tries=0) == []
    lake.index_path.unlink()
    assert due(lake, 2) == ["/a", "/b"]


def test_an_address_that_has_landed_meanwhile_is_not_due(lake):
    crawl(lake, asked("/ferry-stays-until-autumn", thin("/pause")), asked("/b", thin("/b")))
    crawl(lake, asked("/ferry-stays-until-autumn", FERRY, 1), page(f"{SITE}/b", "library"))
    assert due(lake, 9) == []


def in_place(*paths, topic="library", titles=(), extras=()):
    """The same text at each of these addresses, without a redirect."""
    title = "How we move to a new system this week"
    return [
        replace(
            page(
                SITE + path,
                topic,
                title=titles[n] if titles else title,
                extra=extras[n] if extras else "",
            ),
            fetched_at=START + timedelta(seconds=n),
        )
        for n, path in enumerate(paths)
    ]


IN_PLACE = {
    "addresses that say nothing": in_place("/news/a", "/news/b", "/news/c"),
    "numbered stories": in_place("/news/story-1", "/news/story-2", "/news/story-3"),
    "dates in the path": in_place("/20260301/a", "/20260301/b", "/20260301/c"),
    "each with the title of its story": in_place(
        "/ferry-stays-until-autumn", "/council-sells-library", "/old-weir-gives-way",
        titles=["Ferry stays until autumn", "Council sells library", "Old weir gives way"],
    ),
    "a sentence of its own": in_place(
        "/news/a", "/news/b", "/news/c",
        extras=[f"We will be back at {n} in the afternoon, and thank you for your patience." for n in (1, 2, 3)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("at_once", [True, False], ids=["in one run", "one address in each run"])
@pytest.mark.parametrize("pages", IN_PLACE.values(), ids=IN_PLACE)
def test_one_text_at_several_addresses_that_nothing_ties_is_looked_at_again(lake, pages, at_once):
    for some in [pages] if at_once else [[one] for one in pages]:
        crawl(lake, *some)
    paths_of_pages = sorted(one.requested_url.removeprefix(SITE) for one in pages)
    now = (datetime.now(UTC) - START) / timedelta(days=1)
    assert due(lake, now) == []
    assert sorted(due(lake, now + 2)) == paths_of_pages
    lake.index_path.unlink()
    assert sorted(due(lake, now + 2)) == paths_of_pages
    own = page(pages[0].url, "bridge", title="The bridge at last")
    crawl(lake, replace(own, fetched_at=START + timedelta(days=1)))
    assert sorted(due(lake, now + 3)) == sorted(one.requested_url.removeprefix(SITE) for one in pages[1:])


def test_a_look_again_asks_for_the_address_that_was_requested(lake):
    pages = in_place("/sorry/a", "/sorry/b")
    crawl(lake, *(replace(one, requested_url=f"{SITE}/news/{one.url[-1]}") for one in pages))
    now = (datetime.now(UTC) - START) / timedelta(days=1)
    assert sorted(due(lake, now + 2)) == ["/news/a", "/news/b"]


def test_one_article_at_spellings_of_one_address_needs_no_second_look(lake):
    urls = [
        f"{SITE}/ferry-until-autumn",
        f"{SITE}/ferry-until-autumn?x=1",
        f"{SITE}/local/ferry-until-autumn",
    ]
    crawl(lake, *(replace(FERRY, id=page_id(url), url=url, requested_url=url) for url in urls))
    assert due(lake, 10_000) == []


def test_one_page_in_the_place_of_several_is_shared_whatever_figures_and_tokens_it_carries(lake):
    def notice(path, token):
        return raw(
            SITE + path, f"<html><body><h1>Pause</h1><p>Back at {token}.</p><i id={token}></i></body></html>"
        )

    tokens = {"/news/a": "a0b1c2d3e4f5", "/news/b": "1700000000", "/news/c": "00ff00ff00ff"}
    crawl(lake, *(replace(notice(*one), fetched_at=START) for one in tokens.items()))
    assert {row["reason"] for row in rows(lake, "rejects")} == {"shared_page"}
    assert paths(lake, "rejects") == list(tokens)
    crawl(lake, replace(notice("/news/d", "deadbeef0"), fetched_at=START))
    assert [row["reason"] for row in rows(lake, "rejects")] == ["shared_page"] * 4


def test_a_page_under_two_spellings_of_its_address_is_not_shared(lake):
    urls = [f"{SITE}/topic/ferries", f"{SITE}/topic/ferries?from=feed"]
    crawl(lake, *(raw(url, thin("/x").body.decode()) for url in urls))
    assert {row["reason"] for row in rows(lake, "rejects")} == {"too_short"}
