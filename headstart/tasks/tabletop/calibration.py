"""From where a thing is seen to how far the base must drive: a polynomial, calibrated on the camera's own geometry.

The exact way is a ratio of polynomials of the pixel. The paper's teacher let a polynomial of the second degree in class
and pixel drive the robot, looked twice, and was exact enough the second time; so does ours. What it teaches is then a
function that a learner's model class can hold exactly.
"""

from functools import cache

import numpy as np
from jaxtyping import Float

from headstart.tasks.tabletop.camera import head_camera
from headstart.tasks.tabletop.layout import HEIGHT, REACH, SUPPLY_X, SUPPLY_Y, TOP, WIDTH
from headstart.tasks.tabletop.perception import LOOKING_DOWN
from headstart.tasks.tabletop.things import CUP, GLASS, PLATE, SHAPES

NEAR = 0.04  # m around the gripper: where the second look has to be exact
NEAR_WEIGHT = 30.0
DIGITS = 12


def drive(kind: int, x: float, y: float) -> tuple[float, float]:
    """How far to drive, forward and to the left, so that a thing seen at a pixel is under the gripper.

    Args:
        kind: its class.
        x: pixel.
        y: pixel.

    Returns:
        Metres.
    """
    forward, left = (_monomials(np.array([[kind, x, y]], float)) @ _coefficients(kind == GLASS))[0].tolist()
    return forward, left


@cache
def _coefficients(glass: bool) -> Float[np.ndarray, "monomial 2"]:
    """Weighted least squares over where things stand at first, and densely where the gripper is."""
    camera = head_camera(np.zeros(3), 0.0, LOOKING_DOWN)
    far = np.meshgrid(np.linspace(*SUPPLY_X, 13), np.linspace(*SUPPLY_Y, 13))
    near = np.meshgrid(REACH + np.linspace(-NEAR, NEAR, 9), np.linspace(-NEAR, NEAR, 9))
    spots = np.concatenate([np.stack([part.ravel() for part in grid], axis=1) for grid in (far, near)])
    weight = np.sqrt(np.repeat([1.0, NEAR_WEIGHT], [far[0].size, near[0].size]))
    features, goals, weights = [], [], []
    for kind in (GLASS,) if glass else (PLATE, CUP):
        points = np.column_stack([spots, np.full(len(spots), TOP + SHAPES[kind].half_height)])
        pixels, _ = camera.project(points)
        features.append(_monomials(np.column_stack([np.full(len(spots), float(kind)), pixels])))
        goals.append(spots - [REACH, 0.0])
        weights.append(weight)
    scale = np.concatenate(weights)[:, None]
    solution = np.linalg.lstsq(np.concatenate(features) * scale, np.concatenate(goals) * scale, rcond=None)[0]
    return np.round(solution, DIGITS)  # the last bits of a least-squares fit differ between machines


def _monomials(inputs: Float[np.ndarray, "spot 3"]) -> Float[np.ndarray, "spot monomial"]:
    """All products of at most two of class and pixel; the pixel is counted from the middle in half pictures."""
    kind = inputs[:, 0]
    x, y = 2 * inputs[:, 1] / WIDTH - 1, 2 * inputs[:, 2] / HEIGHT - 1
    one = np.ones(len(inputs))
    return np.stack([one, kind, x, y, kind * x, kind * y, x * x, x * y, y * y], axis=1)
