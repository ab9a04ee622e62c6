"""Finding and opening WARC files: on disk, or in an object store by the same credentials as the lake."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import BinaryIO

from lake.storage.store import LakeError

ENDINGS = (".warc", ".warc.gz", ".warc.zst")
_BLOCK = 4 * 2**20  # bytes of one request to the store


def find_files(files: str) -> list[str]:
    """The addresses that `files` names, each once, in order: paths, folders (searched to the bottom) and patterns,
    s3://bucket/key or prefix, separated by commas; @list.txt holds one of these a line. What names nothing stays as
    it is: opening it tells. Raises OSError for a list that cannot be read, LakeError for a store that cannot."""
    return list(dict.fromkeys(address for name in _names(files) for address in _named(name)))


def missing_files(files: str) -> list[str]:
    """Which of the names of `files` name nothing on this machine's disks; s3:// is not asked. Raises OSError for a list
    that cannot be read."""
    return [n for n in _names(files) if not n.startswith("s3://") and not any(map(os.path.exists, _named(n)))]


def _names(files: str) -> Iterator[str]:
    for name in filter(None, (n.strip() for n in files.split(","))):
        if name.startswith("@"):
            yield from _listed(Path(name[1:]))
        else:
            yield name


def _listed(path: Path) -> Iterator[str]:
    for line in path.read_text("utf-8-sig").splitlines():
        if (name := line.strip()) and not name.startswith("#"):
            yield name


def _named(name: str) -> list[str]:
    if name.startswith("s3://"):
        return _in_store(name)
    path = Path(name).expanduser()
    if path.is_dir():
        return sorted(str(p.resolve()) for p in path.rglob("*") if p.is_file() and p.name.endswith(ENDINGS))
    if path.exists():
        return [str(path.resolve())]
    matched = sorted(str(Path(p).resolve()) for p in glob(str(path), recursive=True))  # noqa: PTH207 - from any root
    return matched or [str(path.absolute())]


def _in_store(uri: str) -> list[str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if key.endswith(ENDINGS):
        return [uri]
    from lake.storage.s3_store import (
        S3Store,  # boto3 takes a third of a second to load: only where it is needed
    )

    return [f"s3://{bucket}/{k}" for k in S3Store(f"s3://{bucket}").keys(key) if k.endswith(ENDINGS)] or [uri]


@contextmanager
def open_file(address: str) -> Iterator[BinaryIO]:
    """Raises OSError where it cannot be opened; so does reading it."""
    if address.startswith("s3://"):
        yield io.BufferedReader(_StoredFile(address), _BLOCK)
        return
    with Path(address).open("rb") as file:
        yield file


class _StoredFile(io.RawIOBase):
    """One object, read in pieces; each request is tried again by boto3 and needs no connection to stay open."""

    def __init__(self, uri: str) -> None:
        from lake.storage.s3_store import S3Store

        bucket, _, self._key = uri.removeprefix("s3://").partition("/")
        try:
            self._store = S3Store(f"s3://{bucket}")
            self._size = self._store.size(self._key)
        except (KeyError, LakeError) as error:
            raise OSError(f"{uri}: {error if isinstance(error, LakeError) else 'no such object'}") from error
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = min(len(buffer), self._size - self._at)
        if size <= 0:
            return 0
        try:
            data = self._store.get_range(self._key, self._at, size)
        except (KeyError, LakeError) as error:
            raise OSError(str(error)) from error
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
