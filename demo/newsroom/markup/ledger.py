"""The Karst Ledger: in the manner of Ghost. A membership meter, reading time, captions with credits, the
author's life in good prose, teasers in good prose too. It has a small German edition.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from demo.newsroom.markup.furniture import furniture
from demo.newsroom.markup.sheet import (
    Rendered,
    Sheet,
    english_date,
    linked,
    listed,
    meta,
    quoted,
    script,
)

if TYPE_CHECKING:
    from demo.newsroom.pages import Block, Page
TEXTS = furniture("ledger")


def path(page: Page) -> str:
    return f"/de/{page.slug}/" if page.language == "de" else f"/{page.slug}/"


def render(page: Page, base: str) -> Rendered:
    sheet = Sheet()
    words = TEXTS[page.language]
    main = f"{_meter(sheet, words)}\n{_article(sheet, page, words)}\n{_teasers(sheet, words)}"
    html = _document(page.title, page.language, _head(page, base), main)
    return Rendered(html, tuple(sheet.clutter), credit=page.credit)


def listing(heading: str, links: list[tuple[str, str]]) -> str:
    body = f'<main class="gh-main"><h1>{quoted(heading)}</h1><ul class="gh-feed">{listed(links)}</ul></main>'
    return _document(heading, "en", "", body)


def _document(title: str, language: str, head: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{quoted(title)}</title>'
        f'\n{head}\n</head>\n<body class="post-template">\n<div class="gh-viewport">\n{body}\n</div>'
        "</body></html>\n"
    )


def _head(page: Page, base: str) -> str:
    url = base + path(page)
    data = {
        "@context": "https://schema.org",
        "@type": "Article",
        "headline": page.title,
        "url": url,
        "datePublished": page.published.isoformat(),
        "dateModified": (page.modified or page.published).isoformat(),
        "author": [{"@type": "Person", "name": name} for name in page.authors],
        "keywords": ", ".join(page.tags),
        "publisher": {"@type": "Organization", "name": "The Karst Ledger"},
        "isAccessibleForFree": page.kind != "paywall",
    }
    tags = [meta("article:tag", tag) for tag in page.tags]
    summary = [meta("description", page.standfirst)] if page.standfirst else []
    return "\n".join(
        [
            f'<link rel="canonical" href="{url}">',
            meta("og:type", "article"),
            meta("og:title", page.title),
            meta("article:published_time", page.published.isoformat()),
            *tags,
            *summary,
            script(data),
        ]
    )


def _meter(sheet: Sheet, words: dict[str, str]) -> str:
    return (
        f'<div class="member-meter"><span class="count">{sheet.junk(words["count"])}</span>\n'
        f"<p>{sheet.junk(words['meter'])}</p><p>{sheet.junk(words['goal'])}</p></div>"
    )


def _article(sheet: Sheet, page: Page, words: dict[str, str]) -> str:
    minutes = max(1, round(sum(len(line.split()) for line in page.lines) / 200))
    deck = f'<p class="gh-article-excerpt">{quoted(page.standfirst)}</p>\n' if page.standfirst else ""
    by = " ".join(f'<h4 class="gh-author-name">{sheet.junk(name)}</h4>' for name in page.authors)
    date = f"{page.published:%d.%m.%Y}" if page.language == "de" else english_date(page.published)
    return (
        f'<main><article class="gh-article post"><header class="gh-article-header">'
        f'<a class="gh-article-tag" href="/tag/news/">{sheet.junk(words["feed"])}</a>\n'
        f'<h1 class="gh-article-title">{quoted(page.title)}</h1>\n{deck}'
        f'<div class="gh-article-meta">{by}<time datetime="{page.published.isoformat()}">'
        f"{sheet.junk(date)}</time> "
        f"<span>{sheet.junk(words['minutes'].format(minutes))}</span></div></header>\n"
        f'<section class="gh-content">\n{_content(sheet, page)}\n</section>'
        f"{_wall(sheet) if page.kind == 'paywall' else ''}</article></main>\n{_bios(sheet, page, words)}"
    )


def _wall(sheet: Sheet) -> str:
    return f'<aside class="gh-post-upgrade-cta"><p>{sheet.junk(TEXTS["paywall"])}</p></aside>'


def _content(sheet: Sheet, page: Page) -> str:
    parts: list[str] = []
    for kind, blocks in groupby(page.blocks, key=lambda block: block.kind):
        shown = [_block(sheet, block) for block in blocks]
        parts += [f"<ul>{''.join(shown)}</ul>"] if kind == "item" else shown
    if page.credit:
        line = TEXTS[page.language]["credit"].format(page.credit)
        parts.append(f'<p class="gh-credit"><em>{sheet.junk(line)}</em></p>')
    return "\n".join(parts)


def _block(sheet: Sheet, block: Block) -> str:
    if block.kind == "caption":
        return (
            '<figure class="kg-card kg-image-card kg-card-hascaption">'
            '<img src="/content/images/1.jpg" alt="">'
            f"<figcaption>{sheet.junk(block.plain)}</figcaption></figure>"
        )
    if block.kind == "inlink":
        return (
            '<figure class="kg-card kg-bookmark-card"><a class="kg-bookmark-container" href="/archive/31/">'
            f'<div class="kg-bookmark-title">{sheet.junk(block.plain)}</div></a></figure>'
        )
    tag = {"subhead": "h2", "item": "li"}.get(block.kind, "p")
    return f"<{tag}>{linked(block.text)}</{tag}>"


def _bios(sheet: Sheet, page: Page, words: dict[str, str]) -> str:
    cards = "\n".join(
        f'<section class="author-card"><h4>{quoted(name)}</h4>'
        f"<div>{sheet.junk(TEXTS['authors'][name]['role'])}</div>"
        f"<p>{sheet.junk(TEXTS['authors'][name]['life'])}</p>"
        f'<a href="/author/staff/">{sheet.junk(words["more"])}</a></section>'
        for name in page.authors
    )
    return f'<footer class="gh-article-footer">\n{cards}\n</footer>'


def _teasers(sheet: Sheet, words: dict[str, str]) -> str:
    cards = "\n".join(
        f'<article class="gh-card"><span>{sheet.junk(words[f"label{number}"])}</span>'
        f"<p>{sheet.junk(words[f'teaser{number}'])}</p></article>"
        for number in (1, 2)
    )
    more = f"<button>{sheet.junk(words['show'])}</button>"
    return f'<section class="gh-container is-grid">\n{cards}\n{more}</section>'
