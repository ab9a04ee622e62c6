"""No figure of cleaning's quality falls below its floor; `python -m tests.cleaning.floors` raises them."""

import json

import pytest

from .floors import CORPORA, FILE, digest, measured

pytestmark = [
    pytest.mark.floor("cleaning on real pages: body, standfirst, metadata"),
    pytest.mark.xdist_group("floors"),
]
PINNED = json.loads(FILE.read_text("utf-8"))


@pytest.mark.parametrize("corpus", CORPORA)
def test_no_figure_falls_below_its_floor(shared, corpus):
    if digest(shared) != PINNED["digest"]:
        pytest.skip("other pages than those that the floors were measured on")
    now, floors = measured(shared, corpus), PINNED["floors"][corpus]
    below = {
        (fold, key): now[fold][key]
        for fold in floors
        for key, floor in floors[fold].items()
        if now[fold][key] < floor
    }
    assert below == {}
