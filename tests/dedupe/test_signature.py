from __future__ import annotations

import hashlib
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe import SCHEME, SchemeMismatch, Signature, sign
from dedupe.signature.scheme import BANDS, ROWS_PER_BAND, SEED
from dedupe.signature.signature import MINHASH_BATCH, _minhash_values, is_band, posting_keys

from .stories import HARBOUR, JAPANESE, LIBRARY, THAI, cut, invented


@given(st.text(max_size=400))
@settings(max_examples=60)
def test_bytes_give_the_signature_back(text):
    signature = sign(text)
    assert Signature.from_bytes(signature.to_bytes()) == signature


@pytest.mark.parametrize("text", [HARBOUR, JAPANESE, THAI, invented(1, words=4000), "", "one"])
def test_bytes_give_the_signature_of_a_story_back(text):
    signature = sign(text)
    assert Signature.from_bytes(signature.to_bytes()) == signature


def test_a_signature_crosses_processes_unchanged():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(sign, HARBOUR).result() == sign(HARBOUR)
    assert pickle.loads(pickle.dumps(sign(HARBOUR))) == sign(HARBOUR)


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("The harbour of Nordhaven will close for eleven days in March 2031.", "f473d4af00db1a92"),
        ("港の水門は古く、三月に十一日間閉鎖されることになった。", "456cfdbf7208c494"),
    ],
)
def test_the_arithmetic_is_that_of_the_scheme(text, digest):
    """If this fails, stored signatures no longer compare with new ones: raise scheme.VERSION."""
    assert hashlib.sha256(sign(text).to_bytes()).hexdigest()[:16] == digest, SCHEME


@pytest.mark.parametrize("text", ["", "…", "harbour", "Watch the video", "to be or not to"])
def test_a_text_too_short_to_tell_has_no_bands(text):
    signature = sign(text)
    assert not signature.comparable
    assert signature.band_keys() == []


def test_the_minima_are_those_of_datasketch():
    hashes = np.random.default_rng(1).integers(0, 2**32, 2 * MINHASH_BATCH + 5, dtype=np.uint32)
    for found, some in zip(_minhash_values(hashes, 100), (hashes, hashes[:100]), strict=True):
        minhash = MinHash(num_perm=BANDS * ROWS_PER_BAND, seed=SEED, scheme="affine32", hashfunc=int)
        minhash.update_batch(some)
        assert found.tolist() == minhash.hashvalues.tolist()


def test_a_longer_text_has_a_band_key_of_its_own_in_every_band():
    keys = sign(HARBOUR).band_keys()
    assert len(set(keys)) == len(keys) == 2 * BANDS
    assert all(is_band(key) and 0 <= key < 2**32 for key in keys)
    assert not any(is_band(key) for key in posting_keys(sign(HARBOUR).body_sketch()))


def test_a_text_cut_short_keeps_the_bands_of_its_lead():
    whole, head = sign(HARBOUR).band_keys(), sign(cut(HARBOUR, 0.6)).band_keys()
    assert whole[BANDS:] == head[BANDS:]
    assert whole[:BANDS] != head[:BANDS]


def test_a_text_inside_a_longer_one_has_its_posting_keys():
    inside = sign("\n".join([invented(1, 300), HARBOUR, invented(2, 300)])).body_sketch()
    assert posting_keys(sign(HARBOUR).body_sketch())
    assert set(posting_keys(sign(HARBOUR).body_sketch())) <= set(posting_keys(inside))


def test_stories_share_no_key():
    assert not set(sign(HARBOUR).index_keys()) & set(sign(LIBRARY).index_keys())


def test_a_text_of_any_length_has_a_signature_of_bounded_size():
    signature = sign(invented(3, words=60_000))
    assert len(signature.to_bytes()) < 6_000
    assert signature.tokens == 60_000
    assert signature.shingles > 59_000


def test_capitals_tell_names_only_where_nouns_have_none():
    english = sign("the gate that Ingrid Tolle wanted to see closed before the summer of 2031 began")
    german = sign("Das Tor sollte nach dem Wunsch der Hafenmeisterin vor dem Sommer 2031 geschlossen sein")
    assert len(english.particulars_sketch()) == 3
    assert len(german.particulars_sketch()) == 1


def test_another_scheme_is_refused():
    data = sign(HARBOUR).to_bytes()
    with pytest.raises(SchemeMismatch, match="sign the texts again"):
        Signature.from_bytes(b"\0\0\0\0" + data[4:])


@pytest.mark.parametrize("length", [4, 20, 60, -1])
def test_a_signature_cut_short_is_refused(length):
    with pytest.raises(ValueError, match="bytes found"):
        Signature.from_bytes(sign(HARBOUR).to_bytes()[:length])


@pytest.mark.parametrize(
    "part", ["seed=1", "affine32", "xxh3_64", "shingle=3", "nfkc", "lead=120", "bands=12x3", "postings=1/16"]
)
def test_the_scheme_names_everything_that_changes_a_signature(part):
    assert part in SCHEME
