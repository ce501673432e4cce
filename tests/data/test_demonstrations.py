import json
import random
from pathlib import Path

import numpy as np
import pytest

from headstart.data.call_graph import call_graph, findings
from headstart.data.demonstrations import (
    AnnotatedDemonstration,
    ProcedureStep,
    TimeStep,
    read_demonstrations,
    read_flat,
    stream_demonstrations,
    write_demonstrations,
)
from headstart.errors import Fault, InputError
from headstart.experiments.table_twin import teach

STEP = {"procedure": "p", "args": [1], "step": 0, "returned": None, "returned_value": None, "call": "a",
        "call_args": [2.5]}  # fmt: skip
END = {"procedure": "p", "args": [1], "step": 1, "returned": "a", "returned_value": [True], "call": None,
       "call_args": None}  # fmt: skip
RECORD = {
    "demonstration": "d",
    "task": "t",
    "time_steps": [
        {"action": "a", "action_args": [2.5], "steps": [STEP]},
        {"action": None, "action_args": None, "steps": [END]},
    ],
}


def write(path: Path, *records) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def edited(**changes):
    record = json.loads(json.dumps(RECORD))
    record["time_steps"][0]["steps"][0].update(changes)
    return record


def several(*steps) -> AnnotatedDemonstration:
    """A demonstration of bare steps (procedure, args, counter, returned, value, call, call_args)."""
    moments = tuple(TimeStep(step[5], step[6], (ProcedureStep(*step),)) for step in steps)
    return AnnotatedDemonstration("d", "t", moments, "there:1")


def test_a_record_is_read_as_it_is_written_in_the_format(tmp_path):
    (one,) = read_demonstrations(write(tmp_path / "d.jsonl", RECORD))
    first, last = one.steps
    assert first == ("p", (1.0,), 0, None, (), "a", (2.5,), ())
    assert last == ("p", (1.0,), 1, "a", (1.0,), None, (), ())
    assert (one.name, one.task, one.source) == ("d", "t", f"{tmp_path / 'd.jsonl'}:1")
    assert one.time_steps[0].action == "a" and one.time_steps[1].action is None


def test_what_is_written_is_read_back(tmp_path):
    given = teach("set", 3)
    write_demonstrations(tmp_path / "d.jsonl", given)
    read = read_demonstrations(tmp_path, "set")
    assert [one._replace(source="") for one in read] == list(given)


