"""What a page says about its use by machines, and whether that is a reservation."""

import pytest

from cleaning import Header, RawPage
from cleaning.metadata.reservations import is_reserved, reservation_evidence
from tests.lake.stories import raw


def page(head="", *headers, tdm=()) -> RawPage:
    made = raw("http://x.test/a", f"<html><head>{head}</head><body><p>Words.</p></body></html>")
    values = {name: getattr(made, name) for name in RawPage.__dataclass_fields__}
    return RawPage(
        **{**values, "headers": (*made.headers, *(Header(*h) for h in headers)), "tdm": tuple(tdm)}
    )


@pytest.mark.parametrize(
    ("given", "line", "reserved"),
    [
        (page('<meta name="tdm-reservation" content="1">'), "meta tdm-reservation: 1", True),
        (page('<META CONTENT=1 NAME="TDM-Reservation">'), "meta tdm-reservation: 1", True),
        (page('<meta name="tdm-reservation" content="0">'), "meta tdm-reservation: 0", False),
        (page("", ("tdm-reservation", "1")), "header tdm-reservation: 1", True),
        (page('<meta name="robots" content="index, NoAI">'), "meta robots: noai", True),
        (page('<meta name="robots" content="noimageai">'), "meta robots: noimageai", True),
        (page("", ("x-robots-tag", "noai, noimageai")), "x-robots-tag: noai, noimageai", True),
        (page("", ("x-robots-tag", "pressline: noai")), "x-robots-tag (pressline): noai", True),
        (page('<meta name="pressline" content="noai">'), "meta robots (pressline): noai", True),
        # recorded, and nothing more
        (page("", ("x-robots-tag", "otherbot: noai")), "x-robots-tag (otherbot): noai", False),
        (page('<meta name="robots" content="noindex,noarchive">'), "meta robots: noindex, noarchive", False),
    ],
)
def test_what_is_said_is_evidence_and_a_reservation_where_it_is_meant_for_everybody_or_us(
    given, line, reserved
):
    assert reservation_evidence(given) == (line,)
    assert is_reserved(reservation_evidence(given)) is reserved


@pytest.mark.parametrize(
    "given",
    [
        page(),
        page('<meta name="robots" content="index, follow, max-image-preview:large">'),
        page("", ("x-robots-tag", "unavailable_after: 25 Jun 2010 15:00:00 PST")),
        page('<!-- <meta name="robots" content="noai"> -->'),
        page('<script>const tag = \'<meta name="robots" content="noai">\'</script>'),
        page('<meta name="description" content="noai">'),
        page('<meta name="otherbot" content="noai">'),
    ],
)
def test_nothing_is_found_where_nothing_is_said(given):
    assert reservation_evidence(given) == ()


def test_the_page_goes_before_the_header_and_the_header_before_the_file_of_the_host():
    file, header, meta = "tdmrep.json /*: 1", "header tdm-reservation: 0", "meta tdm-reservation: 1"
    assert is_reserved([file])
    assert not is_reserved([file, header])
    assert is_reserved([file, header, meta])


def test_evidence_is_bounded_and_each_line_stands_once():
    given = page("", *(("x-robots-tag", "noai"),) * 50, *(("tdm-reservation", "1" * n) for n in range(1, 99)))
    assert len(reservation_evidence(given)) == 20
    assert len(set(reservation_evidence(given))) == 20
    assert max(map(len, reservation_evidence(page("", ("tdm-reservation", "1" * 10_000))))) <= 1000


def test_what_was_found_before_the_fetch_stays_and_a_second_look_adds_nothing():
    given = page('<meta name="robots" content="noai">', tdm=["robots.txt forbids it to: otherbot"])
    once = reservation_evidence(given)
    assert once == ("robots.txt forbids it to: otherbot", "meta robots: noai")
    values = {name: getattr(given, name) for name in RawPage.__dataclass_fields__}
    assert reservation_evidence(RawPage(**{**values, "tdm": once})) == once
