from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lake.index.page_index import PageState
from lake.runs.revisit_policy import RevisitPolicy

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ARTICLE = PageState(
    "a",
    "one.example",
    "20260310T090000Z-test-1",
    0,
    "hash",
    "a",
    None,
    None,
    NOW - 2 * HOUR,
    NOW - 2 * HOUR,
    NOW - DAY,
)
REJECT = replace(ARTICLE, content_hash=None, reason="paywall", tries=1, retry_at=NOW + HOUR)
POLICY = RevisitPolicy()


@pytest.mark.parametrize(
    ("known", "modified_at", "decision"),
    [
        pytest.param(None, None, "new", id="never seen"),
        pytest.param(ARTICLE, None, "known", id="the source says nothing of a change"),
        pytest.param(ARTICLE, NOW - 2 * HOUR, "known", id="no change since the last fetch"),
        pytest.param(ARTICLE, NOW - HOUR, "changed", id="a change since the last fetch"),
        pytest.param(ARTICLE, NOW + DAY, "changed", id="a date in the future is a change too"),
        pytest.param(replace(ARTICLE, checks=1), NOW - HOUR, "changed", id="two hours after one vain look"),
        pytest.param(replace(ARTICLE, checks=2), NOW - HOUR, "later", id="not yet after two vain looks"),
        pytest.param(replace(ARTICLE, fetched_at=NOW - HOUR / 2), NOW, "later", id="half an hour ago"),
        pytest.param(replace(ARTICLE, published_at=NOW - 8 * DAY), NOW, "known", id="published a week ago"),
        pytest.param(
            replace(ARTICLE, published_at=None, first_at=NOW - 8 * DAY),
            NOW,
            "known",
            id="no date: by the first fetch",
        ),
        pytest.param(REJECT, None, "later", id="a reject that waits"),
        pytest.param(REJECT, NOW, "later", id="a reject that waits, whatever its source says"),
        pytest.param(replace(REJECT, retry_at=NOW), None, "again", id="a reject that is due"),
        pytest.param(replace(REJECT, retry_at=None), None, "never", id="a reject not worth another try"),
        pytest.param(replace(REJECT, retry_at=None), NOW, "again", id="unless its source tells a change"),
        pytest.param(
            replace(REJECT, retry_at=None, tries=4), NOW, "never", id="but not hours after the last of many"
        ),
        pytest.param(replace(REJECT, retry_at=None, first_at=NOW - 8 * DAY), NOW, "never", id="nor for ever"),
        pytest.param(
            replace(ARTICLE, reason="http_error"), None, "never", id="an article that is gone for good"
        ),
        pytest.param(
            replace(ARTICLE, retry_at=NOW), None, "again", id="an article that may have been a notice"
        ),
        pytest.param(
            replace(ARTICLE, retry_at=NOW + DAY), None, "known", id="an article to be checked later"
        ),
    ],
)
def test_a_page_is_asked_for_when_something_may_have_come_of_it(known, modified_at, decision):
    assert POLICY.decide(known, modified_at, NOW) == decision


@pytest.mark.parametrize("known", [ARTICLE, REJECT, replace(REJECT, retry_at=None)])
def test_a_fresh_run_asks_for_what_is_known(known):
    assert RevisitPolicy(fresh=True).decide(known, None, NOW) == "afresh"


def test_a_source_that_dates_everything_anew_every_hour_costs_few_fetches():
    """Asked every ten minutes for a month, with a change told each time and none found."""
    known, fetches = ARTICLE, 0
    for minutes in range(0, 30 * 24 * 60, 10):
        now = ARTICLE.fetched_at + timedelta(minutes=minutes)
        if POLICY.decide(known, now, now) == "changed":
            known, fetches = replace(known, fetched_at=now, checks=known.checks + 1), fetches + 1
    assert fetches == 7  # after 1, 2, 4, … hours, and never after a week
