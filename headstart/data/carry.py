"""What one call of the seam hands to the next: every environment, in the middle of its episode."""

from typing import NamedTuple

from jaxtyping import Array, Bool, Int

from headstart.types import Observation, State, Task


class Carry(NamedTuple):
    """The state of `n` environments and of the policy that acts in them. Axis `env` in front of every leaf.

    Attributes:
        world: the family's state.
        memory: the policy's carry, already that of a fresh start where the last step ended an episode.
        obs: what the policy sees next.
        first: `obs` is the first of an episode.
        elapsed: control steps taken in the current episode.
        episode: which episode this is, counted from 0 in each environment.
        task: of the current episode.
    """

    world: State
    memory: State
    obs: Observation
    first: Bool[Array, " env"]
    elapsed: Int[Array, " env"]
    episode: Int[Array, " env"]
    task: Task
