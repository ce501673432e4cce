"""What every policy promises."""

import dataclasses
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart import nets
from headstart.errors import InputError
from headstart.nets.history import HistoryPolicy
from headstart.nets.policies import CategoricalPolicy, GaussianPolicy, SquashedPolicy, interval
from headstart.nets.recurrent import RecurrentPolicy
from headstart.nets.sampler import SamplingPolicy
from headstart.nets.unroll import MemoryPolicy, unroll
from headstart.spaces import Box, Discrete
from headstart.types import Policy

KEY = jax.random.key(0)
SPACE = {"state": Box((3,)), "choice": Discrete(4), "image": Box((2, 2), 0, 255, dtype="uint8")}
BOUNDED = Box((2,), (-1.0, 10.0), (1.0, 30.0))
POLICIES = [
    GaussianPolicy(observation=SPACE, action=BOUNDED, hidden=(8,)),
    SquashedPolicy(observation=SPACE, action=BOUNDED, hidden=(8,)),
    CategoricalPolicy(observation=SPACE, action=Discrete(3), hidden=(8,)),
    SamplingPolicy(observation=SPACE, action=BOUNDED, hidden=(8,)),
    RecurrentPolicy(observation=SPACE, action=BOUNDED, hidden=(8,), memory=4, branch=4),
    HistoryPolicy(observation=SPACE, action=BOUNDED, hidden=(8,), length=2),
]
IMPLICIT = (SamplingPolicy,)  # these know how likely their own samples were, and of nothing else


def observations(n=5):
    return {
        "state": jax.random.normal(KEY, (n, 3)),
        "choice": jnp.arange(n) % 4,
        "image": jnp.arange(n * 4, dtype=jnp.uint8).reshape(n, 2, 2),
    }


def test_the_table_holds_every_policy():
    assert {type(policy) for policy in POLICIES} == set(nets.ALL)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy).__name__)
class TestEveryPolicy:
    def test_speaks_the_contract(self, policy):
        for name in ("init", "start", "apply"):
            theirs = list(inspect.signature(getattr(Policy, name)).parameters)[1:]
            assert list(inspect.signature(getattr(policy, name)).parameters) == theirs

    def test_same_key_same_bits_and_one_trace(self, policy):
        traces = []
        act = jax.jit(lambda k, p, o: traces.append(0) or policy.apply(k, p, policy.start(p, 5), o)[0])
        params = policy.init(KEY)
        np.testing.assert_array_equal(act(KEY, params, observations()), act(KEY, params, observations()))
        other = act(jax.random.key(1), params, observations())
        assert not np.array_equal(act(KEY, params, observations()), other)
        assert len(traces) == 1

    def test_one_action_a_row_in_the_spaces_dtype(self, policy):
        params = policy.init(KEY)
        start = policy.start(params, 5)
        action, carry = policy.apply(KEY, params, start, observations())
        discrete = isinstance(policy.action, Discrete)
        assert action.shape == ((5,) if discrete else (5, 2))
        assert action.dtype == (jnp.int32 if discrete else jnp.float32)
        before, after = (jax.tree.map(lambda x: (x.shape, x.dtype), each) for each in (start, carry))
        assert before == after

    def test_greedy_needs_no_key_and_the_same_parameters(self, policy):
        greedy = dataclasses.replace(policy, deterministic=True)
        params = policy.init(KEY)
        start = policy.start(params, 5)
        one, _ = greedy.apply(KEY, params, start, observations())
        two, _ = greedy.apply(jax.random.key(1), params, start, observations())
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, policy.distribution(params, start, observations())[0].greedy())

    def test_parameters_are_named_by_tree_path(self, policy):
        paths = {
            jax.tree_util.keystr(p, simple=True, separator="/") for p, _ in jax.tree.leaves_with_path(policy.init(KEY))
        }
        layers = {f"actor/{layer}/{kind}" for layer in ("hidden_0", "output") for kind in ("weight", "bias")}
        assert layers | {f"normalizer/{name}" for name in ("mean", "var", "count")} <= paths

    def test_is_hashable_and_equal_to_its_twin(self, policy):
        twin = dataclasses.replace(policy, observation=dict(policy.observation))
        assert policy == twin
        assert hash(policy) == hash(twin)
        assert policy != dataclasses.replace(policy, hidden=(9,))

    def test_vmaps_over_keys(self, policy):
        params = jax.vmap(policy.init)(jax.random.split(KEY, 3))
        assert all(leaf.shape[0] == 3 for leaf in jax.tree.leaves(params))
        start = policy.start(params, 5)
        actions, _ = jax.vmap(policy.apply, in_axes=(None, 0, None, None))(KEY, params, start, observations())
        assert actions.shape[:2] == (3, 5)

    def test_the_normaliser_takes_part_and_takes_no_gradient(self, policy):
        params = policy.init(KEY)
        seen = policy.normalize(params, observations(), jnp.array([True, True, True, False, True]))
        assert seen["normalizer"]["count"] == 4
        np.testing.assert_array_equal(params["normalizer"]["count"], 0)
        assert not np.array_equal(policy.encode(params, observations()), policy.encode(seen, observations()))

        def likelihood(params):
            distribution, _ = policy.distribution(params, policy.start(params, 5), observations())
            if isinstance(policy, IMPLICIT):
                return distribution.sample_and_log_prob(KEY)[1].sum() + distribution.entropy().sum()
            return distribution.log_prob(distribution.greedy()).sum() + distribution.entropy().sum()

        gradient = jax.grad(likelihood)(seen)["normalizer"]
        assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(gradient))

    def test_accepts_time_and_env_axes(self, policy):
        rows = jax.tree.map(lambda x: jnp.stack([x, x]), observations())
        params = policy.init(KEY)
        start = policy.start(params, 5)
        if isinstance(policy, MemoryPolicy):  # time is no axis like any other: each step is the first of an episode
            action = jnp.zeros((2, 5, 2))
            both = unroll(policy, params, start, rows, action, jnp.ones((2, 5), bool)).distribution.greedy()
        else:
            both = policy.distribution(params, start, rows)[0].greedy()
        one = policy.distribution(params, start, observations())[0].greedy()
        np.testing.assert_allclose(both[1], one, rtol=1e-6, atol=1e-7)


