"""The network with a late input: equal to the plain one where that can be, and many cost what one does."""

import jax
import jax.numpy as jnp
import numpy as np

from headstart.nets.late import LateMLP
from headstart.nets.mlp import MLP

KEY = jax.random.key(0)


def test_with_one_hidden_layer_it_is_the_plain_network():
    late, plain = (
        LateMLP(inputs=3, late=2, hidden=(8,), outputs=4),
        MLP(inputs=5, hidden=(8,), outputs=4, activation="relu"),
    )
    params = plain.init(KEY)
    x, z = jax.random.normal(KEY, (6, 3)), jax.random.normal(KEY, (6, 2))
    assert jax.tree.map(jnp.shape, late.init(KEY)) == jax.tree.map(jnp.shape, params)
    expected = plain.apply(params, jnp.concatenate([x, z], axis=-1))
    np.testing.assert_allclose(late.apply(params, x, z), expected, atol=1e-5)


def test_several_for_each_are_each_by_itself():
    net = LateMLP(inputs=3, late=2, hidden=(8, 7), outputs=4)
    params = net.init(KEY)
    x, z = jax.random.normal(KEY, (6, 3)), jax.random.normal(KEY, (6, 5, 2))
    many = net.apply(params, x, z)
    assert many.shape == (6, 5, 4)
    for i in range(5):
        np.testing.assert_allclose(many[:, i], net.apply(params, x, z[:, i]), atol=1e-5)
    assert not np.allclose(many[:, 0], many[:, 1])
