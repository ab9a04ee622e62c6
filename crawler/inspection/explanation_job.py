"""Has a page explained in a process of its own, with the deadline and the memory limit that it would have in a crawl."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cleaning import RawPage, Rules
from crawler.inspection.explanation import LakeFacts, explain_page
from crawler.inspection.explanation_html import as_html
from crawler.inspection.explanation_text import as_text
from lake.schema.records import Reject
from lake.workers.plain_format import from_message, to_message
from lake.workers.process_pool import ProcessPool, Task, WorkerLimits, WorkersFailed
from lake.workers.worker_process import Send, Work

_LOAD = "crawler.inspection.explanation_job:load"
_REPORT_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class ExplanationJob:
    """A page to be explained, and how it is shown."""

    page: RawPage | Reject
    rules: Rules
    lake: LakeFacts
    leaves_reserved: bool
    width: int | None  # of lines of text; None: as HTML
    styled: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """An explanation as text or HTML, and the reason why the page is no article; None where it is one."""

    text: str
    reason: str | None


def report_of(job: ExplanationJob, limits: WorkerLimits) -> Report:
    """Return the explanation of a page. Raises CannotInspect where its process is lost."""
    from crawler.inspection.single_pages import CannotInspect  # it takes Scrapy along

    if not limits.worker_count:
        return _explain(job)
    pool = ProcessPool(_LOAD, replace(limits, workers=1))
    try:
        return pool.submit(_ExplanationTask(job)).result()
    except WorkersFailed as error:
        raise CannotInspect(f"{job.page.url}: cannot be explained: {error}") from error
    finally:
        pool.close()


class _ExplanationTask(Task[Report]):
    def __init__(self, job: ExplanationJob) -> None:
        super().__init__()
        self.job: ExplanationJob = job
        self.key, self.max_bytes = job.page.outlet, _REPORT_BYTES

    def finish(self, part: bytes) -> Report:
        """Return the report. Raises Malformed."""
        report: Report = from_message(Report, part)
        return report

    def lost(self, why: str) -> Report:
        """Raise CannotInspect."""
        from crawler.inspection.single_pages import CannotInspect

        raise CannotInspect(
            f"{self.job.page.url}: a crawl would quarantine it: {why} (CLEAN_DEADLINE_S, CLEAN_BYTES)"
        )


def load() -> Work:
    """Return the work of the process."""
    return _work


def _work(job: ExplanationJob, send: Send) -> bytes:
    return to_message(Report, _explain(job))


def _explain(job: ExplanationJob) -> Report:
    explanation = explain_page(job.page, job.rules, job.lake, leaves_reserved=job.leaves_reserved)
    text = as_html(explanation) if job.width is None else as_text(explanation, job.width, styled=job.styled)
    return Report(text, explanation.verdict.reason)
