"""Why a page's text is what it is: story and cuts in the page's own order, and where each field stands in the page."""

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

_SHORT = 12  # folded characters; as few may stand in a longer text by chance


@dataclass(frozen=True, slots=True)
class PagePiece:
    """A stretch of the page. cut: why it is no part of the text; None for a line of the story."""

    text: str
    cut: Removed | None = None


def page_pieces(blocks: Iterable[str], lines: Sequence[str], cuts: Sequence[Removed]) -> list[PagePiece]:
    """The story's lines, all of them and in order, with the cuts where they stood. A cut that no block shows (of text
    that stood in a script alone, or was put together from several blocks) comes last."""
    return _Order(lines, cuts).of(blocks)


class _Order:
    def __init__(self, lines: Sequence[str], cuts: Sequence[Removed]) -> None:
        self.lines, self.keys = lines, [fold(line) for line in lines]
        self.cuts, self.gone = cuts, [fold(cut.text) for cut in cuts]
        self.next = 0  # the first line that is not shown yet
        self.shown: set[int] = set()  # cuts, by number
        self.found: list[PagePiece] = []

    def of(self, blocks: Iterable[str]) -> list[PagePiece]:
        for block in blocks:
            if key := fold(block):
                self._add(block, key)
        self._lines_to(len(self.lines))
        rest = [
            PagePiece(cut.text, cut) for n, cut in enumerate(self.cuts) if n not in self.shown and cut.text
        ]
        return [*_joined(self.found), *rest]

    def _add(self, block: str, key: str) -> None:
        number = self._line_of(key)
        if number is not None:
            self._lines_to(number + 1)
            if not self.keys[number].endswith(key):  # cut in the middle: the rest is a cut's
                self._cut_in(key)
            return
        if (cut := self._cut_of(key)) is not None:
            self._show(cut, block)

    def _line_of(self, key: str) -> int | None:
        """The line that a block shows, or shows a part of; the last one again, where it goes on there."""
        for number in range(self.next, len(self.keys)):
            line = self.keys[number]
            if key == line or (len(key) >= _SHORT and key in line) or (len(line) >= _SHORT and line in key):
                return number
        last = self.next - 1
        return last if last >= 0 and len(key) >= _SHORT and key in self.keys[last] else None

    def _lines_to(self, end: int) -> None:
        self.found += [PagePiece(line) for line in self.lines[self.next : end]]
        self.next = max(self.next, end)

    def _cut_of(self, key: str) -> int | None:
        """The cut that holds a block; one that is not shown yet before others."""
        holders = [n for n, gone in enumerate(self.gone) if key in gone]
        if self.found and (last := self.found[-1].cut) is not None:
            holders.sort(key=lambda n: self.cuts[n] is not last)  # its neighbour's before others
        else:
            holders.sort(key=lambda n: n in self.shown)
        return holders[0] if holders else None

    def _cut_in(self, key: str) -> None:
        for number, gone in enumerate(self.gone):
            if len(gone) >= _SHORT and gone in key and number not in self.shown:
                self._show(number, self.cuts[number].text)

    def _show(self, number: int, text: str) -> None:
        self.shown.add(number)
        self.found.append(PagePiece(text, self.cuts[number]))


def _joined(found: Iterable[PagePiece]) -> Iterator[PagePiece]:
    """Neighbours of one cut are one piece."""
    last: PagePiece | None = None
    for piece in found:
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
    """By field where its value stands in the page, the place that counts first; "" for a field without a value."""
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
    told = {name: ", ".join(_stated(values, trace)) for name, values in texts.items()}
    told["published_at"] = article.published_source or ""
    told["modified_at"] = article.modified_source or ""
    if article.canonical_url:
        named = trace.head.first("og:url") if trace.head else None
        told["canonical_url"] = "meta og:url" if named == article.canonical_url else "link rel=canonical"
    return told


def _stated(values: Iterable[str], trace: Trace) -> Iterator[str]:
    """JSON-LD, then the head, then what is shown: in the order in which cleaning believes them."""
    keys = [key for value in values if (key := fold(value))]
    if not keys:
        return
    for name, node in trace.stated.items():
        if _holds(json_ld.texts(node), keys):
            yield f"json-ld {name}"
    for name, contents in (trace.head.meta if trace.head else {}).items():
        if _holds(contents, keys):
            yield f"meta {name}"
    if any(key in fold(block) for block in trace.blocks for key in keys):
        yield "shown"


def _holds(texts: Iterable[str], keys: Sequence[str]) -> bool:
    """Some text is one of the keys, or a list that holds one."""
    folded = [fold(part) for text in texts if len(text) < 2000 for part in [text, *text.split(",")]]
    return any(key in folded for key in keys)
