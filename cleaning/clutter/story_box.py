"""Estimates which element holds the story: the box that follows the headline and holds most of the paragraphs there.

The limits of cuts are shares of this story, not of the page: a consent dialogue may be longer than the story.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from cleaning.text.shown_text import elements_after
from cleaning.text.text_density import TextDensity
from cleaning.vocabulary import markup_names

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_MAX_HEADLINES = 3  # <h1> elements that are tried: a logo may be one too
_MAX_BLOCKS = 60  # paragraphs behind a headline among which the story's first is looked for
_MIN_PARAGRAPH = 60  # characters outside links, of the story's first paragraph
_MIN_STORY = 300  # characters of prose, of a story that limits are measured by
_OF_AUTHORS = frozenset({"byline", "bio"})  # kinds of boxes that stand between headline and story
_MAX_NAMED = 0.25  # of the page's prose, in such a box
_MOST = 0.5  # share of the prose around a headline, or of a story, that makes a box the story's own


@dataclass(frozen=True, slots=True)
class StoryBox:
    """own: elements that hold most of the story, and all around it, which no rule may cut. inside: all in its box. prose: its
    characters in paragraphs. core: the same of the first paragraph and those beside it alone."""

    own: frozenset[HtmlElement]
    inside: frozenset[HtmlElement]
    prose: int
    core: int


def find_story_box(tree: HtmlElement, densities: dict[HtmlElement, TextDensity]) -> StoryBox | None:
    """Return the story's box; None where no headline is followed by paragraphs. densities: of the whole tree."""
    for headline in islice(tree.iter("h1"), _MAX_HEADLINES):
        above = list(headline.iterancestors())
        for paragraph in islice(elements_after(headline, "p"), _MAX_BLOCKS):
            density = densities.get(paragraph, TextDensity())
            if density.prose - density.linked < _MIN_PARAGRAPH or _is_in_named_box(
                paragraph, above, densities
            ):
                continue
            box = _box_in(densities, [paragraph, *paragraph.iterancestors()], above)
            if box is not None:
                return box
            break
    return None


def _is_in_named_box(
    paragraph: HtmlElement, above: list[HtmlElement], densities: dict[HtmlElement, TextDensity]
) -> bool:
    """Whether a paragraph stands in a small box that is named as a byline or a biography."""
    most = _MAX_NAMED * densities[above[-1]].prose
    return any(
        densities.get(box, TextDensity()).prose < most
        and markup_names.markup_kind(f"{box.get('class') or ''} {box.get('id') or ''}") in _OF_AUTHORS
        for box in takewhile(lambda element: element not in above, paragraph.iterancestors())
    )


def _box_in(
    densities: dict[HtmlElement, TextDensity], path: list[HtmlElement], above: list[HtmlElement]
) -> StoryBox | None:
    """Return the box on the way from the first paragraph to what holds the headline too; None where it holds little.

    path: the paragraph and all around it, from the inside. above: all around the headline."""
    common = next(element for element in path if element in above)
    boxes = path[1 : path.index(common)]  # around the paragraph, but not around the headline
    around = densities.get(common, TextDensity()).prose
    root = boxes[-1] if boxes and densities[boxes[-1]].prose >= _MOST * around else common
    prose = densities.get(root, TextDensity()).prose
    if prose < _MIN_STORY:
        return None
    own = [box for box in path[1:] if densities.get(box, TextDensity()).prose >= _MOST * prose]
    core = sum(densities.get(p, TextDensity()).prose for p in path[1].iterchildren("p"))
    return StoryBox(frozenset([*own, *above, path[1]]), frozenset(root.iterdescendants()), prose, core)
