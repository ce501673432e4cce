"""A point with inertia that is paid for speed in any direction, or for coming to a goal; what differs is the walls.

The point world of the lecture's "SQL pre-training helps fine-tuning": learn to run on an open plane, where every
direction is as good as another, then in a hallway, where only two are, and in a U, where the way to the goal first
leads away from it.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from headstart.errors import InputError, unknown
from headstart.spaces import Box, Parameter, ParameterSpace
from headstart.tasks.mazes import read_maze
from headstart.tasks.point_physics import DYNAMICS, SKIN, SUBSTEP, PointState, advance
from headstart.types import Outcome, Task

Layout = Literal["plane", "wide_hallway", "narrow_hallway", "u_maze"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
HALL = 63  # m, longer than anybody runs in an episode
HEIGHT = 10.0  # of the bump at the goal
START_HEIGHT = 1.0  # of its slope where an episode starts


def hallway(width: int) -> str:
    """Draws a hallway of some width in metres, with the start in its middle."""
    rows = [" " * HALL] * width
    rows[width // 2] = " " * (HALL // 2) + "S" + " " * (HALL // 2)
    return "\n".join(["#" * (HALL + 2), *(f"#{row}#" for row in rows), "#" * (HALL + 2)])


# Corridors 1 m wide; start and goal are 4 m apart, with 10 m of way between them. The paper's has the same proportions
# of corridor (2.5 m), legs (3 to 5 m) and distance (7 m), to the nearest cell.
U_TURN = """
######
#G   #
#### #
#### #
#### #
#S   #
######
"""
DRAWINGS = {"wide_hallway": hallway(5), "narrow_hallway": hallway(1), "u_maze": U_TURN}


class Walls(NamedTuple):
    """Every layout in one array, so that the layout can be a number in the task.

    Attributes:
        wall: which cells are walls; beyond the drawing all are. The plane has none anywhere.
        start: lower left corner of the cell in which an episode starts.
        goal: m, in the coordinates of the drawing; of no meaning where no goal is paid for.
        slope: b of the bump a exp(−b d²), 1/m²: what is paid at the start is a tenth of what is paid at the goal.
    """

    wall: Bool[np.ndarray, "layout y x"]
    start: Float[np.ndarray, "layout 2"]
    goal: Float[np.ndarray, "layout 2"]
    slope: Float[np.ndarray, " layout"]


def read_walls() -> Walls:
    """Reads the drawings of all layouts."""
    mazes = [read_maze(DRAWINGS[name]) for name in LAYOUTS[1:]]
    rows, columns = (max(maze.wall.shape[axis] for maze in mazes) for axis in (0, 1))
    wall = np.ones((len(LAYOUTS), rows, columns), bool)
    wall[0] = False
    for layout, maze in zip(wall[1:], mazes, strict=True):
        layout[: maze.wall.shape[0], : maze.wall.shape[1]] = maze.wall
    start = np.stack([np.zeros(2, np.float32), *(maze.starts[0] for maze in mazes)])
    goal = np.stack([np.array([0.5, 4.5], np.float32), *(maze.goal for maze in mazes)])
    distance = np.linalg.norm(goal - start - 0.5, axis=1)
    return Walls(wall, start, goal, (math.log(HEIGHT / START_HEIGHT) / distance**2).astype(np.float32))


@dataclass(frozen=True, kw_only=True)
class PointRun:
    """Runs fast in any direction on an open plane, in a hallway, or through a U to a goal.

    r = w |v| + a exp(−b d²), with the speed |v| in m/s and the distance d to the goal in m. On the plane and in the
    hallways w = 1 and a = 0; in the U w = 0 and a = 10, and b is such that the start is worth 1. No episode ends early.

    `observe` gives `[x, y, vx, vy]` with the start cell's centre as the origin, everywhere alike, so that a policy of
    one layout acts in all of them. The layout is part of the task and not of the observation. How the point moves: see
    `point_physics.advance`.

    Attributes:
        layout: of the nominal task.
        start_jitter: m, half the width of the square around the origin in which an episode begins.
        top_speed: m/s, the limit of each component of the velocity.
        substeps: of 0.05 s in each control step.
        horizon: control steps until truncation.

    Raises:
        InputError: a layout that does not exist, or a number that leaves its range.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), section 5.3 and figure 4: their quadruped's worlds, scaled to a
    point; the bump and its constants as in their experiments' code (goal reward 10, initial reward 1).
    """

    layout: Layout = "plane"
    start_jitter: float = 0.2
    top_speed: float = 5.0
    substeps: int = 2
    horizon: int = 100
    kind: ClassVar[Literal["jax"]] = "jax"
    observation = Box((4,))
    action = Box((2,), -1.0, 1.0)

    def __post_init__(self):
        """Refuses what does not exist and what no world can be."""
        if self.layout not in LAYOUTS:
            raise unknown("layout", str(self.layout), LAYOUTS)
        for name, high in {"start_jitter": 0.5 - SKIN, "top_speed": 0.9 / SUBSTEP}.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= high):
                raise InputError(f"point_run: {name} is between 0 and {high:.4g}, not {value}")
        if self.substeps < 1 or self.horizon < 1:
            raise InputError("point_run: substeps and horizon are at least 1")

    @property
    def name(self) -> str:
        """The family's name: that of its nominal layout."""
        return "point_run" if self.layout == "plane" else f"point_{self.layout}"

    @cached_property
    def dynamics(self) -> ParameterSpace:
        """The point's own parameters, and which walls there are."""
        number = Parameter(
            name="layout:walls",
            unit="number",
            nominal=LAYOUTS.index(self.layout),
            low=0,
            high=len(LAYOUTS) - 1,
            integer=True,
        )
        return ParameterSpace((*DYNAMICS.parameters, number))

    @cached_property
    def rewards(self) -> ParameterSpace:
        """What a metre a second is worth, and being at the goal."""
        speed, goal = (0.0, HEIGHT) if self.layout == "u_maze" else (1.0, 0.0)
        return ParameterSpace(
            (
                Parameter(name="weight:speed", unit="s/m", nominal=speed, low=0.0, high=1.0),
                Parameter(name="height:goal", unit="1", nominal=goal, low=0.0, high=HEIGHT),
            )
        )

    @property
    def solved(self) -> float | None:
        """The return of a quarter of an episode at the goal, which no other place pays; None where there is no goal."""
        return self.horizon * HEIGHT / 4 if self.layout == "u_maze" else None

    @cached_property
    def walls(self) -> Walls:
        """The walls of every layout."""
        return read_walls()

    def task(self) -> Task:
        dynamics = {name: jnp.asarray(value) for name, value in self.dynamics.nominal().items()}
        return Task(dynamics, {name: jnp.asarray(value) for name, value in self.rewards.nominal().items()})

    def sample(self, key: Key[Array, ""], n: int) -> Task:
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n,)), self.task())

    def reset(self, key: Key[Array, ""], task: Task) -> PointState:
        jitter = jax.random.uniform(key, (2,), minval=-self.start_jitter, maxval=self.start_jitter)
        return PointState(self._origin(task) + jitter, jnp.zeros(2))

    def observe(self, state: PointState, task: Task) -> Float[Array, "4"]:
        return jnp.concatenate([state.position - self._origin(task), state.velocity])

    def step(self, key: Key[Array, ""], state: PointState, action: Float[Array, "2"], task: Task) -> Outcome:
        layout = _number(task)

        def blocked(cell: Int[Array, "2"]) -> Bool[Array, ""]:
            rows, columns = self.walls.wall.shape[1:]
            outside = (cell[0] < 0) | (cell[0] >= columns) | (cell[1] < 0) | (cell[1] >= rows)
            x, y = jnp.clip(cell[0], 0, columns - 1), jnp.clip(cell[1], 0, rows - 1)
            wall = jnp.asarray(self.walls.wall.reshape(-1))[(layout * rows + y) * columns + x]
            return (outside & (layout > 0)) | wall

        for _ in range(self.substeps):
            state = advance(state, action * task.dynamics["force:motor"], task.dynamics, blocked, self.top_speed)
        speed = jnp.sqrt(jnp.sum(state.velocity**2))
        reward = task.reward["weight:speed"] * speed + task.reward["height:goal"] * self._bump(state, layout)
        return Outcome(state, reward, jnp.asarray(False), jnp.asarray(False), jnp.asarray(True))

    def _bump(self, state: PointState, layout: Int[Array, ""]) -> Float[Array, ""]:
        goal, slope = jnp.asarray(self.walls.goal)[layout], jnp.asarray(self.walls.slope)[layout]
        return jnp.exp(-slope * jnp.sum((state.position - goal) ** 2))

    def _origin(self, task: Task) -> Float[Array, "2"]:
        return jnp.asarray(self.walls.start)[_number(task)] + 0.5


def _number(task: Task) -> Int[Array, ""]:
    return jnp.asarray(task.dynamics["layout:walls"]).astype(jnp.int32)


def wide_hallway() -> PointRun:
    """Runs fast in a hallway 5 m wide."""
    return PointRun(layout="wide_hallway")


def narrow_hallway() -> PointRun:
    """Runs fast in a hallway 1 m wide."""
    return PointRun(layout="narrow_hallway")


def u_maze() -> PointRun:
    """Runs through a U, which first leads away from the goal."""
    return PointRun(layout="u_maze")
