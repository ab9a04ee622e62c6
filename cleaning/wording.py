"""Words of messages that depend on a number."""

from __future__ import annotations


def counted(count: int, singular: str, plural: str = "") -> str:
    """Return `1 article`, `2 articles`. plural: given where it is not the singular with an s."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"
