"""What stands around the stories, from furniture.toml: headlines, pleas, notices, lives."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_PATH = Path(__file__).with_name("furniture.toml")


def furniture(outlet: str) -> dict[str, Any]:
    """The outlet's own table of texts."""
    table: dict[str, Any] = tomllib.loads(_PATH.read_text(encoding="utf-8"))[outlet]
    return table
