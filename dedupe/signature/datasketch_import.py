"""datasketch without scipy, with which it would choose the bands of an index of its own: nothing here has one, and loading
it takes each process 0.4 s of CPU and 35 MB."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

_NAME = "scipy.integrate"


@contextmanager
def scipy_when_called() -> Iterator[None]:
    """What is imported meanwhile gets a function that loads scipy when it is called."""
    if _NAME in sys.modules:
        yield
        return
    stand_in = ModuleType(_NAME)
    stand_in.quad = lambda *given: import_module(_NAME).quad(*given)  # type: ignore[attr-defined]
    sys.modules[_NAME] = stand_in
    try:
        yield
    finally:
        del sys.modules[_NAME]
