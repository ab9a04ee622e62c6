"""Records the text that extraction did not take for the story as cuts, so that no text of a page vanishes unrecorded.

Neighbouring blocks make one cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleaning.records import record_cut
from cleaning.text.characters import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cleaning.records import Removed

_MIN_FOLDED = 12  # characters; a shorter folded text may occur in a longer one by chance
_END_FOLDED = 30  # characters at each end of a folded block; they identify a block that was cut in two


def unextracted_text(
    blocks: Iterable[str], lines: Sequence[str], cuts: Sequence[Removed], field_texts: Iterable[str]
) -> list[Removed]:
    """Return a cut for each run of blocks that is neither in the story, nor in an earlier cut, nor in a field.

    blocks: all text that the page shows; lines: the lines of the story; cuts: the cuts so far; field_texts: the
    headline and other texts that have a column of their own.
    """
    folded_story, folded_cuts = fold_all(lines), fold_all([removed_cut.text for removed_cut in cuts])
    exact_keys = {fold(text) for text in (*lines, *field_texts)}
    removed: list[Removed] = []
    run: list[str] = []
    for block in blocks:
        if _is_accounted_for(fold(block), folded_story, folded_cuts, exact_keys):
            removed += _as_cut(run)
            run = []
        else:
            run.append(block)
    return removed + _as_cut(run)


def fold_all(texts: Iterable[str]) -> str:
    """Return the folded texts, joined without a separator."""
    return "".join(map(fold, texts))


def _is_accounted_for(key: str, folded_story: str, folded_cuts: str, exact_keys: set[str]) -> bool:
    """Return whether a folded block occurs in the story, a cut or a field, or is split between story and cut."""
    if not key or key in exact_keys or key in folded_cuts:
        return True
    if len(key) < _MIN_FOLDED:
        return False
    return key in folded_story or (key[:_END_FOLDED] in folded_story and key[-_END_FOLDED:] in folded_cuts)


def _as_cut(run: list[str]) -> list[Removed]:
    return [record_cut("outside", "extraction.left-out", "extraction", "\n".join(run))] if run else []