def test_reading_is_streamed_so_a_bad_later_line_does_not_hide_earlier_ones(tmp_path):
    path = write(tmp_path / "d.jsonl", RECORD, {"no": "demonstration"})
    stream = stream_demonstrations(path)
    assert next(stream).name == "d"
    with pytest.raises(InputError, match=r"d\.jsonl:2: field 'time_steps' is missing"):
        next(stream)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"step": -1}, "steps\\[0\\].step': expected a counter from 0, found -1"),
        ({"step": True}, "expected a counter from 0"),
        ({"step": 1.0}, "expected a counter from 0"),
        ({"args": "x"}, "steps\\[0\\].args': expected a list of numbers or null, found 'x'"),
        ({"args": [1, None]}, "steps\\[0\\].args\\[1\\]': expected a finite number, found None"),
        ({"call_args": [float("nan")]}, "expected a finite number, found nan"),
        ({"call_args": [10**400]}, "expected a finite number"),
        ({"call_args": [1e300]}, "expected a finite number"),
        ({"procedure": ""}, "procedure': expected a name"),
        ({"call": 3}, "call': expected a name, found 3"),
        ({"returned": []}, "returned': expected a name"),
    ],
)
def test_a_malformed_field_is_named_with_line_and_what_was_expected(tmp_path, changes, said):
    path = write(tmp_path / "d.jsonl", RECORD, edited(**changes))
    with pytest.raises(InputError, match=rf"d\.jsonl:2: .*{said}"):
        read_demonstrations(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no demonstration"),
        (b"\n\n", "holds no demonstration"),
        (b"{", ":1: not JSON"),
        (b"[1]\n", ":1: expected an object"),
        (b"\xff\n", ":1: byte 0 is not UTF-8"),
        (b"[" * 100_000 + b"\n", ":1: lists are nested too deeply"),
        (b'{"time_steps": [' + b"9" * 5000 + b"]}", ":1: not JSON"),
        (b'{"time_steps": []}', "at least one procedure step"),
        (b'{"time_steps": [3]}', r"'time_steps\[0\]': expected an object, found 3"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_in_one_line(tmp_path, content, said):
    (tmp_path / "d.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        read_demonstrations(tmp_path / "d.jsonl")
    assert "\n" not in str(caught.value)


def test_an_empty_folder_and_a_missing_path_and_an_unknown_task_are_told_apart(tmp_path):
    with pytest.raises(InputError, match=r"holds no \*\.jsonl file"):
        read_demonstrations(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_demonstrations(tmp_path / "nowhere")
    write(tmp_path / "d.jsonl", RECORD)
    with pytest.raises(InputError, match="unknown task 'tt'; did you mean 't'"):
        read_demonstrations(tmp_path, "tt")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = write(tmp_path / "d.jsonl", RECORD)
    (tmp_path / "d.jsonl.partial").mkdir()
    with pytest.raises(Fault, match="nothing was replaced"):
        write_demonstrations(path, teach("set", 1))
    assert json.loads(path.read_text()) == RECORD


def test_500_damaged_files_are_read_or_refused_and_never_break(tmp_path):
    generator = random.Random(0)
    text = json.dumps(RECORD).encode()
    path, refused = tmp_path / "d.jsonl", 0
    values = [None, True, -1, 3.5, "x", [], {}, [[]], 1e308, "\x00", [1] * 50]
    for _ in range(500):
        record = bytearray(text)
        if generator.random() < 0.5:
            for _ in range(generator.randint(1, 4)):
                record[generator.randrange(len(record))] = generator.randrange(256)
        else:
            tree = json.loads(text)
            node = generator.choice([tree, tree["time_steps"][0], tree["time_steps"][0]["steps"][0]])
            key = generator.choice(list(node))
            node[key] = generator.choice(values)
            if generator.random() < 0.3:
                del node[key]
            record = bytearray(json.dumps(tree).encode())
        path.write_bytes(text + b"\n" + bytes(record))
        try:
            given = read_demonstrations(path)
            call_graph(given)
            findings(given)
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert 100 < refused < 500  # the damage is real, and some of it is harmless


def test_flat_demonstrations_are_arrays(tmp_path):
    path = write(tmp_path / "d.jsonl", {"obs": [[1, 2], [3, 4]], "action": [[0.5], [1]]})
    (one,) = read_flat(path)
    np.testing.assert_array_equal(one.obs, np.array([[1, 2], [3, 4]], np.float32))
    np.testing.assert_array_equal(one.action, np.array([[0.5], [1]], np.float32))
    assert one.obs.dtype == np.float32


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"obs": [[1, 2]], "action": [[1], [2]]}, "expected 1 rows"),
        ({"obs": [[1, 2], [3]], "action": [[1], [2]]}, "rows of equal length"),
        ({"obs": [], "action": []}, "rows of equal length"),
        ({"obs": [[1e99]], "action": [[1]]}, "too large for float32"),
        ({"obs": [[1.0]]}, "'action' is missing"),
    ],
)
def test_malformed_flat_demonstrations_are_refused(tmp_path, record, said):
    with pytest.raises(InputError, match=said):
        read_flat(write(tmp_path / "d.jsonl", record))


def test_the_call_graph_of_the_twin_is_the_one_that_was_written():
    graph = call_graph(teach("set", 2))
    assert graph.root == "tidy" and graph.root_args == (1.0,)
    assert graph.calls["fetch"] == ("look", "approach", "grasp")
    assert set(graph.actions) == {"look", "drive", "go", "reach", "grip"}
    assert graph.returns["look"] == 4 and graph.returns["home"] == 0
    assert findings(teach("set", 2)) == ()


