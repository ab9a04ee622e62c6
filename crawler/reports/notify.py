"""Runs the operator's notify command, which the setting HOOK names, after a failed crawl (HOOK_ALWAYS: after every crawl).

The command gets the run record as JSON on its standard input. Of this process's environment it gets PATH, HOME and the
variables that HOOK_ENV names.
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

from lake.storage.redaction import redacted

log = logging.getLogger(__name__)

_VARIABLES = (
    "PATH",
    "HOME",
)  # a command needs the first to be found, and most tools the second for their files


def notify(settings: BaseSettings, exit_code: int, record: dict[str, Any]) -> None:
    """Run the notify command with the run record as JSON on its standard input, `exit_code` added. Nothing is run
    where HOOK is not set, nor for exit code 0 unless HOOK_ALWAYS is on. The command is killed after HOOK_TIMEOUT_S
    seconds; its failure is logged and changes no exit code. record: the run record with its `faults`; secrets are
    taken out of it."""
    command = settings.get("HOOK")
    if not command or (exit_code == 0 and not settings.getbool("HOOK_ALWAYS")):
        return
    record_json = redacted(json.dumps({"exit_code": exit_code, **record}, ensure_ascii=False, default=str))
    timeout_s = settings.getfloat("HOOK_TIMEOUT_S")
    try:
        _run(shlex.split(command), _environment(settings), record_json, timeout_s)
    except (
        subprocess.TimeoutExpired
    ):  # its own words have the whole command, with the secrets that may be in it
        log.error("HOOK failed: %s was killed after %g s (HOOK_TIMEOUT_S)", command.split()[0], timeout_s)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.error("HOOK failed: %s", error)


def _environment(settings: BaseSettings) -> dict[str, str]:
    """Return the environment of the notify command. A variable of HOOK_ENV that is not set is left out, with a warning."""
    named = [name for part in settings.getlist("HOOK_ENV") if (name := str(part).strip())]
    for name in named:
        if name not in os.environ:
            log.warning("HOOK_ENV names %s, which is not set", name)
    return {name: os.environ[name] for name in (*_VARIABLES, *named) if name in os.environ}


def _run(command: list[str], environment: dict[str, str], record_json: str, timeout_s: float) -> None:
    """Raises OSError or SubprocessError where the command cannot be run, takes too long, or exits with another code
    than 0."""
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(record_json, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the process group, so that its children end, too
            raise
    if process.returncode:
        raise subprocess.SubprocessError(f"{command[0]} exited {process.returncode}: {output.strip()[-500:]}")
