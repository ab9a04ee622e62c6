"""From a fetched page to a clean article: pure functions, no network, no disk."""

from cleaning.address import canonical, host_of, page_id
from cleaning.cleaner import clean
from cleaning.joining import join
from cleaning.parts import continues, first_part, next_part
from cleaning.records import CLEANER_VERSION, Article, Header, Image, NoArticle, RawPage, Removed, Rules
from cleaning.selectors import check_rules, may_take_for_ever
from cleaning.versions import is_version

__all__ = [
    "CLEANER_VERSION",
    "Article",
    "Header",
    "Image",
    "NoArticle",
    "RawPage",
    "Removed",
    "Rules",
    "canonical",
    "check_rules",
    "clean",
    "continues",
    "first_part",
    "host_of",
    "is_version",
    "join",
    "may_take_for_ever",
    "next_part",
    "page_id",
]
