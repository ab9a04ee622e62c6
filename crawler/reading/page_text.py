"""A page as text and parsed, as Scrapy reads it, without Scrapy: encoding, base URL, selector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import urljoin

from parsel import Selector
from w3lib.encoding import (
    html_body_declared_encoding,
    html_to_unicode,
    http_content_type_encoding,
    read_bom,
    resolve_encoding,
)
from w3lib.html import get_base_url

from crawler.sources.entries import MAX_ADDRESS_LENGTH, Entry

PageKind = Literal["html", "xml", "json"]
_BASE_SEARCHED = 4096  # characters in which Scrapy looks for <base>


@dataclass(frozen=True)
class PageText:
    """The bytes of a page and what the answer says of them. kind: of the content; None where the answer does not
    tell."""

    body: bytes
    url: str
    content_type: str = ""
    kind: PageKind | None = "html"
    encoding: str | None = None  # where the caller knows it; None: the page is asked

    @cached_property
    def _decoded(self) -> tuple[str, str]:
        """(encoding, text)."""
        encoding = (
            self.encoding
            or read_bom(self.body)[0]
            or http_content_type_encoding(self.content_type)
            or html_body_declared_encoding(self.body)
        )
        if encoding:
            return encoding, html_to_unicode(f"charset={encoding}", self.body)[1]
        return html_to_unicode(
            self.content_type, self.body, auto_detect_fun=_detect_encoding, default_encoding="ascii"
        )

    @property
    def text(self) -> str:
        """The body as text."""
        return self._decoded[1]

    @cached_property
    def base(self) -> str:
        """The URL that links are relative to."""
        encoding, text = self._decoded
        return get_base_url(text[:_BASE_SEARCHED], self.url, encoding)

    @cached_property
    def selector(self) -> Selector:
        """The page parsed."""
        return Selector(text=self.text, type=self.kind, base_url=self.base)

    @cached_property
    def links(self) -> list[str]:
        """The links of the page as they are written, each once, in order."""
        return list(dict.fromkeys(self.selector.css("a::attr(href)").getall()))

    def entries(self) -> Iterator[Entry]:
        """The links as entries; malformed ones, and those that are too long for an address, are skipped."""
        return map(Entry, self.absolute(self.links))

    def absolute(self, links: Iterable[str]) -> Iterator[str]:
        """The links as absolute URLs, without those that are none."""
        for link in links:
            try:
                url = urljoin(self.base, link.strip())
            except ValueError:
                continue
            if len(url) <= MAX_ADDRESS_LENGTH:
                yield url


def _detect_encoding(body: bytes) -> str | None:
    for name in ("ascii", "utf-8"):
        try:
            body.decode(name)
        except UnicodeError:
            continue
        return resolve_encoding(name)
    from charset_normalizer import from_bytes  # slow to import, and few pages need it

    match = from_bytes(body).best()
    return resolve_encoding(match.encoding) if match else None
