"""Joins the pages of a paginated article into one article, after each page was cleaned by itself.

Text that a later page repeats goes to `removed`; lake/workers/page_processing.py decides which pages are joined.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cleaning.records import content_hash, record_cut, truncate_texts
from cleaning.text.characters import fold, word_count
from cleaning.vocabulary.pager_words import is_page_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from cleaning.records import Article, Image

_MIN_REPEAT_WORDS = 6  # a shorter line inside a page may rightly occur twice in a story


def join_page(article: Article, next_page: Article) -> Article | None:
    """Return the article with the text of its next page appended; None where that page adds no text.

    article: the pages joined so far; next_page: the cleaned next page. What the next page repeats (headline,
    standfirst, teasers at its ends, whole paragraphs) and page labels move to `removed`. Images and removed texts of
    both are combined; all other fields are the first page's."""
    known = {
        fold(line)
        for line in (*article.text.splitlines(), article.title, article.summary or "", next_page.title)
    }
    # it was cut as a standfirst, but on a later page such a paragraph belongs to the story
    lead = [cut for cut in next_page.removed if cut.kind == "standfirst" and fold(cut.text) not in known]
    lines = [*(cut.text for cut in lead), *next_page.text.splitlines()]
    new_lines, repeated = _split_repeated(lines, lambda line: fold(line) in known)
    labels = [line for line in (*article.text.splitlines(), *new_lines) if is_page_label(line)]
    added = [line for line in new_lines if not is_page_label(line)]
    if not added:
        return None
    text = "\n".join([*(line for line in article.text.splitlines() if not is_page_label(line)), *added])
    return replace(
        article,
        text=text,
        word_count=word_count(text),
        images=_combine_images(article.images, next_page.images),
        removed=truncate_texts(
            (
                *article.removed,
                *(cut for cut in next_page.removed if cut not in lead),
                *(record_cut("repeated", "part.repeated", "line", line) for line in repeated),
                *(record_cut("pagination", "part.label", "line", line) for line in labels),
            )
        ),
        content_hash=content_hash(article.title, text),
        parts=article.parts + 1,
    )


def _split_repeated(lines: list[str], is_known: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """Split a page's lines into (new, repeated).

    Before the first new line and behind the last one, every known line counts as repeated; between them only one of
    _MIN_REPEAT_WORDS words or more."""
    new = [index for index, line in enumerate(lines) if not is_known(line)]
    if not new:
        return [], lines
    inside = range(new[0], new[-1] + 1)
    is_new = [
        n in inside and (not is_known(line) or word_count(line) < _MIN_REPEAT_WORDS)
        for n, line in enumerate(lines)
    ]
    return [x for x, keep in zip(lines, is_new, strict=True) if keep], [
        x for x, keep in zip(lines, is_new, strict=True) if not keep
    ]


def _combine_images(images: tuple[Image, ...], more: tuple[Image, ...]) -> tuple[Image, ...]:
    """Return all images, without those of `more` whose URL is among the first."""
    known = {image.url for image in images}
    return (*images, *(image for image in more if image.url not in known))
