"""One page, from bytes to article: the steps in order. docs/cleaning.md tells what each is for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from cleaning import document, ending, lines, linked_data, loose_text, metadata, refusal, rescue, signals
from cleaning.authors import authors_of
from cleaning.characters import fold, tidy, word_count
from cleaning.confidence import paragraphs_of, signs_of, text_confidence
from cleaning.extraction import extract
from cleaning.images import captions_of, images_of
from cleaning.language import language_of
from cleaning.measures import leaf_texts, measure, shown_text, texts_above_headline
from cleaning.prune import prune
from cleaning.records import Article, NoArticle, RawPage, Rules
from cleaning.restore import restore
from cleaning.selectors import compiled
from cleaning.standfirst import standfirst

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.html import HtmlElement

    from cleaning.linked_data import Node
    from cleaning.measures import Size
    from cleaning.metadata import Head
    from cleaning.records import Removed
    from cleaning.selectors import Compiled

_GENERAL = Rules()
_NO_STORY = ("script", "noscript", "iframe", "input", "select", "textarea", "link", "canvas", "audio", "video", "object", "embed", "source")  # fmt: skip
_HASH_RULES = "1"  # raised when the same title and text get another hash


def clean(page: RawPage, rules: Rules = _GENERAL) -> Article:
    """The article in a page. Raises NoArticle, and nothing else, whatever the bytes are; ValueError for rules
    in which check_rules finds a mistake."""
    outlet = compiled(rules)
    try:
        return _clean(page, rules, outlet)
    except NoArticle:
        raise
    except Exception as error:  # the promise to every caller: one bad page never costs another
        raise NoArticle("broken", f"{type(error).__name__}: {tidy(str(error))[:300]}") from error


@dataclass(slots=True)
class _Parts:
    """What is read from the page before anything is cut from it."""

    markup: str
    tree: HtmlElement
    alive: list[HtmlElement]  # lxml makes an element's object anew at each visit, unless somebody holds it
    head: Head
    nodes: list[Node]
    article: Node
    title: str
    summary: str | None


def _clean(page: RawPage, rules: Rules, outlet: Compiled) -> Article:
    parts = _read(page)
    notices = signals.notices(parts.tree)
    authors = authors_of(parts.tree, parts.head, parts.article)
    images = images_of(parts.tree, parts.head, parts.article, page.url)
    when = (page.url, page.fetched_at, rules.timezone)
    published = metadata.published(parts.tree, parts.head, parts.article, when)
    modified = metadata.modified(parts.head, parts.article, when)
    canonical = metadata.canonical_url(parts.tree, parts.head, page.url)
    facts = _facts(page.url, parts, authors, outlet)
    players = sum(1 for _ in parts.tree.iter("video", "iframe", "audio"))
    # read by now; every later step is faster without them
    etree.strip_elements(parts.tree, *_NO_STORY, with_tail=False)
    loose_text.wrap(parts.tree)
    sizes = measure(parts.tree)
    evidence = _evidence(page, parts, sizes[parts.tree], players)
    paragraphs = paragraphs_of(parts.tree, sizes)
    removed = prune(parts.tree, sizes, outlet)
    blocks = leaf_texts(parts.tree)
    story = rescue.better(_story(parts.tree, page, facts), parts.markup, parts.article, facts)
    text = "\n".join(line.text for line in story.lines)
    if not story.tags:
        story.tags += ending.keywords_behind(story, blocks)
    refusal.check(evidence(text))
    language, confidence = language_of(text, rules.language)
    told = bool(parts.article) or (parts.head.first("og:type") or "").lower() == "article"
    signs = signs_of(story.lines, paragraphs, sizes[parts.tree], told=told, signed=bool(authors))
    return Article(
        id=page.id,
        url=page.url,
        canonical_url=canonical,
        outlet=page.outlet,
        title=parts.title,
        summary=parts.summary,
        text=text,
        authors=authors,
        published_at=published.at,
        published_precision=published.precision,
        published_source=published.source,
        published_raw=published.raw,
        modified_at=modified.at,
        modified_precision=modified.precision,
        modified_source=modified.source,
        modified_raw=modified.raw,
        section=metadata.section_of(parts.head, parts.article),
        tags=_merged(metadata.tags_of(parts.head, parts.article), [*_listed(removed), *story.tags]),
        images=images,
        language=language,
        language_confidence=confidence,
        text_confidence=text_confidence(signs),
        rights=notices.rights,
        ai_disclosure=story.disclosure or notices.disclosure,
        syndication_credit=signals.credit(story.lines, [*story.removed, *removed], notices, facts.sites),
        paywall=signals.paywall(parts.nodes),
        word_count=word_count(text),
        removed=(*removed, *story.removed),
        fetched_at=page.fetched_at,
        content_hash=content_hash(parts.title, text),
    )


def content_hash(title: str, text: str) -> str:
    """32 hex digits of title and text as they stand: tells a revision from no change."""
    return hashlib.sha256(f"{_HASH_RULES}\n{title}\n{text}".encode()).hexdigest()[:32]


def _read(page: RawPage) -> _Parts:
    markup, tree = (read := document.read(page)).markup, read.tree
    alive = list(tree.iter())
    nodes = linked_data.nodes(tree)
    article: Node = next(iter(linked_data.articles(nodes)), {})
    head = metadata.head_of(tree)
    title = metadata.title_of(tree, head, article)
    summary = standfirst(tree, metadata.descriptions(head, article))
    return _Parts(
        markup,
        tree,
        alive,
        head,
        nodes,
        article,
        title,
        summary if summary and fold(summary) != fold(title) else None,
    )


def _facts(page_url: str, parts: _Parts, authors: tuple[str, ...], outlet: Compiled) -> lines.Facts:
    titles = metadata.titles(parts.tree, parts.head, parts.article, parts.title)
    return lines.Facts(
        titles=titles,
        above=frozenset(fold(text) for text in texts_above_headline(parts.tree, titles)),
        standfirst=fold(parts.summary or "\0"),
        captions=frozenset(key for text in captions_of(parts.tree) if len(key := fold(text)) > 8),
        authors=authors,
        keywords=frozenset(fold(tag) for tag in metadata.tags_of(parts.head, parts.article)),
        sites=metadata.site_names(parts.head, page_url),
        outlet=outlet,
    )


def _story(tree: HtmlElement, page: RawPage, facts: lines.Facts) -> lines.Story:
    story = lines.Story(list(lines.without_marks(restore(extract(tree, page.url), tree))))
    ending.cut_ends(story, facts)
    ending.cut_disclosures(story)
    ending.cut_masthead(story, facts)
    ending.cut_lists(story)
    ending.cut_biography(story, facts)
    lines.cut_lines(story, facts)
    lines.cut_repeated(story)
    ending.cut_keywords(story)
    ending.cut_closing_headlines(story)
    ending.trim(story)
    return story


def _evidence(page: RawPage, parts: _Parts, size: Size, players: int) -> Callable[[str], refusal.Evidence]:
    """What refusal wants to know, as far as it stands in what is cut later; to be called with the text."""
    captions = [word_count(shown_text(caption)) for caption in parts.tree.iter("figcaption")]

    def evidence(text: str) -> refusal.Evidence:
        return refusal.Evidence(
            url=page.url,
            title=parts.title,
            text=text,
            shown=_shown(parts.markup) if word_count(text) < refusal.STORY_WORDS else text,
            og_type=(parts.head.first("og:type") or "").lower(),
            nodes=parts.nodes,
            links=size.links,
            linked=size.linked / max(1, size.text),
            paywall=signals.paywall(parts.nodes),
            captions=sum(captions) if len(captions) >= 4 else 0,
            players=players,
        )

    return evidence


def _listed(removed: list[Removed]) -> list[str]:
    """Tags of the boxes of tags that were cut."""
    return [
        tag for cut in removed if cut.kind == "tags" and "," in cut.text for tag in lines.tags_of(cut.text)
    ]


def _shown(markup: str) -> str:
    """All that the page shows; parsed anew, for much of the tree is cut by now."""
    tree = document.parse(markup)
    body = tree.find("body")
    return shown_text(body if body is not None else tree)


def _merged(known: tuple[str, ...], found: list[str]) -> tuple[str, ...]:
    tags = {fold(tag): tag for tag in [*reversed(found), *reversed(known)]}
    return tuple(reversed(tags.values()))
