# ruff: noqa: E731 - a markup is read as one table of tags, a line each
"""The five example pages of $SHARED as HTML, in markups of our own. Their texts stay where they are."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

SHARED = Path(os.environ.get("SHARED", Path(__file__).parents[2] / "shared"))
SEEDS = SHARED / "seeds"

WANTED = ("body", "subhead")
STORY = (*WANTED, "inlink", "disclaimer", "tags", "caption")


@dataclass(frozen=True)
class Row:
    role: str
    text: str


@dataclass(frozen=True)
class Seed:
    name: str
    url: str
    rows: tuple[Row, ...]

    def of(self, *roles: str) -> list[str]:
        return [row.text for row in self.rows if row.role in roles]

    @property
    def title(self) -> str:
        return self.of("title")[0]

    @property
    def parts(self) -> tuple[list[Row], list[Row], list[Row]]:
        """What stands before the headline, the story from the headline on, what follows its last line."""
        first = next(n for n, row in enumerate(self.rows) if row.role == "title")
        last = max(
            n for n, row in enumerate(self.rows) if row.role in ("body", "inlink", "disclaimer", "tags")
        )
        rows = list(self.rows)
        return rows[:first], rows[first : last + 1], rows[last + 1 :]


def load() -> list[Seed]:
    """[] where $SHARED is not there."""
    if not (SEEDS / "roles.json").is_file():
        return []
    return [
        _seed(name, entry) for name, entry in json.loads((SEEDS / "roles.json").read_text("utf-8")).items()
    ]


def _seed(name: str, entry: dict) -> Seed:
    roles = {number: role for role, numbers in entry["lines"].items() for number in numbers}
    lines = (SEEDS / name).read_text("utf-8").splitlines()
    rows = [Row(roles[n], " ".join(t.split())) for n, t in enumerate(lines, 1) if t.strip() and n in roles]
    return Seed(name.split("-")[0] + "-" + name.split("-")[1], entry["url"], tuple(rows))


# ---------------------------------------------------------------- pieces

Tags = dict[str, Callable[[str], str]]
BULLET = "•"


def tag(name: str, attributes: str = "") -> Callable[[str], str]:
    return lambda text: f"<{name}{' ' + attributes if attributes else ''}>{text}</{name}>\n"


def link(text: str) -> str:
    return f'<a href="/stories/{abs(hash(text)) % 10**6}">{text}</a>'


def linked(text: str) -> str:
    """A label outside the link, where the line has one."""
    label, bar, rest = text.partition(" | ")
    return f"<strong>{label} | {link(rest)}</strong>" if bar else link(text)


def render(rows: list[Row], tags: Tags) -> str:
    """Each row by its role's tag ("*" for others); runs of bullets and of related lines in their list."""
    out = []
    for (role, bullet), group in groupby(rows, key=lambda row: (row.role, row.text.startswith(BULLET))):
        shown = [escape(row.text.removeprefix(BULLET).strip()) for row in group]
        kind = "bullet" if bullet else role
        pieces = "".join(tags.get(kind, tags["*"])(text) for text in shown)
        out.append(tags[f"{kind}-list"](pieces) if f"{kind}-list" in tags else pieces)
    return "".join(out)


def page(seed: Seed, body: str, head: str = "") -> str:
    return f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(seed.title)}</title>{head}</head><body>{body}</body></html>'


def _linked_data(seed: Seed) -> str:
    data = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": seed.title,
        "datePublished": "2024-12-03T10:00:00Z",
    }
    return f'<script type="application/ld+json">{json.dumps(data)}</script><meta property="og:type" content="article">'


# ---------------------------------------------------------------- markups

_PLAIN: Tags = {
    "title": tag("h1"), "title2": tag("h2"), "subhead": tag("h3"), "bullet": tag("li"), "bullet-list": tag("ul"),
    "inlink": lambda t: tag("p")(linked(t)), "related": lambda t: tag("li")(link(t)), "related-list": tag("ul"), "*": tag("p"),
}  # fmt: skip


