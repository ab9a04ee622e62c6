"""HOOK: a command of the operator's that is told of a crawl that failed."""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
import subprocess
from typing import Any

from scrapy.settings import BaseSettings

log = logging.getLogger(__name__)


def notify(settings: BaseSettings, exit_code: int, record: dict[str, Any]) -> None:
    """Run the command with the run record on its standard input, `exit_code` and `faults` added. It has
    HOOK_TIMEOUT_S; its own failure is logged, and changes no exit code."""
    command = settings.get("HOOK")
    if not command or (exit_code == 0 and not settings.getbool("HOOK_ALWAYS")):
        return
    told = json.dumps({"exit_code": exit_code, **record}, ensure_ascii=False, default=str)
    try:
        _run(shlex.split(command), told, settings.getfloat("HOOK_TIMEOUT_S"))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.error("HOOK failed: %s", error)


def _run(command: list[str], told: str, timeout_s: float) -> None:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            said, _ = process.communicate(told, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # what it has started, too
            raise
    if process.returncode:
        raise subprocess.SubprocessError(f"{command[0]} exited {process.returncode}: {said.strip()[-500:]}")
