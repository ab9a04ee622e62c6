"""Full disks and low limits: the lake's disk, the state folder's, at a fixed size and at random moments; too few open files;
files that may not grow.

A crawl may fail, but it has to say so; and with room again the same command gives what an unbroken crawl gives. Small
disks are tmpfs, which only root can mount; elsewhere these steps are counted as skipped.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from tests.torture.rig import processes
from tests.torture.rig.faults import Fault
from tests.torture.rig.lakes import Contents, Lake, check_told, compare, fresh_lake, reference
from tests.torture.rig.site import newsroom
from tests.torture.session import Session

# kilobytes; a lake of this site takes about 420 in blocks of 4, and its index 300
LAKE_SIZES = (8, 24, 60, 100, 150, 200, 260, 320, 380)
STATE_SIZES = (4, 16, 64, 128, 200, 280, 340)
RANDOM_MOMENTS = 8
OPEN_FILES = (24, 28, 32, 36, 40, 48, 64, 96)  # with fewer Python itself cannot begin
FILE_SIZES = (0, 512, 2048, 4096, 8192, 16384, 65536)
FULL_FROM = 12  # steps at which the disk is full from some operation on, without a mount


def run(session: Session) -> None:
    """Each fault once, and then the same command with room."""
    with newsroom() as site:
        whole = reference(session, site)
        for step in session.steps(_names()):
            kind, _, value = step.partition("/")
            with fresh_lake(session, site) as lake:
                if _FAULTS[kind](session, lake, whole, value):
                    done = lake.crawl()
                    if done.process.exitcode:
                        session.find(
                            "lost", f"with room it ended with {done.process.exitcode}: {done.output[-300:]}"
                        )
                    compare(session, lake, whole)


def _names() -> list[str]:
    return [
        *(f"lake/{size}" for size in LAKE_SIZES),
        *(f"state/{size}" for size in STATE_SIZES),
        *(f"moments/{n}" for n in range(RANDOM_MOMENTS)),
        *(f"files/{limit}" for limit in OPEN_FILES),
        *(f"size/{limit}" for limit in FILE_SIZES),
        *(f"full/{n}" for n in range(FULL_FROM)),
    ]


# ---------------------------------------------------------------- small disks


@contextmanager
def _disk(session: Session, folder: Path, kilobytes: int) -> Iterator[Callable[[int], None] | None]:
    """A small disk at the folder; yields what gives it another size. Yields None where none can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        session.count("skipped: no small disk can be mounted")
        yield None
        return
    try:
        yield lambda size: _call("mount", "-o", f"remount,size={size}k", str(folder))
    finally:
        _call("umount", "--lazy", str(folder))


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _small_disk(session: Session, lake: Lake, whole: Contents, folder: Path, kilobytes: int) -> bool:
    with _disk(session, folder, kilobytes) as resize:
        if resize is None:
            return False
        ended = lake.crawl()
        session.count("faults")
        check_told(session, ended, lake, whole)
        resize(64 << 10)
        done = lake.crawl()
        if done.process.exitcode:
            session.find("lost", f"with room it ended with {done.process.exitcode}: {done.output[-300:]}")
        compare(session, lake, whole)
        return False  # the disk goes with its lake


def _small_lake(session: Session, lake: Lake, whole: Contents, size: str) -> bool:
    return _small_disk(session, lake, whole, Path(lake.uri), int(size))


def _small_state(session: Session, lake: Lake, whole: Contents, size: str) -> bool:
    return _small_disk(session, lake, whole, lake.state(), int(size))


def _random_moments(session: Session, lake: Lake, whole: Contents, _: str) -> bool:
    """One disk for both folders, which another program fills and frees again."""
    chance = session.random()
    with _disk(session, lake.folder / "disk", 8 << 10) as resize:
        if resize is None:
            return False
        for name in ("lake", "state"):
            (lake.folder / "disk" / name).mkdir()
            (lake.folder / name).symlink_to(lake.folder / "disk" / name)
        ended = threading.Event()
        other = threading.Thread(
            target=_fill_and_free, args=(lake.folder / "disk" / "other", chance, ended, session)
        )
        other.start()
        try:
            check_told(session, lake.crawl(), lake, whole)
            check_told(session, lake.crawl(), lake, whole)
        finally:
            ended.set()
            other.join()
        done = lake.crawl()
        if done.process.exitcode:
            session.find("lost", f"with room it ended with {done.process.exitcode}: {done.output[-300:]}")
        compare(session, lake, whole)
    return False


def _fill_and_free(path: Path, chance: Random, ended: threading.Event, session: Session) -> None:
    while not ended.wait(chance.uniform(0.1, 0.8)):
        session.count("faults")
        with suppress(OSError), path.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass
        ended.wait(chance.uniform(0.05, 0.5))
        path.unlink(missing_ok=True)
        time.sleep(0)


# ---------------------------------------------------------------- limits


def _few_files(session: Session, lake: Lake, whole: Contents, limit: str) -> bool:
    _limited(session, lake, whole, RLIMIT_NOFILE=int(limit))
    return True


def _small_files(session: Session, lake: Lake, whole: Contents, limit: str) -> bool:
    _limited(session, lake, whole, RLIMIT_FSIZE=int(limit))
    return True


def _limited(session: Session, lake: Lake, whole: Contents, **limits: int) -> None:
    ended = processes.run(lake.task(lake.crawl_all(), limits=limits))
    session.count("faults")
    check_told(session, ended, lake, whole)


def _full_from(session: Session, lake: Lake, whole: Contents, _: str) -> bool:
    """No space is left from some operation on."""
    ended = lake.crawl(Fault("full", session.random().randint(1, 400)))
    session.count("faults", bool(ended.fault_told))
    check_told(session, ended, lake, whole)
    return True


_FAULTS = {
    "lake": _small_lake,
    "state": _small_state,
    "moments": _random_moments,
    "files": _few_files,
    "size": _small_files,
    "full": _full_from,
}
