"""The arrays that a Gymnasium world and its stepping loop share: commands in, one row for each environment out.

Between processes they lie in one anonymous piece of shared memory, so that a command is a single byte on a pipe.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from headstart.spaces import Box, Discrete
from headstart.tasks.gymnasium_spaces import from_json

ALIGNMENT = 64  # bytes: a cache line


class Board(NamedTuple):
    """One row for each environment.

    Attributes:
        obs: one array for each leaf of the observation, axis `env` first.
        action: what to do next, already inside its bounds.
        where: which environments to reset or to step.
        seed: to reset with.
        reward: of the last step.
        terminated: the task ended in the last step.
        truncated: the world's own clock, or a fault, ended the episode.
        valid: False where the world gave numbers that are not finite.
        success: 1 or 0 where the environment's info said so, else -1.
        steps: of the running episode.
        lost: the running episode is broken: nothing is stepped there until the next reset.
        at: for each worker, the environment that it is busy with.
    """

    obs: list[np.ndarray]
    action: np.ndarray
    where: np.ndarray
    seed: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    valid: np.ndarray
    success: np.ndarray
    steps: np.ndarray
    lost: np.ndarray
    at: np.ndarray


def _array_of(space: Box | Discrete, n: int) -> tuple[tuple[int, ...], str]:
    return ((n,), "int32") if isinstance(space, Discrete) else ((n, *space.shape), space.dtype)


def _layout(description: dict[str, Any], n: int, workers: int) -> list[tuple[tuple[int, ...], str]]:
    """Lists shape and dtype of every array; both sides derive the same list from the same description."""
    obs = [_array_of(from_json(space), n) for space in description["observation"]]
    flags = ["bool", "int64", "float32", "bool", "bool", "bool", "int8", "int64", "bool"]
    return [*obs, _array_of(from_json(description["action"]), n), *(((n,), f) for f in flags), ((workers,), "int32")]


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return -(-math.prod(shape) * np.dtype(dtype).itemsize // ALIGNMENT) * ALIGNMENT


def board_size(description: dict[str, Any], n: int, workers: int) -> int:
    """Returns how many bytes the arrays of `n` environments take."""
    return max(1, sum(_bytes(shape, dtype) for shape, dtype in _layout(description, n, workers)))


def board_on(memory: Any, description: dict[str, Any], n: int, workers: int) -> Board:
    """Lays the arrays over a writable buffer of `board_size` bytes."""
    offset, arrays = 0, []
    for shape, dtype in _layout(description, n, workers):
        arrays.append(np.frombuffer(memory, dtype, math.prod(shape), offset).reshape(shape))
        offset += _bytes(shape, dtype)
    leaves = len(description["observation"])
    return Board(arrays[:leaves], *arrays[leaves:])
