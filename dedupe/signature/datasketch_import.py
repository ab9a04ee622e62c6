"""datasketch without scipy, with which it would choose the bands of an index of its own: nothing here has one, and loading
it takes each process 0.4 s of CPU and 35 MB."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

_DEFERRED_MODULE = "scipy.integrate"


@contextmanager
def defer_scipy_import() -> Iterator[None]:
    """What is imported meanwhile gets a function that loads scipy when it is called."""
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
