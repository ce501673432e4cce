"""Where the film's camera stands: it follows the robot along, keeps its height and does not shake."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

import math
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float

SMOOTHING = 15  # frames over which the camera's path is averaged


class CameraPath(NamedTuple):
    """A camera's path. Angles are MuJoCo's: azimuth 90° looks along +y, a negative elevation looks down.

    Attributes:
        target: the point that is looked at, in m.
        distance: from it, in m.
        azimuth: in degrees.
        elevation: in degrees.
        fovy: vertical field of view, in degrees.
        radius: of the robot, in m: the scale of shadows, floor and haze.
    """

    target: Float[np.ndarray, "frame 3"]
    distance: float
    azimuth: float
    elevation: float
    fovy: float
    radius: float

    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the unit vectors forward, right and up."""
        azimuth, elevation = math.radians(self.azimuth), math.radians(self.elevation)
        forward = np.array(
            [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
        )
        right = np.array([math.sin(azimuth), -math.cos(azimuth), 0.0])
        return forward, right, np.cross(right, forward)


def follow(
    model: mujoco.MjModel,
    qpos: Float[np.ndarray, "frame position"],
    *,
    azimuth: float = 105.0,
    elevation: float | None = None,
    aspect: float = 4 / 3,
) -> CameraPath:
    """Plans a path that follows the robot's centre of mass along the floor and keeps all of it in the picture.

    A robot that is bolted down (an arm on a table) is watched from a fixed place, further above.

    Args:
        model: the robot and its world.
        qpos: its poses.
        azimuth: from which side.
        elevation: how far from above; None chooses.
        aspect: width of the picture, divided by its height.
    """
    data, centers, reach, bottom = mujoco.MjData(model), [], 0.0, math.inf
    solid = np.flatnonzero((model.geom_type != mujoco.mjtGeom.mjGEOM_PLANE) & (model.geom_rbound > 0))
    solid = solid[model.geom_bodyid[solid] > 0] if (model.geom_bodyid[solid] > 0).any() else solid
    for row in qpos:
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        centers.append(data.subtree_com[0].copy())
        if solid.size and len(centers) == 1:
            reach = float((np.linalg.norm(data.geom_xpos[solid] - centers[0], axis=1) + model.geom_rbound[solid]).max())
            bottom = float((data.geom_xpos[solid, 2] - model.geom_rbound[solid]).min())
    path, radius = np.array(centers), max(reach, 1e-2)
    roots = model.jnt_type[model.jnt_bodyid == 1]
    moves = bool(np.isin(roots, [int(mujoco.mjtJoint.mjJNT_FREE), int(mujoco.mjtJoint.mjJNT_SLIDE)]).any())
    target = _smooth(path) if moves else np.repeat(path.mean(axis=0, keepdims=True), len(path), axis=0)
    target[:, 2] = 0.5 * (path[:, 2].mean() + max(bottom, 0.0) + 0.5 * radius) if math.isfinite(bottom) else 0.0
    flat = bool(np.ptp(data.geom_xpos[solid, 2]) < 0.15 * radius) if solid.size else False
    if elevation is None:
        elevation = -50.0 if flat else -14.0 if moves else -28.0
    fovy = 40.0
    distance = 1.12 * radius / math.sin(math.radians(fovy) / 2) / min(1.0, aspect)
    return CameraPath(target, distance, azimuth, elevation, fovy, radius)


def _smooth(path: Float[np.ndarray, "frame 3"]) -> Float[np.ndarray, "frame 3"]:
    half = min(SMOOTHING // 2, len(path) - 1)
    if half < 1:
        return path.copy()
    # beyond its ends the path goes on as a mirror image through the end point, so that the camera does not lag there
    padded = np.concatenate([2 * path[:1] - path[half:0:-1], path, 2 * path[-1:] - path[-2 : -half - 2 : -1]])
    sums = np.cumsum(np.concatenate([np.zeros((1, 3)), padded]), axis=0)
    width = 2 * half + 1
    return (sums[width:] - sums[:-width]) / width
