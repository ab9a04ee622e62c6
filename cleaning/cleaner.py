"""One page, from bytes to article: the steps in order. docs/cleaning.md tells what each is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from cleaning import fallback
from cleaning.clutter import line_cuts, position_cuts
from cleaning.clutter.outlet_rules import compile_rules
from cleaning.clutter.tree_cuts import cut_tree
from cleaning.metadata import fields, json_ld, paywall
from cleaning.metadata import notices as signals
from cleaning.metadata.authors import authors_of
from cleaning.metadata.credits import credit_of, credit_stated
from cleaning.metadata.genre import genre_of
from cleaning.metadata.head import head_of
from cleaning.metadata.images import captions_of, images_of
from cleaning.metadata.language import language_of
from cleaning.metadata.standfirst import standfirst
from cleaning.records import Article, NoArticle, RawPage, Rules, content_hash, shortened
from cleaning.text import loose_text
from cleaning.text.characters import fold, rough_words, tidy, word_count
from cleaning.text.document import Document
from cleaning.text.extraction import extract
from cleaning.text.restore_paragraphs import restore_paragraphs
from cleaning.text.shown_text import above_headline, block_texts, shown_text
from cleaning.text.text_density import measure_density
from cleaning.text.unextracted_text import unextracted_text
from cleaning.trace import Trace
from cleaning.verdict import not_an_article
from cleaning.verdict.confidence import paragraphs_of, signs_of, text_confidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.html import HtmlElement

    from cleaning.clutter.outlet_rules import CompiledRules
    from cleaning.metadata.head import Head
    from cleaning.metadata.json_ld import Node
    from cleaning.records import Removed
    from cleaning.text.text_density import TextDensity

_GENERAL = Rules()
_NO_STORY = ("script", "noscript", "iframe", "input", "select", "textarea", "link", "canvas", "audio", "video", "object", "embed", "source")  # fmt: skip
_WALL_NEAR = 15  # texts behind the story among which a wall stands
_LABELS = 3  # texts right above the headline; further up stands the menu
_REAL = 20  # folded characters; a shorter line may stand anywhere


def clean(
    page: RawPage, rules: Rules = _GENERAL, trace: Trace | None = None, *, document: Document | None = None
) -> Article:
    """The article in a page. Raises NoArticle, and nothing else, whatever the bytes are; ValueError for rules
    in which check_rules finds a mistake. trace: filled with how it came about. document: of the page, where somebody
    has it; it is used up."""
    outlet = compile_rules(rules)
    try:
        return _clean(document or Document(page), rules, outlet, trace or Trace())
    except NoArticle:
        raise
    except Exception as error:  # the promise to every caller: one bad page never costs another
        raise NoArticle("broken", f"{type(error).__name__}: {tidy(str(error))[:300]}") from error


@dataclass(slots=True)
class _Parts:
    """What is read from the page before anything is cut from it."""

    tree: HtmlElement
    head: Head
    nodes: list[Node]
    article: Node
    title: str
    summary: str | None
    closed: bool | None  # what the page declares of a paywall
    players: int


def _clean(document: Document, rules: Rules, outlet: CompiledRules, trace: Trace) -> Article:
    page, parts = document.page, _read(document, outlet)
    trace.head, trace.stated, trace.title = parts.head, parts.article, parts.title
    trace.mark("parse, headline, standfirst")
    authors = authors_of(parts.tree, parts.head, parts.article)
    images = images_of(parts.tree, parts.head, parts.article, page.url)
    when = (page.url, page.fetched_at, rules.timezone)
    published = fields.published(parts.tree, parts.head, parts.article, when)
    modified = fields.modified(parts.head, parts.article, when)
    canonical = fields.canonical_url(parts.tree, parts.head, page.url)
    facts = _facts(page.url, parts, authors, outlet)
    closed_away = paywall.is_closed_away(parts.tree, parts.article)
    trace.mark("signals, metadata")
    # read by now; every later step is faster without them
    etree.strip_elements(parts.tree, *_NO_STORY, with_tail=False)
    loose_text.wrap_loose_text(parts.tree)
    sizes = measure_density(parts.tree)
    paragraphs = paragraphs_of(parts.tree, sizes)
    blocks, outside = block_texts(parts.tree)
    notices = signals.find_notices(outside)
    evidence = _evidence(page, parts, sizes[parts.tree], blocks)
    trace.blocks = blocks
    trace.mark("measures")
    pruned = cut_tree(parts.tree, sizes, outlet)
    trace.mark("cuts on the tree")
    first = _story(parts.tree, page, facts)
    story = fallback.longer_story(first, document.markup, parts.article, facts)
    removed = [*(pruned if story is first else _without_story(pruned, story)), *story.removed]
    trace.mark("extraction, cuts on lines, rescue")
    text = "\n".join(line.text for line in story.lines)
    trace.lines, trace.removed = text.splitlines(), removed
    behind = position_cuts.behind(story, blocks)
    below = "\n".join(behind[:_WALL_NEAR])
    if not story.tags:
        story.tags += position_cuts.keywords_in(behind)
    not_an_article.refuse_non_articles(evidence(text, below))
    walled = paywall.is_seen(
        rough_words(text),
        parts.article,
        closed=parts.closed,
        closed_away=closed_away,
        behind="\n".join([*text.splitlines()[-2:], below]),
    )
    trace.mark("refusal")
    section = fields.section_of(parts.head, parts.article)
    genre = genre_of(page.url, parts.title, section, parts.article, facts.labels)
    language, confidence = language_of(text, rules.language)
    told = bool(parts.article) or (parts.head.first("og:type") or "").lower() == "article"
    signs = signs_of(story.lines, paragraphs, sizes[parts.tree], told=told, signed=bool(authors))
    trace.removed = [
        *removed,
        *unextracted_text(blocks, trace.lines, removed, [parts.title, parts.summary or ""]),
    ]
    trace.signs = signs
    trace.mark("language, confidence, what was left out")
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
        section=section,
        tags=_merged(fields.tags_of(parts.head, parts.article), [*_listed(pruned), *story.tags]),
        images=images,
        language=language,
        language_confidence=confidence,
        text_confidence=text_confidence(signs),
        rights=notices.rights or signals.rights_stated(parts.head, parts.article),
        ai_disclosure=story.disclosure or notices.disclosure or signals.disclosure_stated(parts.article),
        syndication_credit=credit_of(story.lines, [*story.removed, *pruned], notices.rights, facts.sites)
        or credit_stated(parts.head, parts.article, authors, page.url, facts.sites),
        paywall=parts.closed,
        paywall_seen=walled,
        sponsored=genre.sponsored,
        live_blog=genre.live_blog,
        opinion=genre.opinion,
        word_count=word_count(text),
        removed=shortened(trace.removed),
        fetched_at=page.fetched_at,
        content_hash=content_hash(parts.title, text),
        text_is_partial=walled,
    )


def _read(document: Document, outlet: CompiledRules) -> _Parts:
    document.check()
    tree = document.tree
    nodes = json_ld.nodes(tree)
    article: Node = next(iter(json_ld.articles(nodes)), {})
    head = head_of(tree)
    title = fields.title_of(tree, head, article)
    summary = standfirst(tree, fields.descriptions(head, article), outlet.cut(tree))
    return _Parts(
        tree,
        head,
        nodes,
        article,
        title,
        summary if summary and fold(summary) != fold(title) else None,
        paywall.declared(nodes, head),
        sum(1 for _ in tree.iter("video", "iframe", "audio")),
    )


def _facts(
    page_url: str, parts: _Parts, authors: tuple[str, ...], outlet: CompiledRules
) -> line_cuts.PageFacts:
    titles = fields.titles(parts.tree, parts.head, parts.article, parts.title)
    above = above_headline(parts.tree, titles)
    return line_cuts.PageFacts(
        titles=titles,
        above=frozenset(fold(text) for _, text in above),
        labels=tuple(text for block, text in above[-_LABELS:] if not _is_in_menu(block)),
        standfirst=fold(parts.summary or "\0"),
        captions=frozenset(key for text in captions_of(parts.tree) if len(key := fold(text)) > 8),
        authors=authors,
        keywords=frozenset(fold(tag) for tag in fields.tags_of(parts.head, parts.article)),
        sites=fields.site_names(parts.head, page_url),
        outlet=outlet,
    )


def _is_in_menu(block: HtmlElement) -> bool:
    return block.tag == "li" or any(outer.tag in ("li", "nav", "footer") for outer in block.iterancestors())


def _story(tree: HtmlElement, page: RawPage, facts: line_cuts.PageFacts) -> line_cuts.Story:
    story = line_cuts.Story(
        list(line_cuts.without_bullets(restore_paragraphs(extract(tree, page.url), tree)))
    )
    position_cuts.cut_ends(story, facts)
    position_cuts.cut_disclosures(story)
    position_cuts.cut_masthead(story, facts)
    position_cuts.cut_lists(story)
    position_cuts.cut_biography(story, facts)
    line_cuts.cut_lines(story, facts)
    line_cuts.cut_repeated(story)
    position_cuts.cut_keywords(story)
    position_cuts.cut_closing_headlines(story)
    position_cuts.trim(story)
    return story


def _evidence(
    page: RawPage, parts: _Parts, size: TextDensity, blocks: list[str]
) -> Callable[[str, str], not_an_article.Evidence]:
    """What refusal wants to know, as far as it stands in what is cut later; to be called with the text and what stands behind it."""
    captions = [word_count(shown_text(caption)) for caption in parts.tree.iter("figcaption")]
    og_type = (parts.head.first("og:type") or "").lower()
    listed = not_an_article.may_be_front(page.url, parts.nodes, og_type)
    anchors = [key for a in parts.tree.iter("a") if len(key := fold(shown_text(a))) > _REAL] if listed else []

    def evidence(text: str, behind: str) -> not_an_article.Evidence:
        return not_an_article.Evidence(
            url=page.url,
            title=parts.title,
            text=text,
            behind=behind,
            blocks=blocks,
            og_type=og_type,
            nodes=parts.nodes,
            links=size.links,
            linked=size.linked / max(1, size.text),
            anchors=frozenset(anchors),
            paywall=parts.closed,
            captions=sum(captions) if len(captions) >= 4 else 0,
            players=parts.players,
        )

    return evidence


def _without_story(cuts: list[Removed], story: line_cuts.Story) -> list[Removed]:
    """Cuts that a rescue did not take back."""
    keys = [key for line in story.lines if len(key := fold(line.text)) > _REAL]
    return [one for one in cuts if not any(key in (whole := fold(one.text)) or whole in key for key in keys)]


def _listed(removed: list[Removed]) -> list[str]:
    """Tags of the boxes of tags that were cut."""
    return [
        tag
        for cut in removed
        if cut.kind == "tags" and "," in cut.text
        for tag in line_cuts.tags_of(cut.text)
    ]


def _merged(known: tuple[str, ...], found: list[str]) -> tuple[str, ...]:
    tags = {fold(tag): tag for tag in [*reversed(found), *reversed(known)]}
    return tuple(reversed(tags.values()))
