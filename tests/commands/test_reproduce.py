"""`headstart reproduce`: one table of claims, each result with the command that made it."""

import json
import sys
import types

import pytest

from headstart.__main__ import main
from headstart.commands import reproduce, resume
from headstart.data.demonstrations import write_demonstrations
from headstart.errors import InputError
from headstart.experiments import claims
from headstart.experiments.claims import CLAIMS, Claim, Reproduced, Step
from headstart.experiments.table_twin import teach


@pytest.fixture
def counting(monkeypatch):
    """A claim that counts what it is asked, and keeps one piece of work in its folder."""
    module = types.ModuleType("counting_claim")
    asked = []

    def reproduce(request):
        asked.append(request)
        kept = request.folder / "piece.json"
        if not kept.exists():
            yield Step(0.5, "one piece")
            kept.write_text("1")
        return Reproduced("a [b]table[/b]", {"z": 1, "a": [2]})

    module.reproduce = reproduce
    monkeypatch.setitem(sys.modules, "counting_claim", module)
    monkeypatch.setattr(claims, "CLAIMS", {"counting": Claim("counting_claim", "It counts.", ("source",))})
    return asked


def test_a_claim_is_measured_and_its_result_says_how(counting, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["reproduce", "counting", "--size", "tiny", "--seeds", "3", "--source", "here", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "counting: 50%, one piece" in said and "a [b]table[/b]" in said and "result.json" in said
    result = json.loads((out / "result.json").read_text())
    assert result["command"] == "headstart reproduce counting --size tiny --seeds 3 --source here"
    assert (result["claim"], result["z"], result["a"]) == ("counting", 1, [2]) and result["seconds"] >= 0
    assert list(result)[-2:] == ["z", "a"], "tables are made from the order of the fields"
    assert (counting[0].size, counting[0].seeds, counting[0].given) == ("tiny", 3, {"source": "here"})


def test_a_simulator_that_diverged_on_the_way_is_named(counting, tmp_path, capsys):
    out, told = tmp_path / "run", {"source": "hopper, recurrent", "diverged": 3, "steps": 9, "cases": []}
    out.mkdir()
    (out / "diverged-hopper-recurrent-0.json").write_text(json.dumps(told))
    assert main(["reproduce", "counting", "--out", str(out)]) == 0
    assert "the simulator diverged in 3 of 9 steps of the arm hopper, recurrent" in capsys.readouterr().out
    assert json.loads((out / "result.json").read_text())["diverged_steps"] == 3


def test_an_interrupted_run_goes_on_with_what_it_kept_and_a_finished_one_says_so(counting, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["reproduce", "counting", "--seed", "4", "--out", str(out)]) == 0
    (out / "result.json").unlink()
    capsys.readouterr()
    assert main(["resume", str(out)]) == 0
    assert "one piece" not in capsys.readouterr().out
    assert [one.seed for one in counting] == [4, 4]
    assert main(["resume", str(out)]) == 2
    assert "is finished" in capsys.readouterr().err


@pytest.mark.parametrize("one_thread", [True, False])
def test_pieces_that_go_on_side_by_side_compute_on_one_thread_each(counting, tmp_path, monkeypatch, one_thread):
    claims.CLAIMS["counting"] = claims.CLAIMS["counting"]._replace(side_by_side=one_thread)
    asked = []
    for module in (reproduce, resume):
        monkeypatch.setattr(module, "arithmetic", lambda deterministic, **given: asked.append(deterministic))
    out = tmp_path / "run"
    assert main(["reproduce", "counting", "--out", str(out)]) == 0
    (out / "result.json").unlink()
    assert main(["resume", str(out)]) == 0 and asked == [one_thread, one_thread]


def test_a_folder_that_has_a_run_is_not_used_twice(counting, tmp_path, capsys):
    assert main(["reproduce", "counting", "--out", str(tmp_path)]) == 0
    assert main(["reproduce", "counting", "--out", str(tmp_path)]) == 2
    assert "holds a run already" in capsys.readouterr().err


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_has_a_module_that_reproduces_it(name):
    known = ("source", "target", "demonstrations")
    assert set(CLAIMS[name].options) <= set(known) and CLAIMS[name].says
    assert callable(claims.claim(name, dict.fromkeys(CLAIMS[name].options, "x")))


def test_the_lectures_table_is_made_on_the_twin(tmp_path, capsys):
    assert main(["reproduce", "set-table", "--size", "tiny", "--seeds", "1", "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "set after clear: demonstrations needed, 1 random orders" in said and "clear after set" in said
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert result["demonstrations_of"] == "a simulated teacher" and result["command"].endswith("--seeds 1")
    arms = result["tasks"]["set"]["arms"]
    assert arms["share"]["unused"]["all"]["mean"] is None
    assert arms["rules, per decision"]["unused"]["all"]["mean"] < arms["independent"]["unused"]["all"]["mean"]


def test_recordings_of_one_task_are_refused(tmp_path, capsys):
    write_demonstrations(tmp_path / "set.jsonl", teach("set", 2))
    words = ["reproduce", "set-table", "--demonstrations", str(tmp_path / "set.jsonl"), "--out", str(tmp_path / "run")]
    assert main(words) == 2
    assert "holds one task, 'set'" in capsys.readouterr().err


@pytest.mark.parametrize("claim", ["peng", "peng-ablation"])
def test_a_claim_that_refuses_what_it_was_given_leaves_nothing_behind(claim, tmp_path, capsys):
    new, mine = tmp_path / "new", tmp_path / "mine"
    mine.mkdir()
    (mine / "notes").write_text("kept")
    for folder in (new, mine):
        assert main(["reproduce", claim, "--source", "walker2d", "--size", "tiny", "--out", str(folder)]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "unknown world of this claim 'walker2d'" in said
    assert not new.exists() and [file.name for file in mine.iterdir()] == ["notes"]


def test_what_a_claim_has_kept_is_not_taken_away(tmp_path, monkeypatch, capsys):
    module = types.ModuleType("refusing_claim")

    def reproduce(request):
        (request.folder / "piece.json").write_text("1")
        yield Step(0.5, "one piece")
        raise InputError("of no use any more")

    module.reproduce = reproduce
    monkeypatch.setitem(sys.modules, "refusing_claim", module)
    monkeypatch.setattr(claims, "CLAIMS", {"refusing": Claim("refusing_claim", "It refuses.")})
    out = tmp_path / "run"
    assert main(["reproduce", "refusing", "--out", str(out)]) == 2
    assert (out / "piece.json").exists() and (out / "config.json").exists()
    capsys.readouterr()
    assert main(["reproduce", "refusing", "--out", str(out)]) == 2
    assert "holds a run already" in capsys.readouterr().err and (out / "config.json").exists()
