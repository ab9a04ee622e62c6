"""Writes pages from `raw` as WARC/1.1 files, so that the tools of other archives can read what was fetched.

A body is written as it is stored: chunks joined and decompressed. No header says otherwise.
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
from lake.parquet.raw_page_selection import RawPageSelection
from lake.parquet.reading import rows_of
from lake.storage.store import Store
from lake.storage.tombstones import parse_tombstones, tombstone_names
from lake.warc.record_reader import PART_FIELD, PART_OF_FIELD, REQUESTED_URI_FIELD

_COLUMNS = [
    "id", "part_of", "part", "url", "requested_url", "outlet", "status", "headers", "body", "tdm", "truncated", "fetched_at",
    "landed_at",
]  # fmt: skip
_BATCH_ROWS = 16  # pages in memory


def export(
    store: Store, out: Path, choice: RawPageSelection, split_bytes: int | None = None
) -> dict[Path, int]:
    """Write the chosen pages, and return the number of pages by file.

    out: the name of the file, x.warc or x.warc.gz. split_bytes: write several files of about this size instead,
    x-00000.warc.gz and so on; the pages of one article stay together. A file appears under its name when it is complete. Raises FileExistsError rather than
    overwrite a file, and LakeError."""
    written: dict[Path, int] = {}
    with ExitStack() as stack:
        file: _WarcFile | None = None
        first_page: dict[str, Any] | None = None
        for row in _chosen_rows(store, choice):
            if not row.get("part_of"):  # parts that are older than this column do not have it
                first_page = row
            is_later_page = first_page is not None and row.get("part_of") == first_page["id"]
            is_full = file is not None and split_bytes is not None and file.size >= split_bytes
            if file is None or (is_full and not is_later_page):
                if file is not None:
                    written[file.path] = file.close()
                path = _numbered_path(out, len(written)) if split_bytes is not None else out
                file = _WarcFile(path, store.uri, row["landed_at"])
                stack.callback(file.discard)
            file.add(row, first_page["url"] if first_page and is_later_page else None)
        if file is not None:
            written[file.path] = file.close()
    return written


def _chosen_rows(store: Store, choice: RawPageSelection) -> Iterator[dict[str, Any]]:
    """The rows of raw to write; without pages that are taken down, and reserved pages, which have no body."""
    taken_down = parse_tombstones(tombstone_names(store))  # a takedown may be under way
    for key in store.keys("raw/"):
        if key.endswith(".parquet") and choice.has_part(key):
            for row in rows_of(store.uri, key, _COLUMNS, _BATCH_ROWS):
                is_without_body = not row["body"] and is_reserved(tuple(row["tdm"] or ()))  # no body was kept
                is_chosen = not choice.outlets or row["outlet"] in choice.outlets
                if is_chosen and not is_without_body and not taken_down.covers(row):
                    yield row


def _numbered_path(out: Path, number: int) -> Path:
    stem, dot, ending = out.name.partition(".warc")
    return out.with_name(f"{stem}-{number:05d}{dot}{ending}")


class _WarcFile:
    """One WARC file that is being written, under a temporary name until `close`."""

    def __init__(self, path: Path, lake: str, created_at: datetime) -> None:
        """lake: its URI. created_at: the time in the warcinfo record. Raises FileExistsError."""
        if path.exists():
            raise FileExistsError(f"{path} exists; it is not written over")
        self.path, self._temporary = path, path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        self._file: BinaryIO = self._temporary.open("xb")
        self._writer = WARCWriter(self._file, gzip=path.name.endswith(".gz"), warc_version="1.1")
        self._pages = 0
        self._writer.write_record(_warcinfo_record(path.name, lake, created_at))

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._file.tell()

    def add(self, row: dict[str, Any], part_of: str | None) -> None:
        """Write a row of raw as a response record. part_of: on a later page, the URL of its article's first page."""
        self._writer.write_record(_response_record(row, part_of))
        self._pages += 1

    def close(self) -> int:
        """Give the file its name, and return the number of its pages. Raises FileExistsError."""
        self._file.close()
        self.path.hardlink_to(self._temporary)  # unlike a rename, this fails where a file exists
        return self._pages

    def discard(self) -> None:
        """Remove the temporary name; a file that was closed stays under its own."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def _warcinfo_record(name: str, lake: str, created_at: datetime) -> ArcWarcRecord:
    """The first record of a file.

    https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/#warcinfo
    """
    information = (
        f"software: pressline\r\nformat: WARC File Format 1.1\r\ndescription: raw pages of {lake}\r\n"
    )
    fields = {"WARC-Filename": name}
    return _build_record("warcinfo", fields, created_at, "application/warc-fields", information.encode())


def _response_record(row: dict[str, Any], part_of: str | None) -> ArcWarcRecord:
    body: bytes = row["body"]
    fields = {
        "WARC-Target-URI": row["url"],
        "WARC-Payload-Digest": f"sha1:{base64.b32encode(hashlib.sha1(body).digest()).decode()}",
    }
    if row["requested_url"] != row["url"]:
        fields[REQUESTED_URI_FIELD] = row["requested_url"]
    if truncated := row.get("truncated"):  # parts that are older than this column do not have it
        fields["WARC-Truncated"] = truncated
    if part_of:
        fields |= {PART_OF_FIELD: part_of, PART_FIELD: str(row["part"])}
    block = _http_header(row, len(body)) + body
    return _build_record("response", fields, row["fetched_at"], "application/http; msgtype=response", block)


def _http_header(row: dict[str, Any], length: int) -> bytes:
    try:
        phrase = HTTPStatus(row["status"]).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {row['status']} {phrase}"]
    lines += [f"{h['name']}: {' '.join(h['value'].splitlines())}" for h in row["headers"]]
    lines += [f"content-length: {length}", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def _build_record(
    kind: str, fields: dict[str, str], moment: datetime, media: str, block: bytes
) -> ArcWarcRecord:
    """A WARC record. Its id is derived from its fields: the same capture has the same id in every export."""
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
