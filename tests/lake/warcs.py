"""Small WARC files for the tests, written byte by byte so that they can be broken on purpose."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence

from backports import zstd

DAY = "2020-01-02T03:04:05Z"


def record(
    kind: str, uri: str, block: bytes, *, date: str = DAY, version: str = "1.0", **fields: str
) -> bytes:
    """fields: Content_Type for Content-Type."""
    named = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{abs(hash((uri, date))):032x}>",
        "WARC-Date": date,
        "WARC-Target-URI": uri,
        "Content-Type": "application/http; msgtype=response",
        "Content-Length": str(len(block)),
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"WARC/{version}\r\n{head}\r\n".encode() + block + b"\r\n\r\n"


def answer(
    body: bytes, *headers: str, status: str = "200 OK", media: str = "text/html; charset=utf-8"
) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def page(number: int, body: bytes | None = None, **more: str) -> bytes:
    html = body if body is not None else b"<html><p>Page %d</p>%s</html>" % (number, b" " * 3000)
    return record("response", f"https://one.example/{number}", answer(html), **more)


def plain(found: Sequence[bytes]) -> bytes:
    return b"".join(found)


def gzip_members(found: Sequence[bytes]) -> bytes:
    return b"".join(gzip.compress(one, mtime=0) for one in found)


def gzip_whole(found: Sequence[bytes]) -> bytes:
    return gzip.compress(b"".join(found), mtime=0)


CHECKED = {zstd.CompressionParameter.checksum_flag: 1}  # without it a changed letter is no broken frame


def zstd_frames(found: Sequence[bytes]) -> bytes:
    return b"".join(zstd.compress(one, options=CHECKED) for one in found)


def zstd_dictionary(found: Sequence[bytes], *, packed: bool = True) -> bytes:
    """https://iipc.github.io/warc-specifications/specifications/warc-zstd/"""
    samples = [b"<html><p>Sample %d of the news of the day</p></html>" % n for n in range(2000)]
    trained = zstd.train_dict(samples, 2000)
    data = zstd.compress(trained.dict_content) if packed else trained.dict_content
    frame = struct.pack("<II", 0x184D2A5D, len(data)) + data
    return frame + b"".join(zstd.compress(one, options=CHECKED, zstd_dict=trained) for one in found)


PACKINGS = {
    "plain": plain,
    "gzip_members": gzip_members,
    "gzip_whole": gzip_whole,
    "zstd_frames": zstd_frames,
    "zstd_dictionary": zstd_dictionary,
}
