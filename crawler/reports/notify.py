"""Runs the operator's notify command, which the setting HOOK names, after a failed crawl (HOOK_ALWAYS: after every crawl).

The command gets the run record as JSON on its standard input.
"""

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
    """Run the notify command with the run record as JSON on its standard input, `exit_code` added. Nothing is run
    where HOOK is not set, nor for exit code 0 unless HOOK_ALWAYS is on. The command is killed after HOOK_TIMEOUT_S
    seconds; its failure is logged and changes no exit code. record: the run record with its `faults`."""
    command = settings.get("HOOK")
    if not command or (exit_code == 0 and not settings.getbool("HOOK_ALWAYS")):
        return
    record_json = json.dumps({"exit_code": exit_code, **record}, ensure_ascii=False, default=str)
    try:
        _run(shlex.split(command), record_json, settings.getfloat("HOOK_TIMEOUT_S"))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.error("HOOK failed: %s", error)


def _run(command: list[str], record_json: str, timeout_s: float) -> None:
    """Raises OSError or SubprocessError where the command cannot be run, takes too long, or exits with another code
    than 0."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(record_json, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the process group, so that its children end, too
            raise
    if process.returncode:
        raise subprocess.SubprocessError(f"{command[0]} exited {process.returncode}: {output.strip()[-500:]}")
