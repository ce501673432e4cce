"""Pictures of the table top, by casting rays."""

import numpy as np
from jaxtyping import Float, UInt8

from headstart.tasks.camera import CameraPath
from headstart.tasks.raycast import raycast
from headstart.tasks.tabletop.model import compiled
from headstart.tasks.tabletop.things import Thing

LOOKED_AT = (0.36, 0.34, 0.70)  # m: between the two tables
DISTANCE, AZIMUTH, ELEVATION, FOVY = 2.85, 132.0, -36.0, 36.0


def pictures(
    things: tuple[Thing, ...], poses: Float[np.ndarray, "frame position"], *, width: int = 480, height: int = 320
) -> UInt8[np.ndarray, "frame height width 3"]:
    """Draws poses of the world with some things.

    Args:
        things: what there is.
        poses: MuJoCo's positions.
        width: of a picture, in pixels.
        height: likewise.

    Returns:
        The frames.
    """
    target = np.repeat(np.array([LOOKED_AT]), len(poses), axis=0)
    path = CameraPath(target, DISTANCE, AZIMUTH, ELEVATION, FOVY, 0.8)
    return raycast(compiled(things, True), np.asarray(poses), path, width=width, height=height)
