"""The layout of a part: docs/performance.md."""

import io
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from lake.parquet import part_files
from lake.schema.columns import row, schema
from lake.schema.records import Landing
from tests.lake.stories import page

ROOT = Path(__file__).resolve().parents[2]


def encoded(pages):
    landing = row(Landing("run", 0, page("https://one.example/a", "bridge").fetched_at))
    rows = [row(one) | landing for one in pages]
    return rows, pq.ParquetFile(io.BytesIO(part_files.encode_rows("raw", rows, "run", 0)))


def test_pages_come_in_row_groups_of_bounded_bytes(monkeypatch):
    made = [page(f"https://one.example/{n}", "bridge") for n in range(5)]
    monkeypatch.setattr(part_files, "GROUP_BYTES", 2 * len(made[0].body))
    rows, file = encoded(made)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [2, 2, 1]
    assert file.read().to_pylist() == rows
    assert file.schema_arrow.metadata[b"pressline.table"] == b"raw"


def test_a_part_without_rows_has_its_columns():
    _, file = encoded([])
    assert file.read().to_pylist() == []
    assert file.schema_arrow.names == schema("raw").names


def test_rows_are_taken_over_a_few_at_a_time_and_lie_in_one_group(monkeypatch):
    monkeypatch.setattr(part_files, "_SLICE_ROWS", 2)
    rows, file = encoded([page(f"https://one.example/{n}", "bridge") for n in range(5)])
    assert file.num_row_groups == 1
    assert file.read().to_pylist() == rows


WITHOUT_PANDAS = """
import sys
from lake.parquet import part_files
part_files.encode_rows("rejects", [], "run", 0)
part_files.encode_rows("rejects", [], "run", 1)
print("pandas" in sys.modules)
import pyarrow as pa
print(len(pa.table({"a": [1]}).to_pandas()))
"""


def test_a_part_is_written_without_pandas_which_stays_to_be_had():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PANDAS], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["False", "1"], done.stderr
