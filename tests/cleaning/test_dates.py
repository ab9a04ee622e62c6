from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cleaning.metadata import dates

NOW = datetime(2024, 12, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "at", "precision"),
    [
        ("2024-12-03T10:15:30+02:00", (2024, 12, 3, 8, 15, 30), "second"), ("2024-12-03T10:15:30.123Z", (2024, 12, 3, 10, 15, 30), "second"),
        ("2024-12-03T10:15+0200", (2024, 12, 3, 8, 15), "minute"), ("2024-12-03 10:15", (2024, 12, 3, 9, 15), "minute"), ("2024-12-03", (2024, 12, 3), "day"),
        ("Tue, 03 Dec 2024 10:15:30 +0200", (2024, 12, 3, 8, 15, 30), "second"), ("1733220930", (2024, 12, 3, 10, 15, 30), "second"),
        ("December 3, 2024", (2024, 12, 3), "day"), ("3. Dezember 2024, 10:15 Uhr", (2024, 12, 3, 9, 15), "minute"), ("3 грудня 2024", (2024, 12, 3), "day"),
        ("2024. december 3.", (2024, 12, 3), "day"), ("03.12.2024 10:15", (2024, 12, 3, 9, 15), "minute"), ("Dec 3, 2024 at 1:15 pm", (2024, 12, 3, 12, 15), "minute"),
    ],
)  # fmt: skip
def test_a_moment_in_utc_with_the_precision_that_was_given(raw: str, at: tuple[int, ...], precision: str):
    assert dates.parse_date(raw, "Europe/Budapest") == (datetime(*at, tzinfo=UTC), precision)  # type: ignore[misc]


@pytest.mark.parametrize(
    "raw", ["", "yesterday", "0000-00-00", "2024-13-45", "03/04/2024", "9" * 5000, "31 February 2024", "n/a"]
)
def test_what_is_no_date_or_could_be_two_is_none(raw: str):
    assert dates.parse_date(raw) is None


@pytest.mark.parametrize("raw", ["1970-01-01T00:00:00Z", "2031-01-01", "tomorrow"])
def test_an_unbelievable_date_is_kept_as_written(raw: str):
    assert dates.first_credible([("meta", raw)], zone=None, fetched_at=NOW) == dates.Moment(
        None, None, "meta", raw
    )


def test_the_first_believable_source_counts():
    found = dates.first_credible(
        [("json-ld", "1970-01-01"), ("meta", "2024-12-03")], zone=None, fetched_at=NOW
    )
    assert (found.source, found.at) == ("meta", datetime(2024, 12, 3, tzinfo=UTC))


def test_an_address_may_hold_the_day():
    assert dates.day_of_url("https://gazette.example/2024/12/03/bridge") == "2024-12-03"
    assert dates.day_of_url("https://gazette.example/article/20241203999") is None
