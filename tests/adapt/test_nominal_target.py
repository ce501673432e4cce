"""A target that is the simulator itself: adaptation leads training nowhere else and spoils no policy."""

import jax
import numpy as np
import pytest

from headstart.adapt.feedback import TargetPlay
from headstart.adapt.held import Held
from headstart.adapt.posterior import Posterior
from headstart.tasks.catalogue import family
from tests.adapt.target_play import played

CART, N = family("tests.tasks.own.cart:Cart"), 64
RANGES = dict.fromkeys(("damping:slide", "mass:cart", "mass:pole"), (0.5, 2.0))
HOLDS = np.array([0.0, 1.0, 0.0, 0.2])  # push by position and velocity of the pole: just enough on the nominal cart


def returns(tasks):
    """Returns what the policy earns in one episode on each row, all of them begun alike."""
    everywhere, alive, total = np.ones(N, bool), np.ones(N, bool), np.zeros(N)
    state = CART.reset(np.zeros(N, int), CART.start(N), tasks, everywhere)
    for step in range(CART.horizon):
        action = np.clip(np.asarray(CART.observe(state)) @ HOLDS, -1.0, 1.0)[:, None].astype(np.float32)
        outcome = CART.step(np.full(N, step), state, action, alive)
        total += np.where(alive, outcome.reward, 0.0)
        state, alive = outcome.state, alive & ~outcome.terminated
    return total


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_training_goes_on_in_the_same_dynamics_and_a_policy_earns_there_what_it_earns_on_the_target(seed):
    method, key = Posterior(family=CART, ranges=RANGES, base=CART.task(), particles=N), jax.random.key(seed)
    before = method.init(key)
    after, _ = method.update(key, before, TargetPlay(played({}, 3, seed, noise=1e-3, world=CART)))
    wide, trained = (Held(distribution=method, state=state) for state in (before, after))  # what training draws from
    tasks, earlier = (held.sample(key, held.init(key), N) for held in (trained, wide))
    for name in CART.dynamics:
        drawn = np.asarray(tasks.dynamics[name], float)
        if name not in RANGES:
            assert (drawn == np.float32(CART.dynamics[name].nominal)).all(), name
            continue
        assert abs(drawn.mean() - 1.0) < min(0.05, 3.3 * drawn.std()), name
        assert drawn.std() < 0.05 < 0.2 < np.std(earlier.dynamics[name]), name
    target = returns(jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], N, axis=0), CART.task()))
    np.testing.assert_allclose(target, target[0])
    assert target[0] > 99.0  # of 100
    np.testing.assert_allclose(returns(tasks), target, atol=0.2)
    assert np.abs(returns(earlier) - target).mean() > 5.0  # the policy is not one that holds whatever the dynamics are
