"""Reads the <meta> elements of a page into a mapping: name or property → contents."""

from __future__ import annotations

import html
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cleaning.text.characters import tidy

if TYPE_CHECKING:
    from lxml.html import HtmlElement


@dataclass(frozen=True, slots=True)
class MetaTags:
    """The meta tags of a page. meta: by name (or property, itemprop, http-equiv) in lower case, the contents in the
    order of the document."""

    meta: dict[str, list[str]]

    def first(self, *names: str) -> str | None:
        """Return the first content of the first name that the page fills; None where it fills none."""
        return next((values[0] for name in names if (values := self.meta.get(name))), None)

    def all(self, *names: str) -> list[str]:
        """Return all contents of the names, in the order of the names."""
        return [value for name in names for value in self.meta.get(name, [])]


def read_meta_tags(tree: HtmlElement) -> MetaTags:
    """Return the meta tags of the page, wherever they stand in it. Tags without content are left out."""
    meta: dict[str, list[str]] = defaultdict(list)
    for element in tree.iter("meta"):
        content = tidy(html.unescape(element.get("content") or ""))
        for key in ("property", "name", "itemprop", "http-equiv"):
            if content and (name := (element.get(key) or "").strip().lower()):
                meta[name].append(content)
                break
    return MetaTags(dict(meta))
