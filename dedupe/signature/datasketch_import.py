"""Imports datasketch without loading scipy.

datasketch needs scipy only to choose the bands of its own LSH index, which this project does not use. Loading scipy
would cost each process 0.4 s of CPU and 35 MB.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

_DEFERRED_MODULE = "scipy.integrate"


@contextmanager
def defer_scipy_import() -> Iterator[None]:
    """While this is open, an import of scipy.integrate.quad gets a stand-in that loads scipy when it is called."""
    if _DEFERRED_MODULE in sys.modules:
        yield
        return
    stand_in = ModuleType(_DEFERRED_MODULE)
    stand_in.quad = lambda *arguments: import_module(_DEFERRED_MODULE).quad(*arguments)  # type: ignore[attr-defined]
    sys.modules[_DEFERRED_MODULE] = stand_in
    try:
        yield
    finally:
        del sys.modules[_DEFERRED_MODULE]
