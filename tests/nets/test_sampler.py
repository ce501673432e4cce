"""The sampling network: its density, and its noise, fresh or frozen."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.maths.distributions import TanhNormal
from headstart.nets.sampler import SamplingPolicy
from headstart.spaces import Box

KEY = jax.random.key(0)
POLICY = SamplingPolicy(observation=Box((3,)), action=Box((2,), (-1.0, 10.0), (1.0, 30.0)), hidden=(16,), noises=4)
OBS = jax.random.normal(KEY, (5, 3))


def acts(policy, params, key=KEY, obs=OBS):
    return policy.apply(key, params, (), obs)[0]


def test_the_density_of_a_linear_network_is_that_of_a_squeezed_normal():
    """Without hidden layers f(ξ, s) = W ξ + b(s); with a diagonal W it is a TanhNormal, known in closed form."""
    policy = dataclasses.replace(POLICY, hidden=())
    params = policy.init(KEY)
    weight = params["actor"]["output"]["weight"].at[3:].set(jnp.diag(jnp.array([0.5, -2.0])))
    params = {**params, "actor": {"output": {**params["actor"]["output"], "weight": weight}}}
    distribution, _ = policy.distribution(params, (), OBS)
    action, log_prob = distribution.sample_and_log_prob(KEY)
    mean = OBS @ weight[:3]
    log_std = jnp.broadcast_to(jnp.log(jnp.array([[0.5, 2.0]])), mean.shape)
    ones = jnp.ones_like(mean)
    known = TanhNormal(mean, log_std, ones * jnp.array([[0.0, 20.0]]), ones * jnp.array([[1.0, 10.0]]))
    np.testing.assert_allclose(log_prob, known.log_prob(action), atol=2e-3)
    many = dataclasses.replace(policy, noises=4000)
    noise = {**params["noise"], "vectors": jax.random.normal(KEY, (4000, 2))}
    entropy = many.distribution({**params, "noise": noise}, (), OBS)[0].entropy()
    np.testing.assert_allclose(entropy, known.entropy(), atol=0.1)


def rising(params):
    """Makes a network of one noise entry one-to-one: no weight from it to the action is negative."""
    hidden, output = params["actor"]["hidden_0"], params["actor"]["output"]
    hidden = {**hidden, "weight": hidden["weight"].at[-1].set(1.0)}
    output = {**output, "weight": 0.1 + jnp.abs(output["weight"])}
    return {**params, "actor": {"hidden_0": hidden, "output": output}}


def test_the_density_of_a_network_integrates_to_one():
    """∫ g da of a bump g inside the box, by importance: the mean of g/p over samples. Exact: 1.5 · 0.9 · 16/15."""
    policy = dataclasses.replace(POLICY, action=Box((1,), 2.0, 5.0), activation="tanh")
    obs = jnp.zeros((50_000, 3))
    action, log_prob = policy.distribution(rising(policy.init(KEY)), (), obs)[0].sample_and_log_prob(KEY)
    bump = jnp.maximum(1.0 - ((action[:, 0] - 3.5) / 1.35) ** 2, 0.0) ** 2
    ratio = bump * jnp.exp(-log_prob)
    assert abs(ratio.mean() - 1.44) < 5 * ratio.std() / math.sqrt(len(obs)) < 0.1


def test_fresh_noise_gives_a_new_action_every_time():
    params = POLICY.init(KEY)
    assert len({tuple(row) for row in np.asarray(acts(POLICY, params, obs=jnp.zeros((64, 3))))}) == 64


def test_frozen_noise_gives_as_many_actions_as_are_in_use_and_one_is_deterministic():
    params = POLICY.init(KEY)
    same = jnp.zeros((200, 3))
    for size, expected in ((4.0, 4), (2.4, 3), (1.0, 1)):
        frozen = POLICY.freeze(params, size)
        assert len({tuple(row) for row in np.asarray(acts(POLICY, frozen, obs=same))}) == expected
    greedy = dataclasses.replace(POLICY, deterministic=True)
    np.testing.assert_array_equal(acts(POLICY, frozen), acts(greedy, frozen, jax.random.key(9)))
    np.testing.assert_array_equal(acts(greedy, params), acts(greedy, frozen))


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="from 1 to noises=4"):
        POLICY.freeze(POLICY.init(KEY), 5)
    odd = dataclasses.replace(POLICY, noise_size=3)
    with pytest.raises(InputError, match="noise_size=2"):
        odd.distribution(odd.init(KEY), (), OBS)[0].sample_and_log_prob(KEY)
    with pytest.raises(InputError, match="own samples only"):
        POLICY.distribution(POLICY.init(KEY), (), OBS)[0].log_prob(OBS[:, :2])
    with pytest.raises(InputError, match="at least 1"):
        dataclasses.replace(POLICY, noises=0)
