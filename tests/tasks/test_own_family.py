"""A simulator of the user's: it is a family like any other, and one line says what is wrong with it."""

import jax
import numpy as np
import pytest

from headstart.__main__ import main
from headstart.commands.transfer import SCALES
from headstart.errors import InputError
from headstart.tasks.catalogue import family
from headstart.tasks.gymnasium_building import build
from headstart.tasks.mujoco.model import compiled
from headstart.tasks.own_family import own_family
from tests.commands.test_transfer_faults import SMALL
from tests.tasks.own import wrong
from tests.tasks.own.cart import Machine, Told

CART, MACHINE = "tests.tasks.own.cart:Cart", "tests.tasks.own.cart:Machine"


def nominal(world, n, **changed):
    tasks = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], n, axis=0), world.task())
    return tasks._replace(dynamics={**tasks.dynamics, **{k: np.full(n, v, np.float32) for k, v in changed.items()}})


def test_with_the_machine_s_dynamics_it_is_the_machine():
    world, machine = family(CART), Machine()
    seen, _ = machine.reset(seed=3)
    tasks = nominal(world, 1, **{"mass:pole": 2.0, "gear:push": 0.7})
    state = world.reset(np.array([0]), world.start(1), tasks, np.ones(1, bool))
    state = world.place(state, machine._data.qpos[None].copy(), machine._data.qvel[None].copy())
    np.testing.assert_allclose(world.observe(state)[0], seen, atol=1e-7)
    for step in range(30):
        action = np.float32(np.sin([0.3 * step]))
        outcome = world.step(np.array([step]), state, action[None], np.ones(1, bool))
        state = outcome.state
        seen, reward, terminated, _, _ = machine.step(action)
        np.testing.assert_allclose(world.observe(state)[0], seen, rtol=1e-5, atol=1e-6)
        assert outcome.reward[0] == pytest.approx(reward, rel=1e-5) and outcome.terminated[0] == terminated
        if terminated:
            break
    assert step > 5


def test_a_servo_a_ball_joint_and_parts_without_names():
    world = family("tests.tasks.own.servo:Servo")
    joints = ("elbow", "world_end_joint", "lower_joint", "lower_joint2")
    expected = {f"damping:{joint}" for joint in joints} | {"gain:elbow", "friction:ground", "friction:ball"}
    expected |= {"mass:world_end", "mass:lower", "mass:ball", "gravity:world"}
    assert expected | {"delay:action", "jitter:delay", "noise:observation"} == set(world.dynamics)
    changed = {"gain:elbow": 2.0, "damping:world_end_joint": 3.0}
    state = world.reset(np.arange(1), world.start(1), nominal(world, 1, **changed), np.ones(1, bool))
    (model,), plain = world.models(state), compiled(world.robot.about.asset)
    assert model.actuator_gainprm[0, 0] == 16.0 and model.actuator_biasprm[0, :3].tolist() == [0.0, -16.0, -0.8]
    assert (model.dof_damping[:3] == 3.0 * plain.dof_damping[:3]).all() and plain.dof_damping[0] == 0.3
    back = world.parameters(model)
    assert {name: back[name] for name in changed} == pytest.approx(changed)
    assert all(value == pytest.approx(1.0) for name, value in back.items() if name not in changed)


def test_a_family_of_pure_functions_is_taken_as_it_is():
    assert own_family("headstart.tasks.pendulum:Pendulum") == family("pendulum")


@pytest.mark.parametrize("name", wrong.WRONG)
def test_what_is_wrong_is_said_in_one_line(name, tmp_path, monkeypatch):
    build, said = wrong.WRONG[name]
    monkeypatch.setattr(wrong, "made", lambda: build(tmp_path / "robot.xml"), raising=False)
    with pytest.raises(InputError) as error:
        family("tests.tasks.own.wrong:made")
    assert said in str(error.value) and "\n" not in str(error.value)
    assert str(error.value).startswith("source 'tests.tasks.own.wrong:made': ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("tests.tasks.own.cat:Cart", "source 'tests.tasks.own.cat:Cart': no module named 'tests.tasks.own.cat'"),
        ("tests.tasks.own.cart:Cat", "unknown function of tests.tasks.own.cart 'Cat'; did you mean 'Path' or 'Cart'"),
        ("gym:Hopper-v5", "source 'gym:Hopper-v5': the dynamics of a Gymnasium environment cannot be set; it can be a"),
        ("tests.tasks.own.cart:FILE", "it is a str; name a function that returns one"),
    ],
)
def test_what_cannot_be_found_is_said_in_one_line(words, said, capsys, tmp_path):
    assert main(["train", words, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not (tmp_path / "run").exists()


def test_it_is_the_source_of_the_main_job(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(SCALES, "tiny", SMALL)
    words = ["transfer", "--source", CART, "--size", "tiny", "--shots", "0,1", "--out", str(tmp_path / "run")]
    assert main(words) == 2 and "name a --target" in capsys.readouterr().err
    assert main([*words, "--target", MACHINE, "--adapt", "posterior", "--randomize", "wide"]) == 0
    assert "adapted" in capsys.readouterr().out
    assert "mass:pole" in (tmp_path / "run" / "report.html").read_text()


def test_code_that_a_file_names_runs_only_where_the_user_names_it_too(tmp_path, capsys, monkeypatch):
    run = str(tmp_path / "run")
    assert main(["train", CART, "--steps", "1024", "--envs", "8", "--out", run]) == 0
    capsys.readouterr()
    built = []
    monkeypatch.setattr("headstart.tasks.own_family.named_function", lambda *words: built.append(words))
    assert main(["evaluate", run]) == 2
    assert f"code, which is run only where you name it: --family {CART}" in capsys.readouterr().err
    assert main(["evaluate", run, "--family", "os:abort"]) == 2 and not built
    assert main(["transfer", "--from", run, "--target", MACHINE, "--out", f"{run}-2"]) == 2 and not built
    assert "--source tests.tasks" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(["evaluate", run, "--family", CART, "--target", MACHINE, "--episodes", "2"]) == 0
    assert "return" in capsys.readouterr().out


def test_a_simulator_is_checked_like_an_environment(capsys):
    assert main(["check", CART, "--steps", "200"]) == 0
    said = capsys.readouterr().out
    assert "problem" not in said and "good  seeds decide what happens" in said
    assert main(["check", "tests.tasks.own.wrong:OneReward"]) == 2
    assert "reward has shape [] for 2 environments" in capsys.readouterr().err


def test_an_environment_is_one_whatever_its_attributes_are_called():
    built = build("tests.tasks.own.cart:Told", {})
    assert type(built) is Told and built.dynamics == "none of yours"
