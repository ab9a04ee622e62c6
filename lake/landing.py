"""The old path of Claim, which a hand-written spider may return; it stands in lake/runs/session.py now."""

from __future__ import annotations

import warnings

from lake.runs.session import Claim, Lake, Opening

__all__ = ["Claim", "Lake", "Opening"]

warnings.warn("lake.landing has moved: import from lake.runs.session", DeprecationWarning, stacklevel=2)
