"""A point with inertia in a maze drawn as text; the goal is the task."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from headstart.errors import InputError
from headstart.spaces import Box, Parameter, ParameterSpace
from headstart.tasks.mazes import Maze, drawing, read_maze
from headstart.types import Outcome, Task

GRAVITY = 9.81  # m/s², presses the point to the floor
SUBSTEP = 0.05  # s
SKIN = 1e-3  # m, kept from every wall, so that rounding never puts the point on the wall's side


class PointState(NamedTuple):
    """Where the point is (m, see `mazes.Maze`) and how fast it moves (m/s)."""

    position: Float[Array, "2"]
    velocity: Float[Array, "2"]


@dataclass(frozen=True, kw_only=True)
class PointMaze:
    """Pushes a point through a maze to a goal.

    An episode is a success exactly if it terminates: the point came within `goal_radius` of the goal.
    `observe` gives `[x, y, vx, vy]`; the goal is in the task's `reward` and `spec`, not in the observation.

    In each substep the force changes the velocity, damping and friction slow it (implicitly, so they can stop the point
    but never turn it round), and the point moves along x, then along y. It moves less than a cell in each, so it cannot
    pass a wall; where it meets one it stops there and loses the velocity of that axis.

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
    dynamics = ParameterSpace(
        (
            Parameter(name="mass:point", unit="kg", nominal=1.0, low=0.1, high=10.0, scale="log"),
            Parameter(name="damping:point", unit="N s/m", nominal=1.0, low=0.0, high=10.0),
            Parameter(name="friction:floor", unit="1", nominal=0.02, low=0.0, high=1.0),
            Parameter(name="force:motor", unit="N", nominal=3.0, low=0.1, high=30.0, scale="log"),
        )
    )

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
            state = self._move(state, action * task.dynamics["force:motor"], task)
        distance = jnp.linalg.norm(state.position - task.reward["goal"])
        reached = distance <= self.goal_radius
        reward = -distance if self.reward_kind == "dense" else reached.astype(jnp.float32)
        return Outcome(state, reward, reached, jnp.asarray(False), jnp.asarray(True))

    def is_free(self, position: Float[Array, "2"]) -> Bool[Array, ""]:
        """Says whether a place is neither in a wall nor outside the drawing."""
        return ~self._blocked(jnp.floor(position).astype(jnp.int32))

    def _move(self, state: PointState, force: Float[Array, "2"], task: Task) -> PointState:
        """Advances by one substep: speed, damping, friction, then x and y against the walls."""
        mass = task.dynamics["mass:point"]
        velocity = (state.velocity + SUBSTEP * force / mass) / (1.0 + SUBSTEP * task.dynamics["damping:point"] / mass)
        slowed = SUBSTEP * GRAVITY * task.dynamics["friction:floor"]
        speed = jnp.sqrt(jnp.sum(velocity**2))
        velocity = velocity * (jnp.maximum(speed - slowed, 0.0) / jnp.maximum(speed, 1e-9))
        velocity = jnp.clip(velocity, -self.top_speed, self.top_speed)
        (x, y), (vx, vy) = state.position, velocity
        cell_x, cell_y = jnp.floor(x), jnp.floor(y)
        new_x = x + SUBSTEP * vx
        hit_x = self._blocked(jnp.stack([jnp.floor(new_x), cell_y]).astype(jnp.int32))
        new_x = jnp.where(hit_x, jnp.clip(new_x, cell_x + SKIN, cell_x + 1.0 - SKIN), new_x)
        new_y = y + SUBSTEP * vy
        hit_y = self._blocked(jnp.floor(jnp.stack([new_x, new_y])).astype(jnp.int32))
        new_y = jnp.where(hit_y, jnp.clip(new_y, cell_y + SKIN, cell_y + 1.0 - SKIN), new_y)
        velocity = jnp.stack([jnp.where(hit_x, 0.0, vx), jnp.where(hit_y, 0.0, vy)])
        return PointState(jnp.stack([new_x, new_y]), velocity)

    def _blocked(self, cell: Int[Array, "2"]) -> Bool[Array, ""]:
        """Says whether a cell (x, y) is a wall; whatever lies outside the drawing is one."""
        rows, columns = self.layout.wall.shape
        outside = (cell[0] < 0) | (cell[0] >= columns) | (cell[1] < 0) | (cell[1] >= rows)
        wall = jnp.asarray(self.layout.wall.reshape(-1))
        return outside | wall[jnp.clip(cell[1] * columns + cell[0], 0, rows * columns - 1)]
