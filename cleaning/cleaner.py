"""Cleans one page: runs all steps from bytes to Article, in order. docs/cleaning.md says what each step is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from cleaning import fallback
from cleaning.clutter import line_cuts, position_cuts, story_end
from cleaning.clutter.outlet_rules import compile_rules
from cleaning.clutter.tree_cuts import cut_tree
from cleaning.metadata import fields, json_ld, paywall, titles
from cleaning.metadata.authors import authors_of, names_of
from cleaning.metadata.credits import credit_of, credit_stated
from cleaning.metadata.genre import genre_of
from cleaning.metadata.images import image_texts, images_of
from cleaning.metadata.language import language_of
from cleaning.metadata.meta_tags import read_meta_tags
from cleaning.metadata.notices import disclosure_stated, find_notices, rights_stated
from cleaning.metadata.standfirst import standfirst
from cleaning.records import (
    Article,
    NoArticle,
    RawPage,
    Reason,
    Rules,
    content_hash,
    record_cut,
    truncate_texts,
)
from cleaning.text import loose_text
from cleaning.text.characters import fold, rough_word_count, tidy, word_count
from cleaning.text.document import Document
from cleaning.text.extraction import extract, is_cut, limit_length
from cleaning.text.restore_paragraphs import restore_paragraphs
from cleaning.text.shown_text import above_headline, block_texts, shown_text
from cleaning.text.text_density import measure_density
from cleaning.text.unextracted_text import unextracted_text
from cleaning.trace import Trace
from cleaning.verdict import not_an_article
from cleaning.verdict.confidence import measure_signs, text_confidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.html import HtmlElement

    from cleaning.clutter.outlet_rules import CompiledRules
    from cleaning.metadata.json_ld import Node
    from cleaning.metadata.meta_tags import MetaTags
    from cleaning.records import Removed
    from cleaning.text.text_density import TextDensity

_GENERAL_RULES = Rules()
_NON_STORY_TAGS = ("script", "noscript", "iframe", "input", "select", "textarea", "link", "canvas", "audio", "video", "object", "embed", "source")  # fmt: skip
_WALL_BLOCKS = 15  # blocks behind the story in which a wall is looked for
_MAX_BLOCKS_BEHIND_CUT_STORY = 15  # of a page that is read in part; with more, its story ends before
_MAX_LABELS = 3  # texts right above the headline that may be its labels; further up is the menu
_MIN_KEY_CHARS = 20  # of a folded line or link; a shorter one may occur in other texts by chance


def clean(
    page: RawPage,
    rules: Rules = _GENERAL_RULES,
    trace: Trace | None = None,
    *,
    document: Document | None = None,
) -> Article:
    """Return the article of a page.

    trace: filled with what each step found. document: the page, already parsed, if available; clean() cuts from its
    tree. Raises NoArticle where the page holds no article, and no other exception, whatever the bytes are. Raises
    ValueError where check_rules finds a mistake in the rules."""
    outlet_rules = compile_rules(rules)
    try:
        return _run_steps(document or Document(page), rules, outlet_rules, trace or Trace())
    except NoArticle as no_article:
        if page.truncated in (None, "length"):
            raise
        # the verdict is on a part of the page, and some verdicts are final
        what = f"the transfer broke off ({page.truncated}), and what came is no article: {no_article}"
        raise NoArticle("broken_http", what) from no_article
    except Exception as error:  # callers rely on this: one bad page never stops the work on others
        # a file of the vocabulary that cannot be opened is the machine's fault, and the page is worth another try
        reason: Reason = "quarantined" if isinstance(error, OSError | MemoryError) else "broken"
        raise NoArticle(reason, f"{type(error).__name__}: {tidy(str(error))[:300]}") from error


@dataclass(slots=True)
class _PageContents:
    """What is read from the page before anything is cut from it."""

    tree: HtmlElement
    head: MetaTags
    nodes: list[Node]  # all JSON-LD objects
    article: Node  # the JSON-LD object of the article; {} where there is none
    title: str
    summary: str | None
    declared_paywall: bool | None  # whether the page declares a paywall; None where it declares nothing
    player_count: int  # videos, audios and iframes
    is_shell: bool  # whether a script would fill the page
    in_places: dict[str, list[str]]  # by the outlet's [fields]: field -> texts found


def _run_steps(document: Document, rules: Rules, outlet_rules: CompiledRules, trace: Trace) -> Article:
    """Run all steps on one page, in order. Raises NoArticle; other exceptions are caught by `clean`."""
    from cleaning.verdict import (
        block_model,  # imported late, with numpy: the crawl process never cleans, its workers do
    )

    page, contents = document.page, _read_contents(document, outlet_rules)
    trace.repaired_characters = document.repaired_characters
    trace.head, trace.json_ld_article, trace.title = contents.head, contents.article, contents.title
    trace.end_stage("parse, headline, standfirst")
    in_places = trace.placed_fields = contents.in_places
    authors = names_of(in_places.get("authors", ())) or authors_of(
        contents.tree, contents.head, contents.article, page.url
    )
    images = images_of(contents.tree, contents.head, contents.article, page.url)
    date_context = (page.url, page.fetched_at, rules.timezone)
    published = fields.published(
        contents.tree, contents.head, contents.article, date_context, in_places.get("published_at", ())
    )
    modified = fields.modified(
        contents.head, contents.article, date_context, in_places.get("modified_at", ())
    )
    canonical = fields.canonical_url(contents.tree, contents.head, page.url)
    facts = _collect_facts(page.url, contents, authors, outlet_rules)
    closed_away = paywall.is_paywalled_text_missing(contents.tree, contents.article)
    trace.end_stage("signals, metadata")
    # these elements have been read by now; every later step is faster without them
    etree.strip_elements(contents.tree, *_NON_STORY_TAGS, with_tail=False)
    loose_text.wrap_loose_text(contents.tree)
    densities = measure_density(contents.tree)
    blocks, owners, outside = block_texts(contents.tree)
    page_blocks = block_model.read_blocks(blocks, owners, densities)
    notices = find_notices(outside)
    make_evidence = _evidence_maker(page, contents, densities[contents.tree], blocks)
    trace.blocks = blocks
    trace.end_stage("measures")
    tree_cuts = [record_cut("hidden", "tree.hidden", "tree", text) for text in document.hidden_texts]
    for box in story_end.next_stories(contents.tree, facts.titles):
        tree_cuts.append(record_cut("related", "tree.next-story", "tree", shown_text(box)))
        box.drop_tree()
    story_end.demote_subheads(contents.tree, facts.titles)
    tree_cuts += cut_tree(contents.tree, densities, outlet_rules)
    trace.end_stage("cuts on the tree")
    extracted = _extract_story(contents.tree, page, facts)
    story = fallback.longer_story(extracted, document.markup, contents.article, facts)
    removed = [
        *(tree_cuts if story is extracted else _without_restored(tree_cuts, story)),
        *story.removed,
    ]
    trace.end_stage("extraction, cuts on lines, rescue")
    text = "\n".join(line.text for line in story.lines)
    trace.lines, trace.removed = text.splitlines(), removed
    blocks_behind = position_cuts.blocks_behind(story, blocks)
    text_behind = "\n".join(blocks_behind[:_WALL_BLOCKS])
    if not story.tags:
        story.tags += position_cuts.keywords_in(blocks_behind)
    not_an_article.refuse_non_articles(make_evidence(text, text_behind))
    has_wall = paywall.is_seen(
        rough_word_count(text),
        contents.article,
        closed=contents.declared_paywall,
        closed_away=closed_away,
        behind="\n".join([*text.splitlines()[-2:], text_behind]),
    )
    trace.end_stage("refusal")
    section = next(iter(in_places.get("section", ())), None) or fields.section_of(
        contents.head, contents.article
    )
    genre = genre_of(page.url, contents.title, section, contents.article, facts.labels)
    language, confidence = language_of(text, rules.language, contents.tree.get("lang"))
    states = block_model.kept_and_cut(
        blocks, text.splitlines(), [cut.text for cut in removed], [contents.title, contents.summary or ""]
    )
    signs = measure_signs(story.lines, block_model.judge(page_blocks, *states)[1])
    trace.removed = [
        *removed,
        *unextracted_text(blocks, trace.lines, removed, [contents.title, contents.summary or ""]),
    ]
    trace.signs = signs
    trace.end_stage("language, confidence, what was left out")
    return Article(
        id=page.id,
        url=page.url,
        canonical_url=canonical,
        outlet=page.outlet,
        title=contents.title,
        summary=contents.summary,
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
        tags=_merge_tags(
            fields.tags_of(contents.head, contents.article), [*_tags_of_cuts(tree_cuts), *story.tags]
        ),
        images=images,
        language=language,
        language_confidence=confidence,
        text_confidence=text_confidence(signs),
        rights=notices.rights or rights_stated(contents.head, contents.article),
        ai_disclosure=story.disclosure or notices.disclosure or disclosure_stated(contents.article),
        syndication_credit=credit_of(
            story.lines, [*story.removed, *tree_cuts], notices.rights, facts.site_names
        )
        or credit_stated(contents.head, contents.article, authors, page.url, facts.site_names),
        paywall=contents.declared_paywall,
        paywall_seen=has_wall,
        sponsored=genre.sponsored,
        live_blog=genre.live_blog,
        opinion=genre.opinion,
        word_count=word_count(text),
        removed=truncate_texts(trace.removed),
        fetched_at=page.fetched_at,
        content_hash=content_hash(contents.title, text),
        text_is_partial=has_wall
        or page.truncated is not None
        or story.is_cut
        or (document.is_cut and len(blocks_behind) < _MAX_BLOCKS_BEHIND_CUT_STORY),
    )


def _read_contents(document: Document, outlet_rules: CompiledRules) -> _PageContents:
    """Parse the page and read head, JSON-LD, headline and standfirst. Raises NoArticle(not_html | empty)."""
    document.check()
    tree = document.tree
    head = read_meta_tags(tree)
    placed = json_ld.read(tree)
    article = json_ld.page_article(placed, _identity(tree, head, document.page.url)) if placed else {}
    in_places = outlet_rules.fields_of(tree)
    title = next(iter(in_places.get("title", ())), None) or titles.title_of(
        tree, head, article, document.page.url
    )
    summary = next(iter(in_places.get("summary", ())), None) or standfirst(
        tree, fields.descriptions(head, article), outlet_rules.elements_to_cut(tree)
    )
    return _PageContents(
        tree,
        head,
        [node for node, _ in placed],
        article,
        title,
        summary if summary and fold(summary) != fold(title) else None,
        paywall.declared(article, [node for node, _ in placed], head),
        sum(1 for _ in tree.iter("video", "iframe", "audio")),
        not_an_article.is_shell(tree),
        in_places,
    )


def _identity(tree: HtmlElement, head: MetaTags, url: str) -> json_ld.Identity:
    """Return what the page says of itself, by which its own JSON-LD object is known."""
    canonical = fields.canonical_url(tree, head, url)
    shown = [text for tag in ("h1", "title") for element in tree.iter(tag) if (text := shown_text(element))]
    stated = head.all("og:title", "twitter:title")
    return json_ld.Identity(
        (url, *([canonical] if canonical else []), *head.all("og:url")), (*shown[:10], *stated[:4])
    )


def _collect_facts(
    page_url: str, contents: _PageContents, authors: tuple[str, ...], outlet_rules: CompiledRules
) -> line_cuts.PageFacts:
    """Return the facts that cuts on lines compare with."""
    title_keys = titles.folded_titles(contents.tree, contents.head, contents.article, contents.title)
    above = above_headline(contents.tree, title_keys)
    return line_cuts.PageFacts(
        titles=title_keys,
        above_headline=frozenset(fold(text) for _, text in above),
        labels=tuple(text for block, text in above[-_MAX_LABELS:] if not _is_in_menu(block)),
        standfirst=fold(contents.summary or "\0"),
        captions=frozenset(key for text in image_texts(contents.tree) if len(key := fold(text)) > 8),
        authors=authors,
        keywords=frozenset(fold(tag) for tag in fields.tags_of(contents.head, contents.article)),
        site_names=titles.site_names(contents.head, page_url),
        outlet_rules=outlet_rules,
    )


def _is_in_menu(block: HtmlElement) -> bool:
    return block.tag == "li" or any(outer.tag in ("li", "nav", "footer") for outer in block.iterancestors())


def _extract_story(tree: HtmlElement, page: RawPage, facts: line_cuts.PageFacts) -> line_cuts.Story:
    """Extract the lines of the story and make all cuts on them, in order."""
    lines = extract(tree, page.url)
    if not is_cut(lines):  # where it is, all behind the limit would count as lost
        lines = limit_length(restore_paragraphs(lines, tree))
    story = line_cuts.Story(list(line_cuts.without_bullets(lines)), is_cut=is_cut(lines))
    position_cuts.cut_ends(story, facts)
    position_cuts.cut_disclosures(story)
    position_cuts.cut_masthead(story, facts)
    position_cuts.cut_headline_lists(story)
    position_cuts.cut_biography(story, facts)
    line_cuts.cut_lines(story, facts)
    line_cuts.cut_pull_quotes(story)
    position_cuts.cut_keywords(story)
    position_cuts.cut_closing_headlines(story)
    position_cuts.trim_end(story)
    return story


def _evidence_maker(
    page: RawPage, contents: _PageContents, density: TextDensity, blocks: list[str]
) -> Callable[[str, str], not_an_article.Evidence]:
    """Return a function that makes the evidence of `refuse_non_articles` from the text and what stands behind it.

    Everything else is read now, because later steps cut from the tree."""
    captions = [word_count(shown_text(caption)) for caption in contents.tree.iter("figcaption")]
    og_type = (contents.head.first("og:type") or "").lower()
    may_be_listing = not_an_article.may_be_listing(page.url, contents.nodes, og_type)
    anchors = (
        [key for a in contents.tree.iter("a") if len(key := fold(shown_text(a))) > _MIN_KEY_CHARS]
        if may_be_listing
        else []
    )

    def make_evidence(text: str, text_behind: str) -> not_an_article.Evidence:
        return not_an_article.Evidence(
            url=page.url,
            title=contents.title,
            text=text,
            text_behind=text_behind,
            blocks=blocks,
            og_type=og_type,
            nodes=contents.nodes,
            link_count=density.links,
            linked_share=density.linked / max(1, density.text),
            anchors=frozenset(anchors),
            paywall=contents.declared_paywall,
            caption_words=sum(captions) if len(captions) >= 4 else 0,
            player_count=contents.player_count,
            is_shell=contents.is_shell,
        )

    return make_evidence


def _without_restored(cuts: list[Removed], story: line_cuts.Story) -> list[Removed]:
    """Return the cuts whose text is not in the story: fallback extraction restored the others."""
    keys = [key for line in story.lines if len(key := fold(line.text)) > _MIN_KEY_CHARS]
    return [cut for cut in cuts if not any(key in (whole := fold(cut.text)) or whole in key for key in keys)]


def _tags_of_cuts(cuts: list[Removed]) -> list[str]:
    """Return the tags in the tag lists that were cut from the tree."""
    return [
        tag
        for cut in cuts
        if cut.kind == "tags" and "," in cut.text
        for tag in line_cuts.split_tags(cut.text)
    ]


def _merge_tags(stated: tuple[str, ...], shown: list[str]) -> tuple[str, ...]:
    """Return the page's stated tags, then the shown ones, without repetitions; the first spelling stays."""
    tags = {fold(tag): tag for tag in [*reversed(shown), *reversed(stated)]}
    return tuple(reversed(tags.values()))
