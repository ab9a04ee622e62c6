"""What a worker answers is read as what it found in its page, and as nothing else, whatever it writes."""

import json
import os
import pickle
import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from cleaning import Rules
from lake.workers import process_pool
from lake.workers.page_job import Answer, Job
from lake.workers.page_processing import process_page
from lake.workers.plain_format import Malformed, from_message, to_message
from lake.workers.pool import WorkerLimits, Workers, _PageTask
from lake.workers.worker_process import FRAME, LAST, PART, READY
from tests.lake.test_workers import story


@dataclass(frozen=True)
class Leaf:
    number: int
    ratio: float | None = None


@dataclass(frozen=True)
class Tree:
    name: str
    data: bytes
    at: datetime | None
    kind: Literal["oak", "ash"]
    leaves: tuple[Leaf, ...]
    notes: list[str]
    counts: dict[str, int]
    is_green: bool = True


TREE = Tree(
    "\ud800 ü\0\n", b"\xff\0", datetime(2026, 3, 1, 5, 7, 9, 123456, UTC), "oak", (Leaf(-1, 0.1), Leaf(2)), ["", "x"],
    {"a": 1},
)  # fmt: skip


def test_what_was_written_is_read():
    for tree in (TREE, replace(TREE, at=None, leaves=(), is_green=False)):
        assert from_message(Tree, to_message(Tree, tree)) == tree
    assert from_message(tuple[str, ...], to_message(tuple[str, ...], ("a", "b"))) == ("a", "b")


def changed(place, value):
    written = json.loads(to_message(Tree, TREE))
    written[place] = value
    return json.dumps(written).encode()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"{}",
        b"[]",
        b"[" * 100_000,
        b"[1]",
        pickle.dumps(TREE),
        changed(0, 1),
        changed(0, None),
        changed(1, "not base64!"),
        changed(2, "2026-03-01T05:07:09"),  # no zone
        changed(2, 5),
        changed(3, "yew"),
        changed(3, ["oak"]),
        changed(4, [[2**63, None]]),
        changed(4, [[True, None]]),
        changed(4, [[1.0, None]]),
        changed(4, [[1, float("nan")]]),
        changed(4, [[1, "0.5"]]),
        changed(4, [[1]]),
        changed(4, {"number": 1}),
        changed(5, "text"),
        changed(6, {"a": None}),
        changed(7, 1),
        to_message(Tree, TREE)[:-1] + b",1]",
        b"9" * 5000,
    ],
)
def test_what_is_of_another_type_is_refused(message):
    with pytest.raises(Malformed):
        from_message(Tree, message)


# ---------------------------------------------------------------- answers about a page

PAGE = story(1)
FOUND = process_page(PAGE, Rules())
HONEST = Answer(FOUND.page.tdm, FOUND.article, FOUND.signature.to_bytes(), None, None, None, None, False)


def finish(answer):
    return _PageTask(Job(PAGE, Rules())).finish(to_message(Answer, answer))


def test_an_honest_answer_is_the_page():
    assert finish(HONEST) == FOUND


@pytest.mark.parametrize(
    "forged",
    [
        {"article": replace(FOUND.article, id="0" * 32)},
        {"article": replace(FOUND.article, url="https://bank.example/")},
        {"article": replace(FOUND.article, outlet="another")},
        {"article": replace(FOUND.article, fetched_at=FOUND.article.fetched_at - timedelta(days=900))},
        {"article": replace(FOUND.article, cleaner_version="99")},
        {"article": replace(FOUND.article, tdm=("x",))},
        {"article": None},
        {"signature": None},
        {"signature": b""},
        {"signature": FOUND.signature.to_bytes()[:-4]},
        {"signature": b"nope" + FOUND.signature.to_bytes()[4:]},
        {"signature": replace(FOUND.signature, bands=FOUND.signature.bands[:8]).to_bytes()},
        {"reason": "empty"},
        {"next_page_url": "https://bank.example/?page=2"},
        {"next_page_url": "file:///etc/passwd"},
        {"first_page_url": "http://169.254.169.254/"},
    ],
)
def test_an_answer_of_another_page_is_refused(forged):
    with pytest.raises(Malformed):
        finish(replace(HONEST, **forged))


def test_a_reject_is_of_the_page_that_was_given():
    rejected = finish(Answer((), None, None, "too_short", "3 words", None, None, False)).reject
    assert (rejected.id, rejected.url, rejected.outlet, rejected.source) == (PAGE.id, PAGE.url, PAGE.outlet, PAGE.source)  # fmt: skip


# ---------------------------------------------------------------- answers on the wire


def frame(kind, content):
    return FRAME.pack(kind, len(content)) + content


class Bomb:
    folder = f"/tmp/taken-over-{os.getpid()}"

    def __reduce__(self):
        return os.mkdir, (self.folder,)


WORDS = to_message(Answer, HONEST)


@pytest.mark.parametrize(
    "sent",
    [
        frame(LAST, pickle.dumps(Bomb())),
        frame(LAST, b"[]"),
        frame(PART, b"[1]") + frame(LAST, WORDS),
        frame(READY, b"") + frame(LAST, WORDS),
        frame(b"x", b""),
        FRAME.pack(LAST, 2**31),  # as much as it likes
        frame(LAST, to_message(Answer, replace(HONEST, article=replace(FOUND.article, outlet="another")))),
    ],
    ids=["pickle", "no answer", "part", "ready", "kind", "length", "outlet"],
)
def test_a_worker_that_was_taken_over_costs_its_page(monkeypatch, sent):
    """Its process is one that says what it likes: the test, at the other end of the socket."""
    ends = []

    class Taken:
        pid = 0

        def poll(self):
            return 0

        wait = poll

    def start(*args, pass_fds, **options):
        ends.append(socket.socket(fileno=os.dup(pass_fds[0])))
        ends[-1].sendall(frame(READY, b""))
        return Taken()

    monkeypatch.setattr(process_pool.subprocess, "Popen", start)
    monkeypatch.setattr(process_pool, "job_message", lambda job: ends[-1].sendall(sent) or b"")
    with Workers(WorkerLimits(workers=1)) as workers:
        lost = workers.process(PAGE, Rules()).result(30)
    for end in ends:
        end.close()
    assert lost.reject.detail == "its worker gave an answer that cannot be read"
    assert lost.page.body == PAGE.body
    assert not Path(Bomb.folder).exists()
