"""A world seen through an adapter: its observations and actions rearranged into those of another."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.maths.trees import named_leaves
from headstart.spaces import Box
from headstart.tasks.wrapper import Wrapper
from headstart.types import Observation, Outcome, State


class Entry(NamedTuple):
    """One number made of another: offset + scale × what stands at `index` of `leaf`.

    Attributes:
        leaf: path of the observation's leaf, `""` where there is only one; None: a constant, `offset`.
        index: of the entry, in row-major order.
        scale: factor.
        offset: in the unit of the result.
    """

    leaf: str | None
    index: int = 0
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """How one world's numbers become another's.

    Attributes:
        observation: for each entry of the vector that a policy sees, where it comes from in the world.
        action: for each entry of the vector that the world is given, where it comes from in the policy's action; the
            result is clipped to the world's bounds.
    """

    observation: tuple[Entry, ...]
    action: tuple[Entry, ...]

    def observe(self, obs: Observation) -> Float[np.ndarray, "env entry"]:
        """Rearranges what a world shows; every leaf has the axis `env` in front."""
        leaves = {name: np.asarray(leaf) for name, leaf in named_leaves(obs).items()}
        count = len(next(iter(leaves.values())))
        flat = {name: leaf.reshape(count, -1) for name, leaf in leaves.items()}
        return np.stack([_column(entry, flat, count) for entry in self.observation], axis=-1).astype(np.float32)

    def act(self, action: Float[np.ndarray, "env action"], space: Box) -> Float[np.ndarray, "env other"]:
        """Turns a policy's actions into the world's."""
        columns = [_column(entry, {"": action}, len(action)) for entry in self.action]
        low, high = space.bounds()
        return np.clip(np.stack(columns, axis=-1), low.reshape(-1), high.reshape(-1)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Adapted(Wrapper):
    """A host family whose spaces are another's. Rewards, ends of episodes and dynamics are its own.

    Attributes:
        adapter: how the world's numbers are rearranged.
        observation: of the policy that is to act here.
        action: likewise.
    """

    adapter: Adapter
    observation: Any
    action: Box

    def observe(self, state: State) -> Observation:
        return self.adapter.observe(self.family.observe(state))

    def step(self, seeds: Any, state: State, action: Any, where: Any) -> Outcome:
        space: Any = self.family.action
        given = self.adapter.act(np.asarray(action), space)
        return self.family.step(seeds, state, given.reshape((len(given), *space.shape)), where)


def _column(entry: Entry, flat: dict[str, np.ndarray], count: int) -> Float[np.ndarray, " env"]:
    if entry.leaf is None:
        return np.full(count, entry.offset)
    return entry.offset + entry.scale * flat[entry.leaf][:, entry.index].astype(np.float64)


def size_of(space: Any) -> int:
    """Returns how many numbers a box holds."""
    return int(np.prod(space.shape, dtype=int))


def boxes_of(space: Any) -> dict[str, Any]:
    """Returns every leaf of an observation space under its path; `""` where there is only one."""
    return named_leaves(space)
