"""Danube Courier: a system of its own making. Nested divs, <br> for paragraphs, no JSON-LD, dates without a
zone, the disclaimer glued to the last paragraph, and a list of headlines longer than most stories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.newsroom.markup.furniture import furniture
from demo.newsroom.markup.sheet import Rendered, Sheet, english_date, linked, listed, meta, quoted, window

if TYPE_CHECKING:
    from demo.newsroom.pages import Page

NAV = '<a href="/world">World</a> <a href="/economy">Economy</a> <a href="/login">Sign in</a>'
TEXTS = furniture("courier")


def path(page: Page) -> str:
    return f"/{page.slug}"


def render(page: Page, base: str) -> Rendered:
    sheet = Sheet()
    top = _mast(sheet)
    if page.kind == "soft_404":
        return Rendered(_document("Page not found", "", top + _missing(sheet)), tuple(sheet.clutter))
    main = _headline(sheet, page) + _story(sheet, page)
    html = _document(page.title, _head(page, base), top + main + _foot(sheet, page))
    return Rendered(html, tuple(sheet.clutter), ai_disclosure=TEXTS["disclaimer"])


def listing(heading: str, links: list[tuple[str, str]]) -> str:
    body = f'<div id="top">{NAV}</div><div class="list"><div class="lh">{quoted(heading)}</div>'
    return _document(heading, "", f"{body}<ul>{listed(links)}</ul></div>")


def _document(title: str, head: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{quoted(title)}</title>\n{head}'
        f'</head>\n<body><div id="page">\n{body}\n</div></body></html>\n'
    )


def _head(page: Page, base: str) -> str:
    stamp = f"{page.published:%Y-%m-%d %H:%M}"  # local time, as the system writes it
    tags = [meta("keywords", ", ".join(page.tags))] if page.tags else []
    return "\n".join(
        [
            f'<link rel="canonical" href="{base}{path(page)}">',
            meta("og:title", page.title),
            meta("og:site_name", "Danube Courier"),
            meta("article:published_time", stamp),
            meta("article:section", page.section.title()),
            *tags,
        ]
    )


def _mast(sheet: Sheet) -> str:
    return (
        f'<div class="mast"><div class="name">{sheet.junk("Danube Courier")}</div>\n'
        f'<div class="motto">{sheet.junk("Per aquas ad veritatem")}</div>\n'
        f'<div class="sub">{sheet.junk("News from the river, the region and the wide world")}</div></div>\n'
        f'<div id="top">{NAV}</div>\n'
    )


def _headline(sheet: Sheet, page: Page) -> str:
    deck = f'<div class="deck">{quoted(page.standfirst)}</div>\n' if page.standfirst else ""
    by = f'<div class="by">{sheet.junk("By " + " and ".join(page.authors))}</div>\n' if page.authors else ""
    stamp = sheet.junk(f"{english_date(page.published)} {page.published:%H:%M}")
    return (
        f'<div class="crumb">{quoted(page.title)}</div>\n<h1>{quoted(page.title)}</h1>\n'
        f'<div class="stamp">{stamp}</div>\n{by}{deck}'
    )


def _story(sheet: Sheet, page: Page) -> str:
    parts = []
    for block in page.blocks:
        if block.kind == "subhead":
            parts.append(f"<b>{linked(block.text)}</b>")
        elif block.kind == "caption":
            parts.append(f'<div class="pic"><img src="/i/1.jpg"><span>{sheet.junk(block.plain)}</span></div>')
        elif block.kind == "inlink":
            parts.append(f'<a href="/archive/88">{sheet.junk(block.plain)}</a>')
        else:
            parts.append(linked(block.text))
    # on some pages the disclaimer does not even get a line of its own
    glue = " " if len(page.slug) % 3 == 0 else "<br>\n"
    text = "<br><br>\n".join(parts)
    return f'<div class="txt">{text}{glue}{sheet.junk(TEXTS["disclaimer"])}</div>\n'


def _foot(sheet: Sheet, page: Page) -> str:
    headlines = window(TEXTS["headlines"], page, 25)
    related = "\n".join(
        f'<div class="it"><a href="/archive/{number}">{sheet.junk(text)}</a></div>'
        for number, text in enumerate(headlines, start=3100)
    )
    return (
        f'<div class="box">{sheet.junk("Newsletter")}</div>\n'
        f'<div class="box">{sheet.junk("Related Articles")}</div>\n'
        f'<div class="pl"><span>{sheet.junk("0:00")}</span><span>0:00</span>'
        f"<div>{sheet.junk('Close')}</div><div>{sheet.junk('×')}</div></div>\n"
        f'<div class="rel">\n{related}\n</div>\n'
    )


def _missing(sheet: Sheet) -> str:
    lines = ("Page not found", "Sorry, the page that you were looking for does not exist or has been moved.")
    return f"<h1>{sheet.junk(lines[0])}</h1>\n<div>{sheet.junk(lines[1])}</div>"
