"""Finds reservations of text and data mining (TDM) and related robots directives in the headers and markup of a page.

Reservations are the TDM Reservation Protocol (a W3C community group report: tdm-reservation in a header, in a meta
element or in /.well-known/tdmrep.json), and `noai` and `noimageai` in X-Robots-Tag and meta robots. Other directives
are only recorded: `noindex`, `noarchive`, and directives that name another robot.

Evidence is one line for each finding, `where: what`, such as `header tdm-reservation: 1` or `meta robots: noai`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cleaning.text.document import Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cleaning.records import RawPage

AGENT = "pressline"  # our robot's name; a directive that names it applies to us
_RESERVING_DIRECTIVES = frozenset({"noai", "noimageai"})
_RECORDED_DIRECTIVES = _RESERVING_DIRECTIVES | {"noindex", "noarchive"}
_NAMED_ROBOT = re.compile(r"\s*([a-z0-9_-]+)\s*:(.*)", re.I | re.S)
_DIRECTIVES_WITH_VALUE = frozenset(
    {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
)
_TDM_EVIDENCE = re.compile(r"^(tdmrep\.json|header tdm-reservation|meta tdm-reservation)\b.*?: ([01])\b")
_TDM_PRECEDENCE = {"tdmrep.json": 0, "header tdm-reservation": 1, "meta tdm-reservation": 2}
_ROBOTS_EVIDENCE = re.compile(rf"^(?:x-robots-tag|meta robots)(?: \({AGENT}\))?: ")
_MAX_LINES = 20  # lines of evidence for one page
_MAX_LINE_CHARACTERS = 1000  # a longer line of evidence is cut


def reservation_evidence(page: RawPage, document: Document | None = None) -> tuple[str, ...]:
    """Return the evidence for a page, each line once: page.tdm (known before the fetch), the headers, the markup.

    document: the page, already parsed; None to parse it here.
    """
    evidence = [*page.tdm, *_evidence_in_headers(page), *_evidence_in_page(document or Document(page))]
    return tuple(dict.fromkeys(line[:_MAX_LINE_CHARACTERS] for line in evidence))[:_MAX_LINES]


def is_reserved(evidence: Iterable[str]) -> bool:
    """Return whether the evidence holds a reservation for everybody or for our robot.

    Of the protocol's three places, the page overrides the header, and the header overrides the host's tdmrep.json.
    """
    reserved_by_place: dict[str, bool] = {}
    for line in evidence:
        if tdm_match := _TDM_EVIDENCE.match(line):
            reserved_by_place[tdm_match[1]] = (
                reserved_by_place.get(tdm_match[1], False) or tdm_match[2] == "1"
            )
        elif (robots_match := _ROBOTS_EVIDENCE.match(line)) and _RESERVING_DIRECTIVES & set(
            _split_directives(line[robots_match.end() :])
        ):
            return True
    return (
        bool(reserved_by_place) and reserved_by_place[max(reserved_by_place, key=_TDM_PRECEDENCE.__getitem__)]
    )


def _evidence_in_headers(page: RawPage) -> Iterator[str]:
    """Yield the evidence in the HTTP headers."""
    for header in page.headers:
        if header.name == "tdm-reservation":
            yield f"header tdm-reservation: {header.value.strip()}"
        elif header.name == "x-robots-tag":
            yield from _directive_evidence("x-robots-tag", header.value)


def _evidence_in_page(document: Document) -> Iterator[str]:
    """Yield the evidence in the meta elements; none where the page cannot be parsed."""
    if not document.page.body:
        return
    try:
        tree = document.tree
    except Exception:  # cleaning reports whatever is wrong with the page
        return
    for meta in tree.iter("meta"):
        name, content = (meta.get("name") or "").strip().lower(), (meta.get("content") or "").strip()
        if name == "tdm-reservation":
            yield f"meta tdm-reservation: {content}"
        elif name == "robots":
            yield from _directive_evidence("meta robots", content)
        elif name == AGENT:
            yield from _directive_evidence("meta robots", f"{AGENT}: {content}")


def _directive_evidence(place: str, value: str) -> Iterator[str]:
    """Yield the evidence in a value `a, b` or `robot: a, b`, the forms of X-Robots-Tag. place: where it stands."""
    match = _NAMED_ROBOT.fullmatch(value)
    robot = match[1].lower() if match and match[1].lower() not in _DIRECTIVES_WITH_VALUE else None
    recorded = [
        directive
        for directive in _split_directives(match[2] if match and robot else value)
        if directive in _RECORDED_DIRECTIVES
    ]
    if recorded:
        yield f"{place} ({robot}): {', '.join(recorded)}" if robot else f"{place}: {', '.join(recorded)}"


def _split_directives(value: str) -> list[str]:
    """Return the directives of a comma list, in lower case."""
    return [word.strip().lower() for word in value.split(",")]
