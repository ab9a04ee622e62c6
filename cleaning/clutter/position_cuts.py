"""Cuts by place: where the story begins and ends among the lines.

1. an outlet's own ending phrases
2. a disclosure of machine-made text, even in mid-line
3. what stands before the headline
4. a heading of furniture and the headlines under it
5. a biography and what follows it
6. a list of keywords after the last paragraph
7. what is left at the end: labels, headings with nothing under them
"""

from __future__ import annotations

from dataclasses import replace

from cleaning.clutter.line_cuts import PageFacts, Story, is_prose, tags_of
from cleaning.text.characters import fold, is_sentence, one_quote, word_count
from cleaning.text.extraction import Line
from cleaning.vocabulary import phrases

_FEWEST_BEFORE = 60  # words; an ending phrase before as much story is a masthead's
_MASTHEAD = 8  # lines that may stand before a headline
_TAIL_SHARE = 0.4  # the most of a text that may be cut for standing behind a biography
_CLOSING_SHARE = 0.25  # the same behind a heading of furniture, which may also be a box in mid-story
_TEASER_WORDS = 130  # of prose that may be teasers; more is the story going on
_FEWEST_HEADLINES = 8  # lines in a row without a full stop
_LONGEST_HEADLINE, _MEAN_HEADLINE = 45, 6  # words
_NEAR = 5  # blocks behind the story in which its keywords may stand
_HEADINGS = frozenset({"related", "newsletter", "comments", "promo"})


def cut_ends(story: Story, facts: PageFacts) -> None:
    """1. An outlet's phrases: the story ends before the first that has a story before it."""
    wanted = [one_quote(phrase).casefold() for phrase in facts.outlet.ends]
    before = 0
    for place, line in enumerate(story.lines):
        text = one_quote(line.text).casefold()
        starts = [at for phrase in wanted if (at := text.find(phrase)) >= 0]
        # casefold may lengthen a text (ß); a phrase at the very start is exact in any case
        start = min(starts, default=-1)
        if start >= 0 and before + word_count(line.text[:start]) >= min(
            _FEWEST_BEFORE, _words(story.lines) // 4
        ):
            _end(story, place, start, ("outlet", "outlet.ends"))
            return
        before += word_count(line.text)


def cut_disclosures(story: Story) -> None:
    """2. Kept in story.disclosure."""
    if not phrases.may_disclose("\n".join([line.text for line in story.lines])):
        return
    for place, line in enumerate(story.lines):
        match = phrases.disclosure(line.text)
        if not match:
            continue
        notice = line.text[match.start :]
        story.disclosure = story.disclosure or notice
        story.cut(match.kind, match.rule, [replace(line, text=notice)])
        story.lines[place] = replace(line, text=line.text[: match.start].rstrip())
    story.lines = [line for line in story.lines if line.text]


def cut_masthead(story: Story, facts: PageFacts) -> None:
    """3. The headline repeated is a border: little before it is no story."""
    places = [place for place, line in enumerate(story.lines[:_MASTHEAD]) if fold(line.text) in facts.titles]
    if not places or _words(story.lines[: places[-1]]) > 0.15 * _words(story.lines):
        _cut_above(story, facts)
        return
    above = story.lines[: places[-1]]
    story.cut("masthead", "place.before-headline", [line for line in above if not is_prose(line)])
    story.lines = [line for line in above if is_prose(line)] + story.lines[places[-1] :]


def _cut_above(story: Story, facts: PageFacts) -> None:
    """Where extraction does not show the headline: what stood before it on the page."""
    above = [
        line for line in story.lines[:_MASTHEAD] if fold(line.text) in facts.above and not is_prose(line)
    ]
    story.cut("masthead", "place.before-headline", above)
    story.lines = [line for line in story.lines if not any(line is cut for cut in above)]


def cut_lists(story: Story) -> None:
    """4. From a heading such as "Most read": the headlines under it, or all where little prose is left."""
    place = 0
    while place < len(story.lines):
        match = phrases.whole(story.lines[place].text)
        if not match or match.kind not in _HEADINGS:
            place += 1
            continue
        rest = story.lines[place + 1 :]
        prose = [line for line in rest if is_prose(line)]
        labels = sum((m := phrases.whole(line.text)) is not None and m.kind in _HEADINGS for line in rest)
        few = (len(prose) < 0.5 * len(rest) or labels > 0) and _words(prose) <= _TEASER_WORDS
        if few and _is_tail(story.lines[:place], rest, _CLOSING_SHARE):
            _take(story, range(place, len(story.lines)), (match.kind, "place.closing"))
            return
        run = next((n for n in range(len(rest)) if _goes_on(rest, n)), len(rest))
        # a subhead of the story stands right before its prose
        run -= 0 < run < len(rest) and rest[run - 1].kind == "head"
        _take(story, range(place, place + 1 + run), (match.kind, "place.under-heading"))


def _goes_on(rest: list[Line], place: int) -> bool:
    """The story: a sentence that is not a lone one among headlines (some headlines end with a full stop)."""
    here = rest[place]
    if here.kind == "quote":
        return True
    if not is_sentence(here.text):
        return False
    near = rest[max(0, place - 4) : place] + rest[place + 1 : place + 5]
    return len(near) < 4 or sum(is_sentence(line.text) for line in near) > len(near) / 3


