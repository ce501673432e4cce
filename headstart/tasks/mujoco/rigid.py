"""Mass properties of rigid bodies, batched."""

from collections.abc import Sequence

import mujoco
import numpy as np
from jaxtyping import Float


def attach(
    mass: Float[np.ndarray, " row"],
    centre: Float[np.ndarray, "row 3"],
    inertia: Float[np.ndarray, "row 3"],
    frame: Float[np.ndarray, "row 4"],
    payload: Float[np.ndarray, " row"],
    at: Sequence[float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fixes a point mass to each body.

    The centre of mass moves towards the payload, and the inertia about the new centre follows from the parallel axis
    theorem for both parts: I' = I + m [d₁]² + p [d₂]², where [d]² = |d|² 1 − d dᵀ and dᵢ is from the new centre.

    Args:
        mass: m of the body, in kg.
        centre: its centre of mass in its own frame, in m.
        inertia: its principal moments, in kg m².
        frame: the orientation of the principal axes, a unit quaternion (w, x, y, z).
        payload: p, in kg.
        at: where it is fixed in the body's frame, in m.

    Returns:
        Mass, centre, principal moments and their axes with the payload.
    """
    total = mass + payload
    joint = (mass[:, None] * centre + payload[:, None] * np.asarray(at)) / total[:, None]
    axes = np.stack([_matrix(quaternion) for quaternion in frame])
    tensor = np.einsum("rij,rj,rkj->rik", axes, inertia, axes)
    tensor += mass[:, None, None] * _parallel(centre - joint) + payload[:, None, None] * _parallel(at - joint)
    moments, vectors = np.linalg.eigh(tensor)
    vectors[:, :, 2] *= np.linalg.det(vectors)[:, None]  # a rotation, not a reflection
    return total, joint, moments, np.stack([_quaternion(vector) for vector in vectors])


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
