"""From a fetched page to a clean article: pure functions, no network, no disk."""

from cleaning.address import canonical, host_of, page_id
from cleaning.cleaner import clean
from cleaning.records import CLEANER_VERSION, Article, Header, Image, NoArticle, RawPage, Removed, Rules
from cleaning.selectors import check_rules, may_take_for_ever

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
    "host_of",
    "may_take_for_ever",
    "page_id",
]
