"""How long a Retry-After asks to wait."""

from datetime import UTC, datetime

import pytest

from crawler.politeness.throttle import seconds_until

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        (b"6", 6),
        (b" 6 ", 6),
        (b"Sun, 29 Nov 2026 12:00:14 GMT", 14),
        (b"Sun, 29 Nov 2026 13:00:14 +0100", 14),
        (b"Sunday, 29-Nov-26 12:00:14 GMT", 14),
        (b"Sun Nov 29 12:00:14 2026", 14),
        (b"Sun, 29 Nov 2026 11:59:00 GMT", 0),
        (b"0", 0),
        (b"-5", 0),
        (b"soon", 0),
        (b"Sun, 99 Nov 2026 12:00:14 GMT", 0),
        (b"\xb2", 0),
        (b"", 0),
        (None, 0),
    ],
)
def test_it_is_a_number_or_a_date(value, wait_s):
    assert seconds_until(value, NOW) == wait_s


def test_a_number_without_end_is_no_error():
    assert seconds_until(b"9" * 5000, NOW) > 10**6
