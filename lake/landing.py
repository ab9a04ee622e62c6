"""Deprecated alias of lake/runs/session.py, for hand-written spiders that import Claim from here."""

from __future__ import annotations

import warnings

from lake.runs.session import Claim, Lake, Opening

__all__ = ["Claim", "Lake", "Opening"]

warnings.warn("lake.landing has moved: import from lake.runs.session", FutureWarning, stacklevel=2)
