"""Adam against the first two steps done by hand, and against optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from headstart.maths.adam import adam_init, adam_step, global_norm, shorten


def test_the_first_step_has_the_size_of_the_learning_rate():
    weights = {"w": jnp.array([1.0, 2.0])}
    after, state = adam_step({"w": jnp.array([10.0, -0.001])}, adam_init(weights), weights, 0.1)
    np.testing.assert_allclose(after["w"], [0.9, 2.1], rtol=1e-5)
    assert state.count == 1


def test_agrees_with_optax():
    weights = theirs = {"a": jnp.array([1.0, -2.0]), "b": jnp.array(0.5)}
    optimizer = optax.adam(0.01, eps=1e-5)
    state, their_state = adam_init(weights), optimizer.init(weights)
    with jax.numpy_dtype_promotion("standard"):
        for seed in range(20):
            gradient = jax.tree.map(lambda w, s=seed: jnp.sin(w * (1 + s)), weights)
            weights, state = adam_step(gradient, state, weights, 0.01, epsilon=1e-5)
            change, their_state = optimizer.update(gradient, their_state)
            theirs = optax.apply_updates(theirs, change)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), weights, theirs)


def test_long_gradients_are_shortened_and_short_ones_kept():
    gradient = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}
    assert global_norm(gradient) == 5.0
    np.testing.assert_allclose(global_norm(shorten(gradient, 0.5)), 0.5, rtol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, shorten(gradient, 6.0), gradient)


def test_a_refused_step_leaves_everything_as_it_was_whatever_the_gradient_holds():
    weights = {"w": jnp.array([1.0, 2.0])}
    once, state = adam_step({"w": jnp.array([0.5, -0.5])}, adam_init(weights), weights, 0.1)
    bad = {"w": jnp.array([jnp.nan, jnp.inf])}
    refused = jax.jit(lambda take: adam_step(bad, state, once, 0.1, take=take))(jnp.array(False))
    jax.tree.map(np.testing.assert_array_equal, refused, (once, state))
    taken = adam_step({"w": jnp.ones(2)}, state, once, 0.1, take=jnp.array(True))
    jax.tree.map(np.testing.assert_array_equal, taken, adam_step({"w": jnp.ones(2)}, state, once, 0.1))


def test_the_first_step_may_be_refused():
    weights = {"w": jnp.array([1.0])}
    after, state = adam_step({"w": jnp.array([jnp.nan])}, adam_init(weights), weights, 0.1, take=False)
    assert after["w"] == 1.0 and state.count == 0 and state.mean["w"] == 0.0
