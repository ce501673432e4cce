"""Where a batch of worlds and memories stands between two rollouts."""

from typing import NamedTuple

from jaxtyping import Array, Bool, Int

from headstart.types import Observation, State, Task


class Carry(NamedTuple):
    """Everything that one call of `collect` hands to the next. Axis `env` in front of every leaf.

    Attributes:
        world: the state of the worlds.
        memory: what the policy carries.
        obs: what the policy sees next.
        first: whether `obs` is the first of an episode.
        elapsed: steps taken in the running episode.
        episode: how many episodes each environment has ended.
        task: of the running episode.
    """

    world: State
    memory: State
    obs: Observation
    first: Bool[Array, " env"]
    elapsed: Int[Array, " env"]
    episode: Int[Array, " env"]
    task: Task
