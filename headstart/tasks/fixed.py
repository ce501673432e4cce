"""A distribution that is no distribution: the same task, every time."""

from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Key

from headstart.types import Metrics, State, Task


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """Always one task.

    Attributes:
        task: unbatched.
    """

    task: Task = field(hash=False)

    def init(self, key: Key[Array, ""]) -> State:
        del key  # nothing here is random
        return ()

    def sample(self, key: Key[Array, ""], state: State, n: int) -> Task:
        del key, state
        return jax.tree.map(lambda x: np.repeat(np.asarray(x)[None], n, axis=0), self.task)

    def update(self, key: Key[Array, ""], state: State, feedback: Any) -> tuple[State, Metrics]:
        del key, feedback
        return state, {}
