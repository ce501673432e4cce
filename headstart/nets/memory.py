"""Which memory a policy has, by name."""

from typing import Any, Literal

from headstart.errors import unknown
from headstart.nets.history import HistoryPolicy
from headstart.nets.policies import CategoricalPolicy, GaussianPolicy
from headstart.nets.recurrent import RecurrentPolicy
from headstart.spaces import Discrete
from headstart.types import ActionSpace, ObservationSpace

MemoryName = Literal["none", "history", "gru", "lstm"]
MEMORIES: tuple[MemoryName, ...] = ("none", "history", "gru", "lstm")


def policy_with(memory: MemoryName, observation: ObservationSpace, action: ActionSpace) -> Any:
    """Builds a policy for on-policy learning.

    Args:
        memory: `none`; `history`, the last 8 steps as they were; `gru` or `lstm`, a recurrent one.
        observation: what is seen.
        action: what can be done.

    Raises:
        InputError: for an unknown name, or actions that are neither vectors nor choices.
    """
    if memory == "none":
        kind = CategoricalPolicy if isinstance(action, Discrete) else GaussianPolicy
        return kind(observation=observation, action=action)  # pyright: ignore[reportArgumentType]
    if memory == "history":
        return HistoryPolicy(observation=observation, action=action)
    if memory not in MEMORIES:
        raise unknown("memory", memory, MEMORIES)
    return RecurrentPolicy(observation=observation, action=action, cell=memory)
