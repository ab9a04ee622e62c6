"""What extraction did not take for the story, so that nothing vanishes in silence: neighbours are one cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleaning.records import record_cut
from cleaning.text.characters import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cleaning.records import Removed

_SHORT = 12  # folded characters; as few may stand in a longer text by chance
_ENDS = 30  # folded characters of a block that was cut in the middle


def unextracted_text(
    blocks: Iterable[str], lines: Sequence[str], cuts: Sequence[Removed], known: Iterable[str]
) -> list[Removed]:
    """blocks: all that the page shows; lines: the story's; cuts: what was cut so far; known: the headline and what
    else stands in a field of its own."""
    story, gone = fold_all(lines), fold_all([one.text for one in cuts])
    whole = {fold(text) for text in (*lines, *known)}
    found: list[Removed] = []
    run: list[str] = []
    for block in blocks:
        if _is_accounted_for(fold(block), story, gone, whole):
            found += _one(run)
            run = []
        else:
            run.append(block)
    return found + _one(run)


def fold_all(texts: Iterable[str]) -> str:
    return "".join(map(fold, texts))


def _is_accounted_for(key: str, story: str, gone: str, whole: set[str]) -> bool:
    if not key or key in whole or key in gone:
        return True
    if len(key) < _SHORT:
        return False
    return key in story or (key[:_ENDS] in story and key[-_ENDS:] in gone)


def _one(run: list[str]) -> list[Removed]:
    return [record_cut("outside", "extraction.left-out", "extraction", "\n".join(run))] if run else []
