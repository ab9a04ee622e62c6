"""Who may import whom, and where each heavy library lives: docs/architecture.md."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "cleaning": set(),
    "dedupe": set(),
    "outlets": {"cleaning"},
    "lake": {"cleaning", "dedupe", "outlets"},
    "crawler": {"cleaning", "dedupe", "lake", "outlets"},
}
HOMES = {
    "scrapy": "crawler",
    "twisted": "crawler",
    "feedparser": "crawler",
    "trafilatura": "cleaning",
    "langdetect": "cleaning",
    "datasketch": "dedupe",
    "pyarrow": "lake",
    "boto3": "lake",
    "botocore": "lake",
    "warcio": "lake",
    "sqlite3": "dedupe lake",
}


def imports_of(folder):
    """(file, top-level name) of every import below a folder."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((path.relative_to(ROOT), alias.name.split(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield path.relative_to(ROOT), node.module.split(".")[0]


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_those_below_it(folder):
    forbidden = set(MAY_IMPORT) | {"demo", "tests", "benchmarks"}
    forbidden -= MAY_IMPORT[folder] | {folder}
    assert [(str(f), name) for f, name in imports_of(folder) if name in forbidden] == []


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_each_heavy_library_has_one_home(folder):
    strangers = [
        (str(f), name) for f, name in imports_of(folder) if folder not in HOMES.get(name, folder).split()
    ]
    assert strangers == []


def test_nothing_below_the_crawler_loads_scrapy():
    names = [
        ".".join(p.relative_to(ROOT).with_suffix("").parts)
        for folder in ("cleaning", "dedupe", "outlets", "lake")
        for p in (ROOT / folder).glob("*.py")
        if p.stem != "__main__"
    ]
    code = f"import sys, importlib; [importlib.import_module(n) for n in {names!r}]; print('scrapy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_reading_recipes_name_every_folder_of_the_house():
    readme = (ROOT / "README.md").read_text("utf-8")
    places = (
        "scrapy.cfg",
        "crawler/",
        "cleaning/",
        "dedupe/",
        "tests/",
        "pyproject.toml",
        "output/",
        "lake/",
        "outlets/",
    )
    assert [place for place in places if place not in readme] == []
