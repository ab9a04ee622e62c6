"""Who may import whom, and where each heavy library lives: docs/architecture.md.

An import counts wherever it stands: at the top of a module, inside a function, or under TYPE_CHECKING.
"""

import ast
import subprocess
import sys
import tomllib
from functools import cache
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
# inside a package: what a sub-package, or a module beside them, may import of it. "*": all of it
INSIDE = {
    "cleaning": {
        "records": "",
        "url": "",
        "request_spelling": "url",
        "wording": "",
        "text": "records",
        "vocabulary": "records text",
        "metadata": "records url text vocabulary",
        "clutter": "records text vocabulary",
        "verdict": "records wording text vocabulary metadata",
        "trace": "records metadata verdict",
        "fallback": "text metadata clutter",
        "cleaner": "records text metadata clutter verdict trace fallback",
        "pagination": "records url text vocabulary metadata",
        "rule_authoring": "*",
        "__init__": "*",
    },
    "dedupe": {
        "records": "",
        "signature": "",
        "rules": "records signature",
        "online": "records signature rules",
        "batch": "records signature rules online",
        "__init__": "*",
    },
    "outlets": {
        "general": "",
        "record": "general",
        "form": "record",
        "reading": "record form",
        "checking": "record",
        "__init__": "*",
    },
    "lake": {
        "schema": "",
        "storage": "schema",
        "parquet": "schema storage",
        "index": "schema storage",
        "workers": "schema",
        "runs": "schema storage parquet index workers",
        "warc": "schema storage parquet",
        "jobs": "*",
        "standard_output": "",
        "landing": "runs",  # the old paths of documented names
        "reading": "parquet",
        "__main__": "*",
        "__init__": "",
    },
    "crawler": {
        "settings": "",
        "outlet_files": "",
        "reading": "sources",
        "politeness": "outlet_files reading",
        "addon": "politeness",
        "sources": "",
        "tuning": "",
        "command_line": "settings addon outlet_files politeness sources",
        "reports": "outlet_files",
        "pipeline": "outlet_files politeness sources reading tuning command_line reports",
        "discovery": "outlet_files politeness sources reading tuning command_line reports pipeline",
        "inspection": "settings addon outlet_files politeness sources reading command_line reports pipeline discovery",
        "spiders": "settings addon outlet_files politeness sources command_line reports pipeline discovery",
        "commands": "*",
        "candidates": "discovery",  # the old path of documented names
        "__init__": "",
    },
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
MOST_FILES = 18  # in one folder of a package
DOCSTRING_LINES = 6


def module_files(package):
    return sorted((ROOT / package).rglob("*.py"))


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules():
    """Every module of the packages by its dotted name."""
    return {name_of(path): path for package in MAY_IMPORT for path in module_files(package)}


@cache
def imported_names(path):
    """What a module imports, as dotted names: of `from a.b import c` both a.b and a.b.c, for c may be a module."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import, which these tests do not follow"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.append(inner if inner in modules() else node.module)
    return found


def imports_of(package):
    """(file, top-level name) of every import below a package."""
    for path in module_files(package):
        yield from ((str(path.relative_to(ROOT)), name.split(".")[0]) for name in imported_names(path))


def unit_of(name):
    """The sub-package of a module, or the module itself where it stands beside them."""
    return name.split(".")[1] if "." in name else "__init__"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_those_below_it(package):
    forbidden = set(MAY_IMPORT) | {"demo", "tests", "benchmarks", "tools"}
    forbidden -= MAY_IMPORT[package] | {package}
    assert [(file, name) for file, name in imports_of(package) if name in forbidden] == []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_sub_package_imports_only_those_below_it(package):
    walls, broken = INSIDE[package], []
    for name, path in modules().items():
        if name.split(".")[0] == package and walls[unit_of(name)] != "*":
            own = unit_of(name)
            broken += [
                (name, other)
                for other in imported_names(path)
                if other.split(".")[0] == package and unit_of(other) not in (own, *walls[own].split())
            ]
    assert broken == []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_the_walls_name_every_sub_package_and_no_other(package):
    assert {unit_of(name) for name in modules() if name.split(".")[0] == package} == set(INSIDE[package])


def circles(graph):
    """Sets of nodes that lead to one another."""

    def reached(start):
        seen, todo = set(), list(graph[start])
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo += graph.get(node, ())
        return seen

    reach = {node: reached(node) for node in graph}
    return {frozenset(n for n in reach[node] if node in reach[n]) for node in graph if node in reach[node]}


def test_no_module_leads_back_to_itself():
    graph = {
        name: {other for other in imported_names(path) if other in modules() and other != name}
        for name, path in modules().items()
    }
    assert circles(graph) == set()


def test_no_sub_package_leads_back_to_itself():
    graph = {}
    for name, path in modules().items():
        unit = (name.split(".")[0], unit_of(name))
        others = {(o.split(".")[0], unit_of(o)) for o in imported_names(path) if o in modules()}
        graph[unit] = graph.get(unit, set()) | (others - {unit})
    assert circles(graph) == set()


def test_a_circle_would_be_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == {frozenset("bc")}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_each_heavy_library_has_one_home(package):
    strangers = [
        (f, name) for f, name in imports_of(package) if package not in HOMES.get(name, package).split()
    ]
    assert strangers == []


def sub_packages():
    return sorted({path.parent for path in modules().values()} - {ROOT / "outlets"})


@pytest.mark.parametrize("folder", sub_packages(), ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_is_small_and_says_what_it_is(folder):
    assert len(list(folder.glob("*.py"))) <= MOST_FILES
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) or ""
    assert 0 < len(text.splitlines()) <= DOCSTRING_LINES
    if folder.parent != ROOT:
        assert "May import: " in text
        first = text.partition("Open first: ")[2].split()[0].rstrip(".,:")
        assert first == "the" or (folder / first).is_file()


def test_the_distribution_holds_every_package():
    """The egg of deploy/scrapyd and the image are made from this list."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT) for path in modules().values()}
    assert sorted(listed) == sorted(".".join(folder.parts) for folder in folders)


def test_nothing_below_the_crawler_loads_scrapy():
    names = [n for n in modules() if not n.startswith("crawler") and not n.endswith("__main__")]
    assert len(names) > 100
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
