"""State of a source from run to run: when to fetch it next, and whether it has changed.

1. A source is not fetched again before its wait is over: the max-age of its Cache-Control, or a tenth of the time for
   which it has stayed unchanged (the heuristic of RFC 9111, 4.2.2), bounded by the settings.
2. Then the request is conditional: If-None-Match and If-Modified-Since (RFC 9110, 13.1). An answer with the same
   bytes counts as unchanged, too, although it is no 304.
3. When a page it listed is due for a retry, the source is fetched unconditionally and at once: a 304 would not list
   the page again.
4. A source that has answered 304 for a day is fetched unconditionally, too: some servers answer 304 for ever.

The state is stored in the record of a run that settled all of the source's pages, or knows when they are due.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from scrapy.http import Response

_AGE_FRACTION = 0.1  # wait per time for which a source has stayed unchanged
_MAX_AGE_DIRECTIVE = re.compile(r"\bmax-age\s*=\s*\"?(\d{1,9})")
_NO_CACHE_DIRECTIVE = re.compile(r"\bno-(?:cache|store)\b")
_MAX_UNREAD = timedelta(days=1)  # without a body
_DATETIME_FIELDS = ("asked_at", "changed_at", "due_at", "read_at")


@dataclass(frozen=True, slots=True)
class SourceState:
    """What a run record stores of a source, so that later runs know when and how to fetch it. Times are UTC."""

    digest: str  # hash of the outlet file, the selection and the limits that it was read with
    asked_at: datetime  # when it was last fetched
    changed_at: datetime  # when it was first seen with its present content
    period_s: float  # time between the last two changes that were seen; 0 if fewer were seen
    max_age_s: float  # of its Cache-Control, less its Age; 0 if it has none
    body: str  # hash of its body
    etag: str | None
    last_modified: str | None
    due_at: datetime | None = None  # when a page that it listed is to be fetched again; None: no page is
    read_at: datetime | None = (
        None  # when it last answered with a body; None, as in older records: at changed_at
    )
    unusable: str | None = None  # why nothing that it lists can be used; None: something can

    @classmethod
    def of(
        cls, response: Response, digest: str, before: SourceState | None, unusable: str | None = None
    ) -> SourceState:
        """The state after an answer, which has a body or is a 304. before: the stored state, whether or not the
        request was conditional; None if there is none."""
        now = datetime.now(UTC)
        is_unchanged = before is not None and (response.status == 304 or before.body == body_hash(response))
        return cls(
            digest=digest,
            asked_at=now,
            changed_at=before.changed_at if before and is_unchanged else now,
            period_s=_period_s(before, now)
            if before and not is_unchanged
            else before.period_s
            if before
            else 0.0,
            max_age_s=_max_age_s(response),
            body=before.body if before and is_unchanged else body_hash(response),
            etag=_header(response, "ETag") or (before.etag if before and is_unchanged else None),
            last_modified=_header(response, "Last-Modified")
            or (before.last_modified if before and is_unchanged else None),
            read_at=before.read_at or before.changed_at if before and response.status == 304 else now,
            unusable=unusable,
        )

    def next_at(self, min_s: float, max_s: float) -> datetime:
        """The earliest time of the next fetch, as seconds after the last: at least min_s, never more than max_s."""
        unchanged_s = (self.asked_at - self.changed_at).total_seconds()
        wait_s = max(self.max_age_s, _AGE_FRACTION * max(unchanged_s, self.period_s), min_s)
        return self.asked_at + timedelta(seconds=min(wait_s, max_s))

    def conditions(self, now: datetime) -> dict[str, str]:
        """The headers that make a request conditional; empty where the source sent no validators, or no body for a
        day."""
        if now - (self.read_at or self.changed_at) >= _MAX_UNREAD:
            return {}
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}

    def is_due(self, now: datetime) -> bool:
        """Whether a page that it listed is due for another fetch."""
        return self.due_at is not None and self.due_at <= now

    def facts(self) -> dict[str, Any]:
        """The state as JSON values, for the run record."""
        return {name: _to_json_value(value) for name, value in asdict(self).items()}


def restore_state(facts: dict[str, Any] | None) -> SourceState | None:
    """The inverse of SourceState.facts(); None where the facts are not those of a state, as from another version."""
    fields: dict[str, Any] = dict(facts or {})
    try:
        for name in _DATETIME_FIELDS:
            value = fields.get(name) if name == "read_at" else fields[name]  # older records have none
            fields[name] = datetime.fromisoformat(value) if value else None
        return SourceState(**fields)
    except (KeyError, TypeError, ValueError):
        return None


def body_hash(response: Response) -> str:
    """SHA-256 of the response's body, the first 32 hex digits; computed once."""
    if response not in _body_hashes:
        _body_hashes[response] = hashlib.sha256(response.body).hexdigest()[:32]
    return _body_hashes[response]


_body_hashes: WeakKeyDictionary[Response, str] = WeakKeyDictionary()


def _to_json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _period_s(before: SourceState, now: datetime) -> float:
    """Seconds between the change before and the one seen now."""
    return (now - before.changed_at).total_seconds()


def _max_age_s(response: Response) -> float:
    """Seconds for which the answer is still fresh, as its Cache-Control and Age say; 0 where they say nothing."""
    cache_control = (_header(response, "Cache-Control") or "").lower()
    max_age = None if _NO_CACHE_DIRECTIVE.search(cache_control) else _MAX_AGE_DIRECTIVE.search(cache_control)
    age = _header(response, "Age") or ""
    return max(0.0, float(max_age[1]) - (float(age) if age.isdigit() else 0.0)) if max_age else 0.0


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else None
