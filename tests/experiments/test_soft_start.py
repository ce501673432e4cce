"""`--pretrain soft`: the words that are read, those that are refused, and one source that is really tuned softly."""

import jax
import pytest

from headstart.__main__ import main
from headstart.commands.transfer import settings_of
from headstart.errors import InputError
from headstart.experiments.soft_start import PLAIN, SHOWN, SoftStart, read_schedule
from headstart.maths.schedules import LogLinear
from headstart.options import Transfer
from headstart.tasks.catalogue import family
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
        (["--pretrain", "plain", "--anneal", "1,2"], "three numbers"),
        (["--anneal", "0.1,0.001,5000"], "add --pretrain soft"),
        (["--pretrain", "hard"], "hard"),
    ],
)
def test_the_command_line_refuses_before_anything_is_written(words, says, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["transfer", "--source", "hopper", *words, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1 and not (out / "config.json").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"source": "hopper"}, ("plain", PLAIN)),
        ({"source": "point_run"}, ("soft", "1,0.001,3000")),
        ({"source": "point-run"}, ("soft", "1,0.001,3000")),
        ({"source": "point_run", "pretrain": "plain"}, ("plain", "1,0.001,3000")),
        ({"source": "point_run", "anneal": "2,0.1,5"}, ("soft", "2,0.1,5")),
        ({"source": "point_run", "memory": "gru"}, ("plain", "1,0.001,3000")),
        ({"source": "hopper", "pretrain": "soft"}, ("soft", PLAIN)),
    ],
)
def test_soft_is_the_default_where_it_was_shown_to_pay_and_nothing_speaks_against_it(words, expected):
    settings = settings_of(Transfer(**words))
    assert (settings["pretrain"], settings["anneal"]) == expected


def test_every_source_of_which_something_was_shown_exists_and_its_schedule_can_be_read():
    for name, schedule in SHOWN.items():
        assert family(name).name == name and read_schedule(schedule).start > read_schedule(schedule).end


def test_source_and_target_learn_alike():
    soft = SoftStart(schedule=read_schedule("0.2,0.001,100"))
    world = Pendulum()
    source, tuning = soft.learner(world, 4, 64), soft.tuning(world)
    assert source.learner == tuning.learner and source.learner.temperature == "fixed"
    begun = tuning.start(jax.random.key(1), source.init(jax.random.key(0)))
    assert float(jax.numpy.exp(begun.learner.fall.start)) == pytest.approx(0.2)
