"""Cuts lines by their position (positional cuts): what stands before the story's beginning and behind its end.

1. what follows one of the outlet's ending phrases
2. a disclosure of machine-made text, even in the middle of a line
3. what stands before the headline
4. a clutter heading, as "Most read", and the headlines under it
5. the author's biography and what follows it
6. a list of keywords after the last paragraph
7. remains at the end: labels, headings with nothing under them
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from cleaning.clutter.line_cuts import PageFacts, Story, is_prose, split_tags
from cleaning.text.characters import fold, is_sentence, unify_quotes, word_count
from cleaning.text.extraction import Line
from cleaning.vocabulary import phrases

_MIN_STORY_WORDS = 60  # of story before an end; an ending phrase that comes earlier belongs to the masthead
_MAX_MASTHEAD_LINES = 8  # lines that may stand before a headline
_MAX_BIOGRAPHY_TAIL = 0.4  # share of the text that may be cut because it stands behind a biography
_MAX_HEADING_TAIL = 0.25  # the same behind a clutter heading, which may also be a box inside the story
_MAX_TEASER_WORDS = 130  # of prose that may be teasers; with more, the story goes on
_MIN_HEADLINES = 8  # lines in a row without a full stop
_MAX_HEADLINE_WORDS, _MIN_MEAN_HEADLINE_WORDS = 45, 6
_MIN_PRESENTED = 2  # persons whose name stands above a sentence about them
_MIN_LIST_LINES = 3  # short lines at the end that begin with figures: a list, as of ingredients
_KEYWORD_BLOCKS = 5  # behind the story, among which its keywords are looked for
_HEADING_KINDS = frozenset({"related", "newsletter", "comments", "promo"})


def cut_ends(story: Story, facts: PageFacts) -> None:
    """1. End the story before the first of the outlet's ending phrases that has enough story before it."""
    ending_phrases = [unify_quotes(phrase).casefold() for phrase in facts.outlet_rules.ending_phrases]
    words_before = 0
    for index, line in enumerate(story.lines):
        text = unify_quotes(line.text).casefold()
        starts = [at for phrase in ending_phrases if (at := text.find(phrase)) >= 0]
        # casefold may lengthen a text (ß), which shifts `start`; a phrase at the very start is found exactly anyway
        start = min(starts, default=-1)
        if start >= 0 and words_before + word_count(line.text[:start]) >= min(
            _MIN_STORY_WORDS, _total_words(story.lines) // 4
        ):
            _end_story_at(story, index, start, ("outlet", "outlet.ends"))
            return
        words_before += word_count(line.text)


def cut_disclosures(story: Story) -> None:
    """2. Cut disclosures of machine-made text; the first is stored in story.disclosure."""
    if not phrases.may_disclose("\n".join([line.text for line in story.lines])):
        return
    for index, line in enumerate(story.lines):
        match = phrases.disclosure(line.text)
        if not match:
            continue
        notice = line.text[match.start :]
        story.disclosure = story.disclosure or notice
        story.record_cuts(match.kind, match.rule, [replace(line, text=notice)])
        story.lines[index] = replace(line, text=line.text[: match.start].rstrip())
    story.lines = [line for line in story.lines if line.text]


def cut_masthead(story: Story, facts: PageFacts) -> None:
    """3. Cut what stands before the headline, if that is little: paragraphs stay."""
    headlines = [
        index
        for index, line in enumerate(story.lines[:_MAX_MASTHEAD_LINES])
        if fold(line.text) in facts.titles
    ]
    if not headlines or _total_words(story.lines[: headlines[-1]]) > 0.15 * _total_words(story.lines):
        _cut_above_headline(story, facts)
        return
    above = story.lines[: headlines[-1]]
    story.record_cuts("masthead", "place.before-headline", [line for line in above if not is_prose(line)])
    story.lines = [line for line in above if is_prose(line)] + story.lines[headlines[-1] :]


def _cut_above_headline(story: Story, facts: PageFacts) -> None:
    """Cut lines that the page shows before the headline, where extraction left out the headline itself."""
    above = [
        line
        for line in story.lines[:_MAX_MASTHEAD_LINES]
        if fold(line.text) in facts.above_headline and not is_prose(line)
    ]
    story.record_cuts("masthead", "place.before-headline", above)
    story.lines = [line for line in story.lines if not any(line is removed for removed in above)]


