from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lxml.html import fromstring

from cleaning.metadata import dates
from cleaning.metadata.fields import published
from cleaning.metadata.meta_tags import read_meta_tags

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


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("12 ekim 2023", (2023, 10, 12)), ("12 Οκτωβρίου 2023", (2023, 10, 12)), ("12. október 2023", (2023, 10, 12)), ("12 אוקטובר 2023", (2023, 10, 12)),
        ("12 באוקטובר 2023", (2023, 10, 12)), ("12 अक्तूबर 2023", (2023, 10, 12)), ("१२ अक्तूबर २०२३", (2023, 10, 12)), ("١٢ أكتوبر ٢٠٢٣", (2023, 10, 12)),
        ("12 تشرين الأول 2023", (2023, 10, 12)), ("12 ოქტომბერი 2023", (2023, 10, 12)), ("2023 m. spalio 12 d.", (2023, 10, 12)), ("2023. gada 12. oktobris", (2023, 10, 12)),
        ("2023ko urriaren 12a", (2023, 10, 12)), ("12 ตุลาคม 2566", (2023, 10, 12)), ("12 ต.ค. 2566", (2023, 10, 12)), ("2566-10-12", (2023, 10, 12)),
        ("2023년 10월 12일", (2023, 10, 12)), ("二〇二三年十月十二日", (2023, 10, 12)), ("令和5年10月12日", (2023, 10, 12)), ("令和元年10月12日", (2019, 10, 12)),
        ("民國112年10月12日", (2023, 10, 12)), ("۲۰ مهر ۱۴۰۲", (2023, 10, 12)), ("1402/07/20", (2023, 10, 12)), ("12 tháng 10, 2023", (2023, 10, 12)),
        ("ngày 12 tháng 10 năm 2023", (2023, 10, 12)), ("Thursday the 12th of October, 2023", (2023, 10, 12)), ("Fri, 06 Oct 2023", (2023, 10, 6)), ("20231012", (2023, 10, 12)),
        ("Thursday, 12/10/2023", (2023, 10, 12)), ("Donnerstag, 12/10/2023", (2023, 10, 12)), ("12-10-2023", None), ("12 listopada 2023", None), ("12 see 2023", None),
        ("12 d'octubre de 2023", (2023, 10, 12)), ("12 octombrie 2023 - modificat 14 octombrie 2023", (2023, 10, 12)), ("29 February 2023", None), ("12 Moon 2023", None),
    ],
)  # fmt: skip
def test_a_day_in_the_words_and_figures_of_any_language(raw: str, day: tuple[int, int, int] | None):
    assert dates.parse_date(raw) == (day and (datetime(*day, tzinfo=UTC), "day"))


@pytest.mark.parametrize(
    ("raw", "language", "day"),
    [
        ("12 listopada 2023", "hr", (2023, 10, 12)), ("12 listopada 2023", "pl-PL", (2023, 11, 12)), ("12-10-2023", "nl", (2023, 10, 12)),
        ("12/10/2023", "en-GB", (2023, 10, 12)), ("12/10/2023", "en-US", None), ("12/10/2023", "en", None),
    ],
)  # fmt: skip
def test_the_pages_language_settles_what_could_be_two_days(
    raw: str, language: str, day: tuple[int, int, int] | None
):
    found = dates.parse_date(raw, language=language)
    assert found == (day and (datetime(*day, tzinfo=UTC), "day"))