def wordpress(seed: Seed) -> str:
    before, story, after = seed.parts
    tags = _PLAIN | {
        "title": tag("h1", 'class="entry-title"'), "deck": tag("h2", 'class="subtitle"'), "caption": tag("figcaption", 'class="wp-caption-text"'),
        "tags": lambda t: tag("div", 'class="post-tags"')("".join(link(x.strip()) + ", " for x in t.split(","))),
        "bio": tag("p"), "bio-list": tag("div", 'class="author-box"'), "related-list": tag("ul", 'class="wp-block-latest-posts"'),
    }  # fmt: skip
    return page(
        seed,
        f'<header class="site-header">{render(before, tags)}</header><div id="content"><article class="post type-post">'
        f'<div class="entry-content">{render(story, tags)}</div></article><div class="widget-area">{render(after, tags)}</div></div>'
        f'<footer class="site-footer"><p>Powered by love</p></footer>',
        _linked_data(seed),
    )


def ghost(seed: Seed) -> str:
    before, story, after = seed.parts
    card = lambda t: (
        f'<article class="gh-card"><a class="gh-card-link" href="/x{len(t)}"><h3 class="gh-card-title">{t}</h3></a></article>'
    )
    teaser = lambda t: (
        f'<article class="gh-card"><a class="gh-card-link" href="/y{len(t)}"><p class="gh-card-excerpt">{t}</p></a></article>'
    )
    tags = _PLAIN | {
        "title": tag("h1", 'class="gh-article-title"'), "deck": tag("p", 'class="gh-article-excerpt"'), "caption": lambda t: f"<figure><img src=/i.jpg><figcaption>{t}</figcaption></figure>",
        "related": card, "related-list": tag("div", 'class="gh-feed"'), "teaser": teaser, "bio-list": tag("section", 'class="gh-author-card"'), "inlink": lambda t: f'<figure class="kg-card kg-bookmark-card"><a href="/z"><div>{linked(t)}</div></a></figure>',
    }  # fmt: skip
    return page(
        seed,
        f'<div class="gh-viewport">{render(before, tags)}<main class="gh-main"><article class="gh-article post">'
        f'<section class="gh-content">{render(story, tags)}</section>{render(after, tags)}</article></main></div>',
        _linked_data(seed),
    )


def own_br(seed: Seed) -> str:
    """One block, lines parted by <br>; the disclaimer after a single <br>."""
    before, story, after = seed.parts
    line = lambda t: f"{t}<br><br>\n"
    tags = _PLAIN | {"*": line, "body": line, "title": lambda t: f"<h1>{t}</h1>", "subhead": lambda t: f"<b>{t}</b><br><br>", "inlink": lambda t: line(linked(t)),
                     "caption": lambda t: f'<div class="pic"><img src=/p.jpg><span class="caption">{t}</span></div>', "disclaimer": lambda t: f"<br>{t}<br>"}  # fmt: skip
    rest = _PLAIN | {
        "related": lambda t: f'<div class="item">{link(t)}</div>',
        "related-list": tag("div", 'class="list"'),
        "*": tag("div", 'class="box"'),
    }
    inner = render(story, tags).replace("<br><br>\n<br>", "<br>")
    return page(
        seed,
        f'<div id="top">{render(before, rest)}</div><div id="main"><div class="txt">{inner}</div>{render(after, rest)}</div>',
    )


def own_glued(seed: Seed) -> str:
    """Paragraphs; the disclaimer in the last one, parted by a mere line end; the rest in the same column."""
    before, story, after = seed.parts
    rest = _PLAIN | {
        "related": lambda t: f'<div class="news-item">{link(t)}</div>',
        "*": tag("div"),
        "caption": tag("div", 'class="img-desc"'),
    }
    tags = _PLAIN | {"caption": tag("div", 'class="img-desc"')}
    inner = render(story, tags | {"disclaimer": lambda t: f"<!--glue-->\n{t}</p>"}).replace(
        "</p>\n<!--glue-->", ""
    )
    return page(
        seed,
        f'<div class="head">{render(before, rest)}</div><div class="column">{inner}{render(after, rest)}</div>',
    )


def html5(seed: Seed) -> str:
    """Elements that mean something, no class anywhere."""
    before, story, after = seed.parts
    tags = _PLAIN | {"caption": lambda t: f"<figure><img src=a.jpg><figcaption>{t}</figcaption></figure>", "teaser": lambda t: f"<article><p>{t}</p></article>",
                     "bio-list": tag("aside"), "title2": tag("p")}  # fmt: skip
    return page(
        seed,
        f"<header>{render(before, tags)}</header><main><article>{render(story, tags)}</article><section>{render(after, tags)}</section></main>",
    )


