from __future__ import annotations

import pytest

from dedupe import sign
from dedupe.online.boilerplate import NO_HASHES
from dedupe.rules.relation import Prefilter, compare, page_without_boilerplate
from dedupe.signature.packing import PackedBody, coarsen, pack
from dedupe.signature.sketch import overlap

from .stories import (
    HARBOUR,
    JAPANESE,
    JAPANESE_OTHER,
    LIBRARY,
    THAI,
    cut,
    invented,
    weather,
    with_words_changed,
)

LOCAL = (
    "Readers in our own town may remember that the brewery closed its lock for the same reason a decade ago. "
)


def relation(
    new: str, old: str, *, outlets: tuple[str, str] = ("valley-news", "nordhaven-post")
) -> str | None:
    finding = compare(
        page_without_boilerplate(outlets[0], sign(new), NO_HASHES),
        page_without_boilerplate(outlets[1], sign(old), NO_HASHES),
    )
    return finding.relation if finding else None


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        (HARBOUR, "identical"),
        (HARBOUR.upper().replace(",", ""), "identical"),
        (cut(HARBOUR, 0.7), "truncated"),
        (cut(HARBOUR, 0.3), "truncated"),
        (LOCAL + HARBOUR, "copy"),
        (HARBOUR + LOCAL * 2, "copy"),
        (with_words_changed(HARBOUR, every=20), "copy"),
        (with_words_changed(cut(HARBOUR, 0.8), every=14), "copy"),
        (LIBRARY, None),
    ],
)
def test_another_outlets_text_is_to_the_agencys(edited, expected):
    assert relation(edited, HARBOUR) == expected


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        (HARBOUR, "identical"),
        (HARBOUR.replace("eleven", "twelve"), "update"),
        (HARBOUR + LOCAL, "update"),
        (cut(HARBOUR, 0.3), "contains"),
        (LIBRARY, None),
    ],
)
def test_the_same_outlets_text_is_to_its_earlier_one(edited, expected):
    assert relation(edited, HARBOUR, outlets=("nordhaven-post", "nordhaven-post")) == expected


@pytest.mark.parametrize("outlets", [("a", "a"), ("a", "b")])
def test_template_pages_are_different_pages(outlets):
    pages = [weather(seed) for seed in range(12)]
    merged = [
        (i, j)
        for i in range(12)
        for j in range(i)
        if relation(pages[i], pages[j], outlets=outlets) not in {None, "contains"}
    ]
    assert merged == []


def test_pages_whose_figures_differ_are_no_update_though_the_wording_differs_too():
    pages = [HARBOUR + weather(seed) + invented(seed, 12) for seed in (1, 2)]
    assert relation(*pages, outlets=("a", "a")) == "contains"
    assert (
        relation(HARBOUR + weather(1) + invented(1, 12), HARBOUR + weather(1), outlets=("a", "a")) == "update"
    )


def test_a_template_filled_with_other_names_is_another_page():
    page = (
        "The market in {town} opens on Saturday as it has for many years. Farmers from {town} and "
        "from {other} will sell bread and cheese beside the old church of {town}, and {person} plays "
        "the accordion from noon. Parking is free near the station of {other}. Dogs must be kept on a "
        "lead, and the council asks visitors to bring their own bags. If it rains, the market moves "
        "into the gymnasium, where coffee is sold by the parents of the pupils and children may paint "
        "their own flags before they walk home together along the river."
    )
    one = page.format(town="Orrel", other="Skarvik", person="Marten Duif")
    other = page.format(town="Lunde", other="Tverrdal", person="Ingrid Tolle")
    assert relation(one, other, outlets=("a", "a")) in {None, "contains"}


def test_a_round_up_contains_but_is_no_copy():
    round_up = "\n".join([invented(7, 150), cut(HARBOUR, 0.5), invented(8, 150)])
    assert relation(round_up, cut(HARBOUR, 0.5)) == "contains"


def test_a_rewritten_copy_in_clutter_is_found_by_its_lead_and_by_what_follows():
    rewritten = with_words_changed(invented(31, 400), every=7)
    assert relation(rewritten + invented(32, 280), invented(31, 400) + invented(33, 240)) == "copy"


