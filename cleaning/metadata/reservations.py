"""What a publisher says about the use of a page by machines, where the page or its headers say it.

Reservations: TDM Reservation Protocol (W3C community group report: tdm-reservation in a header, a meta element, or
/.well-known/tdmrep.json) and `noai`, `noimageai` in X-Robots-Tag and meta robots. Recorded and nothing more: `noindex`,
`noarchive`, and what is addressed to other robots by name.

Evidence is a line for each finding, `where: what`, as `header tdm-reservation: 1` or `meta robots: noai`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cleaning.text.document import Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cleaning.records import RawPage

AGENT = "pressline"  # a reservation that names it is meant for us
_FORBIDDING = frozenset({"noai", "noimageai"})
_RECORDED = _FORBIDDING | {"noindex", "noarchive"}
_NAMED = re.compile(r"\s*([a-z0-9_-]+)\s*:(.*)", re.I | re.S)
_NO_NAMES = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_PROTOCOL = re.compile(r"^(tdmrep\.json|header tdm-reservation|meta tdm-reservation)\b.*?: ([01])\b")
_RANK = {"tdmrep.json": 0, "header tdm-reservation": 1, "meta tdm-reservation": 2}
_WHERE = re.compile(rf"^(?:x-robots-tag|meta robots)(?: \({AGENT}\))?: ")
_MOST = 20  # lines of evidence
_LONGEST = 1000  # characters of one


def reservation_evidence(page: RawPage, document: Document | None = None) -> tuple[str, ...]:
    """What was known before the fetch (page.tdm), then what the headers and the page say; each line once.
    document: of the page, where somebody has it."""
    found = [*page.tdm, *_in_headers(page), *_in_page(document or Document(page))]
    return tuple(dict.fromkeys(line[:_LONGEST] for line in found))[:_MOST]


def is_reserved(found: Iterable[str]) -> bool:
    """Whether the evidence holds a reservation for everybody, or for us. Of the protocol's three places the page goes
    before the header, and the header before the file of the host."""
    told: dict[str, bool] = {}
    for line in found:
        if protocol := _PROTOCOL.match(line):
            told[protocol[1]] = told.get(protocol[1], False) or protocol[2] == "1"
        elif (where := _WHERE.match(line)) and _FORBIDDING & set(_words(line[where.end() :])):
            return True
    return bool(told) and told[max(told, key=_RANK.__getitem__)]


def _in_headers(page: RawPage) -> Iterator[str]:
    for header in page.headers:
        if header.name == "tdm-reservation":
            yield f"header tdm-reservation: {header.value.strip()}"
        elif header.name == "x-robots-tag":
            yield from _directives("x-robots-tag", header.value)


def _in_page(document: Document) -> Iterator[str]:
    if not document.page.body:
        return
    try:
        tree = document.tree
    except Exception:  # whatever is wrong with the page, cleaning it says so
        return
    for meta in tree.iter("meta"):
        name, content = (meta.get("name") or "").strip().lower(), (meta.get("content") or "").strip()
        if name == "tdm-reservation":
            yield f"meta tdm-reservation: {content}"
        elif name == "robots":
            yield from _directives("meta robots", content)
        elif name == AGENT:
            yield from _directives("meta robots", f"{AGENT}: {content}")


def _directives(where: str, value: str) -> Iterator[str]:
    """`a, b` or `robot: a, b`, as X-Robots-Tag has them."""
    named = _NAMED.fullmatch(value)
    robot = named[1].lower() if named and named[1].lower() not in _NO_NAMES else None
    said = [w for w in _words(named[2] if named and robot else value) if w in _RECORDED]
    if said:
        yield f"{where} ({robot}): {', '.join(said)}" if robot else f"{where}: {', '.join(said)}"


def _words(value: str) -> list[str]:
    return [word.strip().lower() for word in value.split(",")]
