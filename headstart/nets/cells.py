"""Recurrent cells: what is remembered, from one step to the next.

A cell splits a step in two. `project` is what does not depend on the memory, so that a whole sequence of inputs goes
through one matrix product; `step` is what must wait for the step before.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from headstart.nets.mlp import dense
from headstart.types import Params

CellName = Literal["gru", "lstm"]
Memory = dict[str, Float[Array, "*rows unit"]]


class Cell(Protocol):
    """A memory of fixed size. What others may read of it is its entry `hidden`."""

    @property
    def inputs(self) -> int: ...
    @property
    def size(self) -> int: ...
    def init(self, key: Key[Array, ""]) -> Params: ...
    def start(self, n: int) -> Memory: ...
    def project(self, params: Params, x: Float[Array, "*rows inputs"]) -> Float[Array, "*rows gates"]: ...
    def step(self, params: Params, memory: Memory, projected: Float[Array, "*rows gates"]) -> Memory: ...


@dataclass(frozen=True, kw_only=True)
class GRU:
    """Gated recurrent units.

    r = σ(W_r x + b_r + U_r h),   z = σ(W_z x + b_z + U_z h),
    c = tanh(W_c x + b_c + r ⊙ (U_c h + d)),   h' = (1 − z) ⊙ c + z ⊙ h.

    The reset gate is applied after the product with U_c, so that all three products are one.

    Attributes:
        inputs: size of x.
        size: of h.

    Source: Cho et al. 2014 (arXiv 1406.1078), appendix A; the order of reset and product, its version 1 and cuDNN.
    """

    inputs: int
    size: int

    def init(self, key: Key[Array, ""]) -> Params:
        return {**_weights(key, self.inputs, self.size, gates=3), "candidate": {"bias": jnp.zeros(self.size)}}

    def start(self, n: int) -> Memory:
        return {"hidden": jnp.zeros((n, self.size))}

    def project(self, params: Params, x: Float[Array, "*rows inputs"]) -> Float[Array, "*rows gates"]:
        return dense(params["input"], x)

    def step(self, params: Params, memory: Memory, projected: Float[Array, "*rows gates"]) -> Memory:
        hidden = memory["hidden"]
        reset, keep, candidate = jnp.split(projected, 3, axis=-1)
        reset_h, keep_h, candidate_h = jnp.split(hidden @ params["recurrent"]["weight"], 3, axis=-1)
        bias = params["candidate"]["bias"].reshape((1,) * (hidden.ndim - 1) + (-1,))
        candidate = jnp.tanh(candidate + jax.nn.sigmoid(reset + reset_h) * (candidate_h + bias))
        keep = jax.nn.sigmoid(keep + keep_h)
        return {"hidden": (1.0 - keep) * candidate + keep * hidden}


@dataclass(frozen=True, kw_only=True)
class LSTM:
    """Long short-term memory.

    i, f, o = σ(W x + b + U h),   g = tanh(W_g x + b_g + U_g h),   c' = f ⊙ c + i ⊙ g,   h' = o ⊙ tanh(c').

    Attributes:
        inputs: size of x.
        size: of c and of h.
        forget_bias: of f at the start: at 1 a fresh cell remembers rather than forgets.

    Source: Hochreiter and Schmidhuber 1997; forget gate, Gers et al. 2000; its bias, Jozefowicz et al. 2015.
    """

    inputs: int
    size: int
    forget_bias: float = 1.0

    def init(self, key: Key[Array, ""]) -> Params:
        weights = _weights(key, self.inputs, self.size, gates=4)
        weights["input"]["bias"] = weights["input"]["bias"].at[self.size : 2 * self.size].set(self.forget_bias)
        return weights

    def start(self, n: int) -> Memory:
        return {"hidden": jnp.zeros((n, self.size)), "cell": jnp.zeros((n, self.size))}

    def project(self, params: Params, x: Float[Array, "*rows inputs"]) -> Float[Array, "*rows gates"]:
        return dense(params["input"], x)

    def step(self, params: Params, memory: Memory, projected: Float[Array, "*rows gates"]) -> Memory:
        gates = projected + memory["hidden"] @ params["recurrent"]["weight"]
        write, keep, value, read = jnp.split(gates, 4, axis=-1)
        cell = jax.nn.sigmoid(keep) * memory["cell"] + jax.nn.sigmoid(write) * jnp.tanh(value)
        return {"hidden": jax.nn.sigmoid(read) * jnp.tanh(cell), "cell": cell}


def cell_of(name: CellName, inputs: int, size: int) -> Cell:
    """Builds a cell by name."""
    return {"gru": GRU, "lstm": LSTM}[name](inputs=inputs, size=size)


def _weights(key: Key[Array, ""], inputs: int, size: int, gates: int) -> Params:
    """Starts every gate's weights orthogonally, each by itself.

    Source: Saxe et al. 2014 (arXiv 1312.6120).
    """
    key_input, key_recurrent = jax.random.split(key)
    orthogonal = jax.nn.initializers.orthogonal()

    def side_by_side(key: Key[Array, ""], rows: int) -> Float[Array, "rows gates"]:
        return jnp.concatenate([orthogonal(k, (rows, size), jnp.float32) for k in jax.random.split(key, gates)], axis=1)

    return {
        "input": {"weight": side_by_side(key_input, inputs), "bias": jnp.zeros(gates * size)},
        "recurrent": {"weight": side_by_side(key_recurrent, size)},
    }
