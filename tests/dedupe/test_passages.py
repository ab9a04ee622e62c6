from __future__ import annotations

from dedupe import shared_passages

from .stories import HARBOUR, JAPANESE, LIBRARY, cut, invented, with_words_changed


def test_a_cut_copy_shares_one_passage():
    (passage,) = shared_passages(invented(1, 40) + " " + cut(HARBOUR, 0.5), HARBOUR.upper())
    assert passage.words > 100
    assert passage.other_start == 0


def test_the_passages_are_the_same_words_in_both():
    edited = with_words_changed(HARBOUR, every=30)
    passages = shared_passages(edited, HARBOUR)
    assert len(passages) > 5
    assert all(
        edited[p.start : p.end].split() == HARBOUR[p.other_start : p.other_end].split() for p in passages
    )
    assert all(p.words >= 8 for p in passages)


def test_stories_share_no_passage():
    assert shared_passages(HARBOUR, LIBRARY) == []
    assert shared_passages("", HARBOUR) == []


def test_scripts_without_spaces_have_passages_of_characters():
    (passage,) = shared_passages(JAPANESE[:60] + "続報が待たれる。", JAPANESE)
    assert JAPANESE[passage.other_start : passage.other_end] == JAPANESE[:60].rstrip("。、")