def cut_headline_lists(story: Story) -> None:
    """4. Cut a heading such as "Most read" and the headlines under it; all that follows, if that is hardly prose."""
    index = 0
    while index < len(story.lines):
        match = phrases.whole(story.lines[index].text)
        if not match or match.kind not in _HEADING_KINDS:
            index += 1
            continue
        rest = story.lines[index + 1 :]
        prose = [line for line in rest if is_prose(line)]
        headings = sum(
            (m := phrases.whole(line.text)) is not None and m.kind in _HEADING_KINDS for line in rest
        )
        has_little_prose = (len(prose) < 0.5 * len(rest) or headings > 0) and _total_words(
            prose
        ) <= _MAX_TEASER_WORDS
        if has_little_prose and _is_tail(story.lines[:index], rest, _MAX_HEADING_TAIL):
            _cut_range(story, range(index, len(story.lines)), (match.kind, "place.closing"))
            return
        run_length = next((n for n in range(len(rest)) if _is_story_line(rest, n)), len(rest))
        # a heading right before prose is a subhead of the story, no headline of the list
        run_length -= 0 < run_length < len(rest) and rest[run_length - 1].kind == "head"
        _cut_range(story, range(index, index + 1 + run_length), (match.kind, "place.under-heading"))


def _is_story_line(lines: list[Line], index: int) -> bool:
    """Return whether a line is a quotation, or a sentence with other sentences near it.

    A lone sentence among headlines is one of them: some headlines end with a full stop."""
    line = lines[index]
    if line.kind == "quote":
        return True
    if not is_sentence(line.text):
        return False
    near = lines[max(0, index - 4) : index] + lines[index + 1 : index + 5]
    return len(near) < 4 or sum(is_sentence(other.text) for other in near) > len(near) / 3


def cut_biography(story: Story, facts: PageFacts) -> None:
    """5. Cut a biography in the second half of the story; also what follows it, if that is no story.

    A biography speaks of a person whose name stands alone in one of the three lines before it, or of an author. Where the
    story presents several persons so, it is about them."""
    lines, total_words, words_so_far = story.lines, _total_words(story.lines), 0
    presented = sum(
        is_person_name(line.text) and phrases.begins_biography(line.text, below.text)
        for line, below in pairwise(lines)
        if not any(fold(line.text) == fold(name) for name in facts.authors)
    )
    if presented >= _MIN_PRESENTED:
        return
    for index, line in enumerate(lines):
        words_before, words_so_far = words_so_far, words_so_far + word_count(line.text)
        if words_before < max(0.5 * total_words, _MIN_STORY_WORDS):
            continue
        if any(phrases.begins_biography(name, line.text) for name in _candidate_names(lines, index, facts)):
            start = next((n for n in range(max(0, index - 3), index) if is_person_name(lines[n].text)), index)
            tail = _is_tail(lines[:start], lines[index + 1 :], _MAX_BIOGRAPHY_TAIL)
            _cut_range(story, range(start, len(lines) if tail else index + 1), ("bio", "place.biography"))
            return


def cut_keywords(story: Story) -> None:
    """6. Cut the last keyword list, unless prose follows it; its keywords are added to story.tags."""
    for index in range(len(story.lines) - 1, -1, -1):
        line = story.lines[index]
        if line.kind in ("p", "row") and is_keyword_list(line.text):
            story.tags += split_tags(line.text)
            _cut_range(story, range(index, index + 1), ("tags", "place.keywords"))
            return
        if is_prose(line):
            return


def cut_closing_headlines(story: Story) -> None:
    """Cut a long run of lines without a full stop at the story's end: a list of headlines, whatever its heading."""
    start = len(story.lines)
    while (
        start
        and (story.lines[start - 1].kind in ("p", "head", "row"))
        and not _is_story_line(story.lines, start - 1)
    ):
        start -= 1
    run = story.lines[start:]
    if (
        _are_headlines(run)
        and _total_words(story.lines[:start]) >= _MIN_STORY_WORDS
        and _total_words(run) <= _MAX_HEADING_TAIL * _total_words(story.lines)
        and len({line.text.split()[0] for line in run})
        > len(run) / 2  # in a transcript the speakers' names come again
    ):
        _cut_range(story, range(start, len(story.lines)), ("related", "place.closing-headlines"))


