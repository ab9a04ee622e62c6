from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from demo.object_store import ObjectStore

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def object_store():
    """One real S3 server for the session."""
    with ObjectStore() as store:
        yield store


@pytest.fixture
def bucket(object_store, monkeypatch):
    """A fresh bucket's address, with what boto3 needs in the environment."""
    for name, value in object_store.environ.items():
        monkeypatch.setenv(name, value)
    return object_store.bucket(f"lake-{uuid.uuid4().hex[:12]}")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test data; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("SHARED", "../shared"))
    folder = folder if folder.is_absolute() else ROOT / folder
    if not folder.is_dir():
        pytest.skip(f"no shared test data at {folder} (set SHARED)")
    return folder


@pytest.fixture(scope="session")
def session_environ(object_store):
    """The object store's credentials in the environment, for fixtures that outlive a test."""
    before = dict(os.environ)
    os.environ.update(object_store.environ)
    yield object_store.environ
    os.environ.clear()
    os.environ.update(before)
