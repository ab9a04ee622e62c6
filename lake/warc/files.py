"""Finds WARC files by path, folder, pattern, S3 key or list file, and opens them, from disk or by boto3."""

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
_REQUEST_BYTES = 4 * 2**20  # read from the store in one request


def find_files(files: str) -> list[str]:
    """The paths and s3:// URLs of the files that `files` names, each once, in order.

    `files` is a list, separated by commas, of paths, folders (searched recursively), patterns, and s3://bucket/key or
    s3://bucket/prefix; @list.txt stands for the names in that file, one a line. A name that matches nothing is
    returned as it is, so that opening it fails. Raises OSError where a list, and LakeError where a store cannot be
    read."""
    return list(dict.fromkeys(location for name in _split_names(files) for location in _expand_name(name)))


def missing_files(files: str) -> list[str]:
    """The names in `files` that match nothing on this machine's disks. s3:// names are not checked. Raises OSError
    where a list cannot be read."""
    return [
        n
        for n in _split_names(files)
        if not n.startswith("s3://") and not any(map(os.path.exists, _expand_name(n)))
    ]


def _split_names(files: str) -> Iterator[str]:
    """The single names, with those of @lists."""
    for name in filter(None, (n.strip() for n in files.split(","))):
        if name.startswith("@"):
            yield from _read_list(Path(name[1:]))
        else:
            yield name


def _read_list(path: Path) -> Iterator[str]:
    for line in path.read_text("utf-8-sig").splitlines():
        if (name := line.strip()) and not name.startswith("#"):
            yield name


def _expand_name(name: str) -> list[str]:
    """The files that one name matches; the name itself, made absolute, where it matches none."""
    if name.startswith("s3://"):
        return _list_bucket(name)
    path = Path(name).expanduser()
    if path.is_dir():
        return sorted(str(p.resolve()) for p in path.rglob("*") if p.is_file() and p.name.endswith(ENDINGS))
    if path.exists():
        return [str(path.resolve())]
    matched = sorted(str(Path(p).resolve()) for p in glob(str(path), recursive=True))  # noqa: PTH207 - from any root
    return matched or [str(path.absolute())]


def _list_bucket(uri: str) -> list[str]:
    """The WARC files under a prefix; the URL itself where it names a file, or where there are none."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if key.endswith(ENDINGS):
        return [uri]
    from lake.storage.s3_store import (
        S3Store,  # boto3 takes a third of a second to load: only where it is needed
    )

    return [f"s3://{bucket}/{k}" for k in S3Store(f"s3://{bucket}").keys(key) if k.endswith(ENDINGS)] or [uri]


@contextmanager
def open_file(location: str) -> Iterator[BinaryIO]:
    """Open a path or s3:// URL for reading. Opening and reading raise OSError where that fails."""
    if location.startswith("s3://"):
        yield io.BufferedReader(_S3File(location), _REQUEST_BYTES)
        return
    with Path(location).open("rb") as file:
        yield file


class _S3File(io.RawIOBase):
    """One object of a store, read in ranges. boto3 retries each request, and no connection has to stay open."""

    def __init__(self, uri: str) -> None:
        from lake.storage.s3_store import S3Store

        bucket, _, self._key = uri.removeprefix("s3://").partition("/")
        try:
            self._store = S3Store(f"s3://{bucket}")
            self._size = self._store.size(self._key)
        except (KeyError, LakeError) as error:
            raise OSError(f"{uri}: {error if isinstance(error, LakeError) else 'no such object'}") from error
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = (
            offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        )
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = min(len(buffer), self._size - self._position)
        if size <= 0:
            return 0
        try:
            data = self._store.get_range(self._key, self._position, size)
        except (KeyError, LakeError) as error:
            raise OSError(str(error)) from error
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
