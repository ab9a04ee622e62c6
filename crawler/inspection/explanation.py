"""One page explained: its verdict, its text with the cuts in their places, its fields, and the story it is a copy of."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import perf_counter

from cleaning import (
    Article,
    Document,
    LearnedLines,
    NoArticle,
    RawPage,
    Rules,
    Trace,
    clean,
    first_page_url,
    line_key,
    next_page_url,
    without_learned_lines,
)
from cleaning.authoring.page_explanation import PagePiece, field_places, page_pieces
from cleaning.metadata.reservations import is_reserved
from dedupe import Passage, shared_passages
from lake.parquet.page_lookup import LandedPage
from lake.schema.records import Reject
from lake.workers.page_processing import with_tdm_evidence


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a crawl would make of the page. reason and detail are None for an article."""

    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    page: RawPage | Reject
    verdict: Verdict
    trace: Trace
    article: Article | None = None  # also of a page that is refused for a reservation
    pieces: tuple[PagePiece, ...] = ()
    next_page_url: str | None = None  # the article goes on there
    landed: LandedPage | None = None
    passages: tuple[Passage, ...] = ()  # shared with landed.other

    @property
    def title(self) -> str:
        return self.trace.title or self.page.url


@dataclass(frozen=True, slots=True)
class LakeFacts:
    """What the lake knows: of the page, and of its outlet's boilerplate."""

    landed: LandedPage | None = None
    learned: LearnedLines = field(default_factory=LearnedLines)


def explain_page(
    page: RawPage | Reject, rules: Rules, lake: LakeFacts, *, leaves_reserved: bool
) -> Explanation:
    """The same steps as in a crawl; leaves_reserved: whether a reservation is a reason to leave the page."""
    landed = lake.landed
    trace = Trace()
    if isinstance(page, Reject):
        return Explanation(page, Verdict(page.reason, page.detail), trace, landed=landed)
    page = with_tdm_evidence(Document(page))
    article, verdict, following = None, Verdict(), None
    if not 200 <= page.status < 300:
        verdict = Verdict("http_error", f"answered {page.status}")
    elif first := first_page_url(page):
        verdict = Verdict("part", f"a later page of {first}")
    else:
        with suppress(NoArticle):
            clean(
                page, rules
            )  # the first page of a process loads libraries: its times would tell of nothing else
        trace = Trace()
        try:
            article, following = clean(page, rules, trace), next_page_url(page)
            article = _without_learned(article, lake.learned, trace)
        except NoArticle as none:
            verdict = Verdict(none.reason, none.detail or None)
    if leaves_reserved and is_reserved(page.tdm):
        verdict = Verdict("tdm_reserved", "; ".join(page.tdm))
    began = perf_counter()
    shared = shared_passages(article.text, landed.other.text) if article and landed and landed.other else []
    if shared:
        trace.stages.append(("shared passages", perf_counter() - began))
    order = tuple(page_pieces(trace.blocks, trace.lines, trace.removed))
    return Explanation(page, verdict, trace, article, order, following, landed, tuple(shared))


def _without_learned(article: Article, learned: LearnedLines, trace: Trace) -> Article:
    """As a run lands it; how many stories had a line stands beside its rule."""
    whole = without_learned_lines(article, learned)
    for one in whole.removed[len(article.removed) :]:
        seen = learned.stories.get(line_key(one.text))
        trace.removed.append(replace(one, rule=f"{one.rule}, seen in {seen} stories"))
    trace.lines = whole.text.splitlines()
    return whole


def fields(told: Explanation) -> list[tuple[str, str, str]]:
    """(field, value, where it stands in the page) of all that the page states."""
    article = told.article
    if article is None:
        return [("title", told.trace.title, "")] if told.trace.title else []
    where = field_places(article, told.trace)
    values = {
        "title": article.title,
        "summary": article.summary or "",
        "authors": ", ".join(article.authors),
        "published_at": _moment(article.published_at, article.published_precision, article.published_raw),
        "modified_at": _moment(article.modified_at, article.modified_precision, article.modified_raw),
        "section": article.section or "",
        "tags": ", ".join(article.tags),
        "canonical_url": article.canonical_url or "",
        "rights": article.rights or "",
        "ai_disclosure": article.ai_disclosure or "",
        "syndication_credit": article.syndication_credit or "",
        "paywall": {None: "", True: "declared as not free", False: "declared as free"}[article.paywall],
        "paywall_seen": "a wall stands where the text ends" if article.paywall_seen else "",
        "genre": ", ".join(n for n in ("sponsored", "live_blog", "opinion") if getattr(article, n)).replace(
            "_", " "
        ),
        "language": _language(article),
        "tdm": "; ".join(told.page.tdm),
    }
    return [(name, value, where.get(name, "")) for name, value in values.items() if value]


def _moment(at: object, precision: str | None, raw: str | None) -> str:
    if at is None:
        return f"unknown; the page says {raw!r}" if raw else ""
    return f"{at} (to the {precision}; the page says {raw!r})"


def _language(article: Article) -> str:
    if article.language is None:
        return "too short to tell"
    sure = f" ({article.language_confidence:.0%} sure)" if article.language_confidence is not None else ""
    return article.language + sure
