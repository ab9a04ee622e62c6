"""A small disk for tests of full ones."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of this size, which only root may mount."""
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True, text=True
    )
    if not done or done.returncode:
        pytest.skip(
            f"no disk can be mounted here: {done.stderr.strip() if done else 'mount is not installed'}"
        )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
