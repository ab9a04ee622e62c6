"""The old path of reading a lake as Arrow; it stands in lake/parquet/reading.py now."""

from __future__ import annotations

import warnings

from lake.parquet.reading import dataset, rows_of, table

__all__ = ["dataset", "rows_of", "table"]

warnings.warn("lake.reading has moved: import from lake.parquet.reading", DeprecationWarning, stacklevel=2)
