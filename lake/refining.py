"""The pure work on one page, the same for the crawl, for recovery and for whole-lake jobs."""

from __future__ import annotations

from cleaning import NoArticle, RawPage, Rules, clean
from dedupe import sign
from lake.records import Refined, reject


def refine(page: RawPage, rules: Rules) -> Refined:
    """Clean and sign one page; needs neither network nor disk."""
    if not 200 <= page.status < 300:
        return Refined(page, reject=reject(page, "http_error", f"answered {page.status}"))
    try:
        article = clean(page, rules)
    except NoArticle as none:
        return Refined(page, reject=reject(page, none.reason, none.detail))
    try:
        return Refined(page, article=article, signature=sign(article.text))
    except Exception as error:  # one bad page never costs another
        return Refined(page, reject=reject(page, "broken", f"{type(error).__name__}: {error}"))
