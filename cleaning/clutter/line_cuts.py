"""Cuts single lines of the extracted story by their own words: headlines, bylines, captions, phrases, pull quotes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cleaning.records import Removed, record_cut
from cleaning.text.characters import fold, is_sentence, rough_word_count, unify_quotes, word_count
from cleaning.text.extraction import Line
from cleaning.vocabulary import phrases
from cleaning.vocabulary.dates_in_text import first_day_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cleaning.clutter.outlet_rules import CompiledRules

_MAX_PHRASE_LINE_WORDS = 40  # a longer line is prose, whatever phrases it holds
_TOP_LINES = 8  # among which bylines, dates and the standfirst are looked for
_FILE_NAME = re.compile(
    # the first _ behind anything in a word, and any size behind it; no word is read more than twice
    r"(?<!\w)(?:(?<=-)|\w)[^\W_]*+_\w*?\d\dx\d\d|^\S+\.(?:jpe?g|png|webp|gif)$|\w-\d{3,4}x\d{3,4}\b",
    re.I,
)
_SIZE_OR_TYPE = re.compile(r"\dx\d|\.(?:jpe?g|png|webp|gif)$", re.I)
_LETTER = re.compile(r"[^\W\d_]")
_DATE_FIGURES = re.compile(r"[\d\W_年月日時时分秒년월일]+")
_CLOCK = re.compile(r"(?<!\d)\d{1,2}[:.h]\d{2}(?!\d)|\b\d+ (?:min|hour|day|hr)s?\b.{0,200}\bago\b", re.I)
# how long it takes to read or to hear a story
_DURATION = re.compile(
    r"\W*\d{1,3}\s?(?:min|mins|minutes?|minuten|minuti|minutos|minut|мин|хв|分|분)\.?(?: (?:read|listen|lesezeit|de lecture|de lectura|di lettura|leestijd))?\W*",
    re.I,
)
_MAX_BYLINE_WORDS = 16
_MAX_DATE_WORDS = 6  # of a line with a date, besides its figures: weekday, month, "updated at"
_MAX_CAPTION_WORDS = 60
_MAX_KICKER_WORDS = 6  # a kicker is a label before the headline, here in one line with it
_MIN_PULL_QUOTE_WORDS = 8
_MAX_PULL_QUOTE_CHARS = 400  # after folding
_MIN_PULL_QUOTE_CHARS = 25  # after folding; a shorter text may rightly occur in two lines
# (AP Photo/Ann Lee), (Foto: Bo Ek)   at the end of a line; an agency's name alone would be the credit of a story
_PICTURE_CREDIT = re.compile(
    r"\((?:[^()]{0,60}[\s/])?(?:photos?|fotos?|picture|image|getty(?: images)?)(?:[\s/:][^()]{0,60})?\)\.?$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class PageFacts:
    """Facts about the page that line cuts compare with. Texts are folded where not said otherwise."""

    titles: frozenset[str]  # all spellings of the headline
    standfirst: str
    above_headline: frozenset[str]  # texts that the page shows before the headline
    labels: tuple[str, ...]  # the texts right above the headline, as written
    captions: frozenset[str]
    authors: tuple[str, ...]  # as written
    keywords: frozenset[str]  # tags from the page's head and JSON-LD
    site_names: frozenset[str]  # names of the outlet
    outlet_rules: CompiledRules


@dataclass(slots=True)
class Story:
    """The story's remaining lines, the cuts so far, and the tags and the AI disclosure found in cut lines. is_cut: the
    page has more of its text than extraction takes."""

    lines: list[Line]
    removed: list[Removed] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    disclosure: str | None = None
    is_cut: bool = False

    def record_cuts(self, kind: str, rule: str, lines: list[Line]) -> None:
        """Append one Removed per line. `self.lines` is left as it is."""
        self.removed += [record_cut(kind, rule, "line", line.text) for line in lines]


CutDecision = tuple[str, str] | None  # (kind, rule) of the cut; None to keep the line


def cut_lines(story: Story, facts: PageFacts, checks: Sequence[LineCheck] | None = None) -> None:
    """Cut every line for which a check gives a decision; the first decision counts.

    checks: in order; ALL_CHECKS by default. Keywords that were cut are added to story.tags."""
    remaining: list[Line] = []
    for index, line in enumerate(story.lines):
        decision = next((d for check in checks or ALL_CHECKS if (d := check(line, index, facts))), None)
        if decision is None:
            remaining.append(line)
            continue
        story.record_cuts(*decision, [line])
        if decision[0] == "tags":
            story.tags += split_tags(line.text)
    story.lines = remaining


def cut_pull_quotes(story: Story) -> None:
    """Cut every line whose whole text also occurs inside a longer line of the story. The longer line stays.

    A longer line that holds several others is a summary of them; in that case none of them is cut.
    """
    keys = [fold(line.text) for line in story.lines]
    # searched first, because it is cheap: comparing each line with each would be slow on a report of thousands
    whole = "\n".join(keys)
    holders: dict[str, int | None] = {}  # by key: on some pages one line is repeated thousands of times
    quotes_by_holder: dict[int, list[int]] = defaultdict(list)
    for index, (line, key) in enumerate(zip(story.lines, keys, strict=True)):
        if not _may_be_pull_quote(line, key):
            continue
        if key not in holders:
            holders[key] = _longer_holder(key, keys) if whole.count(key) > 1 else None
        if (holder := holders[key]) is not None:
            quotes_by_holder[holder].append(index)
    quotes = {index for indexes in quotes_by_holder.values() if len(indexes) == 1 for index in indexes}
    story.record_cuts("pull-quote", "line.repeated", [story.lines[index] for index in sorted(quotes)])
    story.lines = [line for index, line in enumerate(story.lines) if index not in quotes]


def _longer_holder(key: str, keys: Sequence[str]) -> int | None:
    """Return the index of the first longer text that holds this one; None where there is none."""
    return next((n for n, other in enumerate(keys) if len(other) > len(key) and key in other), None)


def _may_be_pull_quote(line: Line, key: str) -> bool:
    """Return whether a line is a sentence or in quotation marks, and neither subhead, item nor table row.

    Those three may rightly repeat words of a paragraph. key: the folded text."""
    reads_as_quote = is_sentence(line.text) or unify_quotes(line.text[:1]) == '"'
    has_length = (
        _MIN_PULL_QUOTE_CHARS <= len(key) <= _MAX_PULL_QUOTE_CHARS
        and word_count(line.text) >= _MIN_PULL_QUOTE_WORDS
    )
    return has_length and reads_as_quote and line.kind in ("p", "quote")


def is_prose(line: Line) -> bool:
    """Return whether a line is a paragraph: a sentence of 12 words or more, no heading."""
    return line.kind != "head" and word_count(line.text) >= 12 and is_sentence(line.text)


def split_tags(text: str) -> list[str]:
    """Return the keywords of a line that lists them, without the label before them ("Tags: …")."""
    label, colon, rest = text.partition(":")
    tag_list = rest if colon and word_count(label) <= 3 else text
    match = phrases.opens(text)
    if match and not colon:
        tag_list = re.sub(r"^\W*\w+\W*", "", text, count=1)
    return [tag for item in re.split(r"[,;|·•#]", tag_list) if (tag := item.strip(" ."))]


def check_headline(line: Line, index: int, facts: PageFacts) -> CutDecision:
    """Cut the headline, with or without a kicker before it."""
    key = fold(line.text)
    if key in facts.titles:
        return "headline", "line.headline"
    if index >= _TOP_LINES or is_sentence(line.text):
        return None
    words = line.text.split()
    without_kicker = (fold(" ".join(words[n:])) for n in range(1, min(_MAX_KICKER_WORDS, len(words) - 3) + 1))
    return ("headline", "line.headline") if any(rest in facts.titles for rest in without_kicker) else None


def check_standfirst(line: Line, index: int, facts: PageFacts) -> CutDecision:
    """Cut the standfirst near the top: it is a field of its own."""
    return (
        ("standfirst", "line.standfirst")
        if index < _TOP_LINES and fold(line.text) == facts.standfirst
        else None
    )


def check_outlet_patterns(line: Line, index: int, facts: PageFacts) -> CutDecision:
    """Cut a line that a pattern of the outlet's rules matches."""
    return (
        ("outlet", "outlet.lines")
        if any(p.search(line.text) for p in facts.outlet_rules.line_patterns)
        else None
    )


