"""Cuts on the lines that extraction gave, one line at a time: what a line is by its own words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cleaning.records import Removed, cut
from cleaning.text.characters import fold, is_sentence, one_quote, rough_words, word_count
from cleaning.text.extraction import Line
from cleaning.vocabulary import phrases
from cleaning.vocabulary.written_dates import first_day_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cleaning.clutter.outlet_rules import CompiledRules

_SHORT = 40  # words; a longer line is prose, whatever it holds
_TOP = 8  # lines in which bylines, dates and the standfirst stand
_FILE = re.compile(r"[\w-]+_\w*\d{2,4}x\d{2,4}\w*|^\S+\.(?:jpe?g|png|webp|gif)$|\w+-\d{3,4}x\d{3,4}\b", re.I)
_SIZE_OR_TYPE = re.compile(r"\dx\d|\.(?:jpe?g|png|webp|gif)$", re.I)
_LETTER = re.compile(r"[^\W\d_]")
_NO_DATE_WORD = re.compile(r"[\d\W_年月日時时分秒년월일]+")
_CLOCK = re.compile(r"(?<!\d)\d{1,2}[:.h]\d{2}(?!\d)|\b\d+ (?:min|hour|day|hr)s?\b.*\bago\b", re.I)
_BYLINE_WORDS = 16
_DATE_WORDS = 6  # beside the figures: weekday, month, "updated at"
_LONGEST_CAPTION = 60  # words
_KICKER_WORDS = 6  # of a label that stands before the headline in one line
_PULLED_WORDS = 8
_LONGEST_PULLED = 400  # folded characters of a pull quote
_FEWEST_REPEATED = 25  # folded characters; fewer may well stand in two lines
# (AP Photo/Ann Lee), (Foto: Bo Ek)   at the end of a line; an agency's name alone signs a story
_CREDITED = re.compile(
    r"\((?:[^()]{0,60}[\s/])?(?:photos?|fotos?|picture|image|getty(?: images)?)(?:[\s/:][^()]{0,60})?\)\.?$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What is known of the page before its lines are judged. Texts are folded."""

    titles: frozenset[str]
    standfirst: str
    above: frozenset[str]  # what stands before the headline
    labels: tuple[str, ...]  # right above it, as written
    captions: frozenset[str]
    authors: tuple[str, ...]  # as written
    keywords: frozenset[str]
    sites: frozenset[str]
    outlet: CompiledRules


@dataclass(slots=True)
class Story:
    """The lines that stay, the cuts so far, and what cuts brought to light."""

    lines: list[Line]
    removed: list[Removed] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    disclosure: str | None = None

    def cut(self, kind: str, rule: str, lines: list[Line]) -> None:
        self.removed += [cut(kind, rule, "line", line.text) for line in lines]


Verdict = tuple[str, str] | None  # (kind, rule), None to keep


def cut_lines(story: Story, facts: PageFacts, judges: Sequence[Judge] | None = None) -> None:
    """Every line before the judges, in order; the first verdict counts. All judges of this file by default."""
    kept: list[Line] = []
    for place, line in enumerate(story.lines):
        verdict = next((v for judge in judges or ALL if (v := judge(line, place, facts))), None)
        if verdict is None:
            kept.append(line)
            continue
        story.cut(*verdict, [line])
        if verdict[0] == "tags":
            story.tags += tags_of(line.text)
    story.lines = kept


def cut_repeated(story: Story) -> None:
    """A pull quote: a line whose words stand in a longer line of the story too. The other one stays.

    A line that holds several others is a summary of them: nothing is cut for its sake.
    """
    keys = [fold(line.text) for line in story.lines]
    whole = "\n".join(
        keys
    )  # asked first: a report of thousands of lines would be compared with itself, line by line
    holders: dict[int, list[int]] = defaultdict(list)
    for place, (line, key) in enumerate(zip(story.lines, keys, strict=True)):
        if _may_be_pulled(line, key) and whole.count(key) > 1:
            holder = next((n for n, other in enumerate(keys) if len(other) > len(key) and key in other), None)
            if holder is not None:
                holders[holder].append(place)
    pulled = {place for places in holders.values() if len(places) == 1 for place in places}
    story.cut("pull-quote", "line.repeated", [story.lines[place] for place in sorted(pulled)])
    story.lines = [line for place, line in enumerate(story.lines) if place not in pulled]


def _may_be_pulled(line: Line, key: str) -> bool:
    """A sentence, or words in quotation marks; no subhead, item or row, which may well say what a paragraph says."""
    told = is_sentence(line.text) or one_quote(line.text[:1]) == '"'
    short = _FEWEST_REPEATED <= len(key) <= _LONGEST_PULLED and word_count(line.text) >= _PULLED_WORDS
    return short and told and line.kind in ("p", "quote")


def is_prose(line: Line) -> bool:
    """A paragraph, not a headline or a label."""
    return line.kind != "head" and word_count(line.text) >= 12 and is_sentence(line.text)


