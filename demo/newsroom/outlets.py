"""The four outlet files, as the outlets/ of a project would hold them."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "outlet_files"
WRITTEN_PORT = ":8930/"  # the port that stands in the files


def write_outlets(folder: Path, port: int) -> list[Path]:
    """Write NAME.toml of each outlet to the folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sorted(FOLDER.glob("*.toml")):
        target = folder / source.name
        text = source.read_text(encoding="utf-8").replace(WRITTEN_PORT, f":{port}/")
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return written
