"""Knows the folders that JOBDIR named on this machine, so that a takedown finds the addresses in their queues.

A job's folder may lie anywhere. STATE_DIR/jobs holds a note with the path of each.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lake.storage.local_files import narrow, open_locked, private_folder, replace_private
from lake.storage.state_folder import JOBS
from lake.storage.store import WRONG_FORM, sha256_hex
from lake.storage.taken_down_addresses import TakenDownAddresses

LOCK, FACTS = "pressline.lock", "pressline.json"
_SCRAPYS_FILES = ("requests.queue", "requests.seen", "spider.state")


def note_job(state: Path, folder: Path) -> None:
    """Note that this folder holds a job, and make it private. Raises OSError."""
    narrow(folder, (LOCK, f"{FACTS}*", *_SCRAPYS_FILES))
    path = str(folder.resolve())
    note = private_folder(state, JOBS) / f"{sha256_hex(path.encode())[:16]}.json"
    replace_private(note, json.dumps({"folder": path}).encode())


def noted_jobs(state: Path) -> Iterator[Path]:
    """Yield the folders of jobs that are still there; the notes of others are deleted."""
    for note in sorted((state / JOBS).glob("*.json")):
        folder: Path | None = None
        with suppress(OSError, *WRONG_FORM):
            folder = Path(json.loads(note.read_bytes())["folder"])
        if folder and folder.is_dir():
            yield folder
        else:
            note.unlink(missing_ok=True)


def remove_queue(folder: Path) -> None:
    """Delete Scrapy's queue: the job begins anew, and what has landed is known."""
    for name in _SCRAPYS_FILES:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def clean_job(folder: Path, addresses: TakenDownAddresses) -> bool | None:
    """Delete the queue of a job where it holds an address that was taken down; return whether it did.

    None: a crawl is at work in the folder. It leaves out the page when it comes to it. Raises OSError."""
    try:
        lock = open_locked(folder / LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    with lock:
        facts = b"{}"
        with suppress(FileNotFoundError):
            facts = (folder / FACTS).read_bytes()
        queue = [path for path in folder.rglob("*") if path.is_file() and path.name != FACTS]
        if not _names_any(facts, addresses) and not any(addresses.are_in(p.read_bytes()) for p in queue):
            return False
        # what the job knows of sources rests on its queue, so it goes first
        replace_private(folder / FACTS, json.dumps({**_parsed(facts), "kept": {}}).encode())
        remove_queue(folder)
        return True


def _names_any(facts: bytes, addresses: TakenDownAddresses) -> bool:
    return bool(addresses.without(_parsed(facts)) != _parsed(facts))


def _parsed(facts: bytes) -> dict[str, Any]:
    with suppress(*WRONG_FORM):
        values = json.loads(facts)
        if isinstance(values, dict):
            return values
    return {}  # torn, which the crawl takes for a new job
