"""The paper that every publishing system writes on: it remembers what on it is clutter."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from demo.newsroom.pages import Page


@dataclass(frozen=True, slots=True)
class Rendered:
    html: str
    clutter: tuple[str, ...]  # visible lines and sentences that are no part of the story
    ai_disclosure: str | None = None
    rights: str | None = None
    credit: str | None = None  # the agency that a line of the page names
    house: str | None = None  # whom the page states as the author where no person is


@dataclass(slots=True)
class Sheet:
    clutter: list[str] = field(default_factory=list)

    def junk(self, text: str) -> str:
        """The text as HTML, remembered as clutter."""
        self.clutter.append(text)
        return quoted(text)


def joined(parts: list[str]) -> str:
    return "\n".join(parts)


def script(data: object) -> str:
    """A JSON-LD script; no `</script>` inside can end it."""
    text = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    return f'<script type="application/ld+json">{text}</script>'


def quoted(text: str) -> str:
    """Text as HTML; quotation marks may stand as they are outside of attributes."""
    return escape(text, quote=False)


def linked(text: str) -> str:
    """A block's text as HTML, with its [[links]]."""
    return re.sub(r"\[\[(.+?)\]\]", r'<a href="/tag/background">\1</a>', quoted(text))


def meta(name: str, content: str) -> str:
    """One <meta>; names with a colon are properties, as Open Graph has it."""
    key = "property" if ":" in name else "name"
    return f'<meta {key}="{name}" content="{escape(content)}">'


def listed(links: list[tuple[str, str]]) -> str:
    return "\n".join(f'<li><a href="{escape(address)}">{quoted(text)}</a></li>' for address, text in links)


def window(texts: tuple[str, ...], page: Page, size: int) -> tuple[str, ...]:
    """A page's own choice of `size` texts: another page sees others."""
    start = sum(page.slug.encode()) % len(texts)
    return tuple(texts[(start + step) % len(texts)] for step in range(size))


def english_date(moment: datetime) -> str:
    return f"{moment:%B} {moment.day}, {moment.year}"
