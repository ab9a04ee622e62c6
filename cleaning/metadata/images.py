"""The pictures of a story, with caption and credit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cleaning.metadata import json_ld
from cleaning.metadata.fields import absolute
from cleaning.records import Image
from cleaning.text.characters import tidy
from cleaning.text.shown_text import shown_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.metadata.head import Head
    from cleaning.metadata.json_ld import Node

_CREDIT = re.compile(
    r"\s*[(\[|]?\s*(?:(?:Photo|Foto|Picture|Image|Bild|Credit|Photograph|Crédit|Фото)s?\s*(?:by|:|/)|©)\s*(?P<who>[^()\[\]]{2,100}?)[)\]]?\.?$",
    re.I,
)
_MOST = 30


def images_of(tree: HtmlElement, head: Head, article: Node, url: str) -> tuple[Image, ...]:
    """The figures of the page, then what JSON-LD and og:image name; each address once."""
    found: dict[str, Image] = {}
    for figure in tree.iter("figure"):
        picture = next(figure.iter("img"), None)
        link = absolute(url, _source(picture)) if picture is not None else None
        if link:
            caption = next((text for c in figure.iter("figcaption") if (text := shown_text(c))), None)
            found.setdefault(link, _image(link, caption))
    for link in [*_linked(article.get("image")), *head.all("og:image", "twitter:image")]:
        if address := absolute(url, link):
            found.setdefault(address, Image(address))
    return tuple(found.values())[:_MOST]


def captions_of(tree: HtmlElement) -> list[str]:
    """Texts that stand under pictures or replace them."""
    found = [shown_text(caption) for caption in tree.iter("figcaption")]
    return [text for text in [*found, *(tidy(img.get("alt") or "") for img in tree.iter("img"))] if text]


def _source(picture: HtmlElement) -> str | None:
    for key in ("data-src", "data-original", "src"):
        value: str | None = picture.get(key)
        if value and not value.startswith("data:"):
            return value
    candidates: str = picture.get("srcset") or picture.get("data-srcset") or ""
    return candidates.split(",")[0].split()[0] if candidates.strip() else None


def _image(url: str, caption: str | None) -> Image:
    match = _CREDIT.search(caption or "")
    if not caption or not match:
        return Image(url, caption)
    return Image(url, caption[: match.start()].strip() or None, match["who"].strip())


def _linked(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [link for item in value[:_MOST] for link in _linked(item)]
    if isinstance(value, dict):
        return json_ld.texts(value.get("url") or value.get("contentUrl") or value.get("@id"))
    return []
