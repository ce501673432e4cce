"""A small network as a skill model, trained in JAX; apart from the closed forms, which need no compiler."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from headstart.maths.adam import adam_init, adam_step
from headstart.share.skill_models import Prediction, SkillParams, one_hot
from headstart.share.skill_steps import Layout, SkillSteps, Weights


@dataclass(frozen=True, kw_only=True)
class Mlp:
    """A small network with one head for the call and one for the arguments of every call.

    For smooth skills that no polynomial fits; it is never exact to 1e-6, so it needs a tolerance of the user's.

    Attributes:
        width: units in each of the two hidden layers.
        updates: full-batch Adam steps.
        learning_rate: of Adam, decayed to zero along a cosine.
        seed: of the initial weights.
    """

    width: int = 32
    updates: int = 1500
    learning_rate: float = 1e-2
    seed: int = 0

    def fit(self, steps: SkillSteps, weights: Weights) -> SkillParams:
        rows = np.flatnonzero(weights > 0)
        weight = weights[rows] / weights[rows].sum()
        spare = max(8, 1 << (len(rows) - 1).bit_length()) - len(rows)  # powers of two: few shapes, few compilations
        rows, weight = np.concatenate([rows, np.repeat(rows[:1], spare)]), np.concatenate([weight, np.zeros(spare)])
        expanded = one_hot(steps.layout, steps.inputs[rows])
        center, spread = expanded.mean(axis=0), expanded.std(axis=0)
        scale = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1.0), 0.0)
        mean = steps.arguments[rows].mean(axis=0)
        deviation = steps.arguments[rows].std(axis=0)
        deviation = np.where(deviation > 0, deviation, 1.0)
        mask = np.arange(steps.arguments.shape[1])[None, :] < np.asarray(steps.layout.call_args)[:, None]
        heads = len(steps.layout.calls) * (1 + steps.arguments.shape[1])
        fitted = _train_mlp(
            jax.random.key(self.seed),
            jnp.asarray((expanded - center) * scale, jnp.float32),
            jnp.asarray(steps.call[rows]),
            jnp.asarray((steps.arguments[rows] - mean) / deviation, jnp.float32),
            jnp.asarray(mask[steps.call[rows]], jnp.float32),
            jnp.asarray(weight, jnp.float32),
            sizes=(expanded.shape[1], self.width, self.width, heads),
            updates=self.updates,
            learning_rate=self.learning_rate,
        )
        params = {name: np.asarray(one, np.float64) for name, one in fitted.items()}
        seen = np.isin(np.arange(len(steps.layout.calls)), steps.call[rows])
        return params | {"center": center, "scale": scale, "mean": mean, "deviation": deviation, "seen": seen}

    def predict(self, params: SkillParams, layout: Layout, inputs: Float[np.ndarray, "step input"]) -> Prediction:
        hidden = (one_hot(layout, inputs) - params["center"]) * params["scale"]
        for layer in range(3):
            hidden = hidden @ params[f"weight{layer}"] + params[f"bias{layer}"]
            hidden = np.tanh(hidden) if layer < 2 else hidden
        calls, width = len(layout.calls), len(params["mean"])
        scores = np.where(params["seen"], hidden[:, :calls], -np.inf)
        call = scores.argmax(axis=1)
        chosen = hidden[:, calls:].reshape(len(inputs), calls, width)[np.arange(len(inputs)), call]
        known = np.arange(width)[None, :] < np.asarray(layout.call_args)[call][:, None]
        arguments = np.where(known, chosen * params["deviation"] + params["mean"], 0.0)
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return Prediction(call, arguments, odds.max(axis=1) / odds.sum(axis=1))


@partial(jax.jit, static_argnames=("sizes", "updates", "learning_rate"))
def _train_mlp(
    key: Any,
    inputs: Any,
    call: Any,
    arguments: Any,
    mask: Any,
    weight: Any,
    *,
    sizes: tuple[int, ...],
    updates: int,
    learning_rate: float,
) -> dict[str, Any]:
    """Minimises cross-entropy of the call plus squared error of its arguments, as one scan."""
    layers = list(pairwise(sizes))
    keys = jax.random.split(key, len(layers))
    params = {f"bias{i}": jnp.zeros(n) for i, (_, n) in enumerate(layers)}
    for i, (m, n) in enumerate(layers):
        params[f"weight{i}"] = jax.random.normal(keys[i], (m, n)) / jnp.sqrt(jnp.float32(max(m, 1)))
    calls = sizes[-1] // (1 + arguments.shape[1])

    def cosine(count: Any) -> Any:
        return learning_rate * 0.5 * (1.0 + jnp.cos(jnp.pi * count.astype(jnp.float32) / updates))

    def loss(params: dict[str, Any]) -> Any:
        hidden = inputs
        for i in range(len(layers)):
            hidden = hidden @ params[f"weight{i}"] + params[f"bias{i}"][None, :]
            hidden = jnp.tanh(hidden) if i < len(layers) - 1 else hidden
        log_odds = jax.nn.log_softmax(hidden[:, :calls])
        per_call = hidden[:, calls:].reshape(len(hidden), calls, -1)
        rows = jnp.arange(len(hidden))
        error = jnp.sum(mask * (per_call[rows, call] - arguments) ** 2, axis=1)
        return jnp.sum(weight * (error - log_odds[rows, call]))

    def update(carry: Any, _: Any) -> tuple[Any, None]:
        params, state = carry
        return adam_step(jax.grad(loss)(params), state, params, cosine(state.count)), None

    (params, _), _ = jax.lax.scan(update, (params, adam_init(params)), length=updates)
    return params
