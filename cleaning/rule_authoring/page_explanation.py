"""Builds the report of `scrapy explain`: the kept lines and the cuts of a page in the order of the page, and for each
field of the article (title, date, …) where on the page its value was found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cleaning.metadata import json_ld
from cleaning.records import Removed
from cleaning.text.characters import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cleaning.records import Article
    from cleaning.trace import Trace

_MIN_MATCH_CHARS = 12  # of a folded text; a shorter one may occur in a longer text by chance


@dataclass(frozen=True, slots=True)
class PagePiece:
    """A line of the story, or a stretch of the page that was cut. cut: the cut; None for a line of the story."""

    text: str
    cut: Removed | None = None


def page_pieces(blocks: Iterable[str], lines: Sequence[str], cuts: Sequence[Removed]) -> list[PagePiece]:
    """Return all lines of the story, in order, with each cut where it stood in the page.

    blocks: the text of every block that the page shows, in order; lines: of the story. A cut that no block shows
    comes last: its text was only in a script, or was put together from several blocks."""
    return _PieceOrdering(lines, cuts).arrange(blocks)


class _PieceOrdering:
    """Goes through the page's blocks and finds for each the story line or the cut that it shows."""

    def __init__(self, lines: Sequence[str], cuts: Sequence[Removed]) -> None:
        self.lines, self.line_keys = lines, [fold(line) for line in lines]
        self.cuts, self.cut_keys = cuts, [fold(cut.text) for cut in cuts]
        self.next_line = 0  # index of the first line that has no piece yet
        self.placed_cuts: set[int] = set()  # indexes of the cuts that have a piece
        self.pieces: list[PagePiece] = []

    def arrange(self, blocks: Iterable[str]) -> list[PagePiece]:
        """Return the pieces in the page's order."""
        for block in blocks:
            if key := fold(block):
                self._place_block(block, key)
        self._place_lines_before(len(self.lines))
        rest = [
            PagePiece(cut.text, cut)
            for n, cut in enumerate(self.cuts)
            if n not in self.placed_cuts and cut.text
        ]
        return [*_merge_neighbours(self.pieces), *rest]

    def _place_block(self, block: str, key: str) -> None:
        """Add the piece of one block. key: the folded block."""
        index = self._find_line(key)
        if index is not None:
            self._place_lines_before(index + 1)
            if not self.line_keys[index].endswith(
                key
            ):  # the line was cut in its middle: the rest belongs to a cut
                self._place_cuts_inside(key)
            return
        if (cut := self._find_cut(key)) is not None:
            self._place_cut(cut, block)

    def _find_line(self, key: str) -> int | None:
        """Return the index of the line that a block shows wholly or partly; None where it shows none.

        The line before the next one is returned again where the block shows more of it."""
        for index in range(self.next_line, len(self.line_keys)):
            line = self.line_keys[index]
            if (
                key == line
                or (len(key) >= _MIN_MATCH_CHARS and key in line)
                or (len(line) >= _MIN_MATCH_CHARS and line in key)
            ):
                return index
        last = self.next_line - 1
        return last if last >= 0 and len(key) >= _MIN_MATCH_CHARS and key in self.line_keys[last] else None

    def _place_lines_before(self, end: int) -> None:
        """Add the pieces of all lines before index `end` that have none yet."""
        self.pieces += [PagePiece(line) for line in self.lines[self.next_line : end]]
        self.next_line = max(self.next_line, end)

    def _find_cut(self, key: str) -> int | None:
        """Return the index of a cut that holds the block; None where none does.

        Preferred is the cut of the piece before; where that is a line, a cut that has no piece yet."""
        holders = [n for n, cut_key in enumerate(self.cut_keys) if key in cut_key]
        if self.pieces and (last := self.pieces[-1].cut) is not None:
            holders.sort(key=lambda n: self.cuts[n] is not last)
        else:
            holders.sort(key=lambda n: n in self.placed_cuts)
        return holders[0] if holders else None

    def _place_cuts_inside(self, key: str) -> None:
        """Add the pieces of the cuts whose text is inside a block."""
        for index, cut_key in enumerate(self.cut_keys):
            if len(cut_key) >= _MIN_MATCH_CHARS and cut_key in key and index not in self.placed_cuts:
                self._place_cut(index, self.cuts[index].text)

    def _place_cut(self, index: int, text: str) -> None:
        self.placed_cuts.add(index)
        self.pieces.append(PagePiece(text, self.cuts[index]))


def _merge_neighbours(pieces: Iterable[PagePiece]) -> Iterator[PagePiece]:
    """Yield the pieces, with neighbours of the same cut merged into one."""
    last: PagePiece | None = None
    for piece in pieces:
        if last and piece.cut and piece.cut is last.cut:
            last = PagePiece(f"{last.text}\n{piece.text}", piece.cut)
            continue
        if last:
            yield last
        last = piece
    if last:
        yield last


# ---------------------------------------------------------------- where a field comes from


def field_places(article: Article, trace: Trace) -> dict[str, str]:
    """Return for each field where the page states its value, as "json-ld headline, meta og:title, shown".

    The place that cleaning believes most comes first. "" where the article has no value for the field."""
    texts = {
        "title": (article.title,),
        "summary": (article.summary,) if article.summary else (),
        "authors": article.authors,
        "section": (article.section,) if article.section else (),
        "tags": article.tags,
        "rights": tuple((article.rights or "").splitlines()),
        "syndication_credit": (article.syndication_credit,) if article.syndication_credit else (),
        "ai_disclosure": (article.ai_disclosure,) if article.ai_disclosure else (),
    }
    places = {name: ", ".join(_find_places(values, trace)) for name, values in texts.items()}
    places["published_at"] = article.published_source or ""
    places["modified_at"] = article.modified_source or ""
    if article.canonical_url:
        og_url = trace.head.first("og:url") if trace.head else None
        places["canonical_url"] = "meta og:url" if og_url == article.canonical_url else "link rel=canonical"
    return places


def _find_places(values: Iterable[str], trace: Trace) -> Iterator[str]:
    """Yield where one of the values is stated, most credible first: JSON-LD, the head, the shown text."""
    keys = [key for value in values if (key := fold(value))]
    if not keys:
        return
    for name, node in trace.json_ld_article.items():
        if _holds_any(json_ld.texts(node), keys):
            yield f"json-ld {name}"
    for name, contents in (trace.head.meta if trace.head else {}).items():
        if _holds_any(contents, keys):
            yield f"meta {name}"
    if any(key in fold(block) for block in trace.blocks for key in keys):
        yield "shown"


def _holds_any(texts: Iterable[str], keys: Sequence[str]) -> bool:
    """Return whether a text, or an item of a text that is a comma list, equals one of the folded keys."""
    folded = [fold(item) for text in texts if len(text) < 2000 for item in [text, *text.split(",")]]
    return any(key in folded for key in keys)
