"""Reads stories/*.toml: what each outlet publishes, agency copies and template reports already written out.

A body is plain text; blank lines part its blocks, and the first characters of a block tell its kind:
`## ` subhead, `- ` list item, `@@ ` headline of another story set between paragraphs, `!! ` picture caption
(its credit after ` | `); anything else is a paragraph. `[[words]]` is a link, `<<name>>` a declared quote.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime

Kind = Literal["story", "gallery", "video", "paywall", "soft_404"]
BlockKind = Literal["body", "subhead", "item", "inlink", "caption"]

FOLDER = Path(__file__).parent / "stories"
MARKS: dict[str, BlockKind] = {"## ": "subhead", "- ": "item", "@@ ": "inlink", "!! ": "caption"}
TEXT_KINDS = ("body", "subhead", "item")  # the blocks that make an article's text


@dataclass(frozen=True, slots=True)
class Block:
    kind: BlockKind
    text: str  # may hold [[links]]

    @property
    def plain(self) -> str:
        """The text as a reader sees it."""
        return self.text.replace("[[", "").replace("]]", "")


@dataclass(frozen=True, slots=True)
class Page:
    outlet: str
    slug: str
    story: str  # pages of one story share it
    kind: Kind
    title: str
    standfirst: str | None
    blocks: tuple[Block, ...]
    section: str
    authors: tuple[str, ...]
    published: datetime  # with the outlet's zone
    modified: datetime | None
    tags: tuple[str, ...]
    language: str  # ISO 639-1
    credit: str | None  # the agency's name
    template: str | None  # reports of one template: same wording, other figures, each its own story
    day: int  # 1 or 2: the day from which the outlet carries it

    @property
    def lines(self) -> tuple[str, ...]:
        """The gold text, one line a block."""
        return tuple(block.plain for block in self.blocks if block.kind in TEXT_KINDS)


@dataclass(frozen=True, slots=True)
class Stray:
    """An address that an outlet links to and that is no page of its own."""

    outlet: str
    href: str  # a path of the outlet, or an absolute address elsewhere
    outcome: str  # as in answers.GoldPage
    label: str
    section: str
    reason: str | None = None
    of: str | None = None  # slug of the page that it leads to, for an alias
    status: int = 200


@cache
def read(name: str) -> dict[str, Any]:
    """One file of stories/, parsed."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def quotes() -> dict[str, str]:
    """Quoted paragraphs that different stories share on purpose, by name."""
    return dict(read("wire")["quotes"])


def pages(outlet: str, day: int) -> list[Page]:
    """What the outlet carries on that day, newest first."""
    made = [_page(outlet, entry, day) for entry in read(outlet)["page"]]
    return sorted((page for page in made if page.day <= day), key=lambda page: page.published, reverse=True)


def strays(outlet: str) -> list[Stray]:
    return [Stray(outlet=outlet, **entry) for entry in read(outlet).get("stray", [])]


def _page(outlet: str, entry: dict[str, Any], day: int) -> Page:
    given = read(outlet)["defaults"] | entry
    if day >= 2:
        given = given | entry.get("revision", {})
    template = given.get("template")
    wire = read("wire")["story"][given["wire"]] if "wire" in given else {}
    return Page(
        outlet=outlet,
        slug=given["slug"],
        story=given.get("story") or given.get("wire") or given["slug"],
        kind=given.get("kind", "story"),
        title=given.get("title") or wire["title"],
        standfirst=given.get("standfirst"),
        blocks=_blocks(_body(outlet, given, wire)),
        section=given["section"],
        authors=tuple(given.get("authors", ())),
        published=given["published"],
        modified=given.get("modified"),
        tags=tuple(given.get("tags", ())),
        language=given["language"],
        credit=wire.get("agency"),
        template=template,
        day=given.get("day", 1),
    )


def _body(outlet: str, given: dict[str, Any], wire: dict[str, Any]) -> str:
    """The page's text before it is cut into blocks: its own, a template's, or an agency's after editing."""
    if "template" in given:
        return Template(read(outlet)["template"][given["template"]]).substitute(given["values"])
    body: str = given.get("body", "")
    if wire:
        kept = wire["body"].strip().split("\n\n")[: given.get("first")]
        body = "\n\n".join([given.get("before", ""), *kept, given.get("after", "")])
        for old, new in read("wire")["house"].get(given.get("house", ""), {}).items():
            body = body.replace(old, new)
    for old, new in given.get("corrected", {}).items():
        body = body.replace(old, new)
    return re.sub(r"<<(\w+)>>", lambda match: quotes()[match[1]], body)


def _blocks(body: str) -> tuple[Block, ...]:
    texts = (" ".join(part.split()) for part in re.split(r"\n\s*\n|\n(?=- )", body))
    return tuple(_block(text) for text in texts if text)


def _block(text: str) -> Block:
    for mark, kind in MARKS.items():
        if text.startswith(mark):
            return Block(kind, text.removeprefix(mark))
    return Block("body", text)
