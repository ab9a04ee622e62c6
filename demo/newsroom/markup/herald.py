"""Amber Coast Herald: in the manner of WordPress. A JSON-LD graph, a rights notice before the story, another
headline between its paragraphs, pleas for donations and corrections after it.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from demo.newsroom.markup.furniture import furniture
from demo.newsroom.markup.sheet import (
    Rendered,
    Sheet,
    english_date,
    joined,
    linked,
    listed,
    meta,
    quoted,
    script,
)

if TYPE_CHECKING:
    from demo.newsroom.pages import Block, Page

NAV = '<nav class="main-navigation"><a href="/news/">News</a> <a href="/wp-login.php">Log in</a></nav>'
TEXTS = furniture("herald")


def path(page: Page) -> str:
    return f"/{page.published:%Y/%m/%d}/{page.slug}/"


def render(page: Page, base: str) -> Rendered:
    sheet = Sheet()
    name = sheet.junk("Amber Coast Herald")
    top = f'<header class="site-header"><p class="site-title">{name}</p>{NAV}</header>'
    main = _gallery(sheet, page) if page.kind == "gallery" else _article(sheet, page)
    html = _document(page.title, _head(page, base), f"{top}\n<main>{main}</main>\n{_foot(sheet)}")
    return Rendered(
        html, tuple(sheet.clutter), rights=TEXTS["rights"], credit=page.credit, house="Amber Coast Herald"
    )


def listing(heading: str, links: list[tuple[str, str]]) -> str:
    body = f'{NAV}<main><h1 class="page-title">{quoted(heading)}</h1><ul>{listed(links)}</ul></main>'
    return _document(f"{heading} - Amber Coast Herald", "", body)


def _document(title: str, head: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en-US"><head><meta charset="UTF-8"><title>{quoted(title)}</title>'
        f'\n{head}\n</head>\n<body class="wp-theme single">\n{body}\n</body></html>\n'
    )


def _head(page: Page, base: str) -> str:
    url = base + path(page)
    kind = "article" if page.kind == "story" else "website"
    tags = "\n".join(
        [f'<link rel="canonical" href="{url}">', meta("og:type", kind), meta("og:title", page.title)]
    )
    if page.kind != "story":
        return tags
    return f"{tags}\n{_graph(page, base)}"


def _graph(page: Page, base: str) -> str:
    url = base + path(page)
    people = [{"@type": "Person", "name": name} for name in page.authors]
    article: dict[str, object] = {
        "@type": "NewsArticle",
        "@id": url + "#article",
        "headline": page.title,
        "datePublished": page.published.isoformat(),
        "dateModified": (page.modified or page.published).isoformat(),
        "mainEntityOfPage": {"@id": url},
        "articleSection": [page.section.title()],
        "keywords": list(page.tags),
        "inLanguage": "en-US",
        "publisher": {"@id": base + "/#organization"},
    }
    organization = {"@type": "Organization", "@id": base + "/#organization", "name": "Amber Coast Herald"}
    article |= {"author": people} if people else {"author": {"@id": base + "/#organization"}}
    graph = {
        "@context": "https://schema.org",
        "@graph": [article, {"@type": "WebPage", "@id": url}, organization],
    }
    return script(graph)


def _article(sheet: Sheet, page: Page) -> str:
    deck = f'<p class="entry-subtitle">{quoted(page.standfirst)}</p>\n' if page.standfirst else ""
    by = (
        f'<span class="byline">{sheet.junk("By " + " and ".join(page.authors))}</span> '
        if page.authors
        else ""
    )
    parts: list[str] = []
    for kind, blocks in groupby(page.blocks, key=lambda block: block.kind):
        shown = [_block(sheet, block) for block in blocks]
        parts += [f"<ul>{''.join(shown)}</ul>"] if kind == "item" else shown
    return (
        f'<article class="post type-post"><p class="entry-rights">{sheet.junk(TEXTS["rights"])}</p>\n'
        f'<header class="entry-header"><h1 class="entry-title">{quoted(page.title)}</h1>\n{deck}'
        f'<div class="entry-meta">{by}'
        f'<time class="published" datetime="{page.published.isoformat()}">'
        f"{sheet.junk(english_date(page.published))}</time></div></header>\n"
        f'<div class="entry-content">\n{joined(parts)}\n{_after(sheet, page)}</div></article>'
    )


def _block(sheet: Sheet, block: Block) -> str:
    if block.kind == "caption":
        return _figure(sheet, block.plain)
    if block.kind == "inlink":
        return f'<p><strong><a href="/archive/77/">{sheet.junk(block.plain)}</a></strong></p>'
    tag = {"subhead": "h3", "item": "li"}.get(block.kind, "p")
    return f"<{tag}>{linked(block.text)}</{tag}>"


def _figure(sheet: Sheet, caption: str) -> str:
    return (
        '<figure class="wp-block-image"><img src="/wp-content/uploads/1.jpg" alt="">'
        f'<figcaption class="wp-element-caption">{sheet.junk(caption)}</figcaption></figure>'
    )


def _after(sheet: Sheet, page: Page) -> str:
    credit = f'<p class="source">{sheet.junk("Source: " + page.credit)}</p>\n' if page.credit else ""
    tags = " ".join(f'<a rel="tag" href="/tag/topic/">{sheet.junk(tag)}</a>' for tag in page.tags)
    tagged = f'<p class="tags-links">{tags}</p>\n' if tags else ""
    return (
        f"{credit}<p><strong>{sheet.junk('Related:')}</strong></p>\n"
        f'<div class="support-box"><p>{sheet.junk(TEXTS["donate"])}</p></div>\n'
        f"<p><em>{sheet.junk(TEXTS['correction'])}</em></p>\n{tagged}"
    )


def _gallery(sheet: Sheet, page: Page) -> str:
    pictures = "\n".join(_figure(sheet, block.plain) for block in page.blocks)
    return (
        f'<article class="post format-gallery"><h1 class="entry-title">{quoted(page.title)}</h1>\n'
        f'<div class="wp-block-gallery">\n{pictures}\n</div></article>'
    )


def _foot(sheet: Sheet) -> str:
    return f'<footer class="site-footer"><p>{sheet.junk(TEXTS["adblock"])}</p></footer>'
