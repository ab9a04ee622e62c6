"""Fallback extraction: replaces a story that is suspiciously short, because a wrong cut must not cost a whole story.

1. By JSON-LD's articleBody, where a story of fewer than 1,000 words has less than half of its words.
2. Below 80 words, by the page extracted again without general cuts, if that gives more than 1.5 times as many words.
3. Below 40 words still, by the story in the state of the page's application (page_state.py).

From the new text only the headline, a disclosure, captions, and what the outlet's own rules name are cut.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from cleaning.clutter import line_cuts, position_cuts
from cleaning.text import document
from cleaning.text.characters import tidy, word_count
from cleaning.text.extraction import Line, extract, is_cut
from cleaning.text.page_state import state_lines

if TYPE_CHECKING:
    from cleaning.metadata.json_ld import Node

_ENOUGH_WORDS = 80  # of a story; with fewer, the page is extracted again
_HARDLY_ANY_WORDS = 40  # with fewer, the state of the page's application is read
_MIN_GAIN = 1.5  # the text without general cuts has to be longer by this factor
_MIN_BODY_WORDS = 100  # of an articleBody that is used
_LINE_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h\d)[^<>]*>|\n+", re.I)
_TAG = re.compile(r"<[^<>]{1,500}>")


def longer_story(
    story: line_cuts.Story, markup: str, article: Node, facts: line_cuts.PageFacts
) -> line_cuts.Story:
    """Return `story` itself, or a longer story where fallback extraction finds one.

    markup: of the page before cuts; article: its JSON-LD object."""
    words = _count_words(story)
    body = body_lines(article)
    if words < 0.5 * sum(word_count(line.text) for line in body) and words < 10 * _MIN_BODY_WORDS:
        story, words = _with_sure_cuts(body, facts), sum(word_count(line.text) for line in body)
    if words >= _ENOUGH_WORDS:
        return story
    tree = document.parse(markup).tree
    state = state_lines(tree)
    half_page = len(tree.text_content()) // 2  # an outlet's selector that takes more is a mistake
    for element in [*facts.outlet_rules.elements_to_cut(tree), *tree.iter("figcaption")]:
        if element.getparent() is not None and (
            element.tag == "figcaption" or len(element.text_content()) < half_page
        ):
            element.drop_tree()
    lines = extract(tree)
    uncut = _with_sure_cuts(lines, facts)
    uncut.is_cut = is_cut(lines)
    if _count_words(uncut) > _MIN_GAIN * words:
        story, words = uncut, _count_words(uncut)
    if (
        words < _HARDLY_ANY_WORDS
        and state
        and sum(word_count(line.text) for line in state) > _MIN_GAIN * words
    ):
        return _with_sure_cuts(state, facts)
    return story


def body_lines(article: Node) -> list[Line]:
    """Return JSON-LD's articleBody as lines; [] where it is missing or short."""
    body = article.get("articleBody")
    if not isinstance(body, str) or len(body) < 400:
        return []
    text = html.unescape(html.unescape(body))
    lines = [Line(tidy(_TAG.sub(" ", line))) for line in _LINE_BREAK.split(text)]
    lines = [line for line in lines if line.text]
    return lines if sum(word_count(line.text) for line in lines) >= _MIN_BODY_WORDS else []


def _with_sure_cuts(lines: list[Line], facts: line_cuts.PageFacts) -> line_cuts.Story:
    """Return a story of these lines, with no cuts but those that cannot go wrong."""
    story = line_cuts.Story(list(line_cuts.without_bullets(lines)))
    position_cuts.cut_ends(story, facts)
    position_cuts.cut_disclosures(story)
    line_cuts.cut_lines(story, facts, line_cuts.SURE_CHECKS)
    return story


def _count_words(story: line_cuts.Story) -> int:
    return sum(word_count(line.text) for line in story.lines)
