"""News-like articles without end, for figures of speed and size.

Words drawn at random would flatter an index: no phrase would ever recur. Here sentences of real or template
texts are joined and partly rewritten word by word along their own bigrams, so that words and phrases recur as
in news; some articles are cut, edited or decorated copies of recent ones, some are filled-in templates, and each
stands in its outlet's clutter.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from demo.newsroom import gold

SEED = 1
OUTLETS = 400
WORDS_MEDIAN, WORDS_SIGMA = 400, 0.5  # log-normal; the mean is about 450
REWRITTEN = 0.35  # of the words of a new text are others
COPIES, TEMPLATES = 0.2, 0.05  # shares of all articles
RECENT = 5000  # articles that copies are made from
DAYS = 20


@dataclass(frozen=True, slots=True)
class Made:
    id: str
    outlet: str
    published_at: datetime
    text: str
    copy_of: str | None


def newsroom_texts() -> list[str]:
    """The demonstration newsroom's stories: in the repository, few and short."""
    return ["\n".join(page.text_lines) for page in gold(2, 80) if page.language == "en"]


def texts_of(path: Path) -> list[str]:
    """The texts of a file of JSON lines, or of one with gzip."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


class Generator:
    """The same articles for the same seed and texts."""

    def __init__(self, texts: Iterable[str], seed: int = SEED) -> None:
        self._chance = random.Random(seed)
        self._sentences = [
            s.split() for text in texts for s in text.replace("\n", ". ").split(". ") if s.split()
        ]
        self._next: dict[str, list[str]] = {}
        for sentence in self._sentences:
            for word, after in pairwise(sentence):
                self._next.setdefault(word, []).append(after)
        self._words = [word for sentence in self._sentences for word in sentence]
        self._clutter = [self._fresh(30) for _ in range(OUTLETS)]
        self._template = self._fresh(120)

    def articles(self, count: int) -> Iterator[Made]:
        chance = self._chance
        recent: list[tuple[str, list[str]]] = []
        for number in range(count):
            kind, copy_of = chance.random(), None
            if recent and kind < COPIES:
                copy_of, words = chance.choice(recent)
                words = self._edited(words)
            elif kind < COPIES + TEMPLATES:
                words = [
                    str(chance.randint(1, 9999)) if n % 7 == 0 else w for n, w in enumerate(self._template)
                ]
            else:
                words = self._fresh(int(chance.lognormvariate(0, WORDS_SIGMA) * WORDS_MEDIAN) + 20)
                recent = (
                    [*recent[-RECENT:], (f"{number:032x}", words)] if len(recent) > 2 * RECENT else recent
                )
                recent.append((f"{number:032x}", words))
            outlet = chance.randrange(OUTLETS)
            yield Made(
                id=f"{number:032x}",
                outlet=f"outlet-{outlet}",
                published_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=DAYS) * (number / count),
                text=" ".join([*words, *self._clutter[outlet]]),
                copy_of=copy_of,
            )

    def text(self, number: int) -> str:
        """A text of its own for each number, without those before it."""
        self._chance = random.Random(f"{SEED}:{number}")
        return " ".join(self._fresh(int(self._chance.lognormvariate(0, WORDS_SIGMA) * WORDS_MEDIAN) + 20))

    def _fresh(self, length: int) -> list[str]:
        """Sentences, partly rewritten: each new word is one that follows the word before it somewhere."""
        chance, words = self._chance, list[str]()
        while len(words) < length:
            for word in chance.choice(self._sentences):
                if chance.random() < REWRITTEN:
                    word = chance.choice(self._next.get(words[-1], self._words) if words else self._words)
                words.append(word)
        return words[:length]

    def _edited(self, words: list[str]) -> list[str]:
        chance = self._chance
        kept = words[: int(len(words) * chance.choice([1, 1, 0.75, 0.5]))]
        edited = [w if chance.random() > 0.04 else chance.choice(self._words) for w in kept]
        return [*self._fresh(25), *edited] if chance.random() < 0.3 else edited
