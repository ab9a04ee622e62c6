from dataclasses import replace

import numpy as np
import pytest

from dedupe import SchemeMismatch, sign
from dedupe.signature.packing import PackedBody, coarsen, pack, unpack, unpack_bodies
from dedupe.signature.signature import posting_keys
from dedupe.signature.sketch import HASH_RANGE, overlap
from tests.dedupe.stories import HARBOUR, LIBRARY, cut, invented

TEXTS = ["", "one", HARBOUR, LIBRARY, invented(1, 5000), "港" * 700, " ".join(map(str, range(3000)))]


@pytest.mark.parametrize("text", TEXTS)
def test_a_coarse_signature_comes_back_as_it_was(text):
    signature = coarsen(sign(text))
    assert unpack(pack(signature)) == signature


def test_many_bodies_are_read_at_once():
    signatures = [coarsen(sign(text)) for text in TEXTS]
    found = unpack_bodies(pack(signature) for signature in signatures)
    assert found.tobytes() == b"".join(signature.body for signature in signatures)
    assert unpack_bodies([]).tolist() == []


@pytest.mark.parametrize("text", TEXTS)
def test_a_part_of_each_hash_can_be_told_without_unpacking(text):
    signature = coarsen(sign(text))
    body = PackedBody.from_packed(pack(signature))
    assert (
        np.frombuffer(body.middle_bits(), "<u2").tolist()
        == (signature.body_sketch().hashes >> 8 & 0xFFFF).tolist()
    )
    assert (body.limit, body.digest) == (signature.body_limit, signature.digest)


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_coarse_stays_as_it_is(text):
    assert coarsen(coarsen(sign(text))) == coarsen(sign(text))


@pytest.mark.parametrize("text", TEXTS)
def test_no_key_changes(text):
    assert coarsen(sign(text)).index_keys() == sign(text).index_keys()
    assert posting_keys(coarsen(sign(text)).body_sketch()) == posting_keys(sign(text).body_sketch())


@pytest.mark.parametrize("other", [cut(HARBOUR, 0.6), LIBRARY, invented(1, 2000)])
def test_two_texts_share_as_much_as_before(other):
    before = overlap(sign(HARBOUR).body_sketch(), sign(other).body_sketch())
    after = overlap(coarsen(sign(HARBOUR)).body_sketch(), coarsen(sign(other)).body_sketch())
    assert after.containment == pytest.approx(before.containment, abs=0.01)


def test_of_a_sampled_text_what_is_below_the_limit_is_complete():
    signature = coarsen(sign(invented(1, 5000)))
    body = np.frombuffer(signature.body, "<u4")
    assert signature.body_limit < HASH_RANGE
    assert body[-1] < signature.body_limit
    assert signature.body_limit % 256 == 0


def test_two_hashes_that_become_one_are_in_the_lead_if_either_was():
    text = sign(HARBOUR)
    body = np.array([5, 0x20000001, 0x20000002, 0x30000000], "<u4").tobytes()
    found = coarsen(replace(text, body=body, lead=bytes([0b00100000])))
    assert np.frombuffer(found.body, "<u4").tolist() == [5, 0x20000000, 0x30000000]
    assert found.lead == bytes([0b01000000])


def test_it_takes_two_thirds():
    text = invented(1, 450)
    assert len(pack(coarsen(sign(text)))) < 0.66 * len(sign(text).to_bytes())


def test_another_scheme_is_refused():
    with pytest.raises(SchemeMismatch):
        unpack(b"none" + pack(coarsen(sign(HARBOUR)))[4:])


@pytest.mark.parametrize("length", [4, 40, -1])
def test_what_was_cut_short_is_refused(length):
    with pytest.raises(ValueError, match="bytes found"):
        unpack(pack(coarsen(sign(HARBOUR)))[:length])
