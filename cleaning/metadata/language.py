"""Tells the language of a text: by its script, where one language alone uses it, else with langdetect.

langdetect knows 55 languages and gives any other text one of them. So letters that only one language has decide first, and
a language that langdetect does not know is taken from the page's markup, where the script agrees.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache
from operator import add, and_

from langdetect import detector_factory
from langdetect.detector import Detector
from langdetect.lang_detect_exception import LangDetectException
from langdetect.utils.ngram import NGram

from cleaning.text.characters import word_count

_PREFIX_CHARACTERS = 600  # as accurate as 1,000 on 222 articles, in three quarters of the time
_SAMPLE_CHARACTERS = 200  # of the text's end, which has to agree with the beginning
_MIN_WORDS = 20  # with fewer words the guess is wrong too often
_SEED = 20_22
# langdetect's default is 7; one trial gives the same language on 570 articles, in three quarters of the time
_TRIALS = 1
_SPACE_RUN = re.compile(" +")
_LATIN_LETTER, _NON_LATIN_LETTER = re.compile("[A-z]"), re.compile("[\u0300-\U0010ffff]")

# script -> the languages that it is used for; langdetect knows few of them. The first counts where the page states none; ""
# is null, for scripts of several languages with news of their own
_LANGUAGE_OF_SCRIPT = {
    "hangul": ("ko",), "georgian": ("ka",), "armenian": ("hy",), "oriya": ("or",), "khmer": ("km",), "lao": ("lo",), "tibetan": ("", "bo", "dz"),
    "sinhala": ("si",), "ethiopic": ("am", "ti"), "myanmar": ("", "my", "shn", "mnw", "ksw"), "thaana": ("dv",), "gujarati": ("gu",), "gurmukhi": ("pa",),
    "tamil": ("ta",), "telugu": ("te",), "kannada": ("kn",), "malayalam": ("ml",), "bengali": ("bn", "as"), "thai": ("th",),
    "hebrew": ("he", "yi"), "greek": ("el",), "mongolian": ("mn",), "cherokee": ("chr",), "syriac": ("syr",), "tifinagh": ("zgh",),
}  # fmt: skip
# letters of one language alone, among those of its script; a few times in a text, or it is a name that it quotes
_LETTERS_OF_ONE = {
    "be": "ў", "kk": "ұәқң", "sr": "ђћ", "tg": "ҷӣ", "is": "þ", "mt": "ħġ", "az": "ə",
}  # fmt: skip
_MIN_MARKS = 4
# languages that langdetect does not know, and their scripts
_SCRIPTS_OF_UNKNOWN = (
    dict.fromkeys(
        (
            "eu",
            "gl",
            "ms",
            "lb",
            "ga",
            "gd",
            "fo",
            "is",
            "mt",
            "bs",
            "sr",
            "az",
            "uz",
            "ku",
            "tk",
            "ha",
            "ig",
            "yo",
            "zu",
            "xh",
            "st",
            "rw",
            "mg",
            "jv",
            "su",
            "ht",
            "eo",
            "la",
            "fy",
            "br",
            "co",
            "oc",
            "ast",
            "rm",
            "mi",
            "sm",
            "haw",
            "ny",
            "sn",
            "am",
            "om",
            "ceb",
            "fil",
            "tet",
            "kl",
            "hsb",
        ),
        ("latin",),
    )
    | dict.fromkeys(("be", "kk", "ky", "mn", "tg", "tt", "ba", "cv", "os", "ab", "ce", "sah"), ("cyrillic",))
    | dict.fromkeys(("ps", "ug", "sd", "ckb", "ks"), ("arabic",))
    | dict.fromkeys(("sa", "bho", "mai", "kok"), ("devanagari",))
    | {
        "sr": ("latin", "cyrillic"),
        "ku": ("latin", "arabic"),
        "az": ("latin", "cyrillic"),
        "uz": ("latin", "cyrillic"),
    }
)
# what langdetect takes them for
_RELATIVES = {
    "gl": ("pt", "es"),
    "ms": ("id",),
    "bs": ("hr",),
    "sr": ("hr", "mk"),
    "be": ("uk", "ru"),
    "ast": ("es",),
    "is": ("da", "no"),
    "fil": ("tl",),
}

_SMALL_WORDS = {
    "en": frozenset(
        [
            "the",
            "of",
            "and",
            "to",
            "in",
            "that",
            "is",
            "was",
            "for",
            "on",
            "with",
            "as",
            "by",
            "at",
            "from",
            "it",
            "his",
            "are",
            "be",
            "this",
            "have",
        ]
    ),
    "de": frozenset(
        [
            "der",
            "die",
            "und",
            "das",
            "den",
            "von",
            "zu",
            "mit",
            "sich",
            "des",
            "auf",
            "für",
            "ist",
            "im",
            "dem",
            "nicht",
            "ein",
            "eine",
            "als",
            "auch",
        ]
    ),
    "fr": frozenset(
        [
            "le",
            "la",
            "les",
            "des",
            "et",
            "du",
            "une",
            "est",
            "dans",
            "que",
            "pour",
            "qui",
            "sur",
            "au",
            "pas",
            "par",
            "plus",
            "avec",
            "il",
        ]
    ),
    "ru": frozenset(
        ["и", "в", "не", "на", "что", "с", "по", "как", "это", "из", "за", "от", "для", "его", "к", "о"]
    ),
}
_MIN_SMALL_WORDS = 0.12

_normalize_character = lru_cache(maxsize=4096)(NGram.normalize)


class FastDetector(Detector):  # type: ignore[misc]
    """langdetect's detector, with exactly the same results in half the time."""

    def append(self, text: str) -> None:
        """Add text to be detected, without URLs and e-mail addresses, up to max_text_length characters."""
        text = NGram.normalize_vi(self.MAIL_RE.sub(" ", self.URL_RE.sub(" ", text)))
        self.text += _SPACE_RUN.sub(" ", text[: self.max_text_length])

    def cleaning_text(self) -> None:
        """Drop the Latin letters from a text that is mainly in another script."""
        # in any other case langdetect would drop nothing
        if 2 * len(_LATIN_LETTER.findall(self.text)) < len(_NON_LATIN_LETTER.findall(self.text)):
            super().cleaning_text()

    def _extract_ngrams(self) -> list[str]:
        normalized = {ord(character): _normalize_character(character) for character in set(self.text)}
        text = _SPACE_RUN.sub(" ", f" {self.text.translate(normalized)}")
        pairs = list(map(add, text, text[1:]))
        ngram_groups = zip(text[1:], pairs, ["", *map(add, pairs, text[2:])], strict=False)
        is_upper = [character.isupper() for character in text]
        is_all_upper = map(and_, is_upper, is_upper[1:])
        known_ngrams = self.word_lang_prob_map  # holds no single space and no space between two letters
        return [
            ngram
            for ngrams, is_skipped in zip(ngram_groups, is_all_upper, strict=True)
            if not is_skipped
            for ngram in ngrams
            if ngram in known_ngrams
        ]

    def _update_lang_prob(self, prob: list[float], word: str, alpha: float) -> bool:
        weight = alpha / self.BASE_FREQ
        prob[:] = [
            probability * (weight + word_probability)
            for probability, word_probability in zip(prob, self.word_lang_prob_map[word], strict=True)
        ]
        return True

    def _normalize_prob(self, prob: list[float]) -> float:
        total = sum(prob)
        prob[:] = [probability / total for probability in prob]
        return max(prob)


