"""The spelling of a URL that is requested: one for all spellings that standards and public lists take for the same.

Ids do not come from here: they are cleaning/url.py's, whose rules never change.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from string import ascii_letters, digits
from urllib.parse import urlsplit, urlunsplit

from cleaning.url import is_tracking, without_tracking

# RFC 3986, section 2.3: an escape of one of these means the character itself
_UNRESERVED = {f"%{ord(character):02X}": character for character in f"{ascii_letters}{digits}-._~"}
# not behind a % that is no escape itself: the character would make one of it
_ESCAPE = re.compile(r"(?<!%)(?<!%[0-9a-f])%[0-9a-f]{2}", re.I)
_SESSION_ID = re.compile(r"(?:;|%3B)jsessionid(?:=|%3D)[^/]*", re.I)


@lru_cache(1024)
def request_url(url: str, outlet_parameters: tuple[str, ...] = ()) -> str:
    """Return the URL to request: without_tracking(url), and

    1. escapes of unreserved characters decoded, the other escapes in upper case (RFC 3986, section 6.2.2),
    2. `.` and `..` in the path resolved,
    3. without the query parameters that tracking.toml lists, and without outlet_parameters (names in lower case).

    Raises ValueError where `url` is not an http or https URL."""
    scheme, netloc, path, query, fragment = urlsplit(without_tracking(url))
    if "%" in path:
        path = _SESSION_ID.sub("", _normalize_escapes(path))
    if "/." in path:
        path = _resolve_dots(path)
    if query:
        parameters = _normalize_escapes(query).split("&")
        query = "&".join(p for p in parameters if not _is_left_out(p, outlet_parameters))
    return urlunsplit((scheme, netloc, path, query, fragment))


def _normalize_escapes(text: str) -> str:
    return _ESCAPE.sub(lambda escape: _UNRESERVED.get(escape[0].upper(), escape[0].upper()), text)


def _resolve_dots(path: str) -> str:
    """Resolve `.` and `..` as browsers do. Two slashes in a row stay: a site may answer them in its own way."""
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if path.endswith(("/.", "/..")):
        kept.append("")
    return "/" + "/".join(kept)


# ---------------------------------------------------------------- tracking.toml


@dataclass(frozen=True, slots=True)
class _Tracking:
    names: frozenset[str]
    prefixes: tuple[str, ...]
    values: dict[str, re.Pattern[str]]  # name → values that say nothing of the page


@cache
def _tracking() -> _Tracking:
    """Return what tracking.toml lists; all names in lower case."""
    tables = tomllib.loads(files("cleaning").joinpath("tracking.toml").read_text("utf-8"))
    names = [name for group in tables["name"] for name in group["names"]]
    values: dict[str, list[str]] = {}
    for group in tables["value"]:
        for name in group["names"]:
            values.setdefault(name, []).append(group["value"])
    return _Tracking(
        frozenset(name for name in names if not name.endswith("*")),
        tuple(name[:-1] for name in names if name.endswith("*")),
        {name: re.compile("|".join(patterns), re.I) for name, patterns in values.items()},
    )


def _is_left_out(parameter: str, outlet_parameters: tuple[str, ...]) -> bool:
    parameter = parameter.removeprefix("amp;")  # of feeds that escape & twice
    name, _, value = parameter.partition("=")
    name, known = name.lower(), _tracking()
    if name in known.names or name in outlet_parameters or name.startswith(known.prefixes):
        return True
    pattern = known.values.get(name)
    return bool(pattern and pattern.fullmatch(value)) or is_tracking(parameter)
