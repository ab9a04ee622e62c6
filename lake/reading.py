"""Deprecated alias of lake/parquet/reading.py, which reads a lake's tables as Arrow."""

from __future__ import annotations

import warnings

from lake.parquet.reading import dataset, rows_of, table

__all__ = ["dataset", "rows_of", "table"]

warnings.warn("lake.reading has moved: import from lake.parquet.reading", FutureWarning, stacklevel=2)
