"""Replay: a ring of transitions in device memory, as pure functions of a state."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from headstart.errors import InputError
from headstart.types import Observation, Rollout

LARGEST_SHARE = 0.8  # of the memory
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Transitions(NamedTuple):
    """Single steps, in no order. Any number of equal axes in front of every leaf.

    Attributes:
        obs: what the policy saw.
        action: what the policy chose, before the world clipped it.
        reward: of the step.
        next_obs: the true next observation.
        terminated: nothing is worth anything afterwards. Of a truncation nothing is kept: it says nothing about value.
    """

    obs: Observation
    action: Array
    reward: Float[Array, "*rows"]
    next_obs: Observation
    terminated: Bool[Array, "*rows"]


class ReplayState(NamedTuple):
    """The ring.

    Attributes:
        rows: the transitions, axis `capacity` in front of every leaf.
        position: where the next row goes.
        size: how many rows hold something.
    """

    rows: Transitions
    position: Int[Array, ""]
    size: Int[Array, ""]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A ring buffer that forgets the oldest transition first.

    Its functions copy nothing where the caller's jit donates the state.

    Attributes:
        capacity: rows held at most.
    """

    capacity: int

    def __post_init__(self):
        """Refuses a ring without room."""
        if self.capacity < 1:
            raise InputError(f"a replay needs room for at least 1 transition, not {self.capacity}")

    def init(self, example: Transitions) -> ReplayState:
        """Allocates an empty ring.

        Args:
            example: one transition, without leading axes; only shapes and dtypes are read.

        Raises:
            InputError: the ring would need more than 80 % of the memory; names a capacity that fits.
        """
        row, limit = row_bytes(example), LARGEST_SHARE * memory_bytes()
        if self.capacity * row > limit:
            raise InputError(
                f"a replay of {self.capacity} transitions needs {self.capacity * row / 1e9:.1f} GB, more than 80 % "
                f"of the {limit / LARGEST_SHARE / 1e9:.1f} GB here; a capacity of {int(limit // row)} fits"
            )
        rows = jax.tree.map(lambda x: jnp.zeros((self.capacity, *x.shape), x.dtype), example)
        return ReplayState(rows, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))

    def add(self, state: ReplayState, rollout: Rollout) -> ReplayState:
        """Writes the valid rows of a rollout over the oldest ones, in order of time."""
        fields = (rollout.obs, rollout.action, rollout.reward, rollout.next_obs, rollout.terminated)
        rows = Transitions(*jax.tree.map(lambda x: x.reshape((-1, *x.shape[2:])), fields))
        valid = rollout.valid.reshape(-1)
        rank = jnp.cumsum(valid.astype(jnp.int32)) - 1
        total = rank[-1] + 1
        # of a rollout longer than the ring only the end is kept; what is left out gets an index beyond the ring
        kept = valid & (rank >= total - self.capacity)
        index = jnp.where(kept, (state.position + rank) % self.capacity, self.capacity)
        written = jax.tree.map(
            lambda ring, new: ring.at[index].set(new.astype(ring.dtype), mode="drop"), state.rows, rows
        )
        position = (state.position + total) % self.capacity
        return ReplayState(written, position, jnp.minimum(state.size + total, self.capacity))

    def sample(self, key: Key[Array, ""], state: ReplayState, n: int) -> Transitions:
        """Draws `n` rows uniformly, with replacement; zeros while the ring is empty."""
        index = jax.random.randint(key, (n,), 0, jnp.maximum(state.size, 1))
        return jax.tree.map(lambda ring: ring[index], state.rows)


def row_bytes(example: PyTree[Array]) -> int:
    """Returns the memory that one transition takes."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(example))


def memory_bytes() -> int:
    """Returns the memory that arrays may use: the accelerator's, or the smaller of RAM and the container's limit."""
    statistics = jax.devices()[0].memory_stats()
    if statistics and "bytes_limit" in statistics:
        return statistics["bytes_limit"]
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in CGROUP_LIMITS:
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            limits.append(int(text))
    return min(limits)
