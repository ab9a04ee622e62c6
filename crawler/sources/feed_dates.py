"""Parses the dates of feeds and sitemaps, W3C or RFC 5322, to UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from functools import lru_cache

from crawler.sources.day_span import FIRST_YEAR


@lru_cache(4096)  # a sitemap repeats the same few dates thousands of times
def parse_date(text: str, zone: tzinfo = UTC) -> datetime | None:
    """The time in UTC of a W3C date (https://www.w3.org/TR/NOTE-datetime) or of an e-mail date (RFC 5322). zone: of a
    date that names none; a day without a time begins there. None where the text is neither, and where the date is not
    credible."""
    text = text.strip()
    if not text:
        return None
    try:
        parsed = _parse(text)
        parsed = (parsed.replace(tzinfo=zone) if parsed.tzinfo is None else parsed).astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None
    return parsed if is_credible(parsed) else None


def is_credible(parsed: datetime) -> bool:
    """Whether a date may be true: not before FIRST_YEAR and at most a day ahead; later ones are mistakes."""
    return parsed.year >= FIRST_YEAR and parsed <= datetime.now(UTC) + timedelta(days=1)


def _parse(text: str) -> datetime:
    if text[:4].isdigit():
        return datetime.fromisoformat(text + {4: "-01-01", 7: "-01"}.get(len(text), ""))
    parsed = parsedate_to_datetime(text)
    return (
        parsed.replace(tzinfo=UTC) if text.endswith("-0000") else parsed
    )  # RFC 5322, 3.3: it is UTC, whose zone is unknown
