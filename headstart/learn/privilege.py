"""What a critic may be told that no policy is: the true parameters of a task, as network inputs."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from headstart.maths.moments import Moments, normalize
from headstart.spaces import Parameter, ParameterSpace
from headstart.types import Task


def told(space: ParameterSpace, task: Task, seen: Moments, rows: tuple[int, ...]) -> Float[Array, "*rows parameter"]:
    """Returns the parameters of each row's task, on the scale of what was seen so far.

    Args:
        space: which parameters, of the dynamics or of the reward.
        task: of each row. What it does not say (a target tells nothing) counts as the mean of what was seen.
        seen: moments of `in_unit` over the rows so far.
        rows: the leading axes.
    """
    return normalize(seen, in_unit(space, task, seen, rows))


def in_unit(space: ParameterSpace, task: Task, seen: Moments, rows: tuple[int, ...]) -> Float[Array, "*rows parameter"]:
    """Returns the parameters of each row's task within their legal bounds, by their own scale, on a last axis."""
    values = {**task.dynamics, **task.reward}
    columns = [
        _unit(parameter, jnp.asarray(values[parameter.name]))
        if parameter.name in values
        else jnp.broadcast_to(seen.mean[i], rows)
        for i, parameter in enumerate(space.values())
    ]
    return jnp.stack(columns, axis=-1) if columns else jnp.zeros((*rows, 0))


def _unit(parameter: Parameter, value: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
    """Maps a value to [0, 1] between its legal bounds; rows of filling, which may hold anything, to a border."""
    value = jnp.nan_to_num(jnp.clip(value.astype(jnp.float32), parameter.low, parameter.high), nan=parameter.nominal)
    low, high = parameter.low, parameter.high
    if parameter.scale == "log":
        low, high, value = math.log(low), math.log(high), jnp.log(value)
    return (value - low) / ((high - low) or 1.0)
