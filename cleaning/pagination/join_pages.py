"""The pages of an article in parts, cleaned one by one, joined to one article."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cleaning.records import content_hash, cut, shortened
from cleaning.text.characters import fold, word_count
from cleaning.vocabulary.pager_words import is_page_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleaning.records import Article, Image

_REPEAT_WORDS = 6  # a shorter line in the middle of a part may well stand twice in a story


def join_page(article: Article, part: Article) -> Article | None:
    """The article with the text of its next part behind its own; None where the part adds no text.

    What the part repeats (headline, standfirst, teasers at its ends, whole paragraphs) and the labels of pages go to
    `removed`. Images and removed are united; everything else is the first page's."""
    known = {
        fold(line) for line in (*article.text.splitlines(), article.title, article.summary or "", part.title)
    }
    # cut as a standfirst, but here it opens a page in the middle of the story
    lead = [one for one in part.removed if one.kind == "standfirst" and fold(one.text) not in known]
    lines = [*(one.text for one in lead), *part.text.splitlines()]
    kept, repeated = _fresh(lines, lambda line: fold(line) in known)
    labels = [line for line in (*article.text.splitlines(), *kept) if is_page_label(line)]
    fresh = [line for line in kept if not is_page_label(line)]
    if not fresh:
        return None
    text = "\n".join([*(line for line in article.text.splitlines() if not is_page_label(line)), *fresh])
    return replace(
        article,
        text=text,
        word_count=word_count(text),
        images=_united(article.images, part.images),
        removed=shortened(
            (
                *article.removed,
                *(one for one in part.removed if one not in lead),
                *(cut("repeated", "part.repeated", "line", line) for line in repeated),
                *(cut("pagination", "part.label", "line", line) for line in labels),
            )
        ),
        content_hash=content_hash(article.title, text),
        parts=article.parts + 1,
    )


def _fresh(lines: list[str], known: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """(new lines, repeated ones): at the two ends of a part every repetition goes, inside it only whole sentences."""
    new = [place for place, line in enumerate(lines) if not known(line)]
    if not new:
        return [], lines
    inside = range(new[0], new[-1] + 1)
    kept = [
        n in inside and (not known(line) or word_count(line) < _REPEAT_WORDS) for n, line in enumerate(lines)
    ]
    return [x for x, keep in zip(lines, kept, strict=True) if keep], [
        x for x, keep in zip(lines, kept, strict=True) if not keep
    ]


def _united(mine: tuple[Image, ...], theirs: tuple[Image, ...]) -> tuple[Image, ...]:
    known = {image.url for image in mine}
    return (*mine, *(image for image in theirs if image.url not in known))
