"""Adaptation by observations only: a hopper whose torso is heavier than the simulator thinks."""

import dataclasses

import jax
import numpy as np
import pytest

from headstart.adapt.feedback import TargetPlay
from headstart.adapt.methods import adaptation
from headstart.adapt.posterior import Posterior
from headstart.adapt.randomize import Uniform, preset
from headstart.adapt.sim_opt import SimOpt
from headstart.data.collect import begin, collect
from headstart.errors import InputError
from headstart.experiments.adapted import AdaptedArm
from headstart.maths.reps import kl_normal
from headstart.nets.policies import GaussianPolicy
from headstart.tasks.catalogue import family
from headstart.types import Task

HOPPER, KEY = family("hopper"), jax.random.key(0)
RANGES = {"mass:torso": (0.7, 1.3), "gear:thigh_joint": (0.8, 1.2)}
POLICY = GaussianPolicy(observation=HOPPER.observation, action=HOPPER.action, deterministic=True)
PARAMS = POLICY.init(jax.random.key(1))
PARAMS["actor"] = jax.tree.map(lambda x: 5.0 * x, PARAMS["actor"])  # it moves, rather than sinks


def target(lengths=(40, 25, 40)):
    """Episodes of unequal length of a hopper with a heavier torso."""
    task = jax.tree.map(lambda x: np.repeat(np.asarray(x)[None], len(lengths), axis=0), HOPPER.task())
    task = task._replace(dynamics={**task.dynamics, "mass:torso": np.full(len(lengths), 1.6, np.float32)})
    carry = begin(jax.random.key(5), HOPPER, POLICY, PARAMS, task, len(lengths))
    rollout, _ = collect(jax.random.key(6), HOPPER, POLICY, PARAMS, carry, task, max(lengths))
    rollout = rollout._replace(task=Task({}, {}))  # as the metered target hands it out
    ended = rollout.terminated | rollout.truncated
    until = [min(n, int(np.argmax(np.append(ended[:, i], True))) + 1) for i, n in enumerate(lengths)]
    return tuple(jax.tree.map(lambda x: x[:n, i : i + 1], rollout) for i, n in enumerate(until))  # noqa: B023


@pytest.fixture(scope="module")
def adapted():
    method = SimOpt(family=HOPPER, ranges=RANGES, base=HOPPER.task(), samples=64, rounds=5, steps=40)
    start = method.init(KEY)
    return method, start, *method.update(KEY, start, TargetPlay(target(), POLICY, PARAMS))


def test_the_discrepancy_falls_and_each_round_obeys_the_bound(adapted):
    method, _, _, metrics = adapted
    assert metrics["adapt/discrepancy_4"] < 0.97 * metrics["adapt/discrepancy_0"]
    assert 0 < metrics["adapt/kl"] <= method.bound + 1e-6
    assert metrics["adapt/simulator_steps"] == 5 * 64 * 40


def test_the_mean_moves_towards_the_heavier_torso(adapted):
    method, start, state, _ = adapted
    before, after = (method.coordinates.values(s.mean)["mass:torso"] for s in (start, state))
    assert before < 1.0 and after > 1.1
    assert kl_normal(state.mean, state.covariance, start.mean, start.covariance) > 0.1
    assert np.linalg.eigvalsh(state.covariance).min() > 0


def test_same_key_same_bits(adapted):
    method, start, state, _ = adapted
    again, _ = method.update(KEY, start, TargetPlay(target(), POLICY, PARAMS))
    np.testing.assert_array_equal(again.mean, state.mean)


def test_a_later_round_goes_on_from_what_was_believed_and_compares_what_its_own_policy_played(adapted, tmp_path):
    method, start, after, metrics = adapted
    arm, played = AdaptedArm(method, (3, 4), False, tmp_path / "adaptation-0.json"), target()
    belief, told = arm.told(KEY, start, TargetPlay(played, POLICY, PARAMS), played)
    np.testing.assert_array_equal(belief.mean, after.mean)
    assert told["discrepancy_0"] == metrics["adapt/discrepancy_0"]
    latest = TargetPlay(target((30,)), POLICY, PARAMS)
    later, _ = arm.told(KEY, belief, latest, (*played, *latest.episodes))
    np.testing.assert_array_equal(later.mean, method.update(KEY, belief, latest)[0].mean)
    assert np.abs(later.mean - arm.told(KEY, start, latest, latest.episodes)[0].mean).max() > 0


def test_bad_input_is_named():
    method = SimOpt(family=HOPPER, ranges=RANGES, base=HOPPER.task())
    with pytest.raises(InputError, match="at least one target episode"):
        method.update(KEY, method.init(KEY), TargetPlay((), POLICY, PARAMS))
    with pytest.raises(InputError, match="plays the policy"):
        method.update(KEY, method.init(KEY), TargetPlay(target()))
    (first, *_) = target()
    broken = first._replace(obs=np.full_like(first.obs, np.nan))
    with pytest.raises(InputError, match="not finite"):
        method.update(KEY, method.init(KEY), TargetPlay((broken,), POLICY, PARAMS))
    with pytest.raises(InputError, match="nothing to adapt"):
        dataclasses.replace(method, ranges={})
    with pytest.raises(InputError, match="at least 4 samples"):
        dataclasses.replace(method, samples=2)


class TestChoosingAMethod:
    def test_what_is_randomized_is_adapted(self):
        hopper = family("hopper")
        method = adaptation("posterior", hopper, preset(hopper, "mild"))
        assert isinstance(method, Posterior) and method.ranges["mass:torso"] == pytest.approx((0.9, 1.1))
        assert isinstance(adaptation("simopt", family("pusher"), preset(family("pusher"), "mild")), SimOpt)

    @pytest.mark.parametrize(
        ("name", "world", "says"),
        [
            ("posterior", "pusher", "not its whole state.*simopt"),
            ("posterior", "pendulum", "no one-step prediction; use --adapt simopt"),
            ("postirior", "hopper", "did you mean 'posterior'"),
        ],
    )
    def test_what_cannot_work_is_refused_with_the_reason(self, name, world, says):
        worlds = family(world)
        with pytest.raises(InputError, match=says):
            adaptation(name, worlds, preset(worlds, "moderate"))

    def test_nothing_that_varies_is_nothing_to_adapt(self):
        worlds = family("hopper")
        with pytest.raises(InputError, match="nothing can be adapted"):
            adaptation("simopt", worlds, Uniform(space=worlds.dynamics, ranges={}, base=worlds.task()))
