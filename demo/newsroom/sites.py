"""The four outlets: who they are, where they stand, which publishing system they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from demo.newsroom.markup import auwaldbote, courier, herald, ledger

if TYPE_CHECKING:
    from demo.newsroom.markup.sheet import Rendered
    from demo.newsroom.pages import Page


class Markup(Protocol):
    """What a publishing system does; one module of markup/ each."""

    def path(self, page: Page) -> str: ...

    def render(self, page: Page, base: str, /) -> Rendered: ...

    def listing(self, heading: str, links: list[tuple[str, str]], /) -> str: ...


@dataclass(frozen=True, slots=True)
class Site:
    name: str  # of the outlet file and the spider
    title: str
    markup: Markup
    sections: tuple[str, ...]  # paths of its section pages
    feed: str | None  # path of the feed that works
    broken: str | None  # path of the feed that does not
    robots: str = "User-agent: *\nDisallow: /login\n"

    @property
    def domain(self) -> str:
        return f"{self.name}.test"

    def base(self, port: int) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"http://{self.domain}:{port}"


SITES = (
    Site(
        "danubecourier",
        "Danube Courier",
        courier,
        ("/world", "/economy"),
        None,
        None,
        "User-agent: *\nDisallow: /login\nDisallow: /internal-\n",
    ),
    Site("ambercoastherald", "Amber Coast Herald", herald, ("/news/",), "/feed/", "/podcast/feed/"),
    Site("karstledger", "The Karst Ledger", ledger, (), "/rss/", "/feed/"),
    Site("auwaldbote", "Auwaldbote", auwaldbote, ("/region/", "/wirtschaft/"), "/atom.xml", None),
)


def site(name: str) -> Site:
    return next(site for site in SITES if site.name == name)