def test_a_call_that_leads_nowhere_is_refused():
    one = several(("p", (), 0, None, (), "a", ()), ("p", (), 1, "a", (), None, ()))
    broken = one._replace(time_steps=(one.time_steps[0]._replace(action="b"), one.time_steps[1]))
    with pytest.raises(InputError, match=r"there:1: 'p' calls 'a', which is neither a procedure .* nor an action"):
        call_graph([broken])


def test_recursion_is_refused_with_its_circle():
    one = several(
        ("p", (), 0, None, (), "q", ()),
        ("q", (), 0, None, (), "r", ()),
        ("r", (), 0, None, (), "q", ()),
    )
    with pytest.raises(InputError, match="circle: q -> r -> q"):
        call_graph([one])


def test_a_chain_of_2000_procedures_does_not_exhaust_the_stack():
    steps = [(f"p{i}", (), 0, None, (), f"p{i + 1}" if i < 1999 else None, ()) for i in range(2000)]
    assert len(call_graph([several(*steps)]).calls) == 2000


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([("p", (1.0,), 0, None, (), "a", ()), ("p", (1.0, 2.0), 1, "a", (), None, ())], "arguments of 'p' has 2 .* 1"),
        ([("p", (), 0, None, (), "a", (1.0,)), ("p", (), 1, "a", (), "a", ())], "arguments of 'a' has 0"),
        ([("p", (), 0, None, (), "a", ()), ("p", (), 1, "a", (1.0,), "a", ()), ("p", (), 2, "a", (), None, ())],
         "value returned by 'a' has 0"),
    ],
)  # fmt: skip
def test_lists_of_varying_length_are_refused(steps, said):
    with pytest.raises(InputError, match=said):
        call_graph([several(*steps)])


def test_a_counter_that_jumps_is_reported_and_no_more():
    one = several(("p", (), 0, None, (), "a", ()), ("p", (), 5, "a", (), None, ()))
    call_graph([one])
    (found,) = findings([one])
    assert found.where == "there:1, time step 1" and found.what == "the counter of 'p' jumps from 0 to 5"


def test_a_broken_chain_is_reported():
    one = several(("p", (), 0, None, (), "a", (1.0,)), ("q", (), 1, "a", (), None, ()))
    assert [found.what for found in findings([one])] == ["a step of 'q' where 'p' was to go on"]


RECORDED = Path(__file__).parents[3] / "shared/data/hil_mt"


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded demonstrations are not beside this repository")
def test_the_recorded_demonstrations_are_read_as_they_are():
    tasks = {task: read_demonstrations(RECORDED, task) for task in ("ClearTable", "SetTable")}
    assert {task: len(given) for task, given in tasks.items()} == {"ClearTable": 45, "SetTable": 39}
    for given in tasks.values():
        assert set(call_graph(given).calls["MoveObject"]) == {"PickObject", "PlaceObject"}
    jumps = [found for found in findings(tasks["SetTable"]) if "jumps" in found.what]
    assert len(jumps) == 5  # five teachers' slips, in the data as published


def test_an_observation_is_read_written_and_of_one_length(tmp_path):
    path = write(tmp_path / "d.jsonl", edited(observation=[1, 2.5]))
    given = read_demonstrations(path)
    assert given[0].steps[0].observation == (1.0, 2.5) and given[0].steps[1].observation == ()
    with pytest.raises(InputError, match=r"the observation of 'p' has 0 numbers, in .*:1 2"):
        call_graph(given)
    write_demonstrations(path, given)
    assert read_demonstrations(path)[0].steps == given[0].steps
    with pytest.raises(InputError, match=r"steps\[0\].observation': expected a list of numbers or null, found 'x'"):
        read_demonstrations(write(path, edited(observation="x")))