def cut_biography(story: Story, facts: PageFacts) -> None:
    """5. A name alone, then a paragraph that begins with it; or an author's name and what a biography says."""
    lines, whole, before = story.lines, _words(story.lines), 0
    for place, line in enumerate(lines):
        here, before = before, before + word_count(line.text)
        if here < max(0.5 * whole, _FEWEST_BEFORE):
            continue
        if any(phrases.speaks_of(name, line.text) for name in _names(lines, place, facts)):
            start = next((n for n in range(max(0, place - 3), place) if is_name(lines[n].text)), place)
            tail = _is_tail(lines[:start], lines[place + 1 :], _TAIL_SHARE)
            _take(story, range(start, len(lines) if tail else place + 1), ("bio", "place.biography"))
            return


def cut_keywords(story: Story) -> None:
    """6. A long comma list that is no sentence, with no prose after it; kept in story.tags."""
    for place in range(len(story.lines) - 1, -1, -1):
        line = story.lines[place]
        if line.kind in ("p", "row") and is_keywords(line.text):
            story.tags += tags_of(line.text)
            _take(story, range(place, place + 1), ("tags", "place.keywords"))
            return
        if is_prose(line):
            return


def cut_closing_headlines(story: Story) -> None:
    """A long run of lines without a full stop at the end of the story is a list of headlines, whatever its name."""
    place = len(story.lines)
    while (
        place
        and (story.lines[place - 1].kind in ("p", "head", "row"))
        and not _goes_on(story.lines, place - 1)
    ):
        place -= 1
    run = story.lines[place:]
    if _are_headlines(run) and _words(story.lines[:place]) >= _FEWEST_BEFORE:
        _take(story, range(place, len(story.lines)), ("related", "place.closing-headlines"))


def _are_headlines(run: list[Line]) -> bool:
    """Many, of a headline's length (a squad or a table of results has shorter lines), hardly one a sentence."""
    return (
        len(run) >= _FEWEST_HEADLINES
        and sum(is_sentence(line.text) for line in run) < 0.2 * len(run)
        and all(word_count(line.text) <= _LONGEST_HEADLINE for line in run)
        and _words(run) >= _MEAN_HEADLINE * len(run)
    )


def trim(story: Story) -> None:
    """7. A story ends with a sentence, an item, a row or a quotation."""
    end = len(story.lines)
    while end > 1:
        last = story.lines[end - 1]
        label = last.kind == "p" and word_count(last.text) <= 3 and not is_sentence(last.text)
        if not (last.kind == "head" or label):
            break
        end -= 1
    _take(story, range(end, len(story.lines)), ("residue", "place.last"))


def keywords_in(blocks: list[str]) -> list[str]:
    """The keywords among the texts right behind the story, where extraction did not show them."""
    return next((tags_of(text) for text in blocks[:_NEAR] if is_keywords(text)), [])


def behind(story: Story, blocks: list[str]) -> list[str]:
    """What the page shows behind the story's last line; all of it where that line is not found. blocks: the page's
    texts in order."""
    last = fold(story.lines[-1].text) if story.lines else None
    place = next((n for n in range(len(blocks) - 1, -1, -1) if fold(blocks[n]) == last), -1)
    return blocks[place + 1 :]


def is_keywords(text: str) -> bool:
    """A comma list of at least five short parts, and no sentence."""
    parts = [part for part in text.split(",") if part.strip()]
    return len(parts) >= 5 and not is_sentence(text) and max(map(word_count, parts)) <= 8


def is_name(text: str) -> bool:
    """Two to four capitalised words and nothing else: a person's name, alone."""
    parts = text.split()
    return 2 <= len(parts) <= 4 and all(
        part[0].isupper() and part.strip(".").replace("-", "").replace("'", "").isalpha() for part in parts
    )


def _names(lines: list[Line], place: int, facts: PageFacts) -> list[str]:
    near = [line.text for line in lines[max(0, place - 3) : place] if is_name(line.text)]
    return [*near, *(name for name in facts.authors if len(name) > 5)]


def _is_tail(before: list[Line], after: list[Line], share: float) -> bool:
    story, rest = _words(before), _words(after)
    return story >= _FEWEST_BEFORE and (rest <= share * (story + rest) or not any(map(is_prose, after)))


def _end(story: Story, place: int, start: int, verdict: tuple[str, str]) -> None:
    line = story.lines[place]
    head, notice = line.text[:start].rstrip(), line.text[start:]
    if match := phrases.disclosure(notice):
        story.disclosure, verdict = story.disclosure or notice, (match.kind, verdict[1])
    story.cut(*verdict, [replace(line, text=notice), *story.lines[place + 1 :]])
    story.lines = [*story.lines[:place], *([replace(line, text=head)] if head else [])]


def _take(story: Story, places: range, verdict: tuple[str, str]) -> None:
    story.cut(*verdict, story.lines[places.start : places.stop])
    del story.lines[places.start : places.stop]


def _words(lines: list[Line]) -> int:
    return sum(word_count(line.text) for line in lines)
