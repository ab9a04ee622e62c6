from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedupe.signature.sketch import HASH_RANGE, Sketch, make_sketch, overlap, sorted_distinct

hashes = st.lists(st.integers(0, 2**32 - 1), max_size=60).map(lambda values: np.array(values, np.uint32))


@given(hashes)
def test_distinct_is_ascending_and_each_once(values):
    assert sorted_distinct(values).tolist() == sorted(set(values.tolist()))


@given(hashes, st.integers(1, 20))
def test_a_sketch_holds_all_members_below_its_limit(values, most):
    sketch = make_sketch(values, most)
    assert len(sketch) <= most
    assert sketch.hashes.tolist() == sorted(v for v in set(values.tolist()) if v < sketch.limit)


@given(hashes, hashes)
def test_whole_sketches_count_exactly(a, b):
    first, second = set(a.tolist()), set(b.tolist())
    shared = overlap(make_sketch(a, 1000), make_sketch(b, 1000))
    assert (shared.first_size, shared.second_size, shared.common) == (
        len(first),
        len(second),
        len(first & second),
    )
    assert shared.jaccard == (len(first & second) / len(first | second) if first | second else 0)


@given(hashes, hashes, st.integers(1, 20), st.integers(1, 20))
def test_overlap_is_symmetric(a, b, most_a, most_b):
    one, other = make_sketch(a, most_a), make_sketch(b, most_b)
    there, back = overlap(one, other), overlap(other, one)
    assert (there.jaccard, there.containment, there.common) == (back.jaccard, back.containment, back.common)


@given(hashes, hashes)
def test_without_removes_exactly_the_others(a, b):
    left = make_sketch(a, 1000).without(sorted_distinct(b))
    assert set(left.hashes.tolist()) == set(a.tolist()) - set(b.tolist())


@pytest.mark.parametrize("most", [256, 1024])
def test_a_sample_estimates_the_overlap_of_the_whole(most):
    draw = np.random.default_rng(5)
    shared, a, b = (draw.integers(0, 2**32, 4000, dtype=np.uint32) for _ in range(3))
    one, other = (
        make_sketch(np.concatenate([shared, a]), most),
        make_sketch(np.concatenate([shared, b]), most),
    )
    assert overlap(one, other).jaccard == pytest.approx(1 / 3, abs=0.08)


def test_a_short_text_is_found_whole_in_a_sampled_one():
    long = np.arange(0, 2**32, 2**18, dtype=np.uint64).astype(np.uint32)
    short = make_sketch(long[::50], 1024)
    shared = overlap(short, make_sketch(long, 1024))
    assert shared.containment == 1.0


def test_nothing_shares_nothing_with_nothing():
    nothing = Sketch(np.empty(0, np.uint32), HASH_RANGE)
    shared = overlap(nothing, nothing)
    assert (shared.jaccard, shared.containment) == (0.0, 0.0)
