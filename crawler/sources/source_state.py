"""What is remembered of a source from one run to the next: when to ask it again, and whether it has changed.

1. It is not asked again before its wait is over: what its own Cache-Control says, or a tenth of the time for which it has
   been seen to stay the same (the heuristic of RFC 9111, 4.2.2), bounded by the settings.
2. Then it is asked with If-None-Match and If-Modified-Since (RFC 9110, 13.1); the same bytes without a 304 are no news
   either.
3. It is asked without conditions, and at once, when a page that it named is due: an unchanged list would not name it.

The memory lies in the run record of a run that settled all of the source's pages, or knows when they are due.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from scrapy.http import Response

_OF_ITS_AGE = 0.1
_MAX_AGE = re.compile(r"\bmax-age\s*=\s*\"?(\d{1,9})")
_NOT_KEPT = re.compile(r"\bno-(?:cache|store)\b")
_MOMENTS = ("asked_at", "changed_at", "due_at")


@dataclass(frozen=True, slots=True)
class SourceState:
    digest: str  # of the outlet file, the selection and the bounds that it was read with
    asked_at: datetime
    changed_at: datetime  # when it was first seen to read as it does
    period_s: float  # between the last two changes that were seen; 0: fewer were
    max_age_s: float  # as its answer says; 0: it says nothing
    body: str  # hash of its bytes
    etag: str | None
    last_modified: str | None
    due_at: datetime | None = None  # when a page that it named is to be asked for; None: none is

    @classmethod
    def of(cls, response: Response, digest: str, before: SourceState | None) -> SourceState:
        """After an answer with a body, or a 304; before: what was remembered of the source, in any case."""
        now = datetime.now(UTC)
        same = before is not None and (response.status == 304 or before.body == body_hash(response))
        return cls(
            digest=digest,
            asked_at=now,
            changed_at=before.changed_at if before and same else now,
            period_s=_period_s(before, now) if before and not same else before.period_s if before else 0.0,
            max_age_s=_max_age_s(response),
            body=before.body if before and same else body_hash(response),
            etag=_header(response, "ETag") or (before.etag if before and same else None),
            last_modified=_header(response, "Last-Modified")
            or (before.last_modified if before and same else None),
        )

    def next_at(self, least_s: float, most_s: float) -> datetime:
        """Not before; within the bounds after the last time."""
        unchanged_s = (self.asked_at - self.changed_at).total_seconds()
        wait_s = max(self.max_age_s, _OF_ITS_AGE * max(unchanged_s, self.period_s), least_s)
        return self.asked_at + timedelta(seconds=min(wait_s, most_s))

    def conditions(self) -> dict[str, str]:
        """Headers of the request."""
        told = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in told.items() if value}

    def is_due(self, now: datetime) -> bool:
        """Whether a page that it named is to be asked for by now."""
        return self.due_at is not None and self.due_at <= now

    def facts(self) -> dict[str, Any]:
        """For the run record."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def restore_state(facts: dict[str, Any] | None) -> SourceState | None:
    """The inverse of facts(); None for what is none, as of another version."""
    given: dict[str, Any] = dict(facts or {})
    try:
        for name in _MOMENTS:
            given[name] = datetime.fromisoformat(given[name]) if given[name] else None
        return SourceState(**given)
    except (KeyError, TypeError, ValueError):
        return None


def body_hash(response: Response) -> str:
    return hashlib.sha256(response.body).hexdigest()[:32]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _period_s(before: SourceState, now: datetime) -> float:
    """It has changed since."""
    return (now - before.changed_at).total_seconds()


def _max_age_s(response: Response) -> float:
    told = (_header(response, "Cache-Control") or "").lower()
    found = None if _NOT_KEPT.search(told) else _MAX_AGE.search(told)
    age = _header(response, "Age") or ""
    return max(0.0, float(found[1]) - (float(age) if age.isdigit() else 0.0)) if found else 0.0


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else None
