"""The diagnosis of a source, against policies whose softness is set by hand."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.nets.policies import CategoricalPolicy, GaussianPolicy, SquashedPolicy
from headstart.nets.sampler import SamplingPolicy
from headstart.spaces import Box, Discrete
from headstart.transfer.diagnosis import diagnose
from headstart.types import Rollout, Task

KEY = jax.random.key(0)
SPACE = Box((3,))
GAUSSIAN = GaussianPolicy(observation=SPACE, action=Box((2,), 0.0, 10.0), hidden=(8, 6))


def rollout_of(obs, valid=None):
    obs = np.asarray(obs, np.float32)[:, None]
    never = np.zeros(obs.shape[:2], bool)
    valid = ~never if valid is None else np.asarray(valid)[:, None]
    return Rollout(obs, np.zeros((len(obs), 1, 2)), never * 1.0, obs, never, never, never, valid, Task({}, {}))


def with_std(share):
    """Parameters of a Gaussian whose standard deviation is this share of half its range."""
    params = GAUSSIAN.init(KEY)
    return {**params, "actor": {**params["actor"], "log_std": jnp.full(2, math.log(share), jnp.float32)}}


OBS = np.random.default_rng(0).standard_normal((64, 3))


def test_entropy_and_range_of_a_gaussian_by_hand():
    # σ = 0.1 of half the range in both entries: H = 2 (log 0.1 + ½ log 2πe), whatever the units of the action
    found = diagnose(GAUSSIAN, with_std(0.1), rollout_of(OBS))
    assert found.entropy == pytest.approx(2 * (math.log(0.1) + 0.5 * math.log(2 * math.pi * math.e)), abs=1e-5)
    assert found.range_left == pytest.approx(0.1 * math.sqrt(2 * math.pi * math.e) / 2, abs=1e-5)
    assert found.deterministic == 0.0 and found.states == 64


def test_a_certain_policy_is_called_deterministic():
    found = diagnose(GAUSSIAN, with_std(0.01), rollout_of(OBS))
    assert found.deterministic == 1.0
    assert found.sentence(temperature=0.01) == (
        "this source has become deterministic on 100% of its states; expect slow fine-tuning; "
        "pretrain with temperature ≥ 0.1"
    )
    assert "--learner sac" in found.sentence()


def test_the_share_of_deterministic_states_is_counted_state_by_state():
    # the spread depends on the first channel: certain on one side, uncertain on the other
    policy = SquashedPolicy(observation=SPACE, action=Box((1,), -1.0, 1.0), hidden=(1,), activation="relu")
    params = policy.init(KEY)
    actor = {
        "hidden_0": {"weight": jnp.array([[100.0], [0.0], [0.0]]), "bias": jnp.zeros(1)},
        "output": {"weight": jnp.array([[0.0, -100.0]]), "bias": jnp.zeros(2)},
    }
    obs = np.array([[1.0, 0, 0], [2.0, 0, 0], [3.0, 0, 0], [-1.0, 0, 0]])
    found = diagnose(policy, {**params, "actor": actor}, rollout_of(obs))
    assert found.deterministic == 0.75
    assert "deterministic on 75% of its states; expect slow" in found.sentence()
    assert found.effective_rank == pytest.approx(1.0) and found.features == 1


def test_choices_of_a_categorical():
    policy = CategoricalPolicy(observation=SPACE, action=Discrete(4), hidden=(6,))
    params = policy.init(KEY)
    flat = jax.tree.map(jnp.zeros_like, params["actor"])
    assert diagnose(policy, {**params, "actor": flat}, rollout_of(OBS)).range_left == pytest.approx(1.0, abs=1e-5)
    sure = {**flat, "output": {**flat["output"], "bias": jnp.array([50.0, 0.0, 0.0, 0.0])}}
    found = diagnose(policy, {**params, "actor": sure}, rollout_of(OBS))
    assert found.deterministic == 1.0 and found.effective_rank == 0.0 and found.features == 6


def test_coverage_of_what_random_actions_reach():
    square = np.stack([*np.meshgrid(np.linspace(0, 9.9, 34), np.linspace(0, 9.9, 34)), np.zeros((34, 34))], -1)
    reference = rollout_of(square.reshape(-1, 3))
    line = np.stack([np.linspace(0, 9.9, 50), np.zeros(50), np.zeros(50)], axis=1)
    assert diagnose(GAUSSIAN, with_std(0.1), rollout_of(line), reference).coverage == pytest.approx(0.1)
    assert diagnose(GAUSSIAN, with_std(0.1), reference, reference).coverage == 1.0
    assert math.isnan(diagnose(GAUSSIAN, with_std(0.1), rollout_of(line)).coverage)


def test_rows_of_a_broken_world_do_not_count():
    obs = OBS.copy()
    obs[5:] = 1e30
    valid = np.arange(64) < 5
    assert diagnose(GAUSSIAN, with_std(0.1), rollout_of(obs, valid)).states == 5
    with pytest.raises(InputError, match="no valid row"):
        diagnose(GAUSSIAN, with_std(0.1), rollout_of(obs, valid & False))


def test_the_numbers_fit_on_a_line():
    line = diagnose(GAUSSIAN, with_std(0.1), rollout_of(OBS)).line()
    assert "\n" not in line and "of 6 features" in line and "coverage" not in line


def test_a_greedy_twin_is_diagnosed_alike():
    greedy = dataclasses.replace(GAUSSIAN, deterministic=True)
    assert diagnose(greedy, with_std(0.1), rollout_of(OBS)) == pytest.approx(
        diagnose(GAUSSIAN, with_std(0.1), rollout_of(OBS)), nan_ok=True
    )


def test_a_sampling_network_is_diagnosed_too():
    policy = SamplingPolicy(observation=SPACE, action=Box((2,), -1.0, 1.0), hidden=(8, 6))
    found = diagnose(policy, policy.init(KEY), rollout_of(OBS))
    assert found.features == 6 and 1.0 <= found.effective_rank <= 6.0 and 0.0 < found.range_left <= 1.0