def test_a_fresh_gaussian_explores_at_the_actions_own_scale():
    policy = POLICIES[0]
    distribution, _ = policy.distribution(policy.init(KEY), (), observations())
    np.testing.assert_allclose(distribution.mean, np.tile([0.0, 20.0], (5, 1)), atol=0.5)
    np.testing.assert_allclose(jnp.exp(distribution.log_std[0]), [1.0, 10.0], rtol=1e-6)


@pytest.mark.parametrize("policy", [POLICIES[1], POLICIES[3]], ids=lambda policy: type(policy).__name__)
def test_a_squashed_policy_stays_inside(policy):
    params = jax.tree.map(lambda x: 100 * x, policy.init(KEY))
    action, _ = policy.apply(KEY, params, (), observations())
    low, high = policy.action.bounds()
    assert np.all(np.asarray(action) >= low)
    assert np.all(np.asarray(action) <= high)


def test_an_unbounded_action_is_taken_as_it_is():
    centre, half_range = interval(Box((2,), (-np.inf, -1.0), (1.0, 3.0)))
    np.testing.assert_array_equal(centre, [0.0, 1.0])
    np.testing.assert_array_equal(half_range, [1.0, 2.0])


@pytest.mark.parametrize(
    ("make", "action", "message"),
    [
        (GaussianPolicy, Discrete(2), "use CategoricalPolicy"),
        (GaussianPolicy, Box((2, 3)), "must be vectors"),
        (SquashedPolicy, Box((2,)), "infinite bound"),
        (CategoricalPolicy, Box((2,)), "use GaussianPolicy"),
        (SamplingPolicy, Box((2,)), "infinite bound"),
        (SamplingPolicy, Discrete(2), "use CategoricalPolicy"),
    ],
)
def test_an_action_space_that_does_not_fit_is_refused(make, action, message):
    with pytest.raises(InputError, match=message):
        make(observation=SPACE, action=action)
