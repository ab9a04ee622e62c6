"""A page explained, for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

from cleaning.records import Removed
from crawler.inspection.explanation import Explanation, fields

MOST_SHOWN = 400  # characters of one cut
# what a terminal obeys or hides: control characters, marks of direction, zero width, lone surrogates
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_BOLD, _DIM, _STRUCK, _RED, _GREEN, _OFF = "\x1b[1m", "\x1b[2m", "\x1b[9m", "\x1b[31m", "\x1b[32m", "\x1b[0m"


def safe(text: str) -> str:
    """With nothing in it that a terminal would obey; a character that is one stands as its number."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\t", " "))


def as_text(told: Explanation, width: int, *, styled: bool) -> str:
    """All of it. styled: with the terminal's own colours and strokes; without, cuts begin with a minus."""
    return "\n".join(_Page(told, max(40, width), styled=styled).lines())


class _Page:
    def __init__(self, told: Explanation, width: int, *, styled: bool) -> None:
        self.told, self.width, self.styled = told, width, styled

    def lines(self) -> Iterator[str]:
        told = self.told
        yield self._in(safe(told.title), _BOLD)
        if told.title != told.page.url:
            yield safe(told.page.url)
        yield from self._verdict()
        yield from self._fields()
        if told.pieces:
            yield from self._head("Page, in its order (− is cut)")
            for piece in told.pieces:
                yield from self._cut(piece.text, piece.cut) if piece.cut else self._kept(piece.text)
            yield from self._kinds()
        yield from self._match()
        yield from self._timings()

    def _verdict(self) -> Iterator[str]:
        told, article = self.told, self.told.article
        if told.verdict.reason:
            why = f"no article ({told.verdict.reason})" + (
                f": {told.verdict.detail}" if told.verdict.detail else ""
            )
            yield from self._wrapped(self._in(safe(why), _RED), "verdict: ")
        else:
            yield f"verdict: {self._in('article', _GREEN)}"
        if article:
            yield f"outlet: {safe(article.outlet)}; {article.word_count} words; confidence {article.text_confidence:.2f}"
        if told.next_page_url:
            yield f"goes on at {safe(told.next_page_url)}"

    def _fields(self) -> Iterator[str]:
        known = fields(self.told)
        if known:
            yield from self._head("Fields, and where they stand")
        for name, value, where in known:
            place = f"  [{where}]" if where else ""
            yield from self._wrapped(safe(" ".join(f"{value}{place}".split())), f"{name + ':':20}")

    def _kept(self, text: str) -> Iterator[str]:
        yield from self._wrapped(safe(text), "  ")

    def _cut(self, text: str, cut: Removed) -> Iterator[str]:
        shown = " ".join(safe(text).split())
        more = f" … ({cut.chars:,} characters)" if len(shown) > MOST_SHOWN else ""
        yield f"− {self._in(f'{cut.kind}  {cut.rule}  ({cut.stage})', _RED)}"
        for line in textwrap.wrap(shown[:MOST_SHOWN] + more, self.width - 4) or [""]:
            yield "    " + self._in(line, _DIM + _STRUCK)

    def _kinds(self) -> Iterator[str]:
        cuts = self.told.trace.removed
        if cuts:
            yield from self._head("Cut by kind")
        chars: Counter[str] = Counter()
        for cut in cuts:
            chars[cut.kind] += cut.chars
        counts = Counter(cut.kind for cut in cuts)
        for kind, length in chars.most_common():
            rules = ", ".join(sorted({cut.rule for cut in cuts if cut.kind == kind}))
            yield from self._wrapped(f"{counts[kind]:4} cuts {length:8,} characters  {rules}", f"{kind:14}")

    def _match(self) -> Iterator[str]:
        landed = self.told.landed
        if landed is None:
            return
        yield from self._head("In the lake")
        yield f"in {landed.table} since {landed.landed_at:%Y-%m-%d %H:%M} UTC, story {landed.story_id}"
        if landed.relation is None:
            yield "an original: it was found to be a copy of nothing"
        else:
            yield f"{landed.relation}{_figures(landed.similarity, landed.containment)} of"
        if other := landed.other:
            day = f", {other.published_at:%Y-%m-%d %H:%M} UTC" if other.published_at else ""
            yield from self._wrapped(safe(f"{other.title} ({other.outlet}{day})"), "  ")
            yield f"  {safe(other.url)}"
        for link in landed.links:
            yield f"  link: {link.relation} {link.id}{_figures(link.similarity, link.containment)}"
        text = self.told.article.text if self.told.article else ""
        for passage in self.told.passages:
            shared = safe(" ".join(text[passage.start : passage.end].split()))
            yield from self._wrapped(f"“{shared}”", f"  {passage.words:4} words shared: ")

    def _timings(self) -> Iterator[str]:
        trace = self.told.trace
        if trace.signs:
            yield from self._head("Signs of confidence")
            signs = asdict(trace.signs).items()
            yield from self._wrapped("; ".join(f"{n.replace('_', ' ')} {v:.2f}" for n, v in signs), "")
        if trace.stages:
            yield from self._head("Time")
            yield from (f"{1000 * seconds:8.1f} ms  {stage}" for stage, seconds in trace.stages)

    # ------------------------------------------------------------ pieces of a line

    def _head(self, text: str) -> Iterator[str]:
        yield ""
        yield self._in(text, _BOLD)

    def _wrapped(self, text: str, label: str) -> list[str]:
        return textwrap.wrap(text, self.width, initial_indent=label, subsequent_indent=" " * len(label)) or [
            label
        ]

    def _in(self, text: str, style: str) -> str:
        return f"{style}{text}{_OFF}" if self.styled and text else text


def _figures(similarity: float | None, containment: float | None) -> str:
    if similarity is None or containment is None:
        return ""
    return f" (Jaccard {similarity:.2f}, containment {containment:.2f})"
