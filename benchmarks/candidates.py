"""What an index's keys find of what is related: pairs of texts that the rules link, and that share no band and less
than two postings, by the keys that texts are filed under.

    python benchmarks/candidates.py SYNDICATION_FOLDER

The folder holds synthetic.jsonl.gz and real_docs.jsonl.gz; beside them 1,200 articles of benchmarks/articles.py made
from the real texts, and 700 of these cut to 60 to 2,000 words, each with an edited copy.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.articles import Generator
from dedupe import Signature, sign
from dedupe.online.boilerplate import NO_HASHES
from dedupe.rules.relation import MERGING, Prefilter, compare, page_without_boilerplate
from dedupe.signature.packing import PackedBody, coarsen, pack
from dedupe.signature.scheme import BANDS
from dedupe.signature.signature import BODY_BANDS_BELOW

Text = tuple[str, str]  # outlet and words
POLICIES = {  # shingles below which the bands of the body are filed, bands of the lead
    "all bands": (1 << 32, BANDS),
    "as it is": (BODY_BANDS_BELOW, BANDS),
    "no bands of the body": (0, BANDS),
    "8 bands of the lead": (BODY_BANDS_BELOW, 8),
}


def sets_of(folder: Path, seed: int) -> Iterator[tuple[str, list[Text]]]:
    made, real = (_read(folder / name) for name in ("synthetic.jsonl.gz", "real_docs.jsonl.gz"))
    yield "clean", [(row["outlet"], row["text"]) for row in made]
    yield "dirty", [(row["outlet"], row["dirty"]) for row in made]
    yield "real", [(row["outlet"], row["text"]) for row in real]
    texts = [row["text"] for row in real]
    yield "generated", [(one.outlet, one.text) for one in Generator(texts, seed).articles(1200)]
    yield "edited", list(_edited(texts, random.Random(seed)))


def _read(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _edited(texts: list[str], draw: random.Random) -> Iterator[Text]:
    words = " ".join(texts).split()
    for number in range(700):
        text = draw.choice(texts).split()[: draw.choice([60, 120, 200, 400, 800, 2000])]
        start, end = draw.choice([(0, 0.2), (0, 0.3), (0, 0.5), (0.5, 1), (0.25, 0.75), (0, 1)])
        kept = text[int(start * len(text)) : int(end * len(text))]
        share, around = draw.choice([0, 0.05, 0.1, 0.2, 0.3]), draw.choice(texts).split()
        kept = [word if draw.random() > share else draw.choice(words) for word in kept]
        before, after = draw.choice([(0, 0), (40, 0), (60, 100), (300, 300)])
        yield f"one-{number}", " ".join(text)
        yield f"other-{number}", " ".join([*around[:before], *kept, *around[before : before + after]])


def related(signatures: list[Signature], outlets: list[str]) -> Iterator[tuple[int, int, str]]:
    """Pairs, and what they are to one another."""
    pages = [
        page_without_boilerplate(outlet, one, NO_HASHES)
        for outlet, one in zip(outlets, signatures, strict=True)
    ]
    bodies = [PackedBody.from_packed(pack(signature)) for signature in signatures]
    for number, new in enumerate(pages):
        sieve = Prefilter(new)
        for other, shared in enumerate(sieve.max_shared(bodies[:number])):
            found = compare(new, pages[other]) if sieve.may_relate(bodies[other], shared, 0) else None
            if found and found.relation != "identical":
                yield number, other, "merging" if found.relation in MERGING else "containing"


def keys_of(signature: Signature, body_below: int, lead_bands: int) -> set[int]:
    bands, every = signature.band_keys(), signature.index_keys()
    postings = set(every) - set(bands)
    body = bands[:BANDS] if signature.shingles < body_below else []
    return {*body, *bands[BANDS : BANDS + lead_bands], *postings}


def main(folder: Path, seed: int) -> None:
    for name, texts in sets_of(folder, seed):
        signatures = [coarsen(sign(text)) for _, text in texts]
        pairs = list(related(signatures, [outlet for outlet, _ in texts]))
        print(f"{name}: {dict(Counter(kind for *_, kind in pairs))}")
        for policy, filed in POLICIES.items():
            keys = [keys_of(signature, *filed) for signature in signatures]
            missed = Counter(
                kind
                for one, other, kind in pairs
                if sum(1 + (key & 1) for key in keys[one] & keys[other]) < 2
            )
            print(f"  {policy}: {sum(map(len, keys)) / len(keys):.0f} keys; not found: {dict(missed)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