@cache
def load_profiles() -> detector_factory.DetectorFactory:
    """Return langdetect's language profiles, which are loaded at the first call."""
    factory = detector_factory.DetectorFactory()
    factory.load_profile(detector_factory.PROFILES_DIRECTORY)
    return factory


def language_of(
    text: str, hint: str | None = None, stated: str | None = None
) -> tuple[str | None, float | None]:
    """Return (ISO 639-1 code, confidence from 0 to 1); (hint, None) where the text is too short or has no letters.

    hint: the outlet's language. stated: what the page's markup says ("be-BY"), for languages that langdetect does not know.
    confidence: the mean share that the language has in the beginning and the end of the text, or the share of letters
    that are of its script. A language that nothing names is None.
    """
    prefix = text[:_PREFIX_CHARACTERS]
    if word_count(prefix) < _MIN_WORDS:
        return hint, None
    stated_base = (stated or "").strip().lower().replace("_", "-").partition("-")[0]
    if by_script := _by_script(prefix, stated_base):
        return by_script
    samples = [prefix]
    if len(text) > _PREFIX_CHARACTERS + 2 * _SAMPLE_CHARACTERS:
        samples.append(text[-_SAMPLE_CHARACTERS:])
    shares = [_shares(sample) for sample in samples]
    if not shares[0]:
        return hint, None
    best = max(shares[0], key=lambda language: shares[0][language])
    confidence = round(min(1.0, sum(share.get(best, 0.0) for share in shares) / len(shares)), 4)
    if (
        stated_base
        and stated_base not in _known_languages()
        and _agrees(stated_base, prefix)
        and not _has_words_of(best, prefix)
    ):
        return stated_base, confidence if best in _RELATIVES.get(stated_base, ()) else 0.5
    return best, confidence