def test_a_round_up_that_opens_with_a_story_is_no_copy_of_it():
    round_up = " ".join([cut(invented(31, 400), 0.22), invented(34, 150), invented(35, 100)])
    assert relation(round_up, invented(31, 400)) in {None, "contains"}


def test_clutter_full_of_figures_does_not_make_a_template_of_a_copy_with_the_same_lead():
    clutter = [" ".join(f"{n * seed} Anna {n + seed}:00" for n in range(3, 40)) for seed in (7, 11)]
    assert relation(cut(HARBOUR, 0.6) + clutter[0], cut(HARBOUR, 0.9) + clutter[1]) == "copy"


def test_two_stories_that_share_a_quoted_paragraph_are_two_stories():
    quotation = " ".join(HARBOUR.split(" ")[60:110])
    first = " ".join([invented(11, 170), quotation, invented(12, 60)])
    second = " ".join([invented(13, 140), quotation, invented(14, 90)])
    assert relation(first, second) in {None, "contains"}


def test_long_quotation_of_another_story_is_no_copy():
    assert relation(invented(15, 320) + HARBOUR, HARBOUR) == "contains"


@pytest.mark.parametrize("text", ["", "one", "Watch the video", "…"])
def test_texts_too_short_to_tell_are_never_copies(text):
    assert relation(text, text) is None


def test_a_japanese_copy_with_another_ending_is_found():
    assert relation(JAPANESE[:-40] + "続報が待たれる。", JAPANESE) in {"copy", "truncated"}
    assert relation(JAPANESE, JAPANESE_OTHER) is None


def test_a_thai_copy_cut_short_is_found():
    assert relation(THAI[: len(THAI) * 2 // 3], THAI) == "truncated"


@pytest.mark.parametrize("other", [HARBOUR, cut(HARBOUR, 0.5), LOCAL + HARBOUR, LIBRARY, invented(2), ""])
def test_the_figures_do_not_depend_on_who_came_first(other):
    pages = (
        page_without_boilerplate("a", sign(HARBOUR), NO_HASHES),
        page_without_boilerplate("b", sign(other), NO_HASHES),
    )
    there, back = compare(*pages), compare(*reversed(pages))
    assert (there and (there.jaccard, there.containment)) == (back and (back.jaccard, back.containment))


def test_boilerplate_does_not_count():
    footer = invented(21, 150)
    one, other = sign(invented(22, 100) + footer), sign(invented(23, 100) + footer)
    known = sign(footer).body_sketch().hashes
    assert (
        compare(page_without_boilerplate("a", one, known), page_without_boilerplate("a", other, known))
        is None
    )
    assert (
        compare(
            page_without_boilerplate("a", one, NO_HASHES), page_without_boilerplate("b", other, NO_HASHES)
        )
        is not None
    )


TEXTS = [
    HARBOUR,
    LIBRARY,
    cut(HARBOUR, 0.08),
    cut(HARBOUR, 0.5),
    LOCAL + cut(HARBOUR, 0.3),
    invented(30, 3000),
    invented(30, 2500) + HARBOUR,
    invented(31, 300) + cut(invented(30, 3000), 0.1),
    *(
        invented(seed, 150) + cut(invented(40, 400), share)
        for seed, share in ((41, 0.1), (42, 0.2), (43, 0.4))
    ),
    with_words_changed(HARBOUR, every=4),
    with_words_changed(HARBOUR, every=6),
    cut(LOCAL, 0.6),
    "",
]


@pytest.mark.parametrize("words", [0, 160])
def test_what_is_not_compared_would_not_have_been_related(words):
    footer = invented(44, words)
    known = coarsen(sign(footer)).body_sketch().hashes
    signatures = [coarsen(sign(text + " " + footer)) for text in TEXTS]
    dropped = 0
    for new in (page_without_boilerplate("a", signature, known) for signature in signatures):
        sieve = Prefilter(new)
        bodies = [PackedBody.from_packed(pack(signature)) for signature in signatures]
        for signature, body, shared in zip(signatures, bodies, sieve.max_shared(bodies), strict=True):
            old = page_without_boilerplate("b", signature, known)
            assert overlap(new.body, old.body).common <= shared
            may = sieve.may_relate(body, shared, len(known))
            assert may or compare(new, old) is None
            dropped += not may
    assert dropped > 0.2 * len(TEXTS) ** 2
