"""Small worlds outside JAX for tests of the seam: what they do can be said in one sentence."""

from dataclasses import dataclass

import numpy as np

from headstart.spaces import Box, ParameterSpace
from headstart.types import Outcome, Task


@dataclass(frozen=True, kw_only=True)
class Counting:
    """Observes (task, episode, step); the reward is the step; episodes of environment `i` last `lengths[i % len]`.

    Attributes:
        lengths: of the episodes, by environment.
        breaks_at: the step in which observations turn to NaN, in every episode, if any.
        ends: whether an end is the task's or the clock's.
    """

    lengths: tuple[int, ...] = (3, 5)
    breaks_at: int | None = None
    ends: str = "terminated"
    horizon: int | None = None
    kind: str = "host"
    can_snapshot: bool = True

    name = "counting"
    observation = Box(shape=(3,))
    action = Box(shape=(2,), low=-1.0, high=1.0)
    dynamics = rewards = ParameterSpace()

    def task(self):
        return Task({}, {"number": np.float32(0)})

    def sample(self, key, n):
        return Task({}, {"number": np.arange(n, dtype=np.float32)})

    def start(self, n):
        return {
            "number": np.zeros(n),
            "episode": -np.ones(n),
            "step": np.zeros(n),
            "length": np.zeros(n),
            "action": np.zeros((n, 2)),
        }

    def reset(self, seeds, state, tasks, where):
        lengths = np.array([self.lengths[i % len(self.lengths)] for i in range(len(where))])
        return {
            "number": np.where(where, tasks.reward["number"], state["number"]),
            "episode": state["episode"] + where,
            "step": np.where(where, 0, state["step"]),
            "length": lengths,
            "action": state["action"],
        }

    def observe(self, state):
        obs = np.stack([state["number"], state["episode"], state["step"]], axis=-1)
        if self.breaks_at is not None:
            obs[state["step"] == self.breaks_at] = np.nan
        return obs

    def step(self, seeds, state, action, where):
        step = state["step"] + where
        ended = (step >= state["length"]) & where
        never = np.zeros_like(ended)
        return Outcome(
            state | {"step": step, "action": action},
            step,
            ended if self.ends == "terminated" else never,
            ended if self.ends == "truncated" else never,
            ~never,
        )


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A policy that always chooses 3, outside the bounds of `Counting`."""

    def init(self, key):
        return {}

    def start(self, params, n):
        return ()

    def apply(self, key, params, carry, obs):
        import jax.numpy as jnp

        return jnp.full((obs.shape[0], 2), 3.0), carry


@dataclass(frozen=True, kw_only=True)
class Remembering:
    """A policy whose action is the number of steps that it remembers."""

    def init(self, key):
        return {}

    def start(self, params, n):
        import jax.numpy as jnp

        return jnp.zeros((n,))

    def apply(self, key, params, carry, obs):
        import jax.numpy as jnp

        return jnp.stack([carry, carry], axis=-1), carry + 1
