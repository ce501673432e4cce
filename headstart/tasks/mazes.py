"""Mazes drawn as text: the maps, and the reader that turns one into walls, a start and a goal."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from headstart.errors import InputError, unknown

OPEN = """
#########
#       #
#       #
#       #
#  S G  #
#       #
#       #
#       #
#########
"""

U_MAZE = """
#####
#G  #
### #
#S  #
#####
"""

# The two passages that soft Q-learning's policies are moved between: the start in the middle, the goal at one end.
HALLWAY = """
###########
#         #
#    S   G#
#         #
###########
"""

NARROW_HALLWAY = """
###########
#    S   G#
###########
"""

# One corridor that winds inwards, as in the point-mass spiral of Goal GAN (Florensa et al. 2018).
SPIRAL = """
#########
#S      #
####### #
#     # #
# ### # #
# #G  # #
# ##### #
#       #
#########
"""

MAZES = {
    "hallway": HALLWAY,
    "narrow-hallway": NARROW_HALLWAY,
    "open": OPEN,
    "spiral": SPIRAL,
    "u": U_MAZE,
}


class Maze(NamedTuple):
    """A map in metres: cells of 1 m, x to the right, y up, the origin at the lower left corner of the drawing.

    Attributes:
        wall: which cells are walls, indexed `[y, x]`, so row 0 is the *last* line of the drawing.
        reachable: which cells can be reached from a start, by steps over edges; goals are drawn from these.
        starts: lower left corners of the cells in which an episode may start.
        goal: centre of the cell marked `G`, or of the reachable cell that is farthest (in steps) from a start.
    """

    wall: Bool[np.ndarray, "y x"]
    reachable: Bool[np.ndarray, "y x"]
    starts: Float[np.ndarray, "start 2"]
    goal: Float[np.ndarray, "2"]


def drawing(maze: str) -> str:
    """Returns the map called `maze` in `MAZES`, or `maze` itself where it is already a drawing.

    Raises:
        InputError: the name does not exist.
    """
    if maze in MAZES:
        return MAZES[maze]
    if "\n" not in maze and not set(maze) & {"#", "S", "G", " "}:
        raise unknown("maze", maze, MAZES)
    return maze


@functools.lru_cache(maxsize=64)
def read_maze(text: str) -> Maze:
    r"""Reads a drawing: `#` wall, space free, at most one `S` (start) and one `G` (nominal goal).

    Everything outside the drawing is wall. Without an `S` an episode may start in every free cell. Empty lines above
    and below are no part of the map.

    Raises:
        InputError: the drawing is empty, ragged, has an unknown character, two starts or goals, no free cell, or a goal
            that cannot be reached; with line and column, both counted from 1.

    Example:
        >>> read_maze("#####\n#S G#\n#####").goal.tolist()
        [3.5, 1.5]
    """
    marks = _read_marks(text)
    rows = text.strip("\n").split("\n")
    grid = np.array([list(row) for row in rows])[::-1]
    wall = grid == "#"
    start = grid == "S" if "S" in marks else ~wall
    distance = _distance(wall, start)
    reachable = distance >= 0
    if "G" in marks:
        y, x = np.argwhere(grid == "G")[0]
        if not reachable[y, x]:
            raise InputError(f"maze, {marks['G']}: the goal 'G' cannot be reached from the start; open a way to it")
    else:
        y, x = np.unravel_index(np.argmax(distance), distance.shape)
    starts = np.argwhere(start)[:, ::-1].astype(np.float32)
    return Maze(wall, reachable, starts, np.array([x + 0.5, y + 0.5], np.float32))


def _read_marks(text: str) -> dict[str, str]:
    """Checks every character of a drawing; returns where `S` and `G` are, in words."""
    rows = text.strip("\n").split("\n")
    above = text.index(rows[0])
    marks: dict[str, str] = {}
    free = 0
    for line, row in enumerate(rows, above + 1):
        for column, character in enumerate(row, 1):
            place = f"line {line}, column {column}"
            if character not in "# SG":
                raise InputError(
                    f"maze, {place}: unknown character {character!r}; use '#' wall, ' ' free, 'S' start, 'G' goal"
                )
            if character in marks:
                raise InputError(
                    f"maze, {place}: a second {character!r} (the first is at {marks[character]}); keep one"
                )
            if character in "SG":
                marks[character] = place
            free += character != "#"
        if len(row) != len(rows[0]):
            column = min(len(row), len(rows[0])) + 1
            raise InputError(
                f"maze, line {line}, column {column}: the line has {len(row)} columns, the first has {len(rows[0])}; "
                "make the map a rectangle"
            )
    if not free:
        raise InputError(f"maze, line {above + 1}, column 1: no free cell in the whole map; draw some with spaces")
    return marks


def _distance(wall: Bool[np.ndarray, "y x"], start: Bool[np.ndarray, "y x"]) -> np.ndarray:
    """Counts the steps over edges from the nearest start to each cell; -1 where there is no way."""
    distance = np.where(start, 0, -1)
    frontier = list(zip(*np.nonzero(start), strict=True))
    while frontier:
        y, x = frontier.pop(0)
        for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            inside = 0 <= near[0] < wall.shape[0] and 0 <= near[1] < wall.shape[1]
            if inside and not wall[near] and distance[near] < 0:
                distance[near] = distance[y, x] + 1
                frontier.append(near)
    return distance
