from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.newsroom import Newsroom

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=[1, 2], ids=["day1", "day2"])
def room(request: pytest.FixtureRequest) -> Iterator[Newsroom]:
    with Newsroom(day=request.param) as room:
        yield room
