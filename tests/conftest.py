from __future__ import annotations

import os
import uuid
from collections import Counter
from pathlib import Path

import hypothesis
import pytest

from demo.object_store import ObjectStore

# a crawl of a few pages is over before a worker process has started; test_workers.py and others say otherwise
os.environ.setdefault("CLEAN_WORKERS", "0")
ROOT = Path(__file__).resolve().parent.parent
# the same examples in every run: tests/cleaning/soak.py is what looks for new ones
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.load_profile("same")


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


def pytest_terminal_summary(terminalreporter):
    """Which quality floors ran, and which were skipped for want of data: the last lines of a run."""
    floors = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == "floor":
                    floors.setdefault(value, Counter())[outcome] += 1
    for name, outcomes in sorted(floors.items()):
        told = (
            "skipped for want of data"
            if set(outcomes) == {"skipped"}
            else ", ".join(f"{n} {o}" for o, n in outcomes.items())
        )
        terminalreporter.write_line(f"quality floor: {name}: {told}")


def pytest_collection_modifyitems(items):
    for item in items:  # before a skip by mark, which ends the set-up
        item.user_properties += [("floor", mark.args[0]) for mark in item.iter_markers("floor")]
