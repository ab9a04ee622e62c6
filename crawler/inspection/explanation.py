"""Explains one page: its verdict, its text with every cut in place, its fields, and the story that it copies."""

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
from cleaning.metadata.reservations import is_reserved
from cleaning.rule_authoring.page_explanation import PagePiece, field_places, page_pieces
from dedupe import Passage, shared_passages
from lake.parquet.page_lookup import LandedPage
from lake.schema.records import Reject
from lake.workers.page_processing import with_tdm_evidence


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a crawl would decide about the page. reason and detail are None for an article."""

    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known about one page; explanation_text.py and explanation_html.py present it."""

    page: RawPage | Reject
    verdict: Verdict
    trace: Trace
    article: Article | None = None  # given also where the verdict is tdm_reserved
    pieces: tuple[PagePiece, ...] = ()
    next_page_url: str | None = None  # the next page of a paginated article
    landed: LandedPage | None = None  # the page's row in the lake
    passages: tuple[Passage, ...] = ()  # shared with the matched story, landed.other

    @property
    def title(self) -> str:
        """The page's title, else its URL."""
        return self.trace.title or self.page.url


@dataclass(frozen=True, slots=True)
class LakeFacts:
    """What the lake knows of a page: its row, and the learned boilerplate of its outlet."""

    landed: LandedPage | None = None
    learned: LearnedLines = field(default_factory=LearnedLines)


def explain_page(
    page: RawPage | Reject, rules: Rules, lake: LakeFacts, *, leaves_reserved: bool
) -> Explanation:
    """Return the explanation of a page, from the same steps as in a crawl. leaves_reserved: whether a reservation of
    text and data mining is a reason to leave the page."""
    landed = lake.landed
    trace = Trace()
    if isinstance(page, Reject):
        return Explanation(page, Verdict(page.reason, page.detail), trace, landed=landed)
    page = with_tdm_evidence(Document(page))
    article, verdict, next_page = None, Verdict(), None
    if not 200 <= page.status < 300:
        verdict = Verdict("http_error", f"answered {page.status}")
    elif first_page := first_page_url(page):
        verdict = Verdict("part", f"a later page of {first_page}")
    else:
        with suppress(NoArticle):
            # a first run, not traced: it loads the libraries, whose time would hide that of the stages
            clean(page, rules)
        trace = Trace()
        try:
            article, next_page = clean(page, rules, trace), next_page_url(page)
            article = _cut_learned_lines(article, lake.learned, trace)
        except NoArticle as refusal:
            verdict = Verdict(refusal.reason, refusal.detail or None)
    if leaves_reserved and is_reserved(page.tdm):
        verdict = Verdict("tdm_reserved", "; ".join(page.tdm))
    started_at_s = perf_counter()
    passages = shared_passages(article.text, landed.other.text) if article and landed and landed.other else []
    if passages:
        trace.stages.append(("shared passages", perf_counter() - started_at_s))
    pieces = tuple(page_pieces(trace.blocks, trace.lines, trace.removed))
    return Explanation(page, verdict, trace, article, pieces, next_page, landed, tuple(passages))


def _cut_learned_lines(article: Article, learned: LearnedLines, trace: Trace) -> Article:
    """Return the article without learned boilerplate, as a run lands it. The trace gets these cuts, with the number
    of stories that had the line."""
    shortened = without_learned_lines(article, learned)
    for cut in shortened.removed[len(article.removed) :]:
        story_count = learned.stories.get(line_key(cut.text))
        trace.removed.append(replace(cut, rule=f"{cut.rule}, seen in {story_count} stories"))
    trace.lines = shortened.text.splitlines()
    return shortened


def stated_fields(explanation: Explanation) -> list[tuple[str, str, str]]:
    """Return (field, value, place in the page) for each field that the page states."""
    article = explanation.article
    if article is None:
        return [("title", explanation.trace.title, "")] if explanation.trace.title else []
    places = field_places(article, explanation.trace)
    values = {
        "title": article.title,
        "summary": article.summary or "",
        "authors": ", ".join(article.authors),
        "published_at": _format_date(
            article.published_at, article.published_precision, article.published_raw
        ),
        "modified_at": _format_date(article.modified_at, article.modified_precision, article.modified_raw),
        "section": article.section or "",
        "tags": ", ".join(article.tags),
        "canonical_url": article.canonical_url or "",
        "rights": article.rights or "",
        "ai_disclosure": article.ai_disclosure or "",
        "syndication_credit": article.syndication_credit or "",
        "paywall": {None: "", True: "declared as not free", False: "declared as free"}[article.paywall],
        "paywall_seen": "a wall stands where the text ends" if article.paywall_seen else "",
        "genre": ", ".join(
            name for name in ("sponsored", "live_blog", "opinion") if getattr(article, name)
        ).replace("_", " "),
        "language": _format_language(article),
        "tdm": "; ".join(explanation.page.tdm),
    }
    return [(name, value, places.get(name, "")) for name, value in values.items() if value]


def _format_date(date: object, precision: str | None, raw: str | None) -> str:
    """Return a date with its precision and its wording in the page."""
    if date is None:
        return f"unknown; the page says {raw!r}" if raw else ""
    return f"{date} (to the {precision}; the page says {raw!r})"


def _format_language(article: Article) -> str:
    """Return the language with the detector's confidence."""
    if article.language is None:
        return "too short to tell"
    certainty = (
        f" ({article.language_confidence:.0%} sure)" if article.language_confidence is not None else ""
    )
    return article.language + certainty
