"""`headstart imitate` as a user meets it: what it prints, what it writes, and one line for everything that is wrong."""

import json
import random
import re

import pytest

from headstart.__main__ import main
from headstart.data.demonstrations import write_demonstrations
from headstart.experiments.table_twin import UNITS, teach, tremble


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("twin")
    write_demonstrations(path / "set.jsonl", teach("set", 6))
    write_demonstrations(path / "clear.jsonl", teach("clear", 8))
    return path


def step(procedure, args, counter, returned, call, call_args):
    keys = ("procedure", "args", "step", "returned", "returned_value", "call", "call_args")
    return dict(zip(keys, (procedure, args, counter, returned, None, call, call_args), strict=True))


def record(number, task="t", procedure="p", last=1):
    """One demonstration: act with the procedure's argument, then return."""
    act, end = step(procedure, [number], 0, None, "a", [number]), step(procedure, [number], last, "a", None, None)
    moments = [
        {"action": "a", "action_args": [number], "steps": [act]},
        {"action": None, "action_args": None, "steps": [end]},
    ]
    return {"demonstration": f"d{number}", "task": task, "time_steps": moments}


def write(path, *records):
    path.mkdir(parents=True, exist_ok=True)
    (path / "d.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def imitate(capsys, out, *words):
    status = main(["imitate", "--task", "t", "--out", str(out), "--orders", "0", *map(str, words)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_advice_its_reason_and_the_page(folder, tmp_path, capsys):
    words = ["imitate", "--task", "set", "--demonstrations", str(folder), "--past", f"clear={folder}", "--orders", "2"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "share partly" in said
    assert re.search(r"handle: \d of \d decisions are those of clear; fetch\[0\], fetch\[1\] are this task's own", said)
    assert "first wrong: " in said and "the teacher called fetch(" in said
    page = (tmp_path / "run/report.html").read_text()
    assert "clear → set" in page and page.count("<svg") == 2
    assert "<script" not in page and "src=" not in page and "://" not in page  # nothing is loaded
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    handle = summary["skills"]["handle"]
    assert handle["advice"]["word"] == "share partly" and summary["skills"]["grasp"]["advice"]["word"] == "share"
    assert handle["modes"]["share"]["reason"] and "handle(1, 0) at 0" in handle["modes"]["share"]["first_wrong"]
    assert not summary["skills"]["grasp"]["modes"]["share"]["reason"]
    assert summary["command"].startswith("headstart imitate --task set")
    before = page
    assert main(["report", str(tmp_path / "run")]) == 0 and (tmp_path / "run/report.html").read_text() == before


def test_what_a_hand_steers_is_given_an_accuracy_of_its_own(folder, tmp_path, capsys):
    noisy = tmp_path / "noisy"
    noisy.mkdir()
    write_demonstrations(noisy / "set.jsonl", tremble(teach("set", 8), "approach", (0.01, 0.01, 1.0)))
    words = [
        "imitate",
        "--task",
        "set",
        "--demonstrations",
        str(noisy),
        "--orders",
        "0",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main([*words, "--accuracies", "drive=" + ",".join(f"{0.01 * one:g}" for one in UNITS["drive"])]) == 0
    rules = json.loads((tmp_path / "run/summary.json").read_text())["skills"]["approach"]["rules"]
    assert rules["drive[0]"].count("polynomial of degree 2 in args[2], args[3]") == 2  # one for each kind of thing


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step": "zero"}, ":2: field 'time_steps[0].steps[0].step': expected a counter from 0, found 'zero'"),
        ({"call": "b"}, ":2: 'p' calls 'b', which is neither a procedure with steps nor an action"),
        ({"call": "p"}, "procedures call each other in a circle: p -> p"),
        ({"call_args": [1, 2]}, ":2: the arguments of 'a' has 2 numbers, in"),
        ({"args": None}, ":2: the arguments of 'p' has 0 numbers, in"),
    ],
)
def test_what_cannot_be_learned_from_is_one_line_with_its_place(change, said, tmp_path, capsys):
    broken = record(2)
    broken["time_steps"][0]["steps"][0].update(change)
    status, _, line = imitate(capsys, tmp_path / "run", "--demonstrations", write(tmp_path / "d", record(1), broken))
    assert status == 2 and said in line and line.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_an_empty_folder_and_a_half_written_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert "holds no *.jsonl file" in imitate(capsys, tmp_path / "run", "--demonstrations", tmp_path / "empty")[2]
    path = write(tmp_path / "torn", record(1))
    (path / "d.jsonl").write_text((path / "d.jsonl").read_text() + '{"demonstration": ')
    assert (
        ":2: not JSON (Expecting value at character 19)"
        in imitate(capsys, tmp_path / "run", "--demonstrations", path)[2]
    )


def test_a_counter_that_jumps_is_noted_and_learned_from(tmp_path, capsys):
    path = write(tmp_path / "d", *map(record, range(3)), record(3, last=5))
    status, out, _ = imitate(capsys, tmp_path / "run", "--demonstrations", path)
    assert status == 0 and "d.jsonl:4, time step 1: the counter of 'p' jumps from 0 to 5" in out


def test_a_past_task_with_nothing_in_common_is_said_and_changes_nothing(tmp_path, capsys):
    new = write(tmp_path / "new", *map(record, range(4)))
    past = write(tmp_path / "past", *(record(number, "u", "q") for number in range(4)))
    status, out, _ = imitate(capsys, tmp_path / "run", "--demonstrations", new, "--past", f"u={past}")
    assert status == 0 and "past task 'u' has no skill in common with 't': every skill is learned alone" in out
    assert "keep apart" in out and "no past task has this skill" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--accuracies", "b=1"], "unknown call 'b'"),
        (["--accuracies", "a"], "expected CALL=NUMBER,NUMBER,... above 0"),
        (["--accuracies", "a=0"], "expected CALL=NUMBER,NUMBER,... above 0"),
        (["--accuracies", "a=1,2"], "'a' has 1 arguments, and 2 units are given"),
        (["--accuracy", "nan"], "an accuracy above 0"),
        (["--orders", "99999"], "at most 10000 random orders"),
        (["--selector", "decisoin"], "'decisoin'"),
    ],
)
def test_an_option_that_cannot_be_is_one_line(words, said, tmp_path, capsys):
    path = write(tmp_path / "d", *map(record, range(3)))
    status, _, line = imitate(capsys, tmp_path / "run", "--demonstrations", path, *words)
    assert status == 2 and said in line and line.count("\n") == 1


def test_500_damaged_files_are_learned_from_or_refused_by_the_command(tmp_path, capsys):
    generator, refused, learned = random.Random(1), 0, 0
    clean, path = [json.dumps(record(number)) for number in range(3)], tmp_path / "d"
    values = [None, True, -1, 3.5, "x", [], {}, [[]], 1e308, "\x00", [1] * 50, "p", "a", 1e-300]
    for case in range(500):
        lines = list(clean)
        which = generator.randrange(3)
        if generator.random() < 0.4:
            text = bytearray(lines[which].encode())
            for _ in range(generator.randint(1, 3)):
                text[generator.randrange(len(text))] = generator.randrange(32, 127)
            lines[which] = text.decode()
        else:
            tree = json.loads(lines[which])
            node = generator.choice([tree, tree["time_steps"][0], *(one["steps"][0] for one in tree["time_steps"])])
            node[generator.choice(list(node))] = generator.choice(values)
            lines[which] = json.dumps(tree)
        path.mkdir(exist_ok=True)
        (path / "d.jsonl").write_text("\n".join(lines))
        status, out, line = imitate(capsys, tmp_path / f"run{case}", "--demonstrations", path)
        assert status in (0, 2) and "Traceback" not in out + line and line.count("\n") == (status == 2), line
        refused, learned = refused + (status == 2), learned + (status == 0)
    assert refused > 100 and learned > 20
