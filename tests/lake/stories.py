"""Small pages for the tests of the lake: own words, long enough for a verdict."""

from __future__ import annotations

from datetime import UTC, datetime

from cleaning import Header, RawPage, Rules, page_id
from lake.workers.page_processing import process_page

_STORIES = {
    "bridge": [
        "The council of Lindow voted for the new bridge on Monday after a debate that lasted until midnight.",
        "Residents had asked for an answer since the flood of last spring washed the old crossing away.",
        "Steel for the three arches has been ordered from a foundry that went through two bankruptcies.",
        "An engineer who drew the plans said they would cost a third less than those of ten years ago.",
        "The mayor promised that nobody would have to pay a toll, whatever the ministry might decide.",
        "Critics replied that a crossing had been promised twice before and never begun.",
        "Work begins when the swallows have left their nests under the northern ramp.",
        "Until then a ferry takes walkers and bicycles across, but only while there is daylight.",
    ],
    "library": [
        "Forty thousand volumes wait in crates under the gymnasium of Karwitz, guarded by a retired teacher.",
        "The city's library closed three years ago because water came through the roof of the reading room.",
        "Since then readers have queued at a converted bus that stops for an hour in each quarter.",
        "A foundation now offers to pay for the dome, provided that the old card catalogue stays on view.",
        "Historians found letters of a botanist between the shelves, some of them with pressed orchids.",
        "The director wants evening hours and a room where children may be as loud as they like.",
        "Her deputy would rather spend the money on heating, which failed in each of the last winters.",
        "Opening day is set for the first Saturday in October, with a concert on the stairs.",
    ],
}


def text_of(topic: str) -> list[str]:
    return _STORIES[topic]


def page(
    url: str, topic: str, *, title: str | None = None, cut: int = 99, extra: str = "", outlet: str = ""
) -> RawPage:
    """An article page of `topic`; `cut` keeps so many paragraphs, `extra` adds one."""
    title = title or f"Decision about the {topic} at last"
    body = "".join(f"<p>{line}</p>" for line in [*text_of(topic)[:cut], *filter(None, [extra])])
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta property="og:title" content="{title}"></head>'
        f"<body><main><article><h1>{title}</h1>{body}</article></main></body></html>"
    )
    return raw(url, html, outlet=outlet)


def raw(url: str, html: str, *, status: int = 200, outlet: str = "") -> RawPage:
    return RawPage(
        id=page_id(url),
        url=url,
        requested_url=url,
        outlet=outlet or url.split("/")[2],
        status=status,
        headers=(Header("content-type", "text/html; charset=utf-8"),),
        body=html.encode(),
        fetched_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )


def processed(page: RawPage):
    return process_page(page, Rules())
