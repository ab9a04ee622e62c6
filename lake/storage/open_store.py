"""Opens the store of a lake from its URI: a folder's path, or s3://bucket/prefix."""

from __future__ import annotations

from pathlib import Path

from lake.storage.folder_store import FolderStore
from lake.storage.store import LakeConfigError, Store


def open_store(uri: str) -> Store:
    """Return the store for a folder's path or s3://bucket/prefix, without reading from it.

    Raises LakeConfigError for any other form of URI, and LakeError where boto3 cannot be set up."""
    if uri.startswith("s3://"):
        # boto3 takes a third of a second to import, so only a lake on S3 imports it
        from lake.storage.s3_store import S3Store

        return S3Store(uri)
    if "://" in uri:
        scheme = uri.partition("://")[0]
        raise LakeConfigError(
            f"LAKE_URI: {scheme}:// is not known; expected a folder's path or s3://bucket/prefix"
        )
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
