"""The old import path of hand-written spiders; use crawler/discovery/candidates.py instead."""

from __future__ import annotations

import warnings

from crawler.discovery.candidates import HEADERS_THAT_MATTER, CandidateSpider, outlet_of, page_of

__all__ = ["HEADERS_THAT_MATTER", "CandidateSpider", "outlet_of", "page_of"]

warnings.warn(
    "crawler.candidates has moved: import from crawler.discovery.candidates", FutureWarning, stacklevel=2
)
