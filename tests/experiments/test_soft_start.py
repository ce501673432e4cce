"""`--pretrain soft`: the words that are read, those that are refused, and one source that is really tuned softly."""

import jax
import pytest

from headstart.__main__ import main
from headstart.errors import InputError
from headstart.experiments.soft_start import SoftStart, read_schedule
from headstart.maths.schedules import LogLinear
from headstart.tasks.pendulum import Pendulum


def test_a_schedule_is_read():
    assert read_schedule("0.1,0.001,5000") == LogLinear(start=0.1, end=0.001, updates=5000)
    assert read_schedule(" 1, 1 ,2") == LogLinear(start=1.0, end=1.0, updates=2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0.1", "three numbers with commas between are needed, such as 0.1,0.001,5000"),
        ("0.1,0.001,many", "three numbers"),
        ("0.1,-0.001,5000", "must be positive and finite"),
        ("0.1,0,5000", "must be positive and finite"),
        ("nan,0.1,5", "must be positive and finite"),
        ("0.001,0.1,5000", "rises; it must fall or stay"),
        ("0.1,0.001,0", "at least 1 update"),
    ],
)
def test_what_is_no_schedule_is_refused_in_one_line(text, says):
    with pytest.raises(InputError, match=says) as error:
        read_schedule(text)
    assert f"--anneal {text!r}" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--pretrain", "soft", "--anneal", "1,2,3"], "rises"),
        (["--pretrain", "hard"], "hard"),
    ],
)
def test_the_command_line_refuses_before_anything_is_written(words, says, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["transfer", "--source", "hopper", *words, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1 and not (out / "config.json").exists()


def test_source_and_target_learn_alike():
    soft = SoftStart(schedule=read_schedule("0.2,0.001,100"))
    world = Pendulum()
    source, tuning = soft.learner(world, 4, 64), soft.tuning(world)
    assert source.learner == tuning.learner and source.learner.temperature == "fixed"
    begun = tuning.start(jax.random.key(1), source.init(jax.random.key(0)))
    assert float(jax.numpy.exp(begun.learner.fall.start)) == pytest.approx(0.2)
