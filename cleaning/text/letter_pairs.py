"""Loads langdetect's profiles, and tells by them how much a text looks like one of some language."""

from __future__ import annotations

from functools import cache

from langdetect import detector_factory
from langdetect.utils.ngram import NGram


@cache
def load_profiles() -> detector_factory.DetectorFactory:
    """Return langdetect's language profiles, which are loaded at the first call."""
    factory = detector_factory.DetectorFactory()
    factory.load_profile(detector_factory.PROFILES_DIRECTORY)
    return factory


def known_share(text: str) -> float:
    """Return the share of the text's pairs of letters beyond ASCII that occur in some language; 1 without any."""
    pairs = [
        text[i : i + 2]
        for i in range(len(text) - 1)
        if not text[i : i + 2].isascii() and text[i : i + 2].isalpha()
    ]
    known = load_profiles().word_lang_prob_map
    return sum("".join(map(NGram.normalize, pair)) in known for pair in pairs) / len(pairs) if pairs else 1.0
