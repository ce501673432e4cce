"""Pictures of MuJoCo worlds: by OpenGL where a graphics card draws it, else by casting rays through the scene."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

from typing import Literal

import mujoco
import numpy as np
from jaxtyping import Float, UInt8

from headstart.errors import InputError
from headstart.tasks import opengl
from headstart.tasks.camera import follow
from headstart.tasks.raycast import raycast


def render(
    model: mujoco.MjModel,
    qpos: Float[np.ndarray, "frame position"],
    *,
    width: int = 320,
    height: int = 240,
    by: Literal["best", "opengl", "rays"] = "best",
) -> UInt8[np.ndarray, "frame height width 3"]:
    """Renders poses of a model, watched by a camera that follows along.

    Args:
        model: what is to be seen; it is not written to.
        qpos: its poses, m and rad in the model's order.
        width: of a picture in pixels.
        height: likewise.
        by: `"best"` tries OpenGL and falls back on rays.

    Returns:
        The frames.

    Raises:
        InputError: if there are no poses, a pose is not finite or not of this model, or OpenGL was asked for by name
            and does not work here.
    """
    qpos = np.asarray(qpos, np.float64)
    if qpos.ndim != 2 or not len(qpos) or qpos.shape[1] != model.nq:
        raise InputError(f"a film of this model needs poses of {model.nq} numbers each, not an array {qpos.shape}")
    if not np.isfinite(qpos).all():
        raise InputError("a pose that is not finite cannot be drawn; cut the episode where the world broke")
    path = follow(model, qpos, aspect=width / height)
    if by != "rays":
        frames = opengl.draw(model, qpos, path, width=width, height=height)
        if frames is not None:
            return frames
        if by == "opengl":
            raise InputError("no OpenGL back end works here; `headstart doctor` says why, rays need none")
    return raycast(model, qpos, path, width=width, height=height)
