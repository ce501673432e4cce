"""A point that steps over an open plane to a goal it is not shown: the plainest family of tasks in meta-learning."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from headstart.errors import InputError
from headstart.spaces import Box, Parameter, ParameterSpace
from headstart.types import Outcome, Task


class PlaneState(NamedTuple):
    """Where the point is, m."""

    position: Float[Array, "2"]


@dataclass(frozen=True, kw_only=True)
class PointNavigation:
    """Moves from the origin towards a goal. The observation is the position; the goal is only in the task.

    The defaults are MAML's: goals in the square [−0.5, 0.5]², 100 steps of at most 0.1. PEARL's point robot is
    `goals="square", extent=1.0, horizon=20`, its sparse one `goals="half_circle", extent=1.0, reward_kind="sparse"`.
    No episode ends early; it is a success if its last `next_obs` is within `goal_radius` of the goal.

    Attributes:
        goals: `"square"`: uniformly in a square around the origin; `"half_circle"`: uniformly on the upper half circle.
        extent: m, half the side of the square, or the radius of the circle.
        reward_kind: `"dense"`: minus the distance to the goal in metres; `"sparse"`: 1 minus that distance within
            `goal_radius`, and 0 outside.
        goal_radius: m.
        horizon: control steps until truncation.

    Source: Finn et al. 2017 (arXiv 1703.03400), Rakelly et al. 2019 (arXiv 1903.08254). Wind and the rotation of the
    actions are added here, so that dynamics can differ as well.
    """

    goals: Literal["square", "half_circle"] = "square"
    extent: float = 0.5
    reward_kind: Literal["sparse", "dense"] = "dense"
    goal_radius: float = 0.2
    horizon: int = 100
    kind: ClassVar[Literal["jax"]] = "jax"
    name = "point_navigation"
    observation = Box((2,))
    action = Box((2,), -1.0, 1.0)
    rewards = ParameterSpace()  # a goal is a vector: see `sample`
    dynamics = ParameterSpace(
        (
            Parameter(name="step:point", unit="m", nominal=0.1, low=0.01, high=1.0, scale="log"),
            Parameter(name="rotation:action", unit="rad", nominal=0.0, low=-math.pi, high=math.pi),
            Parameter(name="wind:x", unit="m/step", nominal=0.0, low=-0.1, high=0.1),
            Parameter(name="wind:y", unit="m/step", nominal=0.0, low=-0.1, high=0.1),
        )
    )

    def __post_init__(self):
        """Refuses shapes and numbers that mean nothing."""
        if self.goals not in ("square", "half_circle"):
            raise InputError(f"point_navigation: goals is 'square' or 'half_circle', not {self.goals!r}")
        if self.reward_kind not in ("sparse", "dense"):
            raise InputError(f"point_navigation: reward_kind is 'sparse' or 'dense', not {self.reward_kind!r}")
        if not (0 < self.extent < math.inf and 0 < self.goal_radius < math.inf and self.horizon >= 1):
            raise InputError("point_navigation: extent, goal_radius and horizon are positive and finite")

    def task(self) -> Task:
        """Returns the task whose goal is a corner of the square, or the top of the half circle."""
        goal = jnp.asarray((self.extent if self.goals == "square" else 0.0, self.extent))
        return Task({name: jnp.asarray(value) for name, value in self.dynamics.nominal().items()}, {"goal": goal}, goal)

    def sample(self, key: Key[Array, ""], n: int) -> Task:
        if self.goals == "square":
            goal = jax.random.uniform(key, (n, 2), minval=-self.extent, maxval=self.extent)
        else:
            angle = jax.random.uniform(key, (n,), maxval=math.pi)
            goal = self.extent * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
        dynamics = {name: jnp.full(n, value) for name, value in self.dynamics.nominal().items()}
        return Task(dynamics, {"goal": goal}, goal)

    def reset(self, key: Key[Array, ""], task: Task) -> PlaneState:
        return PlaneState(jnp.zeros(2))

    def observe(self, state: PlaneState, task: Task) -> Float[Array, "2"]:
        return state.position

    def step(self, key: Key[Array, ""], state: PlaneState, action: Float[Array, "2"], task: Task) -> Outcome:
        angle, wind = task.dynamics["rotation:action"], jnp.stack([task.dynamics["wind:x"], task.dynamics["wind:y"]])
        x, y = action
        turned = jnp.stack([jnp.cos(angle) * x - jnp.sin(angle) * y, jnp.sin(angle) * x + jnp.cos(angle) * y])
        position = state.position + task.dynamics["step:point"] * turned + wind
        distance = jnp.linalg.norm(position - task.reward["goal"])
        near = jnp.where(distance <= self.goal_radius, 1.0 - distance, 0.0)
        reward = -distance if self.reward_kind == "dense" else near
        return Outcome(PlaneState(position), reward, jnp.asarray(False), jnp.asarray(False), jnp.asarray(True))
