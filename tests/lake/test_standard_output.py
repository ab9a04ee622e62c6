"""A reader that leaves early, as in `… | head`, is no error; and the command goes on to its end."""

import os
import subprocess
import sys

import pytest

from lake.standard_output import reader_may_leave

PRINTING = """
import sys
from lake.standard_output import reader_may_leave
with reader_may_leave():
    for n in range({lines}):
        print("line", n)
sys.stderr.write("at its end")
sys.exit(7)
"""


def without_reader(*command, **environ):
    """Run a command whose standard output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return subprocess.run(
            [sys.executable, *command], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120,
            env={**os.environ, **environ},
        )  # fmt: skip
    finally:
        os.close(writing)


@pytest.mark.parametrize(("lines", "unbuffered"), [(1, ""), (100_000, ""), (3, "1")])
def test_the_command_goes_on_in_silence_with_its_own_exit_code(lines, unbuffered):
    done = without_reader("-c", PRINTING.format(lines=lines), PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (7, "at its end")


def test_a_broken_pipe_of_another_kind_is_an_error(capsys):
    with pytest.raises(BrokenPipeError), reader_may_leave():
        print("told")
        raise BrokenPipeError("a worker is gone")
    assert capsys.readouterr().out == "told\n"


@pytest.mark.parametrize(
    "command",
    [("-m", "scrapy", "outlets"), ("-m", "scrapy", "list"), ("-m", "lake", "expire", "--raw-days", "all")],
)
def test_the_commands_end_quietly(command, tmp_path):
    done = without_reader(*command, LAKE_URI=str(tmp_path / "lake"), STATE_DIR=str(tmp_path / "state"))
    assert done.returncode == 0
    assert "Error" not in done.stderr
    assert "Exception" not in done.stderr


def test_explain_keeps_its_verdict(tmp_path):
    (tmp_path / "page.html").write_text("<html><body><p>Nothing but a sentence.</p></body></html>")
    done = without_reader(
        "-m", "scrapy", "explain", str(tmp_path / "page.html"), LAKE_URI=str(tmp_path / "lake")
    )
    assert done.returncode == 1  # not an article
    assert "Error" not in done.stderr
