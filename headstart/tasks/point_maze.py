"""A point with inertia in a maze drawn as text; the goal is the task."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from headstart.errors import InputError
from headstart.spaces import Box, ParameterSpace
from headstart.tasks.mazes import Maze, drawing, read_maze
from headstart.tasks.point_physics import DYNAMICS, SKIN, SUBSTEP, PointState, advance
from headstart.types import Outcome, Task


@dataclass(frozen=True, kw_only=True)
class PointMaze:
    """Pushes a point through a maze to a goal.

    An episode is a success exactly if it terminates: the point came within `goal_radius` of the goal.
    `observe` gives `[x, y, vx, vy]`; the goal is in the task's `reward` and `spec`, not in the observation.

    How it moves: see `point_physics.advance`.

    Attributes:
        maze: a name in `mazes.MAZES`, or a drawing (see `mazes.read_maze`).
        reward_kind: `"sparse"`: 1 where the goal is reached, else 0; `"dense"`: minus the straight distance to the goal
            in metres.
        goal_radius: m.
        start_jitter: m, half the width of the square around the centre of the start cell in which an episode begins.
        top_speed: m/s, the limit of each component of the velocity.
        substeps: of 0.05 s in each control step.
        horizon: control steps until truncation.

    Raises:
        InputError: the maze cannot be read, or a number leaves its range.
    """

    maze: str = "u"
    reward_kind: Literal["sparse", "dense"] = "sparse"
    goal_radius: float = 0.3
    start_jitter: float = 0.2
    top_speed: float = 5.0
    substeps: int = 2
    horizon: int = 200
    kind: ClassVar[Literal["jax"]] = "jax"
    name = "point_maze"
    action = Box((2,), -1.0, 1.0)
    rewards = ParameterSpace()  # the goal is a place among walls and no box of numbers: see `sample` and `is_free`
    dynamics = DYNAMICS

    def __post_init__(self):
        """Reads the maze, so that a bad one is refused here."""
        read_maze(drawing(self.maze))
        if self.reward_kind not in ("sparse", "dense"):
            raise InputError(f"point_maze: reward_kind is 'sparse' or 'dense', not {self.reward_kind!r}")
        for name, high in {"goal_radius": math.inf, "start_jitter": 0.5 - SKIN, "top_speed": 0.9 / SUBSTEP}.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= high):
                raise InputError(f"point_maze: {name} is between 0 and {high:.4g}, not {value}")
        if self.substeps < 1 or self.horizon < 1:
            raise InputError("point_maze: substeps and horizon are at least 1")

    @cached_property
    def layout(self) -> Maze:
        """The maze in metres."""
        return read_maze(drawing(self.maze))

    @cached_property
    def observation(self) -> Box:
        """Bounds of `[x, y, vx, vy]`: the drawing's size, and the top speed."""
        rows, columns = self.layout.wall.shape
        return Box((4,), (0.0, 0.0, *2 * (-self.top_speed,)), (float(columns), float(rows), *2 * (self.top_speed,)))

    def task(self) -> Task:
        goal = jnp.asarray(self.layout.goal)
        return Task({name: jnp.asarray(value) for name, value in self.dynamics.nominal().items()}, {"goal": goal}, goal)

    def sample(self, key: Key[Array, ""], n: int) -> Task:
        """Draws goals uniformly from the cells that can be reached from a start; never inside a wall."""
        cell_key, place_key = jax.random.split(key)
        corners = jnp.asarray([(x, y) for y, x in zip(*self.layout.reachable.nonzero(), strict=True)], jnp.float32)
        corner = corners[jax.random.randint(cell_key, (n,), 0, len(corners))]
        goal = corner + jax.random.uniform(place_key, (n, 2), minval=SKIN, maxval=1.0 - SKIN)
        dynamics = {name: jnp.full(n, value) for name, value in self.dynamics.nominal().items()}
        return Task(dynamics, {"goal": goal}, goal)

    def reset(self, key: Key[Array, ""], task: Task) -> PointState:
        starts = jnp.asarray(self.layout.starts)
        if len(starts) == 1:
            corner, place_key = starts[0], key
        else:
            cell_key, place_key = jax.random.split(key)
            corner = starts[jax.random.randint(cell_key, (), 0, len(starts))]
        jitter = jax.random.uniform(place_key, (2,), minval=-self.start_jitter, maxval=self.start_jitter)
        return PointState(corner + 0.5 + jitter, jnp.zeros(2))

    def observe(self, state: PointState, task: Task) -> Float[Array, "4"]:
        return jnp.concatenate([state.position, state.velocity])

    def step(self, key: Key[Array, ""], state: PointState, action: Float[Array, "2"], task: Task) -> Outcome:
        for _ in range(self.substeps):
            force = action * task.dynamics["force:motor"]
            state = advance(state, force, task.dynamics, self._blocked, self.top_speed)
        distance = jnp.linalg.norm(state.position - task.reward["goal"])
        reached = distance <= self.goal_radius
        reward = -distance if self.reward_kind == "dense" else reached.astype(jnp.float32)
        return Outcome(state, reward, reached, jnp.asarray(False), jnp.asarray(True))

    def is_free(self, position: Float[Array, "2"]) -> Bool[Array, ""]:
        """Says whether a place is neither in a wall nor outside the drawing."""
        return ~self._blocked(jnp.floor(position).astype(jnp.int32))

    def _blocked(self, cell: Int[Array, "2"]) -> Bool[Array, ""]:
        """Says whether a cell (x, y) is a wall; whatever lies outside the drawing is one."""
        rows, columns = self.layout.wall.shape
        outside = (cell[0] < 0) | (cell[0] >= columns) | (cell[1] < 0) | (cell[1] >= rows)
        wall = jnp.asarray(self.layout.wall.reshape(-1))
        return outside | wall[jnp.clip(cell[1] * columns + cell[0], 0, rows * columns - 1)]
