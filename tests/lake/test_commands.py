"""python -m lake: a lake that is not there is none, and none is made of a misspelt name."""

import pytest

from lake.__main__ import main
from lake.storage.open_store import open_lake
from lake.storage.store import LakeConfigError

COMMANDS = [
    ["verify"],
    ["cluster"],
    ["boilerplate"],
    ["expire", "--raw-days", "3"],
    ["forget", "--outlet", "bbc"],
    ["forget", "--outlet", "bbc", "--dry-run"],
    ["warc", "--out", "x.warc"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_lake_that_is_not_there_is_told(command, tmp_path, capsys):
    missing = tmp_path / "lak"
    assert main([*command, "--lake", str(missing)]) == 2
    assert capsys.readouterr().err == f"{missing}: no lake is there\n"
    assert not missing.exists()


def test_a_prefix_without_an_object_is_no_lake(bucket):
    with pytest.raises(LakeConfigError, match="no lake is there"):
        open_lake(f"{bucket}/lak")
