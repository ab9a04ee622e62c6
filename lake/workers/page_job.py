"""The work on one page as a worker does it: what it is given, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from cleaning import Article, Document, RawPage, Rules, load_extractor
from cleaning.metadata.language import language_of
from cleaning.records import Reason
from dedupe import sign
from lake.schema.records import ProcessedPage
from lake.workers.page_processing import append_with_evidence, process_with_evidence, with_tdm_evidence
from lake.workers.plain_format import to_message
from lake.workers.worker_process import Send, Work

Evidence = tuple[str, ...]  # reservations of text and data mining: RawPage.tdm


@dataclass(frozen=True, slots=True)
class Job:
    """One page to process. Of a paginated article, `so_far` is the article and `page` its next page."""

    page: RawPage
    rules: Rules
    so_far: ProcessedPage | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the worker finds in a page. It goes without what the parent has: raw pages, and the rest of a reject."""

    tdm: Evidence
    article: Article | None
    signature: bytes | None  # dedupe.Signature.to_bytes()
    reason: Reason | None  # of the reject
    detail: str | None
    next_page_url: str | None
    first_page_url: str | None
    has_gap: bool


def load() -> Work:
    """Load what libraries load at their first use, so that the time does not count against a page. Returns the work:
    its answer is an Answer, before which it sends the Evidence of a page that has some."""
    load_extractor()
    words = "these are more than twenty words of no meaning at all " * 3
    language_of(words)
    sign(words)
    return _process


def _process(job: Job, send: Send) -> bytes:
    document = Document(job.page)
    page = with_tdm_evidence(document)
    if page.tdm:  # few pages have reservations; the parent needs them if it has to quarantine the page
        send(to_message(Evidence, page.tdm))
    if job.so_far:
        processed = append_with_evidence(job.so_far, page, job.rules, document)
    else:
        processed = process_with_evidence(page, job.rules, document)
    reject = processed.reject
    if reject and (reject.detail or "").startswith("MemoryError"):
        raise MemoryError
    return to_message(
        Answer,
        Answer(
            page.tdm,
            processed.article,
            processed.signature.to_bytes() if processed.signature else None,
            reject.reason if reject else None,
            reject.detail if reject else None,
            processed.next_page_url,
            processed.first_page_url,
            processed.has_gap,
        ),
    )