def check_caption(line: Line, index: int, facts: PageFacts) -> CutDecision:
    """Cut a line that equals the caption of one of the page's pictures."""
    return ("caption", "line.caption") if fold(line.text) in facts.captions else None


def check_credited_caption(line: Line, index: int, facts: PageFacts) -> CutDecision:
    """Cut a caption that ends with the picture's credit in brackets."""
    match = (
        line.kind == "p" and word_count(line.text) <= _MAX_CAPTION_WORDS and _PICTURE_CREDIT.search(line.text)
    )
    return ("caption", "line.credited") if match else None


def check_phrases(line: Line, index: int, facts: PageFacts) -> CutDecision:
    """Cut a line that is, begins with or holds a clutter phrase of vocabulary/LANGUAGE.toml."""
    if match := phrases.whole(line.text):
        return match.kind, match.rule
    if line.kind == "row" or rough_word_count(line.text) > _MAX_PHRASE_LINE_WORDS:
        match = phrases.repeated_pleas(line.text)
        return (match.kind, f"{match.rule}.twice") if match else None
    match = phrases.opens(line.text) or phrases.holds(line.text)
    return (match.kind, match.rule) if match else None


def check_keywords(line: Line, index: int, facts: PageFacts) -> CutDecision:
    """Cut a comma list of which more than half are keywords of the page's metadata."""
    items = [item for item in line.text.split(",") if item.strip()]
    if len(items) < 4 or is_sentence(line.text) or line.kind in ("item", "row"):
        return None
    if max(word_count(item) for item in items) > 7 or index < 3:
        return None
    known = sum(fold(item) in facts.keywords for item in items)
    return ("tags", "line.keywords") if known > len(items) / 2 else None


