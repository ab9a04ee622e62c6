"""Collects the images of an article with their captions and credits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cleaning.metadata import json_ld
from cleaning.metadata.fields import absolute_url
from cleaning.records import Image
from cleaning.text.characters import tidy
from cleaning.text.shown_text import shown_text

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from cleaning.metadata.json_ld import Node
    from cleaning.metadata.meta_tags import MetaTags

_CREDIT = re.compile(
    r"(?:(?<!\s)\s++)?(?:[(\[|]\s*+)?(?:(?:Photo|Foto|Picture|Image|Bild|Credit|Photograph|Crédit|Фото)s?\s*+(?:by|:|/)|©)\s*(?P<who>[^()\[\]]{2,100}?)[)\]]?\.?$",
    re.I,
)
_MAX_IMAGES = 30


def images_of(tree: HtmlElement, head: MetaTags, article: Node, url: str) -> tuple[Image, ...]:
    """Return the images in figures, then those that JSON-LD and the head name; each URL once, 30 at most."""
    images_by_url: dict[str, Image] = {}
    for figure in tree.iter("figure"):
        picture = next(figure.iter("img"), None)
        link = absolute_url(url, _image_link(picture)) if picture is not None else None
        if link:
            caption = next((text for c in figure.iter("figcaption") if (text := shown_text(c))), None)
            images_by_url.setdefault(link, _image_with_credit(link, caption))
    for link in [*_links_in_json_ld(article.get("image")), *head.all("og:image", "twitter:image")]:
        if image_url := absolute_url(url, link):
            images_by_url.setdefault(image_url, Image(image_url))
    return tuple(images_by_url.values())[:_MAX_IMAGES]


def image_texts(tree: HtmlElement) -> list[str]:
    """Return the captions and the alternative texts of all images of the page, for finding lines that repeat them."""
    captions = [shown_text(caption) for caption in tree.iter("figcaption")]
    return [text for text in [*captions, *(tidy(img.get("alt") or "") for img in tree.iter("img"))] if text]


def _image_link(picture: HtmlElement) -> str | None:
    """Return the link of an <img>, lazy loading included; None where it has none."""
    for key in ("data-src", "data-original", "src"):
        value: str | None = picture.get(key)
        if value and not value.startswith("data:"):
            return value
    candidates: str = picture.get("srcset") or picture.get("data-srcset") or ""
    return candidates.split(",")[0].split()[0] if candidates.strip() else None


def _image_with_credit(url: str, caption: str | None) -> Image:
    """Return the image with the credit at the end of its caption as a field of its own."""
    match = _CREDIT.search(caption or "")
    if not caption or not match:
        return Image(url, caption)
    return Image(url, caption[: match.start()].strip() or None, match["who"].strip())


def _links_in_json_ld(value: object) -> list[str]:
    """Return the links in a JSON-LD value that may be a link, an image object or a list of them."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [link for item in value[:_MAX_IMAGES] for link in _links_in_json_ld(item)]
    if isinstance(value, dict):
        return json_ld.texts(value.get("url") or value.get("contentUrl") or value.get("@id"))
    return []
