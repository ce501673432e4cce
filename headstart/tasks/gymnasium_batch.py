"""Several environments of the user's, plain or batched, behind one interface. Runs in the worker processes."""

from dataclasses import dataclass
from typing import Any

import gymnasium

from headstart.tasks.gymnasium_board import Board
from headstart.tasks.gymnasium_stepping import SingleEnvironments
from headstart.tasks.gymnasium_vector import VectorEnvironments


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Environments that obey together.

    Attributes:
        parts: the plain ones as one part, every batched one as a part of its own.
    """

    parts: tuple[SingleEnvironments | VectorEnvironments, ...]

    def reset(self) -> None:
        """Resets the rows that the board's `where` marks."""
        for part in self.parts:
            part.reset()

    def step(self) -> None:
        """Steps the rows that the board's `where` marks."""
        for part in self.parts:
            part.step()

    def close(self) -> None:
        """Closes all environments."""
        for part in self.parts:
            part.close()


def gather(built: list[Any], board: Board, first: int, worker: int) -> Batch:
    """Lays environments over the rows of a board, from `first` on."""
    if not isinstance(built[0], gymnasium.vector.VectorEnv):
        return Batch(parts=(SingleEnvironments(built, board, first, worker),))
    size = built[0].num_envs
    return Batch(parts=tuple(VectorEnvironments(env, board, first + i * size, worker) for i, env in enumerate(built)))
