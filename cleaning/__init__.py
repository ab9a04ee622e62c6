"""Turns a fetched page into a clean article. Pure functions: no network, no disk. Only this package uses trafilatura.

May import: nothing else of the project. A page comes in as a RawPage; it leaves as an Article, or as NoArticle with a
reason. Open first: cleaner.py, which runs the steps in order, then records.py.
"""

from cleaning.cleaner import clean
from cleaning.clutter.outlet_rules import check_rules, is_slow_pattern
from cleaning.clutter.recurring_lines import (
    LearnedLines,
    is_topical,
    line_key,
    may_be_boilerplate,
    without_learned_lines,
    without_removed_texts,
)
from cleaning.pagination.address_ties import (
    fits_address,
    fits_title,
    is_home_page,
    is_tied,
    is_version,
    without_return_address,
)
from cleaning.pagination.alternate_urls import is_alternate_url
from cleaning.pagination.join_pages import join_page
from cleaning.pagination.next_page import first_page_url, is_page_of, next_page_url
from cleaning.records import (
    CLEANER_VERSION,
    FIELD_NAMES,
    Article,
    Header,
    Image,
    NoArticle,
    RawPage,
    Removed,
    Rules,
)
from cleaning.request_spelling import request_url
from cleaning.text.document import Document
from cleaning.text.extraction import load_extractor
from cleaning.trace import Trace
from cleaning.url import canonical, host_of, page_id

__all__ = [
    "CLEANER_VERSION",
    "FIELD_NAMES",
    "Article",
    "Document",
    "Header",
    "Image",
    "LearnedLines",
    "NoArticle",
    "RawPage",
    "Removed",
    "Rules",
    "Trace",
    "canonical",
    "check_rules",
    "clean",
    "first_page_url",
    "fits_address",
    "fits_title",
    "host_of",
    "is_alternate_url",
    "is_home_page",
    "is_page_of",
    "is_slow_pattern",
    "is_tied",
    "is_topical",
    "is_version",
    "join_page",
    "line_key",
    "load_extractor",
    "may_be_boilerplate",
    "next_page_url",
    "page_id",
    "request_url",
    "without_learned_lines",
    "without_removed_texts",
    "without_return_address",
]
