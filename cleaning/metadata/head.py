"""The meta tags of a page's head as a table."""

from __future__ import annotations

import html
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cleaning.text.characters import tidy

if TYPE_CHECKING:
    from lxml.html import HtmlElement


@dataclass(frozen=True, slots=True)
class Head:
    """The page's head as a table: lower-case name or property -> contents in order."""

    meta: dict[str, list[str]]

    def first(self, *names: str) -> str | None:
        return next((values[0] for name in names if (values := self.meta.get(name))), None)

    def all(self, *names: str) -> list[str]:
        return [value for name in names for value in self.meta.get(name, [])]


def head_of(tree: HtmlElement) -> Head:
    meta: dict[str, list[str]] = defaultdict(list)
    for element in tree.iter("meta"):
        content = tidy(html.unescape(element.get("content") or ""))
        for key in ("property", "name", "itemprop", "http-equiv"):
            if content and (name := (element.get(key) or "").strip().lower()):
                meta[name].append(content)
                break
    return Head(dict(meta))
