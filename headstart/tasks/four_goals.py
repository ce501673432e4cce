"""A point between four goals that are equally good: does a policy keep all four, or only one?"""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from headstart.errors import InputError
from headstart.spaces import Box, Parameter, ParameterSpace
from headstart.types import Outcome, Task

GOALS = ((5.0, 0.0), (-5.0, 0.0), (0.0, 5.0), (0.0, -5.0))  # m
WALL = 7.0  # m, half the side of the square that cannot be left


class PlaneState(NamedTuple):
    """Where the point is, m."""

    position: Float[Array, "2"]


@dataclass(frozen=True, kw_only=True)
class FourGoals:
    """Moves from near the origin to any of the goals (±5, 0), (0, ±5); s' = s + a. The observation is the position.

    Reward −30 ‖a‖² − min_g ‖s' − g‖², and 10 more within `goal_radius` of a goal, where the episode terminates: that is
    a success. Fewer than four goals make a part of the task, for composition.

    Attributes:
        goals: which of the four there are, by number: east, west, north, south.
        start_std: m, of the first position around the origin.
        goal_radius: m.
        horizon: control steps until truncation.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), section 5.1, and its code, `environments/multigoal.py`.
    """

    goals: tuple[int, ...] = (0, 1, 2, 3)
    start_std: float = 0.1
    goal_radius: float = 1.0
    horizon: int = 30
    kind: ClassVar[Literal["jax"]] = "jax"
    name = "four_goals"
    observation = Box((2,), -WALL, WALL)
    action = Box((2,), -1.0, 1.0)
    rewards = ParameterSpace(
        (
            Parameter(name="cost:action", unit="1", nominal=30.0, low=0.0, high=1000.0),
            Parameter(name="bonus:goal", unit="1", nominal=10.0, low=0.0, high=1000.0),
        )
    )
    dynamics = ParameterSpace(
        (
            Parameter(name="step:point", unit="m", nominal=1.0, low=0.1, high=10.0, scale="log"),
            Parameter(name="noise:point", unit="m/step", nominal=0.0, low=0.0, high=1.0),
        )
    )

    def __post_init__(self):
        """Refuses goals that there are not, and numbers that mean nothing."""
        if not self.goals or not set(self.goals) <= set(range(len(GOALS))):
            raise InputError(f"four_goals: goals={self.goals} must be one or more of the numbers 0, 1, 2, 3")
        if not (0 <= self.start_std < math.inf and 0 < self.goal_radius < math.inf and self.horizon >= 1):
            raise InputError("four_goals: start_std is from 0; goal_radius and horizon are positive; all are finite")

    def task(self) -> Task:
        dynamics, rewards = self.dynamics.nominal(), self.rewards.nominal()
        return Task(*({name: jnp.asarray(value) for name, value in part.items()} for part in (dynamics, rewards)))

    def sample(self, key: Key[Array, ""], n: int) -> Task:
        """Repeats the nominal task: what there is to choose from is inside it."""
        return jax.tree.map(lambda x: jnp.broadcast_to(x, (n, *x.shape)), self.task())

    def reset(self, key: Key[Array, ""], task: Task) -> PlaneState:
        return PlaneState(jnp.clip(self.start_std * jax.random.normal(key, (2,)), -WALL, WALL))

    def observe(self, state: PlaneState, task: Task) -> Float[Array, "2"]:
        return state.position

    def step(self, key: Key[Array, ""], state: PlaneState, action: Float[Array, "2"], task: Task) -> Outcome:
        noise = task.dynamics["noise:point"] * jax.random.normal(key, (2,))
        position = jnp.clip(state.position + task.dynamics["step:point"] * action + noise, -WALL, WALL)
        distance = self.squared_distance(position)
        reached = distance < self.goal_radius**2
        reward = -task.reward["cost:action"] * jnp.sum(action**2) - distance
        reward = reward + jnp.where(reached, task.reward["bonus:goal"], 0.0)
        return Outcome(PlaneState(position), reward, reached, jnp.asarray(False), jnp.asarray(True))

    def squared_distance(self, position: Float[Array, "2"]) -> Float[Array, ""]:
        """Returns the squared distance to the nearest goal that there is, m²."""
        goals = jnp.asarray([GOALS[i] for i in self.goals])
        return jnp.min(jnp.sum((position[None] - goals) ** 2, axis=-1))


def nearest_goal(position: Float[Array, "*rows 2"]) -> Int[Array, "*rows"]:
    """Returns the number of the goal that is nearest: east, west, north, south."""
    goals = jnp.asarray(GOALS).reshape((1,) * (position.ndim - 1) + (4, 2))
    return jnp.argmin(jnp.sum((position[..., None, :] - goals) ** 2, axis=-1), axis=-1)
