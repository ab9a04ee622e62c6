"""Processes one fetched page: finds TDM reservations, cleans it, joins later pages, signs the text, applies filters.

Pure functions, without network or disk. The crawl, recovery and whole-lake jobs use the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from cleaning import (
    Article,
    Document,
    NoArticle,
    RawPage,
    Rules,
    clean,
    first_page_url,
    is_page_of,
    join_page,
    next_page_url,
)
from cleaning.metadata.reservations import is_reserved, reservation_evidence
from cleaning.wording import counted
from dedupe import sign
from lake.schema.records import ProcessedPage, Reject, reject
from outlets import Selection


def process_page(page: RawPage, rules: Rules, later_pages: Sequence[RawPage] = ()) -> ProcessedPage:
    """Clean and sign a page together with the later pages of its article, in order. Returns an article, or a reject;
    raises nothing for a bad page."""
    document = Document(page)
    processed = process_with_evidence(with_tdm_evidence(document), rules, document)
    for later in later_pages:
        processed = append_page(processed, later, rules)
    return processed


def with_tdm_evidence(document: Document) -> RawPage:
    """The page with its publisher's reservations of text and data mining, from its headers and its markup."""
    return replace(document.page, tdm=reservation_evidence(document.page, document))


def with_header_evidence(page: RawPage) -> RawPage:
    """The page with the reservations that stand in its headers alone, without parsing the body."""
    return replace(page, tdm=reservation_evidence(replace(page, body=b"")))


def process_with_evidence(page: RawPage, rules: Rules, document: Document) -> ProcessedPage:
    """Clean and sign one page that has its TDM evidence. document: the page parsed; cleaning mutates it."""
    if not page.body and is_reserved(page.tdm):  # a page that `reject_reserved` rejected, read again from raw
        return ProcessedPage(page, reject=_reserved_reject(page))
    if not _is_answer(page):
        return ProcessedPage(page, reject=reject(page, "http_error", f"answered {page.status}"))
    try:
        if first_url := first_page_url(page, document):
            return ProcessedPage(
                page, reject=reject(page, "part", f"a later page of {first_url}"), first_page_url=first_url
            )
        next_url, article = next_page_url(page, document), clean(page, rules, document=document)
        has_gap = article.text_is_partial
        article = replace(
            article,
            text_is_partial=next_url is not None or article.text_is_partial,
            tdm=page.tdm,
            tdm_reserved=is_reserved(page.tdm),
        )
        return ProcessedPage(
            page, article=article, signature=sign(article.text), next_page_url=next_url, has_gap=has_gap
        )
    except NoArticle as no_article:
        return ProcessedPage(page, reject=reject(page, no_article.reason, no_article.detail))
    except Exception as error:  # one bad page must not stop the others
        return ProcessedPage(page, reject=reject(page, "broken", f"{type(error).__name__}: {error}"))


def append_page(processed: ProcessedPage, later: RawPage, rules: Rules) -> ProcessedPage:
    """Return the article with the text of its next page; the article is unchanged where that page gives none.

    `next_page_url` becomes the URL of the page after it. It stays the same if the page was not answered or has no text,
    by which callers notice that it is missing. It becomes None if the page belongs to another article or only repeats
    this one: then the article ends here."""
    document = Document(later)
    return append_with_evidence(processed, with_tdm_evidence(document), rules, document)


def append_with_evidence(
    processed: ProcessedPage, later: RawPage, rules: Rules, document: Document
) -> ProcessedPage:
    """As `append_page`, for a later page that has its TDM evidence. document: that page parsed; cleaning mutates
    it."""
    extended = replace(processed, later_pages=(*processed.later_pages, later))
    if processed.article is None or not _is_answer(later):
        return extended
    try:
        next_url, later_article = next_page_url(later, document), clean(later, rules, document=document)
    except Exception:  # no text, or a broken page: the article so far stays
        return extended
    joined = (
        join_page(processed.article, later_article)
        if is_page_of(processed.article, later_article, later.part)
        else None
    )
    if joined is None:
        complete = replace(processed.article, text_is_partial=processed.has_gap)
        return replace(extended, article=complete, next_page_url=None)
    has_gap = processed.has_gap or later_article.text_is_partial
    joined = replace(joined, text_is_partial=next_url is not None or has_gap)
    return replace(
        extended, article=joined, signature=sign(joined.text), next_page_url=next_url, has_gap=has_gap
    )


def _is_answer(page: RawPage) -> bool:
    return 200 <= page.status < 300


# ---------------------------------------------------------------- reservations


def reject_reserved(processed: ProcessedPage) -> ProcessedPage:
    """Return it unchanged, or as a reject where the publisher reserves text and data mining for one of its pages. A
    rejected page keeps its URL, headers and evidence, but no body."""
    reserved_page = next((page for page in processed.pages if is_reserved(page.tdm)), None)
    if processed.page is None or reserved_page is None:
        return processed
    page = replace(processed.page, body=b"", tdm=reserved_page.tdm)
    return ProcessedPage(page, reject=_reserved_reject(page))


def _reserved_reject(page: RawPage) -> Reject:
    return reject(page, "tdm_reserved", "; ".join(page.tdm))


# ---------------------------------------------------------------- selection after the fetch


def apply_selection(processed: ProcessedPage, selection: Selection) -> ProcessedPage:
    """Return it unchanged, or as a reject where the article is outside the selection. The raw page of such a reject
    is not kept in the lake, so a run that died fetches it again."""
    why = _why_not_selected(processed.article, selection) if processed.article else None
    if why is None or processed.page is None:
        return processed
    return ProcessedPage(None, reject=reject(processed.page, "not_selected", why))


def _why_not_selected(article: Article, selection: Selection) -> str | None:
    """Why the article is outside the selection; None where it is inside. An unknown date or language passes."""
    if selection.languages and article.language and article.language not in selection.languages:
        return f"language {article.language}, wanted {', '.join(selection.languages)}"
    if selection.sections and not _is_in_sections(article, selection.sections):
        return f"section {article.section or 'unknown'}, wanted {', '.join(selection.sections)}"
    if selection.max_age_days is not None and article.published_at:
        age = article.fetched_at - article.published_at
        if age > timedelta(days=selection.max_age_days):
            return f"published {counted(age.days, 'day')} ago, wanted at most {selection.max_age_days:g}"
    if selection.min_words is not None and article.word_count < selection.min_words:
        return f"{counted(article.word_count, 'word')}, wanted at least {selection.min_words}"
    return None


def _is_in_sections(article: Article, sections: tuple[str, ...]) -> bool:
    page_sections = {*urlsplit(article.url.lower()).path.split("/"), (article.section or "").lower()}
    return any(section.lower() in page_sections for section in sections)
