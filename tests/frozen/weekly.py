"""The demonstration newsroom and one outlet more, whose stories all carry the same line: boilerplate to be learned.

One fixed port: a page's id is made of its address, and a frozen lake has to find its pages again.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.newsroom import Newsroom, write_outlets
from demo.newsroom.feeds import Entry, rss
from demo.newsroom.routes import RSS, Response, Routes

PORT = 18473
NAME, HOST = "millpondweekly", "millpondweekly.test"
HOUSE_LINE = "Send the pictures of your own village to our newsroom before the end of the month."
STORIES = 10  # on the first day, and one more on each day after it
_FIRST_DAY = datetime(2024, 3, 1, 9, tzinfo=UTC)
_SYLLABLES = (
    "ka",
    "lo",
    "mi",
    "ter",
    "ven",
    "sol",
    "bra",
    "dun",
    "per",
    "gal",
    "hin",
    "rot",
    "fes",
    "mar",
    "zan",
)


class LargerNewsroom(Newsroom):
    """with LargerNewsroom(day=2) as room: all five outlets answer on 127.0.0.1:PORT."""

    def __init__(self, *, day: int = 1) -> None:
        super().__init__(PORT, day=day)
        self.hosts.append(HOST)

    def turn_to(self, day: int) -> None:
        super().turn_to(day)
        self._routes |= _weekly(STORIES + day - 1)


def write_all_outlets(folder: Path) -> None:
    """The outlet files of the five."""
    write_outlets(folder, PORT)
    home = f"http://{HOST}:{PORT}/"
    (folder / f"{NAME}.toml").write_text(
        f'name = "The Millpond Weekly"\nhome = "{home}"\nlanguage = "en"\ndomains = ["{HOST}"]\n'
        f'[sources]\nfeeds = ["{home}rss/"]\n[articles]\nallow = ["^/stories/"]\n',
        "utf-8",
    )


def story_url(number: int) -> str:
    return f"http://{HOST}:{PORT}/stories/{number}-told-at-some-length"


def _weekly(stories: int) -> Routes:
    numbers = range(stories)
    pages = {(HOST, f"/stories/{n}-told-at-some-length"): Response(_page(n)) for n in numbers}
    entries = [Entry(_sentence(random.Random(n)), story_url(n), "", _day(n), _day(n)) for n in numbers]
    feed = Response(rss("The Millpond Weekly", f"http://{HOST}:{PORT}", entries), RSS)
    return {**pages, (HOST, "/rss/"): feed}


def _day(number: int) -> datetime:
    return _FIRST_DAY + timedelta(days=number)


def _page(number: int) -> str:
    """Words that no other story has, and the line of the house among them."""
    drawn = random.Random(number)
    title = _sentence(drawn)
    body = [_sentence(drawn) for _ in range(12)]
    lines = "".join(f"<p>{line}</p>" for line in [*body[:6], HOUSE_LINE, *body[6:]])
    return (
        f'<html lang="en"><head><title>{title}</title>'
        f'<meta property="article:published_time" content="{_day(number).isoformat()}"></head>'
        f"<body><article><h1>{title}</h1>{lines}</article></body></html>"
    )


def _sentence(drawn: random.Random) -> str:
    words = ["".join(drawn.choices(_SYLLABLES, k=3)) for _ in range(14)]
    return f"{' '.join(words).capitalize()}."
