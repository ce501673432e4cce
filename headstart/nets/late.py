"""A multi-layer perceptron one of whose inputs enters at its last hidden layer, so that many of them cost little.

What a state needs is computed once; each of its actions, or each of its noise vectors, costs a row of one thin product.
With 16 particles a state that is where nearly all of the time of soft Q-learning would go. The critics of DDPG read
actions late as well.

Source: Lillicrap et al. 2016 (arXiv 1509.02971), section 7 (actions enter at the second hidden layer of Q).
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from headstart.nets.mlp import FUNCTIONS, Activation, dense
from headstart.types import Params


@dataclass(frozen=True, kw_only=True)
class LateMLP:
    """Dense layers; the last hidden one reads the late input beside what the others made of the early one.

    Parameters are named as those of `MLP`; in the last hidden layer's weight, the rows of the late input come last.

    Attributes:
        inputs: size of the early input.
        late: size of the late input.
        hidden: sizes of the hidden layers, one or more.
        outputs: size of the output vector.
        activation: between layers; none after the last.
    """

    inputs: int
    late: int
    hidden: tuple[int, ...]
    outputs: int
    activation: Activation = "relu"

    def init(self, key: Key[Array, ""]) -> Params:
        """Returns fresh parameters."""
        rows = [self.inputs, *self.hidden]
        rows[len(self.hidden) - 1] += self.late
        names = [f"hidden_{i}" for i in range(len(self.hidden))] + ["output"]
        scales = [math.sqrt(2.0)] * len(self.hidden) + [1.0]
        keys = jax.random.split(key, len(names))
        return {
            name: {
                "weight": jax.nn.initializers.orthogonal(scale)(k, shape, jnp.float32),
                "bias": jnp.zeros(shape[1]),
            }
            for name, scale, k, shape in zip(
                names, scales, keys, zip(rows, (*self.hidden, self.outputs), strict=True), strict=True
            )
        }

    def apply(
        self, params: Params, early: Float[Array, "*rows inputs"], late: Float[Array, "*rows late"]
    ) -> Float[Array, "*rows outputs"]:
        """Maps inputs to outputs.

        Args:
            params: of the network.
            early: any number of leading axes.
            late: the same leading axes, or one more: several for each of the early ones.
        """
        function, last = FUNCTIONS[self.activation], len(self.hidden) - 1
        for i in range(last):
            early = function(dense(params[f"hidden_{i}"], early))
        weight, bias = params[f"hidden_{last}"]["weight"], params[f"hidden_{last}"]["bias"]
        context = dense({"weight": weight[: -self.late], "bias": bias}, early)
        if late.ndim > context.ndim:
            context = context[..., None, :]
        return dense(params["output"], function(context + late @ weight[-self.late :]))