def tags_of(text: str) -> list[str]:
    """The keywords of a list with or without a label before it."""
    label, colon, rest = text.partition(":")
    listed = rest if colon and word_count(label) <= 3 else text
    match = phrases.opens(text)
    if match and not colon:
        listed = re.sub(r"^\W*\w+\W*", "", text, count=1)
    return [tag for part in re.split(r"[,;|·•#]", listed) if (tag := part.strip(" ."))]


def headline(line: Line, place: int, facts: PageFacts) -> Verdict:
    """The headline, with or without a label before it."""
    key = fold(line.text)
    if key in facts.titles:
        return "headline", "line.headline"
    if place >= _TOP or is_sentence(line.text):
        return None
    parts = line.text.split()
    rests = (fold(" ".join(parts[n:])) for n in range(1, min(_KICKER_WORDS, len(parts) - 3) + 1))
    return ("headline", "line.headline") if any(rest in facts.titles for rest in rests) else None


def standfirst(line: Line, place: int, facts: PageFacts) -> Verdict:
    return ("standfirst", "line.standfirst") if place < _TOP and fold(line.text) == facts.standfirst else None


def outlet(line: Line, place: int, facts: PageFacts) -> Verdict:
    return ("outlet", "outlet.lines") if any(p.search(line.text) for p in facts.outlet.lines) else None


def caption(line: Line, place: int, facts: PageFacts) -> Verdict:
    return ("caption", "line.caption") if fold(line.text) in facts.captions else None


def credited(line: Line, place: int, facts: PageFacts) -> Verdict:
    """A caption that ends with its picture's credit in brackets."""
    found = line.kind == "p" and word_count(line.text) <= _LONGEST_CAPTION and _CREDITED.search(line.text)
    return ("caption", "line.credited") if found else None


def words(line: Line, place: int, facts: PageFacts) -> Verdict:
    """A line of the trade's vocabulary."""
    if match := phrases.whole(line.text):
        return match.kind, match.rule
    if line.kind == "row" or rough_words(line.text) > _SHORT:
        match = phrases.pleas(line.text)
        return (match.kind, f"{match.rule}.twice") if match else None
    match = phrases.opens(line.text) or phrases.holds(line.text)
    return (match.kind, match.rule) if match else None


def keywords(line: Line, place: int, facts: PageFacts) -> Verdict:
    """A comma list of what the page's head names as keywords."""
    parts = [part for part in line.text.split(",") if part.strip()]
    if len(parts) < 4 or is_sentence(line.text) or line.kind in ("item", "row"):
        return None
    if max(word_count(part) for part in parts) > 7 or place < 3:
        return None
    known = sum(fold(part) in facts.keywords for part in parts)
    return ("tags", "line.keywords") if known > len(parts) / 2 else None


def byline(line: Line, place: int, facts: PageFacts) -> Verdict:
    """A short line near the top with an author's name, or with nothing but a date."""
    if (
        rough_words(line.text) > _BYLINE_WORDS
        or is_sentence(line.text)
        or line.kind in ("item", "row")
        or line.text.startswith(("—", "–", "-"))
    ):
        return None
    if place < _TOP and any(
        len(name) > 5 and name.casefold() in line.text.casefold() for name in facts.authors
    ):
        return "byline", "line.author"
    if any(fold(line.text) == fold(name) for name in facts.authors):
        return "byline", "line.author-alone"
    if (
        place < _TOP
        and (first_day_in(line.text) or _CLOCK.search(line.text))
        and len(_NO_DATE_WORD.sub(" ", line.text).split()) <= _DATE_WORDS
    ):
        return "byline", "line.date"
    return None


def site_name(line: Line, place: int, facts: PageFacts) -> Verdict:
    return ("masthead", "line.site-name") if fold(line.text) in facts.sites else None


def file_name(line: Line, place: int, facts: PageFacts) -> Verdict:
    """A picture's file name, or an alternative text made from it."""
    may_be = len(line.text) < 300 and _SIZE_OR_TYPE.search(line.text)  # cheap, unlike the pattern
    return ("caption", "line.file-name") if may_be and _FILE.search(line.text) else None


def wordless(line: Line, place: int, facts: PageFacts) -> Verdict:
    """A player's clock, a closing cross, a rule."""
    return (
        ("residue", "line.wordless")
        if line.kind != "row" and not _LETTER.search(line.text) and len(line.text) < 12
        else None
    )


Judge = Callable[[Line, int, PageFacts], Verdict]
SURE: tuple[Judge, ...] = (headline, outlet)  # for a story of which little is left
ALL: tuple[Judge, ...] = (
    *SURE,
    standfirst,
    caption,
    credited,
    words,
    keywords,
    byline,
    site_name,
    file_name,
    wordless,
)


def without_bullets(lines: list[Line]) -> Iterator[Line]:
    """Bullets that the page wrote into the text of an item go; the line says what it is."""
    for line in lines:
        text = (
            re.sub(r"^[•●▪◦‣·∙*»►▶➤–—-]\s+(?=\S)", "", line.text) if line.kind in ("item", "p") else line.text
        )
        yield replace(line, text=text) if text else line
