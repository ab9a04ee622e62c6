"""Made-up reports, any number of them, each with words of its own: report("x") is the same in every test."""

from __future__ import annotations

import random

_WHO = [
    "Mira Holt",
    "Jonas Ferrel",
    "Anneke Duist",
    "Pavel Orlin",
    "Salma Idris",
    "Tove Brandt",
    "Luis Carmo",
]
_WHAT = [
    "weir",
    "granary",
    "footbridge",
    "town hall",
    "bakery",
    "signal box",
    "orchard",
    "brickworks",
    "pier",
]
_DID = ["repaired", "sold", "measured", "painted", "closed", "reopened", "defended", "surveyed", "rebuilt"]
_WHEN = ["on Monday", "before the frost", "after the fair", "in the rain", "at noon", "during the regatta"]
_LINES = [
    "{who} told the council that the {a} had been {did} {when}, at a cost of {n} thousand marks.",
    "The {a} and the {b} share one roof, which was {did} {when} by a crew of {n} carpenters.",
    "Nobody in the valley remembers when the {b} was last {did}, said {who}, who keeps its {n} keys.",
    "A survey of {n} pages asks whether the {a} should be {did} or the {b} moved to the other bank.",
    "For {n} years the {a} stood empty; {when} it was {did} and now smells of fresh lime.",
    "{who} has drawn {n} plans of the {b}, and each shows the {a} where nobody expects it.",
    "Children counted {n} swallows above the {a} {when}, more than in the year when the {b} was {did}.",
]


def lines(seed: str, count: int = 9) -> list[str]:
    chance = random.Random(f"report {seed}")
    return [
        chance.choice(_LINES).format(
            who=chance.choice(_WHO),
            a=chance.choice(_WHAT),
            b=chance.choice(_WHAT),
            did=chance.choice(_DID),
            when=chance.choice(_WHEN),
            n=chance.randint(3, 980),
        )
        for _ in range(count)
    ]


def title(seed: str) -> str:
    chance = random.Random(f"title {seed}")
    return f"{chance.choice(_WHO)} on the {chance.choice(_WHAT)} of plot {chance.randint(100, 999)}"


def report(seed: str, head: str = "", count: int = 9) -> str:
    """An article page as HTML. head: more markup for its head."""
    body = "".join(f"<p>{line}</p>" for line in lines(seed, count))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title(seed)}</title>{head}</head>'
        f"<body><main><article><h1>{title(seed)}</h1>{body}</article></main></body></html>"
    )
