"""The camera on the robot's head: a pinhole, from points in the room to pixels and whether they are in the picture.

Pixels as in image files: x to the right from 0 to 640, y down from 0 to 480; the axis goes through the middle.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from headstart.tasks.tabletop.layout import FOVY, HEAD, HEIGHT, WIDTH

FOCAL = HEIGHT / 2 / math.tan(FOVY / 2)  # pixels


class Camera(NamedTuple):
    """Where the camera is and how it looks.

    Attributes:
        place: in the room, m.
        forward: unit vector along its axis.
        right: unit vector to the right of the picture.
        up: unit vector to the top of the picture.
    """

    place: Float[np.ndarray, "3"]
    forward: Float[np.ndarray, "3"]
    right: Float[np.ndarray, "3"]
    up: Float[np.ndarray, "3"]

    def project(
        self, points: Float[np.ndarray, "point 3"]
    ) -> tuple[Float[np.ndarray, "point 2"], Bool[np.ndarray, " point"]]:
        """Finds points in the picture.

        Args:
            points: in the room, m.

        Returns:
            Their pixels, x and y, and whether each is in front of the camera and within the picture.
        """
        away = np.asarray(points, np.float64) - self.place
        depth = away @ self.forward
        ahead = depth > 1e-3
        scale = FOCAL / np.where(ahead, depth, 1.0)
        pixel = np.stack([WIDTH / 2 + scale * (away @ self.right), HEIGHT / 2 - scale * (away @ self.up)], axis=-1)
        inside = (pixel >= 0).all(axis=-1) & (pixel[..., 0] <= WIDTH) & (pixel[..., 1] <= HEIGHT)
        return pixel, ahead & inside


def head_camera(base: Float[np.ndarray, "3"], pan: float, tilt: float) -> Camera:
    """The camera of a robot.

    Args:
        base: x, y (m) and heading (rad).
        pan: of the head, to the left, rad.
        tilt: of the head, upwards, rad.
    """
    x, y, heading = (float(one) for one in base)
    cos, sin = math.cos(heading), math.sin(heading)
    place = np.array([x + HEAD[0] * cos - HEAD[1] * sin, y + HEAD[0] * sin + HEAD[1] * cos, HEAD[2]])
    azimuth = heading + pan
    level = np.array([math.cos(azimuth), math.sin(azimuth), 0.0])
    forward = math.cos(tilt) * level + np.array([0.0, 0.0, math.sin(tilt)])
    right = np.array([math.sin(azimuth), -math.cos(azimuth), 0.0])
    return Camera(place, forward, right, np.cross(right, forward))
