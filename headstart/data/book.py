"""Which task each episode of a rollout is of."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from headstart.types import Task


class Book(NamedTuple):
    """Which task each episode is of: a look-up, so that steps carry a number and not a task of dozens of leaves.

    Attributes:
        tasks: those of the episodes that were running when the book was opened, one for each environment, and behind
            them the pool.
        opened: the number of the episode that was running in each environment.
    """

    tasks: Task
    opened: Int[np.ndarray, " env"]

    def look_up(self, episode: Int[np.ndarray, "*time env"], index: Int[np.ndarray, " env"]) -> Task:
        """Returns the tasks of episodes of some environments: row `i + n c` of the pool for episode `c` of `i`."""
        leaves, structure = jax.tree.flatten(self.tasks)
        if not leaves:
            return self.tasks
        n, episode = len(self.opened), episode.astype(np.int64)
        later = n + (index + n * episode) % (len(leaves[0]) - n)
        row = np.where(episode == self.opened[index], index, later)
        return jax.tree.unflatten(structure, [leaf[row] for leaf in leaves])


def open_book(running: Task, pool: Task, episode: Int[np.ndarray, " env"]) -> Book:
    """Opens a book with the running episodes and the pool for those to come."""
    both = jax.tree.map(lambda now, later: np.concatenate([np.asarray(now), np.asarray(later)]), running, pool)
    return Book(both, np.asarray(episode))
