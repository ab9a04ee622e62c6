"""What a crawl should make of every address that the outlets name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urljoin

from demo.newsroom.pages import Page, Stray, pages, strays
from demo.newsroom.sites import SITES, Site

if TYPE_CHECKING:
    from cleaning.records import Reason

Outcome = Literal["article", "copy", "alias", "reject", "not_a_candidate"]


@dataclass(frozen=True, slots=True)
class GoldPage:
    outlet: str
    url: str  # as a section names it; a feed may add tracking parameters
    outcome: Outcome  # of a story's pages the oldest is the article, the others copies; a crawl may see
    # another one first, so that only the grouping by `story` is binding
    reason: Reason | None = None  # of a reject; "refused" also with not_a_candidate: never to be fetched
    story: str | None = None  # pages of one story share it
    template: str | None = None  # pages of one template: each its own story
    title: str = ""
    summary: str | None = None  # the standfirst
    text_lines: tuple[str, ...] = ()  # paragraphs, subheads and list items (without their bullets), in order
    clutter_lines: tuple[str, ...] = ()  # never in the text; those under four words only as a whole line
    authors: tuple[str, ...] = ()
    published_at: datetime | None = None  # UTC
    language: str | None = None  # ISO 639-1
    ai_disclosure: str | None = None
    rights: str | None = None
    credit: str | None = None  # the agency, where a line of the page names it
    tags: tuple[str, ...] = ()
    day: int = 1  # since which day the outlet carries it
    revised: bool = False  # its text is not that of the first day


def gold(day: int, port: int) -> list[GoldPage]:
    """Every address on that day, outlet by outlet, newest pages first."""
    first = _oldest(day)
    answers: list[GoldPage] = []
    for site in SITES:
        today = {page.slug: _of_page(site, page, day, port, first) for page in pages(site.name, day)}
        answers += today.values()
        answers += [_of_stray(site, stray, today, port) for stray in strays(site.name)]
    return answers


def _oldest(day: int) -> set[tuple[str, str]]:
    """(outlet, slug) of each story's first page."""
    stories: dict[str, Page] = {}
    everything = [page for site in SITES for page in pages(site.name, day)]
    for page in sorted(everything, key=lambda page: page.published):
        stories.setdefault(page.story, page)
    return {(page.outlet, page.slug) for page in stories.values()}


def _of_page(site: Site, page: Page, day: int, port: int, first: set[tuple[str, str]]) -> GoldPage:
    url = site.base(port) + site.markup.path(page)
    sheet = site.markup.render(page, site.base(port))
    if page.kind != "story":
        reason = cast("Reason", page.kind)
        return GoldPage(site.name, url, "reject", reason, title=page.title, clutter_lines=sheet.clutter)
    return GoldPage(
        outlet=site.name,
        url=url,
        outcome="article" if (page.outlet, page.slug) in first else "copy",
        story=page.story,
        template=page.template,
        title=page.title,
        summary=page.standfirst,
        text_lines=page.lines,
        clutter_lines=sheet.clutter,
        authors=page.authors or ((sheet.house,) if sheet.house else ()),
        published_at=page.published.astimezone(UTC),
        language=page.language,
        ai_disclosure=sheet.ai_disclosure,
        rights=sheet.rights,
        credit=sheet.credit,
        tags=page.tags,
        day=page.day,
        revised=day > page.day and _changed(page),
    )


def _changed(page: Page) -> bool:
    """Whether the first day showed another text at this address."""
    return any(old.lines != page.lines for old in pages(page.outlet, 1) if old.slug == page.slug)


def _of_stray(site: Site, stray: Stray, today: dict[str, GoldPage], port: int) -> GoldPage:
    url = urljoin(site.base(port) + "/", stray.href)
    outcome, reason = cast("Outcome", stray.outcome), cast("Reason | None", stray.reason)
    if stray.of is None:
        return GoldPage(site.name, url, outcome, reason)
    return replace(today[stray.of], url=url, outcome=outcome, reason=reason)
