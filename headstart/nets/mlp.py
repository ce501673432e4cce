"""A multi-layer perceptron over plain dictionaries of arrays.

Parameters are `{"hidden_0": {"weight", "bias"}, ..., "output": {"weight", "bias"}}`: a graft and a checkpoint name them
by tree path, such as `actor/hidden_0/weight`, and the names do not depend on any class.
"""

import math
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from headstart.types import Params

Activation = Literal["tanh", "relu", "elu", "swish"]
FUNCTIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu, "elu": jax.nn.elu, "swish": jax.nn.swish}


@dataclass(frozen=True, kw_only=True)
class MLP:
    """Dense layers with one activation between them, started orthogonally.

    Attributes:
        inputs: size of the input vector.
        hidden: sizes of the hidden layers.
        outputs: size of the output vector.
        activation: between layers; none after the last.
        output_scale: of the last layer's weights at the start; small keeps a first policy near its centre.

    Source of the initialisation: Saxe et al. 2014 (arXiv 1312.6120).
    """

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    activation: Activation = "tanh"
    output_scale: float = 1.0

    def init(self, key: Key[Array, ""]) -> Params:
        """Returns fresh parameters."""
        sizes = (self.inputs, *self.hidden, self.outputs)
        names = [f"hidden_{i}" for i in range(len(self.hidden))] + ["output"]
        scales = [math.sqrt(2.0)] * len(self.hidden) + [self.output_scale]
        keys = jax.random.split(key, len(names))
        return {
            name: {
                "weight": jax.nn.initializers.orthogonal(scale)(k, (rows, columns), jnp.float32),
                "bias": jnp.zeros(columns),
            }
            for name, scale, k, rows, columns in zip(names, scales, keys, sizes[:-1], sizes[1:], strict=True)
        }

    def apply(self, params: Params, x: Float[Array, "*rows inputs"]) -> Float[Array, "*rows outputs"]:
        """Maps inputs to outputs; any number of leading axes."""
        return dense(params["output"], self.features(params, x))

    def features(self, params: Params, x: Float[Array, "*rows inputs"]) -> Float[Array, "*rows feature"]:
        """Returns what the last hidden layer makes of the inputs."""
        for i in range(len(self.hidden)):
            x = FUNCTIONS[self.activation](dense(params[f"hidden_{i}"], x))
        return x


def dense(layer: Params, x: Float[Array, "*rows inputs"]) -> Float[Array, "*rows outputs"]:
    """Returns x W + b, W stored as `inputs × outputs`."""
    return x @ layer["weight"] + layer["bias"].reshape((1,) * (x.ndim - 1) + (-1,))
