"""Recognises the labels of pagers in many languages: "2", "page 2 of 3", "continue reading", "Weiter auf Seite 2"."""

from __future__ import annotations

import re

from cleaning.text.characters import word_count, words_only

# fmt: off
_PAGE = (
    r"(?:page|seite|p[aá]gina|strona|stronie|sivu|sida|side|oldal|stranica|stran[aě]|str[aá]nka|str[aá]nce|lapa|puslapis|lehek[uü]lg|sayfa|halaman|trang"
    r"|страница|страницу|странице|сторінка|сторінку|сторінці|стр|σελίδα|pag|pg)"
)
_ONWARD = (
    r"(?:next|continue|continued|keep reading|read on|weiter|weiterlesen|(?:auf der )?nächste|lesen sie auf|suivant|page suivante|lire la suite|la suite|suite"
    r"|siguiente|página siguiente|seguir leyendo|continuar leyendo|sigue leyendo|avanti|successiv|pagina successiva|continua a leggere"
    r"|volgende|lees verder|próxima|seguinte|página seguinte|continue lendo|continuar a ler|następna|czytaj dalej|dalej|nästa|läs vidare|fortsätt"
    r"|neste|næste|les videre|læs videre|seuraava|jatka|következő|tovább|olvass tovább|další|pokračov|ďalš|ďalej|sljedeć|следећ|nastav|următoar"
    r"|continuă|следващ|далее|следующ|читать дальше|продолжение|далі|наступн|читати далі|sonraki|devamı|επόμεν|συνέχεια|次へ|次の|下一页|下一頁|下页|다음)"
)
_BACK = r"(?:prev|back|zurück|vorherige|précédent|page précédente|anterior|preced|vorige|poprzedni|föregående|forrige|edellinen|előző|předchozí|предыдущ|попередн)"
# fmt: on
_TOTAL = r"(?: (?:\D{1,4} )?\d{1,2})?"  # "2 of 3", "2/3"
_NUMBER = re.compile(rf"(?:{_PAGE} )?(\d{{1,2}}){_TOTAL}")
# "Seite 2: The verdict", in a table of contents
_NUMBER_AND_HEADING = re.compile(rf"(?:{_PAGE} )?(\d{{1,2}})\b.*")
_PAGE_LABEL = re.compile(rf"{_PAGE} \d{{1,2}}{_TOTAL}|{_ONWARD}.{{0,40}}\b{_PAGE}\b.{{0,12}}")
_MAX_LABEL_WORDS = 10


def page_number(label: str, *, allow_more_words: bool = False) -> int | None:
    """Return the page number in the label of a link, as "2" or "page 2 of 3"; None if there is none.

    allow_more_words: "Page 2: The trial" counts, too."""
    match = (_NUMBER_AND_HEADING if allow_more_words else _NUMBER).fullmatch(words_only(label))
    return int(match[1]) if match else None


def says_onward(label: str) -> bool:
    """Return whether the label begins with a word such as "next" or "continue"."""
    return bool(re.match(_ONWARD, words_only(label)))


def says_next_page(label: str) -> bool:
    """Return whether the label says onward and names a page. "Next" alone may mean the next article."""
    return says_onward(label) and bool(re.search(rf"\b{_PAGE}\b|页|頁|ページ", words_only(label)))


def says_back(label: str) -> bool:
    """Return whether the label begins with a word such as "previous" or "back"."""
    return bool(re.match(_BACK, words_only(label)))


def is_page_label(line: str) -> bool:
    """Return whether a line of a story only says which page this is, or where the next page is."""
    return word_count(line) <= _MAX_LABEL_WORDS and bool(_PAGE_LABEL.fullmatch(words_only(line)))
