import json
from pathlib import Path

import numpy as np
import pytest

from headstart.data.demonstrations import write_demonstrations
from headstart.errors import InputError
from headstart.experiments.enough import first_enough
from headstart.experiments.imitate import Imitate, imitate
from headstart.experiments.set_table import SetTable, Source, past_sources, summarise, table
from headstart.experiments.table_twin import PLACES, new_table, teach
from headstart.share.bundle import read_controller
from headstart.share.hierarchical import Interpreter


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demonstrations")
    write_demonstrations(folder / "set.jsonl", teach("set", 7, seed=2))
    write_demonstrations(folder / "clear.jsonl", teach("clear", 10))
    return folder


@pytest.mark.parametrize("selector", ["decision", "skill"])
def test_imitate_writes_a_controller_and_what_it_needed(folder, tmp_path, selector):
    imitated = imitate(
        Imitate(task="set", demonstrations=str(folder), past=(f"clear={folder}",), selector=selector, orders=2,
                out=str(tmp_path))
    )  # fmt: skip
    controller = read_controller(tmp_path / "controller")
    assert controller.procedures == tuple(imitated.choices)
    if selector == "decision":  # seven demonstrations are not enough for the paper's selector
        world = new_table(np.random.default_rng(11), "set")
        things = set(world.things)
        Interpreter().run(controller, world, controller.root, controller.root_args)
        assert set(world.placed) == things
        assert all(np.allclose(place, PLACES[thing], atol=1e-6) for thing, place in world.placed.items())
    else:
        assert any(one.refused for one in imitated.choices.values())
    written = json.loads((tmp_path / "summary.json").read_text())
    assert written["skills"]["home"]["mode"] == "share" and written["skills"]["home"]["past"] == ["clear"]
    assert set(written["skills"]) == set(imitated.choices) and written["root"] == "tidy"


def test_a_past_task_with_no_skill_in_common_is_said(folder, tmp_path):
    text = (folder / "clear.jsonl").read_text()
    for name in ("tidy", "home", "handle", "fetch", "approach", "grasp", "put"):
        text = text.replace(f'"{name}"', f'"other_{name}"')
    (tmp_path / "other.jsonl").write_text(text)
    imitated = imitate(Imitate(task="set", demonstrations=str(folder), past=(f"clear={tmp_path}",), orders=0))
    assert "past task 'clear' has no skill in common with 'set': every skill is learned alone" in imitated.notes
    assert {choice.mode for choice in imitated.choices.values()} == {"independent"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"modes": ("shared",)}, "unknown mode 'shared'; did you mean 'share'"),
        ({"modes": ()}, "at least one mode"),
        ({"orders": -1}, "orders from 0"),
        ({"accuracy": 0.0}, "accuracy above 0"),
        ({"selector": "skil"}, "unknown selector 'skil'; did you mean 'skill'"),
        ({"past": ("clear",)}, "--past 'clear': expected TASK=PATH"),
        ({"past": ("set=.",)}, "task 'set' is named twice"),
        ({"task": "sett"}, "unknown task 'sett'; did you mean 'set'"),
    ],
)
def test_bad_options_are_refused_in_one_line(folder, changes, said):
    with pytest.raises(InputError, match=said) as caught:
        imitate(Imitate(**({"task": "set", "demonstrations": str(folder)} | changes)))
    assert "\n" not in str(caught.value)


def test_summaries_are_means_and_standard_errors_by_hand():
    of = summarise([2, 4, 4, None])
    assert of["mean"] == pytest.approx(10 / 3) and of["failed"] == 1 and of["counts"] == {"2": 1, "4": 2}
    assert of["standard_error"] == pytest.approx(np.std([2, 4, 4], ddof=1) / 3**0.5)
    assert summarise([None, None]) == {"mean": None, "standard_error": None, "failed": 2, "counts": {}}


def test_enough_is_the_first_number_at_which_all_skills_are_right_at_once():
    right = {"a": {1, 3, 4}, "b": {2, 4, 5}}
    assert first_enough(lambda skill, n: n in right[skill], ["a", "b"], 5) == 4
    assert first_enough(lambda skill, n: n in right[skill], ["a", "b"], 3) is None


def test_past_sources_are_words_of_one_form(tmp_path):
    assert past_sources([f"a={tmp_path}"]) == (Source(path=str(tmp_path), task="a"),)
    with pytest.raises(InputError, match="TASK=PATH with a path that exists"):
        past_sources(["a=/nowhere/at/all"])


def test_the_table_on_the_twin_has_the_pattern_of_the_slide(folder):
    """Old data only fails, both together fail, new data alone works, and deciding per decision needs less."""
    path = str(folder)
    result = SetTable(
        new=Source(path=path, task="set"), past=(Source(path=path, task="clear"),), orders=2, workers=1
    ).run()
    arms = result["arms"]
    assert arms["share"]["unused"]["all"]["failed"] == 2
    ours, alone = (arms[f"rules, {one}"]["unused"]["all"] for one in ("per decision", "independent"))
    assert ours["failed"] == 0 and ours["mean"] < (alone["mean"] if alone["mean"] is not None else np.inf)
    assert "failed" in table(result)
    json.dumps(result, allow_nan=False)


RECORDED = Path(__file__).parents[3] / "shared/data/hil_mt"


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded demonstrations are not beside this repository")
@pytest.mark.parametrize(("new", "past"), [("SetTable", "ClearTable"), ("ClearTable", "SetTable")])
def test_the_recorded_tasks_are_learned_with_help_of_each_other(new, past):
    options = Imitate(task=new, demonstrations=str(RECORDED), past=(f"{past}={RECORDED}",), orders=1)
    imitated = imitate(options)
    assert all(needed is not None and needed <= 5 for needed in imitated.enough.values())
    assert {imitated.choices[name].mode for name in ("MoveHome", "GraspObject", "MoveToLocation")} == {"share"}
    assert imitated.choices["MoveObject"].mode == "partly"
