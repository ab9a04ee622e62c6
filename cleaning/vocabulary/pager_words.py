"""What pagers say, in many languages: "2", "page 2 of 3", "continue reading", "Weiter auf Seite 2"."""

from __future__ import annotations

import re

from cleaning.text.characters import bare, word_count

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
_JOINED = r"(?: (?:\D{1,4} )?\d{1,2})?"  # "2 of 3", "2/3"
_NUMBER = re.compile(rf"(?:{_PAGE} )?(\d{{1,2}}){_JOINED}")
_HEADED = re.compile(rf"(?:{_PAGE} )?(\d{{1,2}})\b.*")  # "Seite 2: The verdict", in a table of contents
_LABEL = re.compile(rf"{_PAGE} \d{{1,2}}{_JOINED}|{_ONWARD}.{{0,40}}\b{_PAGE}\b.{{0,12}}")
_LABEL_WORDS = 10


def page_number(label: str, *, headed: bool = False) -> int | None:
    """The page that a link's words name; headed: other words may follow. None where they name none."""
    found = (_HEADED if headed else _NUMBER).fullmatch(bare(label))
    return int(found[1]) if found else None


def says_onward(label: str) -> bool:
    return bool(re.match(_ONWARD, bare(label)))


def says_next_page(label: str) -> bool:
    """Onward, and to a page: "next" alone may mean the next article."""
    return says_onward(label) and bool(re.search(rf"\b{_PAGE}\b|页|頁|ページ", bare(label)))


def says_back(label: str) -> bool:
    return bool(re.match(_BACK, bare(label)))


def is_page_label(line: str) -> bool:
    """A line of a story that only tells which page this is, or where the next one is."""
    return word_count(line) <= _LABEL_WORDS and bool(_LABEL.fullmatch(bare(line)))
