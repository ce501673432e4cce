"""Walls around a robot: a drawing of cells as boxes on the ground, with the start cell's centre at the origin."""

import numpy as np

from headstart.tasks.mazes import read_maze

Wall = tuple[float, float, float, float]  # centre x and y, half width and half depth, m


def walls_of(drawing: str, cell: float) -> tuple[Wall, ...]:
    """Returns the walls of a maze, each run of cells in a row as one box.

    Args:
        drawing: see `mazes.read_maze`.
        cell: width of a cell, m.
    """
    maze, walls = read_maze(drawing), []
    start = maze.starts[0] + 0.5
    for y, row in enumerate(maze.wall):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(int)))
        for first, last in edges.reshape(-1, 2).tolist():
            centre = ((first + last) / 2 - start[0], y + 0.5 - start[1])
            walls.append(tuple(float(cell * x) for x in (*centre, (last - first) / 2, 0.5)))
    return tuple(walls)


def goal_of(drawing: str, cell: float) -> tuple[float, float]:
    """Returns where the goal is, m, as seen from the start."""
    maze = read_maze(drawing)
    x, y = (cell * (maze.goal - maze.starts[0] - 0.5)).tolist()
    return float(x), float(y)