def html5_inside(seed: Seed) -> str:
    """As html5, with everything inside <article>."""
    before, story, after = seed.parts
    tags = _PLAIN | {"caption": lambda t: f"<figure><img src=a.jpg><figcaption>{t}</figcaption></figure>", "related": lambda t: f"<p>{link(t)}</p>", "related-list": tag("div"),
                     "bio": tag("p"), "title2": tag("h1")}  # fmt: skip
    return page(
        seed,
        f"<main><article>{render(before, tags)}{render(story, tags)}{render(after, tags)}</article></main>",
    )


def div_soup(seed: Seed) -> str:
    before, story, after = seed.parts
    tags = {
        "title": tag("h1"),
        "related": lambda t: tag("div")(link(t)),
        "related-list": tag("div"),
        "inlink": lambda t: tag("div")(linked(t)),
        "caption": lambda t: f"<div><img src=/p.jpg></div><div>{t}</div>",
        "*": tag("div"),
    }
    return page(
        seed,
        f"<div><div>{render(before, tags)}</div><div>{render(story, tags)}</div><div>{render(after, tags)}</div></div>",
    )


def p_soup(seed: Seed) -> str:
    """Every line a paragraph in one body; links are links."""
    tags = {
        "title": tag("h1"),
        "related": lambda t: tag("p")(link(t)),
        "inlink": lambda t: tag("p")(linked(t)),
        "caption": lambda t: f"<p><img src=/p.jpg><br><em>{t}</em></p>",
        "*": tag("p"),
    }
    return page(seed, render(list(seed.rows), tags))


def hashed(seed: Seed) -> str:
    """Class names that say nothing; related stories as headings in links; bullets as paragraphs."""
    before, story, after = seed.parts
    tags = {"title": tag("h1", 'class="css-1a"'), "title2": tag("span", 'class="css-1b"'), "subhead": tag("h2", 'class="css-2"'), "caption": lambda t: f"<div class=css-12><img src=/p.jpg><span class=css-3>{t}</span></div>",
            "related": lambda t: f'<a class="css-4" href="/q"><h4>{t}</h4></a>', "related-list": tag("div", 'class="css-5"'), "inlink": lambda t: f'<div class="css-6"><a href="/w"><span>{t}</span></a></div>',
            "teaser": lambda t: f'<div class="css-7"><a href="/t"><p>{t}</p></a></div>', "bullet": tag("li"), "bullet-list": tag("ul"), "*": tag("p", 'class="css-8"')}  # fmt: skip
    return page(
        seed,
        f'<div id="root"><div class="css-9">{render(before, tags)}</div><div class="css-10">{render(story, tags)}</div><div class="css-11">{render(after, tags)}</div></div>',
        _linked_data(seed),
    )


def table_layout(seed: Seed) -> str:
    before, story, after = seed.parts
    rest = _PLAIN | {
        "related": lambda t: f"<tr><td>{link(t)}</td></tr>",
        "related-list": tag("table"),
        "caption": lambda t: f"<img src=/p.jpg><br><small>{t}</small>",
    }
    return page(
        seed,
        f"<table><tr><td colspan=2>{render(before, rest)}</td></tr><tr><td>{render(story, rest)}</td><td>{render(after, rest)}</td></tr></table>",
    )


MARKUPS: dict[str, Callable[[Seed], str]] = {
    made.__name__: made
    for made in (
        wordpress,
        ghost,
        own_br,
        own_glued,
        html5,
        html5_inside,
        div_soup,
        p_soup,
        hashed,
        table_layout,
    )
}


# ---------------------------------------------------------------- judging


def squash(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


def faults(seed: Seed, text: str) -> list[str]:
    """Body lines that are missing and lines that are not the story's; [] for a clean text."""
    whole = squash(text)
    wanted = [squash(line) for line in seed.of(*WANTED)]
    missing = [f"missing: {line[:60]}" for line in seed.of(*WANTED) if squash(line) not in whole]
    allowed = [*wanted, *(squash(line) for line in seed.of("deck"))]
    extra = [
        f"extra: {line[:60]}"
        for line in text.splitlines()
        if not any(squash(line) in line_ for line_ in allowed)
    ]
    return missing + extra
