"""From a fetched page to a clean article: pure functions, no network, no disk. The only home of trafilatura.

May import: nothing else of the project. Data comes as a RawPage; it leaves as an Article, or NoArticle with a reason.
Open first: cleaner.py, the steps in order, then records.py.
"""

from cleaning.cleaner import clean
from cleaning.clutter.outlet_rules import check_rules, may_take_for_ever
from cleaning.clutter.recurring_lines import (
    Learned,
    is_topical,
    line_key,
    may_be_boilerplate,
    without_learned,
    without_texts,
)
from cleaning.pagination.alternate_urls import is_version
from cleaning.pagination.join_pages import join
from cleaning.pagination.next_page import continues, first_part, next_part
from cleaning.records import CLEANER_VERSION, Article, Header, Image, NoArticle, RawPage, Removed, Rules
from cleaning.text.document import Document
from cleaning.text.extraction import load
from cleaning.trace import Trace
from cleaning.url import canonical, host_of, page_id

__all__ = [
    "CLEANER_VERSION",
    "Article",
    "Document",
    "Header",
    "Image",
    "Learned",
    "NoArticle",
    "RawPage",
    "Removed",
    "Rules",
    "Trace",
    "canonical",
    "check_rules",
    "clean",
    "continues",
    "first_part",
    "host_of",
    "is_topical",
    "is_version",
    "join",
    "line_key",
    "load",
    "may_be_boilerplate",
    "may_take_for_ever",
    "next_part",
    "page_id",
    "without_learned",
    "without_texts",
]
