"""What `LocateObject` answers: class, colour and pixel of a thing in the picture, of those that fit the question."""

import numpy as np
from jaxtyping import Float

from headstart.tasks.tabletop.camera import Camera, head_camera
from headstart.tasks.tabletop.layout import REACH, TOP
from headstart.tasks.tabletop.things import Thing

LOOKING_DOWN = -np.pi / 4
HIGHEST = 0.25  # m above the table: what is higher is in the gripper, not on the table
NOTHING = (0.0, 0.0, 0.0, 0.0)


def locate(
    camera: Camera,
    things: tuple[Thing, ...],
    places: Float[np.ndarray, "thing 3"],
    question: tuple[float, ...],
    noise: Float[np.ndarray, "2"],
) -> tuple[float, ...]:
    """Finds a thing.

    Args:
        camera: that looks.
        things: what there is.
        places: the middle of each.
        question: `(near, class, colour)`; class or colour 0 is any. With `near` 0 it is the thing nearest to the
            robot, else the one nearest in the picture to where the gripper would take it.
        noise: added to the pixel, which is then rounded to halves, as the middle of a box of whole pixels is.

    Returns:
        Class, colour and pixel x, y; zeros where nothing fits.
    """
    near, kind, colour = (round(number) for number in question)
    pixels, seen = camera.project(places)
    fits = [kind in (0, thing.kind) and colour in (0, thing.colour) for thing in things]
    wanted = np.flatnonzero(seen & np.array(fits) & (np.abs(places[:, 2] - TOP) < HIGHEST))
    if not wanted.size:
        return NOTHING
    distance = (
        np.linalg.norm(pixels[wanted] - ready_pixel(), axis=1)
        if near
        else np.linalg.norm(places[wanted, :2] - camera.place[:2], axis=1)
    )
    found = int(wanted[distance.argmin()])
    x, y = np.round(2 * (pixels[found] + noise)) / 2
    return (float(things[found].kind), float(things[found].colour), float(x) + 0.0, float(y) + 0.0)


def ready_pixel() -> Float[np.ndarray, "2"]:
    """Where something on the table is in the picture when the gripper is straight above it."""
    camera = head_camera(np.zeros(3), 0.0, LOOKING_DOWN)
    return camera.project(np.array([[REACH, 0.0, TOP]]))[0][0]
