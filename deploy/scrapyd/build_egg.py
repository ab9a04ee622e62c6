"""The egg that scrapyd deploys: python deploy/scrapyd/build_egg.py pressline.egg

A zip of the packages and their data that pyproject.toml lists, with the entry point by which scrapyd finds the
settings. Dependencies are installed beside scrapyd; an egg brings none.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

ROOT = Path(__file__).resolve().parents[2]


def build(egg: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    name, version = project["project"]["name"], project["project"]["version"]
    layout = project["tool"]["setuptools"]
    with ZipFile(egg, "w", ZIP_DEFLATED) as archive:
        for package in layout["packages"]:
            folder = ROOT / package.replace(".", "/")
            for pattern in ("*.py", *layout["package-data"].get(package, ())):
                for file in sorted(folder.glob(pattern)):
                    archive.write(file, file.relative_to(ROOT))
        archive.writestr("EGG-INFO/PKG-INFO", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr("EGG-INFO/entry_points.txt", "[scrapy]\nsettings = crawler.settings\n")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
