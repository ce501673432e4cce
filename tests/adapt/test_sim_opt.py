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
from headstart.adapt.transitions import transitions
from headstart.data.collect import begin, collect
from headstart.errors import Fault, InputError
from headstart.experiments.adapted import AdaptedArm
from headstart.maths.reps import kl_normal
from headstart.nets.policies import GaussianPolicy
from headstart.run import strict_json
from headstart.tasks.catalogue import family
from headstart.types import Task
from tests.adapt.target_play import played

HOPPER, KEY = family("hopper"), jax.random.key(0)
SPACES = HOPPER.observation, HOPPER.action
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


def test_a_channel_that_the_target_fills_with_a_constant_is_not_compared(adapted):
    method, start, _, metrics = adapted
    blind = tuple(e._replace(obs=filled(e.obs), next_obs=filled(e.next_obs)) for e in target())
    _, found = dataclasses.replace(method, rounds=1).update(KEY, start, TargetPlay(blind, POLICY, PARAMS))
    assert 0.5 < found["adapt/discrepancy_0"] / metrics["adapt/discrepancy_0"] < 1.0  # not a million of its units


def filled(obs, channel=3):
    obs = np.array(obs)
    obs[..., channel] = 0.7
    return obs


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


def changed(rollout, **columns):
    return rollout._replace(**{name: value(np.array(getattr(rollout, name))) for name, value in columns.items()})


class TestTargetEpisodes:
    METHOD = SimOpt(family=HOPPER, ranges=RANGES, base=HOPPER.task(), samples=4, rounds=1, steps=30)

    def refused(self, *episodes):
        with pytest.raises(InputError) as caught:
            self.METHOD.update(KEY, self.METHOD.init(KEY), TargetPlay(episodes, POLICY, PARAMS))
        return str(caught.value)

    def test_missing_steps_are_refused(self):
        first, second, _ = target()
        torn = jax.tree.map(lambda x: np.delete(np.asarray(x), slice(5, 8), axis=0), second)
        assert "target episode 1: there is a gap before step 5" in self.refused(first, torn)

    def test_observations_of_another_size_are_refused(self):
        (first, *_) = target()
        narrow = changed(first, obs=lambda x: x[..., :-1], next_obs=lambda x: x[..., :-1])
        assert "target episode 0: its observations have shape (10,); the simulator's have (11,)" in self.refused(narrow)

    @pytest.mark.parametrize("name", ["obs", "next_obs", "action"])
    def test_what_is_no_number_is_refused_with_its_step(self, name):
        def spoilt(x):
            x[7] = np.nan
            return x

        (first, *_) = target()
        assert "target episode 0, step 7" in self.refused(changed(first, **{name: spoilt}))

    def test_episodes_of_which_nothing_is_valid_are_refused(self):
        (first, *_) = target()
        assert "no valid step" in self.refused(changed(first, valid=np.zeros_like))

    def test_what_comes_after_a_broken_step_or_a_marked_gap_changes_nothing(self):
        def cost_of(episode):
            method, feedback = self.METHOD, TargetPlay((episode,), POLICY, PARAMS)
            return method.update(KEY, method.init(KEY), feedback)[1]["adapt/discrepancy_0"]

        def from_twelve(x, value):
            x[12:] = value
            return x

        (first, *_) = target()
        broken = changed(first, valid=lambda x: from_twelve(x, False))
        wild = changed(broken, obs=lambda x: from_twelve(x, 9.0), next_obs=lambda x: from_twelve(x, 9.0))
        wild = changed(wild, first=lambda x: np.arange(len(x))[:, None] == 12)
        short = jax.tree.map(lambda x: x[:12], first)
        cut = changed(short, truncated=lambda x: np.arange(len(x))[:, None] == 11)
        assert cost_of(broken) == cost_of(wild) == cost_of(cut) != cost_of(first)
        assert cost_of(short) > cost_of(cut)  # an episode that is over is over; of one that was cut nobody knows


