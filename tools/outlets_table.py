"""The table of all bundled outlets in docs/outlets.md: python -m tools.outlets_table writes it anew."""

from __future__ import annotations

from pathlib import Path

import outlets
from outlets import Outlet

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "outlets.md"
_BEGIN, _END = "<!-- outlets: begin -->\n", "<!-- outlets: end -->\n"


def renewed(text: str) -> str:
    """The document's text with the table as the files give it now. Raises ValueError where a marker is missing."""
    before, _, rest = text.partition(_BEGIN)
    _, marker, after = rest.partition(_END)
    if not marker:
        raise ValueError(f"{DOCUMENT.name}: expected {_BEGIN.strip()} and {_END.strip()}")
    return before + _BEGIN + table() + _END + after


def table() -> str:
    found = sorted(outlets.load().by_name.values(), key=lambda o: (o.country or "", o.key))
    head = (
        "| outlet | name | country | language | feeds | news sitemaps | sitemaps | sections | seen alive |\n"
        "|---|---|---|---|--:|--:|--:|--:|---|\n"
    )
    return head + "".join(map(_row, found))


def _row(outlet: Outlet) -> str:
    kinds = (outlet.feeds, outlet.news_sitemaps, outlet.sitemaps, (*outlet.sections, *outlet.dated_sections))
    cells = (
        f"`{outlet.key}`",
        f"[{outlet.name}]({outlet.home})",
        outlet.country or "",
        outlet.rules.language or "",
        *(str(len(kind) or "") for kind in kinds),
        str(outlet.seen_alive or "never"),
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text("utf-8")), "utf-8")
    print(f"{DOCUMENT}: {len(outlets.load().by_name)} outlets")
