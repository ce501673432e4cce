"""A policy on film, in each kind of world."""

import jax
import numpy as np
import pytest

from headstart.data.filming import film
from headstart.nets.policies import GaussianPolicy
from headstart.tasks.catalogue import family
from headstart.tasks.targets import target

SMALL = {"seconds": 0.4, "width": 64, "height": 48}


@pytest.mark.parametrize("world", ["pendulum", "hopper", "shifted-hopper:0"])
def test_every_kind_of_world_can_be_filmed(world):
    there = target(world) if ":" in world else family(world)
    policy = GaussianPolicy(observation=there.observation, action=there.action)
    params = policy.init(jax.random.key(0))
    one, two = (film(jax.random.key(1), there, policy, params, there.task(), **SMALL) for _ in range(2))
    assert one.frames.shape[1:] == (48, 64, 3) and one.frames.dtype == np.uint8
    assert 1 < len(one.frames) == len(one.returns) <= 10
    assert one.frames.std() > 5
    np.testing.assert_array_equal(one.frames, two.frames)
    np.testing.assert_array_equal(one.returns, two.returns)