def _are_headlines(run: list[Line]) -> bool:
    """Return whether the lines are many, of a headline's length, and hardly any is a sentence.

    A squad or a table of results has shorter lines."""
    return (
        len(run) >= _MIN_HEADLINES
        and sum(is_sentence(line.text) for line in run) < 0.2 * len(run)
        and all(word_count(line.text) <= _MAX_HEADLINE_WORDS for line in run)
        and _total_words(run) >= _MIN_MEAN_HEADLINE_WORDS * len(run)
    )


def trim_end(story: Story) -> None:
    """Step 7: cut headings and labels of up to three words at the end. A story ends with a sentence, a list item, a
    table row or a quotation."""
    end = len(story.lines)
    near_end = story.lines[-_MIN_LIST_LINES - 2 :]
    if sum(line.text[:1].isdigit() or line.text[:1] in "½¼¾⅓" for line in near_end) >= _MIN_LIST_LINES:
        return
    while end > 1:
        last = story.lines[end - 1]
        is_label = last.kind == "p" and word_count(last.text) <= 3 and not is_sentence(last.text)
        if not (last.kind == "head" or is_label):
            break
        end -= 1
    _cut_range(story, range(end, len(story.lines)), ("residue", "place.last"))


def keywords_in(blocks: list[str]) -> list[str]:
    """Return the keywords of the first keyword list right behind the story, for a page whose list was not extracted.

    blocks: what the page shows behind the story. Empty where there is no such list."""
    return next((split_tags(text) for text in blocks[:_KEYWORD_BLOCKS] if is_keyword_list(text)), [])


def blocks_behind(story: Story, blocks: list[str]) -> list[str]:
    """Return the blocks behind the story's last line; all blocks where that line is not among them.

    blocks: the text of every block that the page shows, in order."""
    last = fold(story.lines[-1].text) if story.lines else None
    index = next((n for n in range(len(blocks) - 1, -1, -1) if fold(blocks[n]) == last), -1)
    return blocks[index + 1 :]


def is_keyword_list(text: str) -> bool:
    """Return whether a text is a comma list of at least five short items, and no sentence."""
    items = [item for item in text.split(",") if item.strip()]
    return len(items) >= 5 and not is_sentence(text) and max(map(word_count, items)) <= 8


def is_person_name(text: str) -> bool:
    """Return whether a text may be nothing but a person's name: two to four capitalised words."""
    words = text.split()
    return 2 <= len(words) <= 4 and all(
        word[0].isupper() and word.strip(".").replace("-", "").replace("'", "").isalpha() for word in words
    )


def _candidate_names(lines: list[Line], index: int, facts: PageFacts) -> list[str]:
    """Return the names that a biography at this line may speak of."""
    near = [line.text for line in lines[max(0, index - 3) : index] if is_person_name(line.text)]
    return [*near, *(name for name in facts.authors if len(name) > 5)]


def _is_tail(before: list[Line], after: list[Line], max_share: float) -> bool:
    """Return whether `after` may be cut: there is a story before it, and it is a small share or holds no prose."""
    words_before, words_after = _total_words(before), _total_words(after)
    return words_before >= _MIN_STORY_WORDS and (
        words_after <= max_share * (words_before + words_after) or not any(map(is_prose, after))
    )


def _end_story_at(story: Story, index: int, start: int, reason: tuple[str, str]) -> None:
    """Cut everything from character `start` of the line at `index`. reason: (kind, rule) of the cut.

    Where that text is a disclosure, it is stored and the cut gets the disclosure's kind."""
    line = story.lines[index]
    head, notice = line.text[:start].rstrip(), line.text[start:]
    if match := phrases.disclosure(notice):
        story.disclosure, reason = story.disclosure or notice, (match.kind, reason[1])
    story.record_cuts(*reason, [replace(line, text=notice), *story.lines[index + 1 :]])
    story.lines = [*story.lines[:index], *([replace(line, text=head)] if head else [])]


def _cut_range(story: Story, indexes: range, reason: tuple[str, str]) -> None:
    """Cut the lines of a range. reason: (kind, rule) of the cut."""
    story.record_cuts(*reason, story.lines[indexes.start : indexes.stop])
    del story.lines[indexes.start : indexes.stop]


def _total_words(lines: list[Line]) -> int:
    """Return the number of words in the lines."""
    return sum(word_count(line.text) for line in lines)