class Fragile:
    """The hopper, of which those with a torso heavier than a limit diverge."""

    observation, action, horizon, name, kind, can_snapshot, dynamics = (
        getattr(HOPPER, field)
        for field in ("observation", "action", "horizon", "name", "kind", "can_snapshot", "dynamics")
    )

    def __init__(self, limit):
        self.limit = limit

    def start(self, n):
        return HOPPER.start(n), np.zeros(n)

    def reset(self, seeds, state, tasks, where):
        mass = np.where(where, tasks.dynamics["mass:torso"], state[1])
        return HOPPER.reset(seeds, state[0], tasks, where), mass

    def observe(self, state):
        return HOPPER.observe(state[0])

    def step(self, seeds, state, action, where):
        outcome = HOPPER.step(seeds, state[0], action, where)
        return outcome._replace(state=(outcome.state, state[1]), valid=outcome.valid & ~(state[1] > self.limit))


class TestSimulatorsThatDiverge:
    def method(self, limit):
        return SimOpt(family=Fragile(limit), ranges=RANGES, base=HOPPER.task(), samples=8, rounds=2, steps=10)

    def test_where_all_do_it_is_a_fault_that_names_corners(self):
        method = self.method(0.01)
        with pytest.raises(Fault, match=r"each of 8 sampled simulators of hopper diverged.*mass:torso = \d.*narrow"):
            method.update(KEY, method.init(KEY), TargetPlay(target(), POLICY, PARAMS))

    def test_where_some_do_they_have_no_weight_and_are_written_down(self, tmp_path):
        method, play = self.method(0.95), TargetPlay(target(), POLICY, PARAMS)
        arm = AdaptedArm(method, (1,), False, tmp_path / "adaptation-0.json")
        state, told = arm.told(KEY, method.init(KEY), play, play.episodes)
        assert 1 <= told["diverged"] < 16 and len(told["diverged_at"]) == min(5, told["diverged"])
        assert all(corner["mass:torso"] > 0.95 and set(corner) == set(RANGES) for corner in told["diverged_at"])
        assert np.isfinite(state.mean).all() and strict_json.encode(told)
        whole, _ = dataclasses.replace(method, family=HOPPER).update(KEY, method.init(KEY), play)
        torso = method.coordinates.names.index("mass:torso")
        assert state.mean[torso] < whole.mean[torso]


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

    @pytest.mark.parametrize("name", ["simopt", "posterior"])
    @pytest.mark.parametrize("ranges", [{}, {"mass:torso": (1.5, 1.5)}, {"noise:observation": (0.01, 0.01)}])
    def test_nothing_that_varies_is_nothing_to_adapt(self, name, ranges):
        worlds = family("hopper")
        with pytest.raises(InputError, match="nothing can be adapted"):
            adaptation(name, worlds, Uniform(space=worlds.dynamics, ranges=ranges, base=worlds.task()))

    @pytest.mark.parametrize("name", ["simopt", "posterior"])
    def test_what_has_one_value_keeps_it_and_is_not_looked_for(self, name):
        hopper = family("hopper")
        ranges = {"delay:action": (1.0, 1.0), "mass:torso": (1.5, 1.5), "mass:leg": (0.8, 1.2)}
        method = adaptation(name, hopper, Uniform(space=hopper.dynamics, ranges=ranges, base=hopper.task()))
        assert method.ranges == {"mass:leg": (0.8, 1.2)}
        dynamics = method.sample(KEY, method.init(KEY), 5).dynamics
        np.testing.assert_array_equal(dynamics["delay:action"], 1.0)
        np.testing.assert_array_equal(dynamics["mass:torso"], 1.5)
        assert np.ptp(dynamics["mass:leg"]) > 0 and dynamics["delay:action"].dtype == np.float32
        if isinstance(method, Posterior):
            assert method.choices() == [()]
            given = transitions(played({"delay:action": 1.0, "mass:torso": 1.5, "mass:leg": 1.1}), *SPACES)
            cloud, found = dataclasses.replace(method, particles=16).explain(KEY, given)
            np.testing.assert_allclose(method.coordinates.values(cloud.mean())["mass:leg"], 1.1, rtol=1e-3)
            assert found.unexplained == 0.0

    @pytest.mark.parametrize("name", ["simopt", "posterior"])
    def test_presets_are_adapted_whole_with_the_sensing_noise_though_it_has_one_value(self, name):
        hopper = family("hopper")
        for words in ("mild", "moderate", "wide", "peng"):
            before = preset(hopper, words)
            method = adaptation(name, hopper, before)
            assert method.ranges == {d.parameter.name: (d.low, d.high) for d in before.drawn}
            assert method.base.dynamics.keys() == before.base.dynamics.keys()
            assert words not in ("mild", "peng") or np.ptp(method.ranges["noise:observation"]) == 0.0
