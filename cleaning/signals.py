"""What a page says about itself: machine-made text, rights, an agency, a paywall. Kept as fields, not as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from cleaning import linked_data, phrases
from cleaning.characters import fold, phrase, word_count
from cleaning.measures import shown_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lxml.html import HtmlElement

    from cleaning.extraction import Line
    from cleaning.linked_data import Node
    from cleaning.records import Removed

_MOST_WORDS = 250  # of one notice
_MOST_NOTICES = 4
_TERMS_WORDS = 6  # of a notice without a year; fewer is a sign under a picture
_MARK = re.compile(r"©|\(c\) ?20\d\d|copyright", re.I)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_OUTSIDE = frozenset(
    {"script", "style", "noscript", "template", "figure", "figcaption", "title", "head", "button"}
)
_AGENCIES = r"Reuters|AP|The Associated Press|Associated Press|AFP|dpa|DPA|EFE|ANSA|PTI|IANS|ANI|Xinhua|TASS|Interfax(?:-Ukraine)?|Ukrinform|Bloomberg|UPI|PAP|MTI|APA|SDA|Keystone-SDA|Belga|ANP|TT|NTB|Ritzau|STT|Lusa|Europa Press|PA|PA Media|AAP|Kyodo|Yonhap|CNA"
# CITY, 3 May (Reuters) -   at the head of a first paragraph
_DATELINE = re.compile(rf"^.{{0,80}}?\((?P<agency>(?:{_AGENCIES})(?:/(?:{_AGENCIES}))*)\)\s*[-–—:]")
# (dpa)   or   - AFP   at the end of the last one
_SIGNED = re.compile(rf"(?:\((?P<a>{_AGENCIES})\)|[-–—/]\s?(?P<b>{_AGENCIES}))\.?$")
_CREDIT_WORDS = 14  # of a line that credits a source
_COPYRIGHT_OF = re.compile(r"\W*(?:©|\(c\)|copyright)\s*(?P<who>[^–—|.,;:]{2,80})", re.I)
_CREDIT = re.compile(
    r"(?:originally (?:published|appeared) (?:on|in|by|at)|first (?:published|appeared) (?:on|in|by|at)|republished (?:with permission )?from"
    r"|erschien zuerst (?:bei|in|auf)|publicado originalmente (?:en|em|por)|publié initialement (?:sur|par|dans))\s+(?P<who>[^.;:]{2,60})",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Notices:
    """rights, disclosure: the notices as the page shows them, joined by line ends; None where it shows none."""

    rights: str | None
    disclosure: str | None


def notices(tree: HtmlElement) -> Notices:
    """Reads the whole page, furniture included: rights stand in footers."""
    texts = [(element, text) for element, text in _texts(tree) if len(text) > 7]
    page = phrase("\n".join(text for _, text in texts))
    told = phrases.occurring(page, "rights")
    made = phrases.occurring(page, "ai-disclaimer")
    if not (told or made or _MARK.search(page)):
        return Notices(None, None)
    told_pattern, made_pattern = _pattern(told), _pattern(made)
    rights: dict[str, str] = {}
    disclosures: dict[str, str] = {}
    for element, text in texts:
        if _MARK.search(text) or (told_pattern and told_pattern.search(text)):
            _keep(rights, element, lambda shown: _is_notice(shown) or _holds(shown, told))
        elif made_pattern and made_pattern.search(text):
            _keep(disclosures, element, lambda shown: phrases.disclosure(shown) is not None)
    return Notices("\n".join(list(rights.values())[:_MOST_NOTICES]) or None, _disclosed(disclosures.values()))


def _is_notice(text: str) -> bool:
    """Terms, not the sign under a picture: with a year, or beginning with the mark and going on."""
    return _YEAR.search(text) is not None or (
        _MARK.match(text) is not None and word_count(text) >= _TERMS_WORDS
    )


def credit(lines: list[Line], removed: Sequence[Removed], told: Notices, sites: frozenset[str]) -> str | None:
    """The agency or outlet that the story is taken from; sites are the page's own names, folded."""
    found = _credit_in(lines) if lines else None
    named = [phrases.after_opening(cut.text) for cut in removed if cut.kind == "credit"]
    named += [_house(text) for text in (told.rights or "").splitlines()]
    return found or next((who for name in named if (who := _credited(name, sites))), None)


def _house(text: str) -> str | None:
    """ "© X – …" in a short line without a year."""
    found = _COPYRIGHT_OF.match(text)
    return found["who"] if found and word_count(text) <= _CREDIT_WORDS and not _YEAR.search(text) else None


def _credited(name: str | None, sites: frozenset[str]) -> str | None:
    who = (name or "").strip(" ,.:;–—-\"'“”")
    return who if who and word_count(who) <= 8 and fold(who) not in sites else None


def _credit_in(lines: list[Line]) -> str | None:
    for line in [*lines[:2], *lines[-3:]]:
        if found := _CREDIT.search(line.text):
            return found["who"].strip(" ,\"'“”")
    for line in lines[:2]:
        if found := _DATELINE.match(line.text):
            return found["agency"]
    found = _SIGNED.search(lines[-1].text)
    return (found["a"] or found["b"]) if found else None


def paywall(nodes: list[Node]) -> bool | None:
    """isAccessibleForFree, turned round; None where nothing is declared."""
    for node in linked_data.articles(nodes) or nodes:
        declared = str(node.get("isAccessibleForFree", "")).strip().lower()
        if declared in ("true", "false"):
            return declared == "false"
    return None


def _texts(tree: HtmlElement) -> Iterator[tuple[HtmlElement, str]]:
    """(element, its text or a text right after a child) of everything that is shown outside pictures."""
    for element in tree.iter(etree.Element):
        if element.tag in _OUTSIDE:
            continue
        if element.text:
            yield element, element.text
        for child in element:
            if child.tail:
                yield element, child.tail


def _pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """Finds the words in a text as the page has it; as loose about white space and quotation marks as phrase()."""
    loose = (r"\s+".join(re.escape(part) for part in told.split()).replace("'", "['’‘]") for told in words)
    return re.compile("|".join(loose), re.I) if words else None


def _holds(text: str, wanted: tuple[str, ...]) -> bool:
    text = phrase(text)
    return any(words in text for words in wanted)


def _keep(found: dict[str, str], element: HtmlElement, wanted: Callable[[str], bool]) -> None:
    if any(outer.tag in _OUTSIDE for outer in element.iterancestors()):
        return
    text = shown_text(element)
    if wanted(text) and word_count(text) <= _MOST_WORDS:
        found.setdefault(fold(text), text)


def _disclosed(texts: Iterable[str]) -> str | None:
    """The first disclosure, without what stands before it in its block."""
    for text in texts:
        if match := phrases.disclosure(text):
            return text[match.start :]
    return None
