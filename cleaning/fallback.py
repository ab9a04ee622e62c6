"""When little is left: the page again without general cuts, or the text that JSON-LD carries.

A wrong cut may not cost a story. Only what an outlet names, the headline and a disclosure are cut here.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from cleaning.clutter import line_cuts, position_cuts
from cleaning.text import document
from cleaning.text.characters import tidy, word_count
from cleaning.text.extraction import Line, extract

if TYPE_CHECKING:
    from cleaning.metadata.json_ld import Node

_LITTLE = 80  # words; below, the page is looked at again
_MORE = 1.5  # the other text has to be as many times longer
_BODY_WORDS = 100  # an articleBody that counts
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h\d)[^>]*>|\n+", re.I)
_TAG = re.compile(r"<[^>]{1,500}>")


def longer_story(
    story: line_cuts.Story, markup: str, article: Node, facts: line_cuts.PageFacts
) -> line_cuts.Story:
    """The story as it is, or a longer one found on other ways."""
    words = _words(story)
    body = body_lines(article)
    if words < 0.5 * sum(word_count(line.text) for line in body) and words < 10 * _BODY_WORDS:
        story, words = _bare(body, facts), sum(word_count(line.text) for line in body)
    if words >= _LITTLE:
        return story
    tree = document.parse(markup)
    whole = len(tree.text_content()) // 2  # a selector that takes more is a slip
    for element in [*facts.outlet.cut(tree), *tree.iter("figcaption")]:
        if element.getparent() is not None and (
            element.tag == "figcaption" or len(element.text_content()) < whole
        ):
            element.drop_tree()
    other = _bare(extract(tree), facts)
    return other if _words(other) > _MORE * words else story


def body_lines(article: Node) -> list[Line]:
    """articleBody as lines; [] where it is none worth the name."""
    body = article.get("articleBody")
    if not isinstance(body, str) or len(body) < 400:
        return []
    text = html.unescape(html.unescape(body))
    found = [Line(tidy(_TAG.sub(" ", part))) for part in _BREAK.split(text)]
    found = [line for line in found if line.text]
    return found if sum(word_count(line.text) for line in found) >= _BODY_WORDS else []


def _bare(found: list[Line], facts: line_cuts.PageFacts) -> line_cuts.Story:
    story = line_cuts.Story(list(line_cuts.without_bullets(found)))
    position_cuts.cut_ends(story, facts)
    position_cuts.cut_disclosures(story)
    line_cuts.cut_lines(story, facts, line_cuts.SURE)
    return story


def _words(story: line_cuts.Story) -> int:
    return sum(word_count(line.text) for line in story.lines)
