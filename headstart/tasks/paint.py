"""Pictures of the flat worlds: a point among walls on its way to a goal, drawn with NumPy alone."""

import numpy as np
from jaxtyping import Bool, Float, UInt8

PAPER, WALL, GOAL, POINT, TRAIL = (
    np.array(color, np.float32) / 255
    for color in ((246, 247, 249), (70, 80, 94), (0, 158, 115), (213, 94, 0), (0, 114, 178))
)


def paint_path(
    position: Float[np.ndarray, "frame 2"],
    goal: Float[np.ndarray, "2"] | None,
    *,
    low: tuple[float, float],
    high: tuple[float, float],
    walls: Bool[np.ndarray, "y x"] | None = None,
    goal_radius: float = 0.3,
    width: int = 320,
    height: int = 240,
) -> UInt8[np.ndarray, "frame height width 3"]:
    """Paints a point's path, with where it has been behind it.

    Args:
        position: of the point in each frame, m.
        goal: where it should go, if anywhere.
        low: lower left corner of what is seen, m.
        high: upper right corner.
        walls: cells of 1 m that are walls, indexed `[y, x]` from the origin.
        goal_radius: m.
        width: of a picture in pixels.
        height: likewise.

    Returns:
        The frames; the world keeps its proportions and is centred.
    """
    x, y, pixel = _metres(low, high, width, height)
    canvas = np.broadcast_to(PAPER, (height, width, 3)).copy()
    if walls is not None:
        canvas = _blend(canvas, WALL, _solid(walls, x, y, pixel))
    if goal is not None:
        far = np.hypot(x - goal[0], y - goal[1])
        canvas = _blend(canvas, GOAL, 0.35 * _inside(far - goal_radius, pixel))
        canvas = _blend(canvas, GOAL, _inside(np.abs(far - goal_radius) - 1.2 * pixel, pixel))
    frames = np.empty((len(position), height, width, 3), np.uint8)
    size = max(5.0 * pixel, 0.018 * max(high[0] - low[0], high[1] - low[1]))
    for i, (frame, here) in enumerate(zip(frames, position, strict=True)):
        before = position[max(i - 1, 0)]
        canvas = _blend(canvas, TRAIL, 0.45 * _inside(_to_segment(x, y, before, here) - 1.3 * pixel, pixel))
        point = _blend(canvas, POINT, _inside(np.hypot(x - here[0], y - here[1]) - size, pixel))
        frame[:] = (point * 255 + 0.5).astype(np.uint8)
    return frames


def paint_pendulum(
    angle: Float[np.ndarray, " frame"], *, width: int = 320, height: int = 240
) -> UInt8[np.ndarray, "frame height width 3"]:
    """Paints a pendulum; an angle of 0 rad is upright, and it grows counter-clockwise."""
    x, y, pixel = _metres((-1.5, -1.3), (1.5, 1.3), width, height)
    frames = np.empty((len(angle), height, width, 3), np.uint8)
    for frame, a in zip(frames, angle, strict=True):
        tip = np.array([-np.sin(a), np.cos(a)])
        canvas = np.broadcast_to(PAPER, (height, width, 3))
        canvas = _blend(canvas, WALL, _inside(_to_segment(x, y, np.zeros(2), tip) - 0.035, pixel))
        canvas = _blend(canvas, WALL, _inside(np.hypot(x, y) - 0.07, pixel))
        canvas = _blend(canvas, POINT, _inside(np.hypot(x - tip[0], y - tip[1]) - 0.14, pixel))
        frame[:] = (canvas * 255 + 0.5).astype(np.uint8)
    return frames


def _metres(low, high, width: int, height: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns where each pixel's centre lies in the world, and the size of a pixel."""
    pixel = max((high[0] - low[0]) / width, (high[1] - low[1]) / height) * 1.06
    x = (low[0] + high[0]) / 2 + (np.arange(width) + 0.5 - width / 2) * pixel
    y = (low[1] + high[1]) / 2 - (np.arange(height) + 0.5 - height / 2) * pixel
    return np.broadcast_to(x, (height, width)), np.broadcast_to(y[:, None], (height, width)), pixel


def _blend(canvas: np.ndarray, color: np.ndarray, share: np.ndarray) -> np.ndarray:
    return canvas + share[..., None].astype(np.float32) * (color - canvas)


def _inside(distance: np.ndarray, pixel: float) -> np.ndarray:
    """How much of each pixel lies inside a shape, from the signed distance to its edge."""
    return np.clip(0.5 - distance / pixel, 0, 1)


def _solid(walls: np.ndarray, x: np.ndarray, y: np.ndarray, pixel: float) -> np.ndarray:
    share = np.zeros(x.shape)
    for dx, dy in ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)):
        column, row = np.floor(x + dx * pixel).astype(int), np.floor(y + dy * pixel).astype(int)
        known = (row >= 0) & (row < walls.shape[0]) & (column >= 0) & (column < walls.shape[1])
        share[known] += 0.25 * walls[row[known], column[known]]
    return share


def _to_segment(x: np.ndarray, y: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    along = end - start
    part = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(float(along @ along), 1e-12)
    part = np.clip(part, 0, 1)
    return np.hypot(x - start[0] - part * along[0], y - start[1] - part * along[1])
