"""Mass properties of rigid bodies, batched."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

from collections.abc import Sequence
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Float


class Inertia(NamedTuple):
    """How the mass of a batch of bodies is spread.

    Attributes:
        mass: in kg.
        centre: the centre of mass in the body's frame, in m.
        moments: principal moments of inertia about it, in kg m².
        axes: the orientation of the principal axes, a unit quaternion (w, x, y, z).
    """

    mass: Float[np.ndarray, " row"]
    centre: Float[np.ndarray, "row 3"]
    moments: Float[np.ndarray, "row 3"]
    axes: Float[np.ndarray, "row 4"]


def attach(body: Inertia, payload: Float[np.ndarray, " row"], at: Sequence[float]) -> Inertia:
    """Fixes a point mass to each body.

    The centre of mass moves towards the payload, and the inertia about the new centre follows from the parallel axis
    theorem for both parts: I' = I + m [d₁]² + p [d₂]², where [d]² = |d|² 1 − d dᵀ and d is from the new centre.

    Args:
        body: m and I.
        payload: p, in kg.
        at: where it is fixed in the body's frame, in m.

    Returns:
        The body with its payload.
    """
    total, place = body.mass + payload, np.asarray(at)
    centre = (body.mass[:, None] * body.centre + payload[:, None] * place) / total[:, None]
    turn = np.stack([_matrix(quaternion) for quaternion in body.axes])
    tensor = np.einsum("rij,rj,rkj->rik", turn, body.moments, turn)
    tensor += body.mass[:, None, None] * _parallel(body.centre - centre)
    tensor += payload[:, None, None] * _parallel(place - centre)
    moments, vectors = np.linalg.eigh(tensor)
    vectors[:, :, 2] *= np.linalg.det(vectors)[:, None]  # a rotation, not a reflection
    return Inertia(total, centre, moments, np.stack([_quaternion(vector) for vector in vectors]))


def _parallel(d: Float[np.ndarray, "row 3"]) -> Float[np.ndarray, "row 3 3"]:
    return (d**2).sum(axis=1)[:, None, None] * np.eye(3) - d[:, :, None] * d[:, None, :]


def _matrix(quaternion: Float[np.ndarray, " 4"]) -> Float[np.ndarray, "3 3"]:
    matrix = np.empty(9)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return matrix.reshape(3, 3)


def _quaternion(matrix: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, " 4"]:
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(matrix).reshape(9))
    return quaternion
