"""The pure work on one candidate, the same for the crawl, for recovery and for whole-lake jobs."""

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
from dedupe import sign
from lake.schema.records import ProcessedPage, Reject, reject
from outlets import Selection


def process_page(page: RawPage, rules: Rules, later_pages: Sequence[RawPage] = ()) -> ProcessedPage:
    """Clean and sign one page and the later pages of its article, in order; needs neither network nor disk."""
    document = Document(page)
    processed = process_with_evidence(with_tdm_evidence(document), rules, document)
    for later in later_pages:
        processed = append_page(processed, later, rules)
    return processed


def with_tdm_evidence(document: Document) -> RawPage:
    """The page with what its publisher says about its use by machines."""
    return replace(document.page, tdm=reservation_evidence(document.page, document))


def with_header_evidence(page: RawPage) -> RawPage:
    """With what is said outside the page."""
    return replace(page, tdm=reservation_evidence(replace(page, body=b"")))


def process_with_evidence(page: RawPage, rules: Rules, document: Document) -> ProcessedPage:
    """One page with its evidence. document: its own, which is used up."""
    if not page.body and is_reserved(page.tdm):  # as `leave_reserved` left it
        return ProcessedPage(page, reject=_reserved_reject(page))
    if not _is_answer(page):
        return ProcessedPage(page, reject=reject(page, "http_error", f"answered {page.status}"))
    try:
        if first_page := first_page_url(page, document):
            return ProcessedPage(
                page, reject=reject(page, "part", f"a later page of {first_page}"), first_page_url=first_page
            )
        next_page, article = next_page_url(page, document), clean(page, rules, document=document)
        article = replace(
            article,
            text_is_partial=next_page is not None or article.paywall_seen,
            tdm=page.tdm,
            tdm_reserved=is_reserved(page.tdm),
        )
        return ProcessedPage(page, article=article, signature=sign(article.text), next_page_url=next_page)
    except NoArticle as no_article:
        return ProcessedPage(page, reject=reject(page, no_article.reason, no_article.detail))
    except Exception as error:  # one bad page never costs another
        return ProcessedPage(page, reject=reject(page, "broken", f"{type(error).__name__}: {error}"))


def append_page(processed: ProcessedPage, later: RawPage, rules: Rules) -> ProcessedPage:
    """The article with one more page. A page without text leaves `continues_at` as it was; one that is no part of
    the article, or repeats it, is its end."""
    document = Document(later)
    return append_with_evidence(processed, with_tdm_evidence(document), rules, document)


def append_with_evidence(
    processed: ProcessedPage, later: RawPage, rules: Rules, document: Document
) -> ProcessedPage:
    """As `lengthen`, of a page with its evidence. document: its own, which is used up."""
    extended = replace(processed, later_pages=(*processed.later_pages, later))
    if processed.article is None or not _is_answer(later):
        return extended
    try:
        next_page, later_article = next_page_url(later, document), clean(later, rules, document=document)
    except Exception:  # no text, or a broken page: what was read so far stands
        return extended
    joined = (
        join_page(processed.article, later_article)
        if is_page_of(processed.article, later_article, later.part)
        else None
    )
    if joined is None:
        complete = replace(processed.article, text_is_partial=processed.article.paywall_seen)
        return replace(extended, article=complete, next_page_url=None)
    joined = replace(joined, text_is_partial=next_page is not None or joined.paywall_seen)
    return replace(extended, article=joined, signature=sign(joined.text), next_page_url=next_page)


def _is_answer(page: RawPage) -> bool:
    return 200 <= page.status < 300


# ---------------------------------------------------------------- what publishers reserve


def reject_reserved(processed: ProcessedPage) -> ProcessedPage:
    """The same, or a reject where a publisher reserves text and data mining: of what should not have been fetched the
    address, the headers and the evidence stay, and no body."""
    reserved_page = next((page for page in processed.pages if is_reserved(page.tdm)), None)
    if processed.page is None or reserved_page is None:
        return processed
    page = replace(processed.page, body=b"", tdm=reserved_page.tdm)
    return ProcessedPage(page, reject=_reserved_reject(page))


def _reserved_reject(page: RawPage) -> Reject:
    return reject(page, "tdm_reserved", "; ".join(page.tdm))


# ---------------------------------------------------------------- selection after the fetch


def apply_selection(processed: ProcessedPage, selection: Selection) -> ProcessedPage:
    """The same, or a reject where the article is none that is wanted. Its page is not kept: what nobody wants lies
    in no lake, and a run that dies asks for it again."""
    why = _why_not_selected(processed.article, selection) if processed.article else None
    if why is None or processed.page is None:
        return processed
    return ProcessedPage(None, reject=reject(processed.page, "not_selected", why))


def _why_not_selected(article: Article, selection: Selection) -> str | None:
    """What nothing tells (no date, a language that could not be told) is wanted."""
    if selection.languages and article.language and article.language not in selection.languages:
        return f"language {article.language}, wanted {', '.join(selection.languages)}"
    if selection.sections and not _is_in_sections(article, selection.sections):
        return f"section {article.section or 'unknown'}, wanted {', '.join(selection.sections)}"
    if selection.max_age_days is not None and article.published_at:
        age = article.fetched_at - article.published_at
        if age > timedelta(days=selection.max_age_days):
            return f"published {age.days} days ago, wanted at most {selection.max_age_days:g}"
    if selection.min_words is not None and article.word_count < selection.min_words:
        return f"{article.word_count} words, wanted at least {selection.min_words}"
    return None


def _is_in_sections(article: Article, sections: tuple[str, ...]) -> bool:
    page_sections = {*urlsplit(article.url.lower()).path.split("/"), (article.section or "").lower()}
    return any(section.lower() in page_sections for section in sections)
