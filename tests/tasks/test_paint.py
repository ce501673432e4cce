"""Painted worlds: things are where they are, in their colours."""

import numpy as np

from headstart.tasks.paint import GOAL, PAPER, POINT, TRAIL, WALL, paint_path, paint_pendulum


def close(pixel, color, tolerance=3):
    return np.abs(pixel.astype(int) - np.round(255 * color).astype(int)).max() <= tolerance


def test_point_goal_and_walls_are_where_they_are():
    # 4 m × 3 m in 400 × 300 pixels, 6 % of margin: metre (x, y) is at column 200 + (x - 2)/0.0106
    walls = np.zeros((3, 4), bool)
    walls[0, 3] = True
    frames = paint_path(
        np.array([[0.5, 2.5], [1.5, 2.5]]), np.array([0.5, 0.5]), low=(0, 0), high=(4, 3), walls=walls,
        goal_radius=0.4, width=400, height=300,
    )  # fmt: skip

    def at(frame, x, y):
        return frames[frame, round(150 - (y - 1.5) / 0.0106), round(200 + (x - 2) / 0.0106)]

    assert close(at(0, 0.5, 2.5), POINT) and close(at(1, 1.5, 2.5), POINT)
    assert close(at(0, 3.5, 0.5), WALL) and close(at(0, 3.5, 2.5), PAPER)
    assert close(at(0, 0.5, 0.5), PAPER + 0.35 * (GOAL - PAPER))
    assert close(at(0, 0.9, 0.5), GOAL, 12)  # the ring
    assert close(at(1, 1.0, 2.5), PAPER + 0.45 * (TRAIL - PAPER), 8) and close(at(0, 1.0, 2.5), PAPER)


def test_a_pendulum_at_rest_hangs_and_an_upright_one_stands():
    up, down = paint_pendulum(np.array([0.0, np.pi]), width=160, height=120)
    bob = [
        np.nonzero(np.abs(frame.astype(int) - np.round(255 * POINT)).max(axis=-1) < 4)[0].mean() for frame in (up, down)
    ]
    assert bob[0] < 30 and bob[1] > 90
