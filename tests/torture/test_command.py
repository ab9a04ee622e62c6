"""The command that runs campaigns: its exit codes, its JSON, that it goes on, and that it ends."""

import importlib.machinery
import json
import sys
from types import ModuleType

import pytest

from tests.torture import __main__ as command
from tests.torture import sabotage
from tests.torture.soak import robust_slope


@pytest.fixture
def campaign(monkeypatch):
    """A campaign of three steps, which notes what it does; what `happens` holds for a step is called in it."""
    module = ModuleType("tests.torture.made")
    module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
    module.done, module.happens = [], {}

    def run(session):
        for step in session.steps(["one", "two", "three"]):
            module.done.append((step, session.random().random()))
            session.count("kills", 2)
            module.happens.get(step, lambda session: None)(session)

    module.run = run
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(command, "CAMPAIGNS", {"made": 1, "absent": 1})
    return module


def torture(folder, *more):
    return command.main(["--folder", str(folder), *more])


def facts(folder):
    return json.loads((folder / "torture.json").read_text())


def test_all_steps_done_and_nothing_found(campaign, tmp_path):
    assert torture(tmp_path) == 0
    told = facts(tmp_path)
    assert (told["complete"], told["kills"], told["lost"]) == (True, 6, 0)
    assert list(told["campaigns"]) == ["made"]  # the other does not exist here
    assert torture(tmp_path) == 0  # nothing is left to be done
    assert len(campaign.done) == 3


def test_what_is_found_is_told_and_the_others_go_on(campaign, tmp_path, capsys):
    campaign.happens["two"] = lambda session: session.find("lost", "a page")
    assert torture(tmp_path) == 1
    assert facts(tmp_path)["campaigns"]["made"]["findings"] == ["lost: two: a page"]
    assert "made two: lost: a page" in capsys.readouterr().out
    assert len(campaign.done) == 3


def test_an_error_of_the_campaign_is_a_finding(campaign, tmp_path):
    campaign.happens["two"] = lambda session: 1 / 0
    assert torture(tmp_path) == 1
    assert (facts(tmp_path)["escaped"], facts(tmp_path)["complete"]) == (1, False)


def test_an_end_of_the_budget_and_an_interruption_are_gone_on_from(campaign, tmp_path):
    assert torture(tmp_path, "--budget", "0") == 3

    def interrupt(session):
        raise KeyboardInterrupt

    campaign.happens["two"] = interrupt
    assert torture(tmp_path) == 130
    campaign.happens.clear()
    assert torture(tmp_path) == 0
    assert [step for step, _ in campaign.done] == ["one", "two", "two", "three"]
    assert campaign.done[1] == campaign.done[2]  # the same random numbers


def test_one_step_alone_and_until_a_kind_was_found(campaign, tmp_path):
    assert torture(tmp_path / "a", "--steps", "t") == 0
    assert [step for step, _ in campaign.done] == ["two", "three"]
    campaign.happens["one"] = lambda session: session.find("slow", "late")
    campaign.happens["two"] = lambda session: session.find("torn", "a part")
    assert torture(tmp_path / "b", "--until", "torn,lost") == 1
    assert [step for step, _ in campaign.done[2:]] == ["one", "two"]


def test_a_name_that_no_campaign_has_is_refused(campaign, tmp_path, capsys):
    assert torture(tmp_path, "--only", "kill") == 2
    assert torture(tmp_path, "--only", "absent") == 2
    assert "absent.py is not there" in capsys.readouterr().err


def test_another_seed_needs_another_folder(campaign, tmp_path, capsys):
    assert torture(tmp_path) == 0
    assert torture(tmp_path, "--seed", "2") == 2
    assert "is of seed 1" in capsys.readouterr().err


def test_the_slope_of_the_soak_passes_over_odd_looks():
    xs = [float(n) for n in range(40)]
    assert robust_slope(xs, [100 + 2 * x for x in xs]) == 2
    assert robust_slope(xs, [100 + (50 if n % 9 == 0 else 0) for n in range(40)]) == 0


def test_every_sabotage_finds_what_it_breaks():
    for name, one in sabotage.SABOTAGES.items():
        assert (sabotage.ROOT / one.file).read_text("utf-8").count(one.old) == 1, name


def test_a_sabotage_that_there_is_not_is_told(capsys):
    with pytest.raises(SystemExit, match="2"):
        sabotage.main(["no-fsnc"])
    assert "no sabotage is called no-fsnc; there are in-place, " in capsys.readouterr().err
