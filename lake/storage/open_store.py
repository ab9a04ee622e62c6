"""The store of a lake by its address: a folder's path, or s3://bucket/prefix."""

from __future__ import annotations

from pathlib import Path

from lake.storage.folder_store import FolderStore
from lake.storage.store import LakeConfigError, Store


def open_store(uri: str) -> Store:
    """A folder's path, or s3://bucket/prefix. Raises LakeConfigError for any other form."""
    if uri.startswith("s3://"):
        from lake.storage.s3_store import (
            S3Store,  # boto3 takes a third of a second to load: only where it is needed
        )

        return S3Store(uri)
    if "://" in uri:
        scheme = uri.partition("://")[0]
        raise LakeConfigError(
            f"LAKE_URI: {scheme}:// is not known; expected a folder's path or s3://bucket/prefix"
        )
    return FolderStore(Path(uri))


def open_lake(uri: str) -> Store:
    """A lake that is there: of a misspelt name none must be made, nor told that it is sound. Raises LakeConfigError."""
    store = open_store(uri)
    is_there = (
        store.root.is_dir() if isinstance(store, FolderStore) else next(store.keys(""), None) is not None
    )
    if not is_there:
        raise LakeConfigError(f"{store.uri}: no lake is there")
    return store
