"""A regular expression for an outlet's article addresses, from one or two examples.

What marks an article is structural: a date in the path, a long number or code at the end, a word as /article/, or
else a slug made from a headline. The section of the example never enters the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from cleaning import canonical

_YEAR = r"(?:19|20)\d\d"
_BEFORE = r"^[^?]*"  # any section; an address inside the query is none of ours
_MARKER = r"(?:story|stories|articles?|artikel|articulos?|clanek|doc|archives?|posts?|read|view)"
_TAG = r"(?:[a-zA-Z]{1,2}|art|aid|artikel|article)"  # what stands before a number, not a word of the headline

# (as found in the example's path, as it stands in the pattern); the first that is found is taken
_DATED = (
    (rf"/{_YEAR}/\d\d?/\d\d?/", rf"/{_YEAR}/\d\d?/\d\d?/[^/?]{{3,}}"),
    (rf"/{_YEAR}/[a-z]{{3}}/\d\d?/", rf"/{_YEAR}/[a-z]{{3}}/\d\d?/[^/?]{{3,}}"),
    (rf"/{_YEAR}/\d{{4}}/", rf"/{_YEAR}/\d{{4}}/[^/?]{{3,}}"),
    (rf"/{_YEAR}-\d\d-\d\d[/-]", rf"/{_YEAR}-\d\d-\d\d[/-][^/?]{{3,}}"),
    (rf"/{_YEAR}-\d\d/\d\d/", rf"/{_YEAR}-\d\d/\d\d/[^/?]{{3,}}"),
    (rf"/{_YEAR}(?:0\d|1[0-2])[0-3]\d[/-]", rf"/{_YEAR}(?:0\d|1[0-2])[0-3]\d[/-][^?]{{3,}}"),
    (r"/\d\d_[a-z]+_\d\d/", r"/\d\d_[a-z]+_\d\d/[^/?]{3,}"),
    (rf"/{_YEAR}/\d\d/", rf"/{_YEAR}/\d\d/[^/?]*[^\d/?][^/?]{{2,}}"),
    (rf"/{_YEAR}/", rf"/{_YEAR}/[^/?]*[^\d/?][^/?]{{2,}}"),
)  # fmt: skip


def patterns(samples: Iterable[str]) -> list[str]:
    """What accepts the samples and their like: a pattern for each family that occurs, in order, each once."""
    found: list[str] = []
    for url in samples:
        path = urlsplit(canonical(url)).path
        if not any(re.search(p, path) for p in found):
            found.append(next(filter(None, (family(path) for family in _FAMILIES))))
    return found


def _dated(path: str) -> str | None:
    return next((_BEFORE + told for seen, told in _DATED if re.search(seen, path)), None)


def _named_number(path: str) -> str | None:
    """/article123456/…, /article-123456/… or /art123456-slug: the word is the outlet's own, so it stays."""
    found = re.search(r"/([A-Za-z]+[_,-]?)(\d{6,})(?=[/.-])", path)
    return f"{_BEFORE}/{found[1]}{_digits(found[2])}[/.-]" if found else None


def _uuid(path: str) -> str | None:
    found = re.search(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{10,}", path)
    return rf"{_BEFORE}[/.-][0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-" if found else None


def _number_between(path: str) -> str | None:
    """/123456/slug, /slug/123456, /article/123456."""
    found = re.search(rf"(/{_MARKER})?/(\d{{5,}})(/|$|\.)", path)
    return f"{_BEFORE}{found[1] or ''}/{_digits(found[2])}(?:[/.]|$)" if found else None


def _number_at_the_end(path: str) -> str | None:
    """slug-123456, slug_id_123456, slug,123456.html, slug-b123456.html, slug-1.123456, slug/a-123456, slug-20240503101112-nt.html."""
    found = re.search(rf"([-_.,/](?:{_TAG}[-_.]?|\d\.)|[-_.,!])(\d{{5,}})(-[a-z]{{2,3}})?(\.\w+)?/?$", path)
    if not found:
        return None
    kind = "-[a-z]{2,3}" if found[3] else ""
    return f"{_BEFORE}{_plain(found[1])}{_digits(found[2])}{kind}{_plain(found[4] or '')}$"


def _code(path: str) -> str | None:
    """/a/x7Yz9Q/slug, /articles/AB12…, slug,Ab12Cd: letters and digits in no order."""
    found = re.search(rf"/({_MARKER}|a|i|s)/(\w{{6,}})(?=[/.]|$)", path)
    if found and _mixed(found[2]):
        return f"{_BEFORE}/{found[1]}/\\w{{{min(len(found[2]), 8)},}}(?:[/.]|$)"
    found = re.search(r"(-[a-z]{2,4}\.|[,.])(\w{6,}[\w-]*)/?$", path)
    return rf"{_BEFORE}{_plain(found[1])}[\w-]{{6,}}$" if found and _mixed(found[2]) else None


def _mixed(code: str) -> bool:
    return bool(re.search(r"[A-Za-z]\d|\d[A-Za-z]|[a-z][A-Z]", code))


def _edition_number(path: str) -> str | None:
    """slug-100.html and slug,short-100.html, as the broadcasters' systems make them."""
    return rf"{_BEFORE}[^/?]-?\d{{2,}}\.html$" if re.search(r"[,-][^/]*\d{2,}\.html$", path) else None


def _after_a_marker(path: str) -> str | None:
    found = re.search(rf"(/{_MARKER})/[^/]+-[^/]+/?$", path) or re.search(rf"(/{_MARKER})/.*-", path)
    return f"{_BEFORE}{found[1]}/[^?]*[^/?]-[^/?]" if found else None


def _slug(path: str) -> str:
    """A headline: four words or more, or three long ones; in a section, where the example lies in one."""
    before = "^/[^?]+" if path.count("/") > 1 else _BEFORE
    ending = re.search(r"\.\w+$", path)
    words = r"(?:(?:[^/?-]+-+){3}|(?=[^/?]{18})(?![^/?]*-(?:and|und|och)-)(?:[^/?-]+-+){2})[^/?]+"
    return rf"{before}/{words}{_plain(ending[0]) if ending else ''}$"


_FAMILIES: tuple[Callable[[str], str | None], ...] = (
    _dated, _named_number, _uuid, _number_between, _number_at_the_end, _code, _edition_number, _after_a_marker, _slug,
)  # fmt: skip


def _digits(example: str) -> str:
    """Older articles have shorter numbers, though not by much."""
    return rf"\d{{{max(5, len(example) - 3)},}}"


def _plain(text: str) -> str:
    return text.replace(".", r"\.")
