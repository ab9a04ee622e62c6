"""Presents a page's explanation as text for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

from cleaning.records import Removed
from cleaning.wording import counted
from crawler.inspection.explanation import Explanation, stated_fields

MAX_CUT_CHARS = 400  # of one cut, that are shown
# characters that a terminal obeys or hides: controls, direction marks, zero-width characters, lone surrogates
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_BOLD, _DIM, _STRUCK, _RED, _GREEN, _OFF = "\x1b[1m", "\x1b[2m", "\x1b[9m", "\x1b[31m", "\x1b[32m", "\x1b[0m"


def safe(text: str) -> str:
    """Return the text without characters that a terminal would obey; each is replaced by its code, as \\u001b."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text.replace("\t", " "))


def as_text(explanation: Explanation, width: int, *, styled: bool) -> str:
    """Return the explanation as lines of at most width characters. styled: with the terminal's colours and
    strikethrough; without it, a minus marks each cut."""
    return "\n".join(_TextReport(explanation, max(40, width), styled=styled).lines())


class _TextReport:
    """Builds the lines of one explanation."""

    def __init__(self, explanation: Explanation, width: int, *, styled: bool) -> None:
        self.explanation, self.width, self.styled = explanation, width, styled

    def lines(self) -> Iterator[str]:
        """Return all lines of the report."""
        explanation = self.explanation
        yield self._with_style(safe(explanation.title), _BOLD)
        if explanation.title != explanation.page.url:
            yield safe(explanation.page.url)
        yield from self._verdict()
        yield from self._fields()
        if explanation.pieces:
            yield from self._heading("Page, in its order (− is cut)")
            for piece in explanation.pieces:
                yield from self._cut(piece.text, piece.cut) if piece.cut else self._kept_line(piece.text)
            yield from self._cut_kinds()
        yield from self._lake_match()
        yield from self._timings()

    def _verdict(self) -> Iterator[str]:
        explanation, article = self.explanation, self.explanation.article
        if explanation.verdict.reason:
            why = f"no article ({explanation.verdict.reason})" + (
                f": {explanation.verdict.detail}" if explanation.verdict.detail else ""
            )
            yield from self._wrap(self._with_style(safe(why), _RED), "verdict: ")
        else:
            yield f"verdict: {self._with_style('article', _GREEN)}"
        if article:
            yield f"outlet: {safe(article.outlet)}; {counted(article.word_count, 'word')}; confidence {article.text_confidence:.2f}"
        if repaired := explanation.trace.repaired_characters:
            yield f"encoded twice in UTF-8, and repaired: {counted(repaired, 'character')}"
        if explanation.next_page_url:
            yield f"goes on at {safe(explanation.next_page_url)}"

    def _fields(self) -> Iterator[str]:
        values = stated_fields(self.explanation)
        if values:
            yield from self._heading("Fields, and where they stand")
        for name, value, where in values:
            place = f"  [{where}]" if where else ""
            yield from self._wrap(safe(" ".join(f"{value}{place}".split())), f"{name + ':':20}")

        for name, texts in self.explanation.trace.placed_fields.items():
            found = " | ".join(texts[:5]) or "nothing found"
            yield from self._wrap(safe(found), f"[fields] {name}: ")

    def _kept_line(self, text: str) -> Iterator[str]:
        yield from self._wrap(safe(text), "  ")

    def _cut(self, text: str, cut: Removed) -> Iterator[str]:
        shown = " ".join(safe(text).split())
        more = f" … ({cut.chars:,} characters)" if len(shown) > MAX_CUT_CHARS else ""
        yield f"− {self._with_style(f'{cut.kind}  {cut.rule}  ({cut.stage})', _RED)}"
        for line in textwrap.wrap(shown[:MAX_CUT_CHARS] + more, self.width - 4) or [""]:
            yield "    " + self._with_style(line, _DIM + _STRUCK)

    def _cut_kinds(self) -> Iterator[str]:
        cuts = self.explanation.trace.removed
        if cuts:
            yield from self._heading("Cut by kind")
        chars: Counter[str] = Counter()
        for cut in cuts:
            chars[cut.kind] += cut.chars
        counts = Counter(cut.kind for cut in cuts)
        for kind, length in chars.most_common():
            rules = ", ".join(sorted({cut.rule for cut in cuts if cut.kind == kind}))
            yield from self._wrap(
                f"{counts[kind]:4} {'cut ' if counts[kind] == 1 else 'cuts'} {length:8,} characters  {rules}",
                f"{kind:14}",
            )

    def _lake_match(self) -> Iterator[str]:
        landed = self.explanation.landed
        if landed is None:
            return
        yield from self._heading("In the lake")
        yield f"in {landed.table} since {landed.landed_at:%Y-%m-%d %H:%M} UTC, story {landed.story_id}"
        if landed.relation is None:
            yield "an original: it was found to be a copy of nothing"
        else:
            yield f"{landed.relation}{_similarity_note(landed.similarity, landed.containment)} of"
        if other := landed.other:
            day = f", {other.published_at:%Y-%m-%d %H:%M} UTC" if other.published_at else ""
            yield from self._wrap(safe(f"{other.title} ({other.outlet}{day})"), "  ")
            yield f"  {safe(other.url)}"
        for link in landed.links:
            yield f"  link: {link.relation} {link.id}{_similarity_note(link.similarity, link.containment)}"
        text = self.explanation.article.text if self.explanation.article else ""
        for passage in self.explanation.passages:
            shared = safe(" ".join(text[passage.start : passage.end].split()))
            yield from self._wrap(f"“{shared}”", f"  {passage.words:4} words shared: ")

    def _timings(self) -> Iterator[str]:
        trace = self.explanation.trace
        if trace.signs:
            yield from self._heading("Signs of confidence")
            signs = asdict(trace.signs).items()
            yield from self._wrap(
                "; ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in signs), ""
            )
        if trace.stages:
            yield from self._heading("Time")
            yield from (f"{1000 * seconds:8.1f} ms  {stage}" for stage, seconds in trace.stages)

    # ------------------------------------------------------------ pieces of a line

    def _heading(self, text: str) -> Iterator[str]:
        yield ""
        yield self._with_style(text, _BOLD)

    def _wrap(self, text: str, label: str) -> list[str]:
        """Return a text as lines, with a label before the first and as much indentation before the others."""
        return textwrap.wrap(text, self.width, initial_indent=label, subsequent_indent=" " * len(label)) or [
            label
        ]

    def _with_style(self, text: str, style: str) -> str:
        return f"{style}{text}{_OFF}" if self.styled and text else text


def _similarity_note(similarity: float | None, containment: float | None) -> str:
    """Return the measures of a match in brackets; nothing where there are none."""
    if similarity is None or containment is None:
        return ""
    return f" (Jaccard {similarity:.2f}, containment {containment:.2f})"