@pytest.mark.parametrize(
    ("raw", "clock"),
    [
        ("12 October 2023, 10:15 par Anne", (10, 15)), ("12 October 2023 10:15 Politik", (10, 15)), ("12 October 2023 10:15 por Ana", (10, 15)), ("12 October 2023 9.05pm", (21, 5)),
        ("12 October 2023 12:15 a.m.", (0, 15)), ("12 October 2023 12:15 PM", (12, 15)), ("2023年10月12日 下午2:15", (14, 15)), ("2023년 10월 12일 오전 2시 15분", (2, 15)),
        ("2023年10月12日 午後2時15分", (14, 15)), ("12 octobre 2023 à 17h30", (17, 30)), ("12 octobre 2023 17 h 30", (17, 30)), ("12.10.2023, 17.30 Uhr", (17, 30)), ("12 Οκτωβρίου 2023 5:30 μ.μ.", (17, 30)),
        ("12 October 2023 10:15 EDT", (14, 15)), ("October 12, 2023 at 10:15 AM ET", (14, 15)), ("12 October 2023 10:15 CEST", (8, 15)), ("12 October 2023, 10:15 (GMT+7)", (3, 15)),
        ("2023-10-12 10:15 GMT+0300", (7, 15)), ("2023-10-12T10:15-500", (15, 15)), ("2023-10-12T10:15[Europe/Berlin]", (8, 15)), ("20231012T101500Z", (10, 15)), ("2023-10-12T10:15 UTC+5:30", (4, 45)),
        ("Thu, 12 Oct 2023 10:15:00 -0500", (15, 15)), ("10:15 October 12, 2023", (10, 15)), ("1697105700.0", (10, 15)), ("1697105700000", (10, 15)), ("2023-10-11T24:00:00Z", (0, 0)),
        ("12 October 2023 10:15 PLUT", None), ("2023-10-12T10:15+99:00", None), ("2023-10-12 10:15 IST", None), ("12 October 2023 25:61", None),
    ],
)  # fmt: skip
def test_a_time_of_day_with_its_zone_and_the_day_alone_where_it_is_not_understood(
    raw: str, clock: tuple[int, int] | None
):
    found = dates.parse_date(raw)
    assert found is not None
    assert found[0] == datetime(2023, 10, 12, *(clock or ()), tzinfo=UTC)
    assert (found[1] == "day") is (clock is None)


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("2 hours ago", 4), ("13 hours ago", 3), ("vor 3 Tagen", 1), ("hace 13 horas", 3), ("il y a 13 heures", 3), ("13 時間前", 3), ("قبل 13 ساعة", 3),
        ("Published 2 days ago", 2), ("Updated 2 days ago", None), ("3 weeks ago", None), ("2 days of rain", None),
    ],
)  # fmt: skip
def test_a_relative_date_counts_from_the_fetch(raw: str, day: int | None):
    found = dates.parse_date(raw, fetched_at=NOW)
    assert found == (day and (datetime(2024, 12, day, tzinfo=UTC), "day"))


@pytest.mark.parametrize(
    ("second", "is_taken"),
    [("2024-12-03T18:40:00Z", True), ("2024-12-02T18:40:00Z", False), ("2024-12-03", False)],
)
def test_the_fuller_statement_of_one_day_counts(second: str, is_taken: bool):
    found = dates.first_credible([("json-ld", "2024-12-03"), ("meta", second)], zone=None, fetched_at=NOW)
    assert (found.source == "meta") is is_taken


@pytest.mark.parametrize(
    ("page", "day"),
    [
        ("<h1>{title}</h1><dl><dt>2024.12.03</dt><dd>News</dd></dl>", "2024-12-03"),
        ("<p>3 December 2024</p><h1>{title}</h1>", "2024-12-03"),
        ("<h1>{title}</h1><div><i></i> Posted on 3 December 2024</div>", "2024-12-03"),
        ("<h1>{title}</h1><p class='date'>Updated 3 December 2024</p>", None),
        ("<h1>{title}</h1><p><b>Last modified:</b> <span>3 December 2024</span></p>", None),
        ("<h1>{title}</h1><p>3 December 2024 - Updated 4 December 2024</p>", "2024-12-03"),
        ("<header><span class='date'>4 December 2024</span></header><h1>{title}</h1>", None),
        ("<h1>{title}</h1>%s<aside><time datetime='2024-11-30'>30 Nov</time></aside>" % ("<p><b>-</b></p>" * 60), None),
        ("<aside><time datetime='2024-11-30'>30 Nov</time></aside><h1>{title}</h1><time datetime='2024-12-03'>3</time>", "2024-12-03"),
    ],
)  # fmt: skip
def test_the_date_beside_the_headline_and_no_other(page: str, day: str | None):
    title = "Harbour bridge closes for a year"
    tree = fromstring(
        f"<html><head><title>{title}</title></head><body>{page.format(title=title)}</body></html>"
    )
    found = published(tree, read_meta_tags(tree), {}, ("https://gazette.example/bridge", NOW, None))
    assert (found.at.date().isoformat() if found.at else None) == day