def _has_words_of(language: str, text: str) -> bool:
    """Whether a text has the small words of a language that pages are often said not to be in: then it is in that one."""
    words = text.casefold().split()
    return sum(word in _SMALL_WORDS.get(language, ()) for word in words) >= _MIN_SMALL_WORDS * len(words)


def _shares(text: str) -> dict[str, float]:
    """Return language -> probability by langdetect; {} where the text has no letters."""
    detector = FastDetector(load_profiles())
    # langdetect samples at random: without a fixed seed a re-clean could give another result
    detector.seed = _SEED
    detector.n_trial = _TRIALS
    detector.append(text)
    try:
        found = detector.get_probabilities()
    except LangDetectException:  # no letters
        return {}
    shares: dict[str, float] = {}
    for language in found:
        code = language.lang.partition("-")[0]
        shares[code] = shares.get(code, 0.0) + language.prob
    return shares


def _by_script(text: str, stated: str) -> tuple[str | None, float | None] | None:
    """Return (language, share of the letters) where the script or a letter decides; None where it does not."""
    if text.isascii():
        return None  # a fast path: of Latin letters alone none names a language
    scripts = Counter(_script_of(char) for char in text if char.isalpha())
    letters = scripts.total()
    if not letters:
        return None
    if scripts["kana"] + scripts["han"] > 0.3 * letters:
        language = (
            "ja" if scripts["kana"] > 0.05 * letters else "ko" if scripts["hangul"] > scripts["han"] else "zh"
        )
        return language, round((scripts["kana"] + scripts["han"] + scripts["hangul"]) / letters, 4)
    script, count = scripts.most_common(1)[0]
    if script in _LANGUAGE_OF_SCRIPT and count > 0.5 * letters:
        languages = _LANGUAGE_OF_SCRIPT[script]
        language = stated if stated in languages else languages[0]
        return (language, round(count / letters, 4)) if language else (None, None)
    lower = text.lower()
    for language, marks in _LETTERS_OF_ONE.items():
        if sum(lower.count(mark) for mark in marks) >= _MIN_MARKS and (script == "cyrillic") == (
            marks[0] > "\u0400"
        ):
            return (language, round(count / letters, 4))
    return None


def _script_of(char: str) -> str:
    """Return the script of a letter, by the first word of its Unicode name."""
    return _script_of_block(ord(char) >> 4, char)


@lru_cache(maxsize=4096)
def _script_of_block(_block: int, char: str) -> str:
    name = unicodedata.name(char, "").split(" ")[0].lower()
    return {"cjk": "han", "hiragana": "kana", "katakana": "kana", "halfwidth": "kana"}.get(name, name)


@cache
def _known_languages() -> frozenset[str]:
    return frozenset(code.partition("-")[0] for code in load_profiles().langlist) | {"nb", "nn"}


def _agrees(language: str, text: str) -> bool:
    """Whether a language that langdetect does not know is written in the script of the text."""
    script = next((_script_of(char) for char in text if char.isalpha()), "")
    return script in _SCRIPTS_OF_UNKNOWN.get(language, ())
