"""The schema is a promise: pinned by a golden file and by the data dictionary."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.runs.session import Lake
from lake.schema.columns import SCHEMA_VERSION, schema
from lake.schema.records import TABLES
from tests.lake.stories import page
from tests.lake.test_run import crawl

GOLDEN = Path(__file__).with_name("schema.golden.txt")
DICTIONARY = Path(__file__).resolve().parents[2] / "output" / "README.md"


def described() -> str:
    lines = [f"schema version {SCHEMA_VERSION}"]
    for table in TABLES:
        lines += [
            "",
            table,
            *(f"  {f.name}: {f.type}{'' if f.nullable else ' not null'}" for f in schema(table)),
        ]
    return "\n".join(lines) + "\n"


def test_the_schema_is_the_golden_one():
    """A new column is one line here; a changed or lost one needs a new SCHEMA_VERSION."""
    assert described() == GOLDEN.read_text("utf-8")


def plain(type_: pa.DataType) -> str:
    """The type as the dictionary writes it."""
    if pa.types.is_timestamp(type_):
        return "timestamp"
    if pa.types.is_list(type_):
        return f"list<{plain(type_.value_type)}>"
    if pa.types.is_struct(type_):
        return f"struct<{', '.join(f'{f.name}: {plain(f.type)}' for f in type_)}>"
    return str(type_)


def dictionary(heading: str) -> list[tuple[str, str, bool]]:
    """(column, type, may be null) of one section of output/README.md."""
    section = DICTIONARY.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [
        [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in section.splitlines()
        if line.startswith("| `")
    ]
    assert all(len(c) == 5 and c[3] for c in cells)
    return [(name.strip("`"), type_, null != "never") for name, type_, null, *_ in cells]


@pytest.mark.parametrize(
    ("heading", "tables"),
    [("articles, copies, revisions", TABLES[1:4]), ("rejects", ("rejects",)), ("raw", ("raw",))],
)
def test_the_data_dictionary_tells_every_column(heading, tables):
    for table in tables:
        told = dictionary(heading)
        assert told == [(f.name, plain(f.type), f.nullable) for f in schema(table)]


def test_a_part_carries_its_schema_version_and_run(tmp_path):
    crawl(str(tmp_path / "lake"), tmp_path / "state", page("https://one.example/bridge", "bridge"))
    key = next(iter(Lake(str(tmp_path / "lake"), tmp_path / "state").store.keys("articles/")))
    file = pq.ParquetFile(tmp_path / "lake" / key)
    marks = {k.decode(): v.decode() for k, v in file.schema_arrow.metadata.items()}
    assert marks["pressline.schema_version"] == SCHEMA_VERSION
    assert marks["pressline.run_id"] in key
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.schema_arrow.remove_metadata() == schema("articles")
