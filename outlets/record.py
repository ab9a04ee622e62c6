"""One outlet: the record of what its file says, and which addresses it wants."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlsplit

from cleaning import Rules, canonical, host_of
from outlets.general import never_an_article, no_host_of_articles

GENERAL_DELAY_S = 1.0  # one request a second and one at a time, unless the outlet says otherwise
GENERAL_CONCURRENCY = 1


MAX_ADDRESS = 2083  # characters that the patterns see; the default of URLLENGTH_LIMIT, docs/settings.md


@dataclass(frozen=True, slots=True)
class Selection:
    """Which articles are worth a row; as it stands, no restriction."""

    languages: tuple[str, ...] = ()  # ISO 639-1
    sections: tuple[str, ...] = ()  # segments of the address's path, as "politics"
    max_age_days: float | None = None  # from publication to now
    min_words: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run is told not to be as the outlet's earlier ones; crawler/reports/monitors.py."""

    min_pages: int = 5  # fewer, of a run, tell nothing
    articles: float = 0.5  # of the usual share of pages that are articles; 0: never told
    fields: float = 0.5  # of the usual share of articles that have a field; 0: never told
    rejects: float = 0.4  # the usual share of one reason may grow by so much; 1: never told
    clutter: float = 0.3  # the same of the text
    copies: float = 0.5  # the same of the articles
    # a larger share of the sources may not be dead three times in a row; 1: never told
    dead_sources: float = 0.5
    # hours without an article; None: three times the longest so far, and at least 48
    silence_h: float | None = None


@dataclass(frozen=True, slots=True)
class Outlet:
    """What one file of outlets/ says; docs/outlets.md explains every key."""

    key: str  # the file's name without .toml: the spider's name and the outlet column
    name: str
    home: str
    domains: tuple[str, ...]  # in ASCII: a name in Unicode as its punycode
    country: str | None = None  # ISO 3166-1 alpha-2
    facts: str | None = None  # where the facts of the file come from
    seen_alive: date | None = None  # when a source of it last answered; None: never
    feeds: tuple[str, ...] = ()
    news_sitemaps: tuple[str, ...] = ()  # what is new, as the news extension has it
    sitemaps: tuple[str, ...] = ()  # the archive: indexes or lists of everything
    # searched in the whole address of a sitemap that an index names
    sitemaps_allow: tuple[re.Pattern[str], ...] = ()
    sitemaps_deny: tuple[re.Pattern[str], ...] = ()
    newest_last: bool = False  # the sitemaps' entries stand in ascending order
    sections: tuple[str, ...] = ()
    dated_sections: tuple[str, ...] = ()  # templates of one page for a day or month, for on_day()
    allow: tuple[re.Pattern[str], ...] = ()
    deny: tuple[re.Pattern[str], ...] = ()
    # parameters, in lower case, that say how a reader came to the page; left out of requests, and not of ids
    tracking: tuple[str, ...] = ()
    general: bool = True  # what outlets/general.py knows to be no article is none here either
    delay_s: float = GENERAL_DELAY_S
    concurrency: int = GENERAL_CONCURRENCY
    cookies: bool = False  # the site's cookies are kept for a run and sent back to it
    rules: Rules = field(default_factory=Rules)
    selection: Selection = Selection()
    limits: Limits = Limits()

    def owns(self, url: str) -> bool:
        """True for an address on one of the outlet's domains or a subdomain of one."""
        host = host_of(url)
        return any(host == d or host.endswith("." + d) for d in self.domains)

    def wants(self, url: str) -> bool:
        """True for an address that looks like an article of this outlet. The patterns see path and query without
        tracking parameters and fragment; a slash at the end may be there or not, and to be allowed the path suffices."""
        if not self.owns(url):
            return False
        try:
            parts = urlsplit(canonical(url))
        except ValueError:
            return False
        if self.general and never_an_article(parts.path, parts.query):
            return False
        if self.general and (host := host_of(url)) not in self.domains and no_host_of_articles(host):
            return False
        # no longer address is asked for, and a pattern may take the square of its length
        cut_path = parts.path[:MAX_ADDRESS]
        paths = (cut_path, cut_path.rstrip("/") + "/")
        places = tuple(f"{path}?{parts.query}"[:MAX_ADDRESS] for path in paths) if parts.query else paths
        if any(p.search(place) for p in self.deny for place in places):
            return False
        # also without the query: feeds hang parameters of their own on every address
        return (
            any(p.search(place) for p in self.allow for place in {*places, *paths})
            if self.allow
            else len(parts.path) > 1
        )


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """An outlet file with mistakes."""

    problems: tuple[str, ...]  # one line each, as those of OutletErrors
    domains: tuple[str, ...]  # as far as they can be read


class OutletErrors(Exception):
    """problems: one line each, `file:line: key: what is wrong and what was expected`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def on_day(template: str, day: date) -> str:
    """The address of a dated section on a day: {yyyy}, {mm}, {m}, {dd} and {d} filled in. Raises ValueError for a placeholder that is none of ours."""
    places = {
        "yyyy": f"{day:%Y}",
        "mm": f"{day:%m}",
        "m": str(day.month),
        "dd": f"{day:%d}",
        "d": str(day.day),
    }

    def fill(place: re.Match[str]) -> str:
        if place[1] not in places:
            raise ValueError(
                f"unknown placeholder {place[0]}; known are {', '.join(f'{{{p}}}' for p in places)}"
            )
        return places[place[1]]

    return re.sub(r"\{([^{}]*)\}", fill, template)
