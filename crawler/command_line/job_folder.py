"""The folder that JOBDIR names: whose job it holds, who is at work in it, and how the run before ended.

Scrapy keeps its queue of requests there. Beside it `pressline.json` says what Scrapy does not: Scrapy's queue survives
a clean stop only, and a queue that a killed process left behind answers with old requests or with none.
"""

from __future__ import annotations

import fcntl
import json
import logging
from pathlib import Path
from typing import Any

from lake.storage.job_folders import FACTS, LOCK, note_job, remove_queue
from lake.storage.local_files import private_folder, private_opener, replace_private

log = logging.getLogger(__name__)


class JobRefused(Exception):
    """The folder cannot be used for this crawl; the message says why."""


class JobFolder:
    """The folder of one job. A process that takes it holds it until it ends, in whatever way."""

    def __init__(self, folder: str, spider: str) -> None:
        self._folder, self._spider = Path(folder), spider
        self._file = self._folder / FACTS

    def check(self) -> None:
        """Raises JobRefused where the crawl cannot take the folder."""
        self._lock().close()

    def take(self, state: Path) -> dict[str, Any]:
        """Take the folder for this process, note it in the working folder `state`, and return what the run before put into `release`; nothing where it
        finished or was killed. The queue of a killed run is removed. Raises JobRefused."""
        self._locked = self._lock()
        note_job(state, self._folder)
        facts = self._read()
        if facts.get("running"):
            log.warning(
                "JOBDIR: the last crawl in %s was killed, and its queue is of no use: the job begins anew; what has landed "
                "is known and not fetched again",
                self._folder,
            )
            remove_queue(self._folder)
        self._write(running=True)
        return {} if facts.get("running") else facts.get("kept") or {}

    def release(self, kept: dict[str, Any]) -> None:
        """Note that the run has ended cleanly. kept: JSON values for the next run of the job."""
        self._write(running=False, kept=kept)
        self._locked.close()

    def _lock(self) -> Any:
        """Return the open lock file, locked. Raises JobRefused."""
        try:
            private_folder(
                self._folder
            )  # its queue holds addresses, and pages that wait for their later ones
            file = open(self._folder / LOCK, "w", opener=private_opener)  # noqa: SIM115
        except OSError as error:
            raise JobRefused(f"JOBDIR: {self._folder} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise JobRefused(
                f"JOBDIR: another crawl is at work in {self._folder}; each needs a folder of its own"
            ) from None
        owner = self._read().get("spider", self._spider)
        if owner != self._spider:
            file.close()
            raise JobRefused(
                f"JOBDIR: {self._folder} holds the job of the spider {owner!r}, not of {self._spider!r}; each needs a "
                "folder of its own"
            )
        return file

    def _read(self) -> dict[str, Any]:
        try:
            facts = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def _write(self, **facts: Any) -> None:
        replace_private(self._file, json.dumps({"spider": self._spider, **facts}).encode())
