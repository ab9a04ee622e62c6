"""Opens the store of a lake from its URI: a folder's path, or s3://bucket/prefix."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

from lake.storage.folder_store import FolderStore
from lake.storage.redaction import redact_logs
from lake.storage.store import LakeConfigError, Store

_NAME = re.compile(r"[^:;,/\\]*")  # what may be meant as a scheme, whatever became of the marks behind it
_MARKS = ":;,./\\ "
_S3_NAMES = ("s3", "s3a", "s3n")
_OTHER_SCHEMES = ("file", "http", "https", "gs", "gcs", "az", "abfs", "hdfs", "ftp", "sftp")


def open_store(uri: str) -> Store:
    """Return the store for a folder's path or s3://bucket/prefix, without reading from it.

    From then on no log record of the process has secrets in it. Raises LakeConfigError for any other form of URI, and LakeError where boto3 cannot be set up."""
    check_uri(uri)
    redact_logs()
    if uri.startswith("s3://"):
        # boto3 takes a third of a second to import, so only a lake on S3 imports it
        from lake.storage.s3_store import S3Store

        return S3Store(uri)
    return FolderStore(Path(uri))


def open_lake(uri: str) -> Store:
    """Return the store of a lake that exists.

    Raises LakeConfigError where it does not: a misspelt URI must not create a lake, nor pass for a sound one."""
    store = open_store(uri)
    is_there = (
        store.root.is_dir() if isinstance(store, FolderStore) else next(store.keys(""), None) is not None
    )
    if not is_there:
        raise LakeConfigError(f"{store.uri}: no lake is there")
    return store


def check_uri(uri: str) -> None:
    """Raise LakeConfigError for what is neither s3://… nor clearly the path of a folder.

    A relative path may not look like a misspelt address of a store: its rows would land where nobody looks for them.
    `./s3:/x` is a folder without doubt."""
    bare = (uri or "").strip("\"' \t\r\n")
    if not bare:
        raise LakeConfigError("LAKE_URI is empty; expected a folder's path or s3://bucket/prefix")
    if bare != uri:
        raise _misspelt(uri, f"did you mean {_shown(bare)}, without what stands around it?")
    if uri.startswith("s3://") or (uri.startswith(("/", ".")) and "://" not in uri):
        return
    if uri.startswith(("~", "$")):
        raise _misspelt(uri, "~ and $NAME are replaced by a shell only; expected the path in full")
    beginning = _NAME.match(uri)
    name = beginning[0].strip(_MARKS).lower() if beginning else ""
    behind = uri[beginning.end() if beginning else 0 :]
    rest, folder = _shown(behind.lstrip(_MARKS)), f"a folder of this name is ./{_shown(uri)}"
    has_colon = ":" in re.split(r"[/\\]", uri)[0] or "://" in uri
    is_close = has_colon and name not in _OTHER_SCHEMES and get_close_matches(name, ["s3"], cutoff=0.5)
    if name in _S3_NAMES or is_close:
        raise _misspelt(
            uri, f"did you mean s3://{rest or 'bucket/prefix'}?{'' if '://' in uri else f' Else {folder}'}"
        )
    if not has_colon and not (name in _OTHER_SCHEMES and behind.startswith("//")):
        return  # a relative path
    if name == "file":
        raise _misspelt(uri, f"did you mean {'/' if '/' in behind[:2] else './'}{rest}?")
    if name in ("http", "https"):
        raise _misspelt(
            uri, "a store's own address goes into AWS_ENDPOINT_URL, and LAKE_URI is s3://bucket/prefix"
        )
    if "://" in uri or name in _OTHER_SCHEMES:
        raise _misspelt(uri, "a store with the API of S3 is reached by s3:// and AWS_ENDPOINT_URL")
    raise _misspelt(uri, folder)


def _misspelt(uri: str, hint: str) -> LakeConfigError:
    return LakeConfigError(
        f"LAKE_URI: {_shown(uri)!r} is neither a folder's path nor s3://bucket/prefix; {hint}"
    )


def _shown(uri: str) -> str:
    """The URI without what may be secret in it: it is printed and logged."""
    return re.sub(r"\?.*", "?…", re.sub(r"(?<![^/])[^/]*@", "…@", uri), flags=re.S)