def check_byline(line: Line, index: int, facts: PageFacts) -> CutDecision:
    """Cut an author's name alone, or a short line near the top with an author's name or nothing but a date."""
    if (
        rough_word_count(line.text) > _MAX_BYLINE_WORDS
        or is_sentence(line.text)
        or line.kind in ("item", "row")
        or line.text.startswith(("—", "–", "-"))
    ):
        return None
    if index < _TOP_LINES and any(
        len(name) > 5 and name.casefold() in line.text.casefold() for name in facts.authors
    ):
        return "byline", "line.author"
    if any(fold(line.text) == fold(name) for name in facts.authors):
        return "byline", "line.author-alone"
    if (
        index < _TOP_LINES
        and (first_day_in(line.text) or _CLOCK.search(line.text))
        and len(_DATE_FIGURES.sub(" ", line.text).split()) <= _MAX_DATE_WORDS
    ):
        return "byline", "line.date"
    return None


def check_site_name(line: Line, index: int, facts: PageFacts) -> CutDecision:
    """Cut a line that is nothing but the outlet's name."""
    return ("masthead", "line.site-name") if fold(line.text) in facts.site_names else None


def check_file_name(line: Line, index: int, facts: PageFacts) -> CutDecision:
    """Cut a picture's file name, or an alternative text that was generated from it."""
    may_match = len(line.text) < 300 and _SIZE_OR_TYPE.search(line.text)  # cheaper than the full pattern
    return ("caption", "line.file-name") if may_match and _FILE_NAME.search(line.text) else None


def check_wordless(line: Line, index: int, facts: PageFacts) -> CutDecision:
    """Cut a short line without letters: a player's clock, the cross of a closing button, a rule; near the top also a
    duration."""
    if index < _TOP_LINES and len(line.text) < 30 and _DURATION.fullmatch(line.text):
        return "residue", "line.duration"
    return (
        ("residue", "line.wordless")
        if line.kind != "row" and not _LETTER.search(line.text) and len(line.text) < 12
        else None
    )


LineCheck = Callable[[Line, int, PageFacts], CutDecision]  # of (line, its index in the story, facts)
SURE_CHECKS: tuple[LineCheck, ...] = (check_headline, check_outlet_patterns)  # for fallback extraction
ALL_CHECKS: tuple[LineCheck, ...] = (
    *SURE_CHECKS,
    check_standfirst,
    check_caption,
    check_credited_caption,
    check_phrases,
    check_keywords,
    check_byline,
    check_site_name,
    check_file_name,
    check_wordless,
)


def without_bullets(lines: list[Line]) -> Iterator[Line]:
    """Yield the lines without the bullet characters that a page wrote into their text: line.kind tells an item."""
    for line in lines:
        text = (
            re.sub(r"^[•●▪◦‣·∙*»►▶➤–—-]\s+(?=\S)", "", line.text) if line.kind in ("item", "p") else line.text
        )
        yield replace(line, text=text) if text else line
