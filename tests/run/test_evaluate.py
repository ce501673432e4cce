"""Evaluation means the plain world: randomization that is still on is refused unless it is asked for."""

import gymnasium
import jax
import numpy as np
import pytest

from headstart.__main__ import main
from headstart.adapt.randomize import Uniform, preset
from headstart.commands.settings import policy_of
from headstart.errors import InputError
from headstart.nets.policies import GaussianPolicy
from headstart.run import bundle
from headstart.run.evaluate import evaluate
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.tasks.own_randomness import changing_dynamics

PENDULUM = family("pendulum")
POLICY = GaussianPolicy(observation=PENDULUM.observation, action=PENDULUM.action, hidden=(4,))
PARAMS = POLICY.init(jax.random.key(0))


class Restless(gymnasium.Wrapper):
    """A hopper that is given other masses at every reset."""

    def reset(self, *, seed=None, options=None):
        self.unwrapped.model.body_mass[1] = 3.0 + np.random.default_rng(seed).random()
        return self.env.reset(seed=seed, options=options)


def restless():
    return Restless(gymnasium.make("Hopper-v5"))


def outcome(tasks, episodes, **options):
    return evaluate(jax.random.key(0), PENDULUM, POLICY, PARAMS, tasks, episodes, **options).episode_return


@pytest.mark.parametrize("count", [1, 3])
def test_randomized_tasks_are_refused_by_name_unless_asked_for(count):
    tasks = preset(PENDULUM, "mild").sample(jax.random.key(1), (), count)
    with pytest.raises(InputError, match=r"randomization still on \(mass:rod from .*randomized=True"):
        outcome(tasks, count)
    assert np.isfinite(outcome(tasks, count, randomized=True)).all()


def test_one_parameter_of_one_task_is_enough():
    tasks = Fixed(task=PENDULUM.task()).sample(jax.random.key(0), (), 8)
    tasks.dynamics["length:rod"][5] = np.nextafter(np.float32(1), np.float32(2))
    with pytest.raises(InputError, match=r"\(length:rod from 1 to 1\)"):
        outcome(tasks, 8)


def test_a_spread_of_width_zero_is_the_plain_world_bit_for_bit():
    narrow = Uniform(space=PENDULUM.dynamics, ranges={"mass:rod": (1.0, 1.0)}, base=PENDULUM.task())
    plain = outcome(Fixed(task=PENDULUM.task()).sample(jax.random.key(0), (), 2), 2)
    np.testing.assert_array_equal(outcome(narrow.sample(jax.random.key(3), (), 2), 2), plain)


@pytest.mark.parametrize(
    ("source", "changing"),
    [
        ("tests.run.test_evaluate:restless", ["body_mass"]),
        ("gym:Hopper-v5", []),
        ("headstart.tasks.targets:shifted_hopper", []),
        ("gym:Pendulum-v1", []),
    ],
)
def test_an_environment_that_changes_by_itself_is_found_out(source, changing):
    assert changing_dynamics(source, {}, isolate=False) == changing


def test_the_command_line_refuses_it_too(tmp_path, capsys):
    hopper = family("hopper")
    policy = policy_of("ppo", hopper.observation, hopper.action)
    description = {"learner": "ppo", "family": "hopper"}
    bundle.save(tmp_path, policy, policy.init(jax.random.key(0)), policy.observation, description)
    words = ["evaluate", str(tmp_path), "--target", "tests.run.test_evaluate:restless", "--episodes", "2"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "changes its own dynamics" in said and "body_mass" in said
    assert main([*words, "--randomize", "own"]) == 0
    assert main([*words, "--randomize", "mild"]) == 2 and "cannot be set" in capsys.readouterr().err
    assert main([*words[:2], "--randomize", "mild", "--episodes", "2"]) == 0


def test_a_study_refuses_it_before_anything_is_written(tmp_path, capsys):
    words = ["transfer", "--source", "hopper", "--target", "tests.run.test_evaluate:restless", "--size", "tiny"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and not (tmp_path / "run").exists()
    assert "changes its own dynamics from episode to episode (body_mass); turn that off in it\n" in said


def test_a_target_that_cannot_be_seen_into_is_not_reset_for_it(monkeypatch):
    resets = []
    reset = gymnasium.envs.classic_control.PendulumEnv.reset
    monkeypatch.setattr(
        gymnasium.envs.classic_control.PendulumEnv, "reset", lambda *a, **k: resets.append(1) or reset(*a, **k)
    )
    assert changing_dynamics("gym:Pendulum-v1", {}, isolate=False) == [] and resets == []
