"""The layout of a part: docs/performance.md."""

import io

import pyarrow.parquet as pq

from lake import parts
from lake.records import Landing
from lake.schema import row, schema
from tests.lake.stories import page


def encoded(pages):
    landing = row(Landing("run", 0, page("https://one.example/a", "bridge").fetched_at))
    rows = [row(one) | landing for one in pages]
    return rows, pq.ParquetFile(io.BytesIO(parts.encode("raw", rows, "run", 0)))


def test_pages_come_in_row_groups_of_bounded_bytes(monkeypatch):
    made = [page(f"https://one.example/{n}", "bridge") for n in range(5)]
    monkeypatch.setattr(parts, "GROUP_BYTES", 2 * len(made[0].body))
    rows, file = encoded(made)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [2, 2, 1]
    assert file.read().to_pylist() == rows
    assert file.schema_arrow.metadata[b"pressline.table"] == b"raw"


def test_a_part_without_rows_has_its_columns():
    _, file = encoded([])
    assert file.read().to_pylist() == []
    assert file.schema_arrow.names == schema("raw").names
