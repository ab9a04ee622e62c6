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
    continues,
    first_part,
    join,
    next_part,
)
from cleaning.metadata.reservations import evidence, is_reserved
from dedupe import sign
from lake.schema.records import Refined, Reject, reject
from outlets import Selection


def refine(page: RawPage, rules: Rules, parts: Sequence[RawPage] = ()) -> Refined:
    """Clean and sign one page and the later pages of its article, in order; needs neither network nor disk."""
    document = Document(page)
    refined = refine_told(told(document), rules, document)
    for part in parts:
        refined = lengthen(refined, part, rules)
    return refined


def told(document: Document) -> RawPage:
    """The page with what its publisher says about its use by machines."""
    return replace(document.page, tdm=evidence(document.page, document))


def told_by_headers(page: RawPage) -> RawPage:
    """With what is said outside the page."""
    return replace(page, tdm=evidence(replace(page, body=b"")))


def refine_told(page: RawPage, rules: Rules, document: Document) -> Refined:
    """One page with its evidence. document: its own, which is used up."""
    if not page.body and is_reserved(page.tdm):  # as `leave_reserved` left it
        return Refined(page, reject=_reserved(page))
    if not _is_answer(page):
        return Refined(page, reject=reject(page, "http_error", f"answered {page.status}"))
    try:
        if first := first_part(page, document):
            return Refined(page, reject=reject(page, "part", f"a later page of {first}"), first=first)
        following, article = next_part(page, document), clean(page, rules, document=document)
        article = replace(
            article,
            text_is_partial=following is not None or article.paywall_seen,
            tdm=page.tdm,
            tdm_reserved=is_reserved(page.tdm),
        )
        return Refined(page, article=article, signature=sign(article.text), continues_at=following)
    except NoArticle as none:
        return Refined(page, reject=reject(page, none.reason, none.detail))
    except Exception as error:  # one bad page never costs another
        return Refined(page, reject=reject(page, "broken", f"{type(error).__name__}: {error}"))


def lengthen(refined: Refined, part: RawPage, rules: Rules) -> Refined:
    """The article with one more page. A page without text leaves `continues_at` as it was; one that is no part of
    the article, or repeats it, is its end."""
    document = Document(part)
    return lengthen_told(refined, told(document), rules, document)


def lengthen_told(refined: Refined, part: RawPage, rules: Rules, document: Document) -> Refined:
    """As `lengthen`, of a page with its evidence. document: its own, which is used up."""
    held = replace(refined, parts=(*refined.parts, part))
    if refined.article is None or not _is_answer(part):
        return held
    try:
        following, cleaned = next_part(part, document), clean(part, rules, document=document)
    except Exception:  # no text, or a broken page: what was read so far stands
        return held
    joined = join(refined.article, cleaned) if continues(refined.article, cleaned, part.part) else None
    if joined is None:
        whole = replace(refined.article, text_is_partial=refined.article.paywall_seen)
        return replace(held, article=whole, continues_at=None)
    joined = replace(joined, text_is_partial=following is not None or joined.paywall_seen)
    return replace(held, article=joined, signature=sign(joined.text), continues_at=following)


def _is_answer(page: RawPage) -> bool:
    return 200 <= page.status < 300


# ---------------------------------------------------------------- what publishers reserve


def leave_reserved(refined: Refined) -> Refined:
    """The same, or a reject where a publisher reserves text and data mining: of what should not have been fetched the
    address, the headers and the evidence stay, and no body."""
    reserved = next((page for page in refined.pages if is_reserved(page.tdm)), None)
    if refined.page is None or reserved is None:
        return refined
    page = replace(refined.page, body=b"", tdm=reserved.tdm)
    return Refined(page, reject=_reserved(page))


def _reserved(page: RawPage) -> Reject:
    return reject(page, "tdm_reserved", "; ".join(page.tdm))


# ---------------------------------------------------------------- selection after the fetch


def select(refined: Refined, selection: Selection) -> Refined:
    """The same, or a reject where the article is none that is wanted. Its page is not kept: what nobody wants lies
    in no lake, and a run that dies asks for it again."""
    why = _unwanted(refined.article, selection) if refined.article else None
    if why is None or refined.page is None:
        return refined
    return Refined(None, reject=reject(refined.page, "not_selected", why))


def _unwanted(article: Article, wanted: Selection) -> str | None:
    """What nothing tells (no date, a language that could not be told) is wanted."""
    if wanted.languages and article.language and article.language not in wanted.languages:
        return f"language {article.language}, wanted {', '.join(wanted.languages)}"
    if wanted.sections and not _is_in(article, wanted.sections):
        return f"section {article.section or 'unknown'}, wanted {', '.join(wanted.sections)}"
    if wanted.max_age_days is not None and article.published_at:
        age = article.fetched_at - article.published_at
        if age > timedelta(days=wanted.max_age_days):
            return f"published {age.days} days ago, wanted at most {wanted.max_age_days:g}"
    if wanted.min_words is not None and article.word_count < wanted.min_words:
        return f"{article.word_count} words, wanted at least {wanted.min_words}"
    return None


def _is_in(article: Article, sections: tuple[str, ...]) -> bool:
    named = {*urlsplit(article.url.lower()).path.split("/"), (article.section or "").lower()}
    return any(section.lower() in named for section in sections)
