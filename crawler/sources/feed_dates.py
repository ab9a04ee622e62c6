"""Dates as feeds and sitemaps write them, to UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

from crawler.sources.day_span import FIRST_YEAR


@lru_cache(4096)  # a sitemap says the same few days many thousand times
def parse_date(text: str) -> datetime | None:
    """The moment, in UTC, of a W3C date (https://www.w3.org/TR/NOTE-datetime) or one as mails have it; None for
    what is neither, for years that cannot be, and for the future: that is a clock or a mistake."""
    text = text.strip()
    if not text:
        return None
    try:
        found = _read(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None
    return found if is_credible(found) else None


def is_credible(found: datetime) -> bool:
    return found.year >= FIRST_YEAR and found <= datetime.now(UTC) + timedelta(days=1)


def _read(text: str) -> datetime:
    if text[:4].isdigit():
        return datetime.fromisoformat(text + {4: "-01-01", 7: "-01"}.get(len(text), ""))
    return parsedate_to_datetime(text)
