"""Auwaldbote: semantic HTML5 with microdata, in German. "Lesen Sie auch" between paragraphs, a newsletter
plea, the agency's mark, a line of keywords and one of copyright.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from demo.newsroom.markup.furniture import furniture
from demo.newsroom.markup.sheet import Rendered, Sheet, joined, linked, listed, meta, quoted, window

if TYPE_CHECKING:
    from demo.newsroom.pages import Block, Page

NAV = (
    '<nav><a href="/region/">Region</a> <a href="/wirtschaft/">Wirtschaft</a> '
    '<a href="/abo/">Abo</a> <a href="/login">Anmelden</a></nav>'
)
TEXTS = furniture("auwaldbote")
PLAYER = '<video controls src="/video/1.mp4" poster="/bilder/2.jpg"></video>'


def path(page: Page) -> str:
    return f"/{page.section}/{page.slug}.html"


def render(page: Page, base: str) -> Rendered:
    sheet = Sheet()
    top = f"<header>{NAV}</header>"
    main = _video(sheet, page) if page.kind == "video" else _article(sheet, page)
    foot = f"<footer><p><small>{sheet.junk(TEXTS['copyright'])}</small></p></footer>"
    html = _document(page.title, _head(page, base), f"{top}\n<main>\n{main}\n</main>\n{foot}")
    return Rendered(html, tuple(sheet.clutter), rights=TEXTS["copyright"], credit=page.credit)


def listing(heading: str, links: list[tuple[str, str]]) -> str:
    return _document(heading, "", f"{NAV}<main><h1>{quoted(heading)}</h1><ul>{listed(links)}</ul></main>")


def _document(title: str, head: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="de"><head><meta charset="utf-8">\n'
        f"<title>{quoted(title)} | Auwaldbote</title>\n{head}\n</head>\n<body>\n{body}\n</body></html>\n"
    )


def _head(page: Page, base: str) -> str:
    kind = "video.other" if page.kind == "video" else "article"
    return "\n".join(
        [
            f'<link rel="canonical" href="{base}{path(page)}">',
            meta("og:type", kind),
            meta("og:title", page.title),
            meta("og:locale", "de_DE"),
            meta("description", page.standfirst or page.title),
            meta("news_keywords", ", ".join(page.tags)),
        ]
    )


def _article(sheet: Sheet, page: Page) -> str:
    lead = (
        f'<p class="lead" itemprop="description">{quoted(page.standfirst)}</p>\n' if page.standfirst else ""
    )
    people = ", ".join(
        f'<span itemprop="author" itemscope itemtype="https://schema.org/Person">'
        f'<span itemprop="name">{sheet.junk(name)}</span></span>'
        for name in page.authors
    )
    parts: list[str] = []
    for kind, blocks in groupby(page.blocks, key=lambda block: block.kind):
        shown = [_block(sheet, block) for block in blocks]
        parts += [f"<ul>{''.join(shown)}</ul>"] if kind == "item" else shown
    return (
        '<article itemscope itemtype="https://schema.org/NewsArticle">\n'
        f'<header><h1 itemprop="headline">{quoted(page.title)}</h1>\n{lead}'
        f'<p class="autor">{"Von " if people else ""}{people} {_time(sheet, page)}</p></header>\n'
        f'<div itemprop="articleBody">\n{joined(parts)}\n</div>\n{_after(sheet, page)}\n</article>'
    )


def _time(sheet: Sheet, page: Page) -> str:
    moment = page.published
    shown = f"{moment.day}. {TEXTS['months'][moment.month - 1]} {moment.year}, {moment:%H:%M} Uhr"
    return f'<time itemprop="datePublished" datetime="{moment.isoformat()}">{sheet.junk(shown)}</time>'


def _block(sheet: Sheet, block: Block) -> str:
    if block.kind == "caption":
        words, _, credit = block.plain.partition(" | ")
        return (
            f'<figure itemprop="image"><img src="/bilder/1.jpg" alt="">'
            f"<figcaption>{sheet.junk(words)} <small>{sheet.junk('Foto: ' + credit)}</small>"
            "</figcaption></figure>"
        )
    if block.kind == "inlink":
        return (
            f'<p class="mehr"><b>Lesen Sie auch:</b> <a href="/archiv/12">{sheet.junk(block.plain)}</a></p>'
        )
    tag = {"subhead": "h2", "item": "li"}.get(block.kind, "p")
    return f"<{tag}>{linked(block.text)}</{tag}>"


def _after(sheet: Sheet, page: Page) -> str:
    agency = ""
    if page.credit:
        agency = f'<p class="agentur">{sheet.junk(TEXTS["agency"].format(page.credit))}</p>\n'
    tags = f"<p>{sheet.junk('Schlagwörter: ' + ', '.join(page.tags))}</p>\n" if page.tags else ""
    more = "\n".join(
        f'<li><a href="/archiv/{number}">{sheet.junk(text)}</a></li>'
        for number, text in enumerate(window(TEXTS["headlines"], page, 5), start=60)
    )
    return (
        f'{agency}{tags}<section class="newsletter"><h3>{sheet.junk("Der Auwald am Morgen")}</h3>'
        f"<p>{sheet.junk(TEXTS['newsletter'])}</p></section>\n"
        f"<aside><h3>{sheet.junk('Das könnte Sie auch interessieren')}</h3><ul>{more}</ul></aside>"
    )


def _video(sheet: Sheet, page: Page) -> str:
    words = "\n".join(f"<p>{sheet.junk(block.plain)}</p>" for block in page.blocks)
    return (
        f'<article itemscope itemtype="https://schema.org/VideoObject">\n'
        f'<h1 itemprop="name">{quoted(page.title)}</h1>\n{PLAYER}\n{words}\n</article>'
    )
