"""Pages out of `raw` as WARC/1.1, so that other archives' tools can read what was fetched.

The body stands as it is kept: chunks joined, compression undone, and no header that says otherwise.
"""

from __future__ import annotations

import base64
import hashlib
import io
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from cleaning.metadata.reservations import is_reserved
from lake.parquet.raw_choice import RawChoice
from lake.parquet.reading import rows_of
from lake.storage.store import Store
from lake.storage.tombstones import taken_down_by, tombstone_names
from lake.warc.reader import REQUESTED_URI_FIELD

_COLUMNS = [
    "id", "part_of", "url", "requested_url", "outlet", "status", "headers", "body", "tdm", "fetched_at", "landed_at",
]  # fmt: skip
_AT_ONCE = 16  # pages in memory


def export(store: Store, out: Path, choice: RawChoice, split: int | None = None) -> dict[Path, int]:
    """Pages by file. A file of the name `out` (x.warc or x.warc.gz), or with split, several of about so many bytes:
    x-00000.warc.gz and on. A file appears when it is whole. Raises FileExistsError, before anything is written over,
    and LakeError."""
    written: dict[Path, int] = {}
    with ExitStack() as stack:
        file: _File | None = None
        for row in _rows(store, choice):
            if file is None or (split is not None and file.size >= split):
                if file is not None:
                    written[file.path] = file.close()
                path = _numbered(out, len(written)) if split is not None else out
                file = _File(path, store.uri, row["landed_at"])
                stack.callback(file.discard)
            file.add(row)
        if file is not None:
            written[file.path] = file.close()
    return written


def _rows(store: Store, choice: RawChoice) -> Iterator[dict[str, Any]]:
    down = taken_down_by(tombstone_names(store))  # a takedown may be under way
    for key in store.keys("raw/"):
        if key.endswith(".parquet") and choice.has_part(key):
            for row in rows_of(store.uri, key, _COLUMNS, _AT_ONCE):
                left = not row["body"] and is_reserved(tuple(row["tdm"] or ()))  # no body was kept
                wanted = not choice.outlets or row["outlet"] in choice.outlets
                if wanted and not left and not down.covers(row):
                    yield row


def _numbered(out: Path, number: int) -> Path:
    stem, dot, ending = out.name.partition(".warc")
    return out.with_name(f"{stem}-{number:05d}{dot}{ending}")


class _File:
    """One WARC file on its way."""

    def __init__(self, path: Path, lake: str, made_at: datetime) -> None:
        if path.exists():
            raise FileExistsError(f"{path} exists; it is not written over")
        self.path, self._held = path, path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        self._file: BinaryIO = self._held.open("xb")
        self._writer = WARCWriter(self._file, gzip=path.name.endswith(".gz"), warc_version="1.1")
        self._pages = 0
        self._writer.write_record(_information(path.name, lake, made_at))

    @property
    def size(self) -> int:
        return self._file.tell()

    def add(self, row: dict[str, Any]) -> None:
        self._writer.write_record(_response(row))
        self._pages += 1

    def close(self) -> int:
        """How many pages it holds."""
        self._file.close()
        self.path.hardlink_to(self._held)  # fails where a file stands, unlike a rename
        return self._pages

    def discard(self) -> None:
        self._file.close()
        self._held.unlink(missing_ok=True)


def _information(name: str, lake: str, made_at: datetime) -> ArcWarcRecord:
    """https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/#warcinfo"""
    told = f"software: pressline\r\nformat: WARC File Format 1.1\r\ndescription: raw pages of {lake}\r\n"
    fields = {"WARC-Filename": name}
    return _record("warcinfo", fields, made_at, "application/warc-fields", told.encode())


def _response(row: dict[str, Any]) -> ArcWarcRecord:
    body: bytes = row["body"]
    fields = {
        "WARC-Target-URI": row["url"],
        "WARC-Payload-Digest": f"sha1:{base64.b32encode(hashlib.sha1(body).digest()).decode()}",
    }
    if row["requested_url"] != row["url"]:
        fields[REQUESTED_URI_FIELD] = row["requested_url"]
    block = _head(row, len(body)) + body
    return _record("response", fields, row["fetched_at"], "application/http; msgtype=response", block)


def _head(row: dict[str, Any], length: int) -> bytes:
    try:
        phrase = HTTPStatus(row["status"]).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {row['status']} {phrase}"]
    lines += [f"{h['name']}: {' '.join(h['value'].splitlines())}" for h in row["headers"]]
    lines += [f"content-length: {length}", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def _record(kind: str, fields: dict[str, str], moment: datetime, media: str, block: bytes) -> ArcWarcRecord:
    """The same capture has the same id in every export."""
    date = moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    name = "\n".join([kind, date, *(f"{n}: {v}" for n, v in fields.items())])
    head = StatusAndHeaders(
        "",
        [
            ("WARC-Type", kind),
            ("WARC-Record-ID", f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}>"),
            ("WARC-Date", date),
            *fields.items(),
        ],
        protocol="WARC/1.1",
    )
    return ArcWarcRecord("warc", kind, head, io.BytesIO(block), None, media, len(block))
