"""Every family of ours by its plain name, imported when it is asked for."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from headstart.errors import unknown

if TYPE_CHECKING:
    from headstart.types import TaskFamily  # imports JAX, which Gymnasium's users may not want


class Entry(NamedTuple):
    """Where a family is, and what others call it.

    Attributes:
        module: that defines it.
        builder: the class in it; a robot's is wrapped by `MujocoFamily`.
        id: its Gymnasium id.
        horizon: control steps until truncation, stated here so that ids can be registered without importing anything.
    """

    module: str
    builder: str
    id: str
    horizon: int


_MUJOCO = "headstart.tasks.mujoco"

FAMILIES = {
    "hopper": Entry(_MUJOCO, "Hopper", "headstart/Hopper-v0", 1000),
    "hopper_euler": Entry(_MUJOCO, "hopper_euler", "headstart/HopperEuler-v0", 1000),
    "walker2d": Entry(_MUJOCO, "Walker2d", "headstart/Walker2d-v0", 1000),
    "walker2d_euler": Entry(_MUJOCO, "walker2d_euler", "headstart/Walker2dEuler-v0", 1000),
    "swimmer": Entry(_MUJOCO, "Swimmer", "headstart/Swimmer-v0", 1000),
    "half_cheetah": Entry(_MUJOCO, "HalfCheetah", "headstart/HalfCheetah-v0", 1000),
    "half_cheetah_backward": Entry(_MUJOCO, "half_cheetah_backward", "headstart/HalfCheetahBackward-v0", 1000),
    "half_cheetah_run": Entry(_MUJOCO, "half_cheetah_run", "headstart/HalfCheetahRun-v0", 1000),
    "reacher": Entry(_MUJOCO, "Reacher", "headstart/Reacher-v0", 50),
    "pusher": Entry(_MUJOCO, "Pusher", "headstart/Pusher-v0", 100),
    "pusher_puck": Entry(_MUJOCO, "pusher_puck", "headstart/PusherPuck-v0", 100),
    "ant": Entry(_MUJOCO, "Ant", "headstart/Ant-v0", 1000),
    "ant_run": Entry(_MUJOCO, "ant_run", "headstart/AntRun-v0", 1000),
    "ant_wide_hallway": Entry(_MUJOCO, "ant_wide_hallway", "headstart/AntWideHallway-v0", 1000),
    "ant_narrow_hallway": Entry(_MUJOCO, "ant_narrow_hallway", "headstart/AntNarrowHallway-v0", 1000),
    "ant_u_maze": Entry(_MUJOCO, "ant_u_maze", "headstart/AntUMaze-v0", 1000),
    "point_maze": Entry("headstart.tasks.point_maze", "PointMaze", "headstart/PointMaze-v0", 200),
    "four_goals": Entry("headstart.tasks.four_goals", "FourGoals", "headstart/FourGoals-v0", 30),
    "pendulum": Entry("headstart.tasks.pendulum", "Pendulum", "headstart/Pendulum-v0", 200),
    "point_navigation": Entry(
        "headstart.tasks.point_navigation", "PointNavigation", "headstart/PointNavigation-v0", 100
    ),
    "point_run": Entry("headstart.tasks.point_run", "PointRun", "headstart/PointRun-v0", 100),
    "point_wide_hallway": Entry("headstart.tasks.point_run", "wide_hallway", "headstart/PointWideHallway-v0", 100),
    "point_narrow_hallway": Entry(
        "headstart.tasks.point_run", "narrow_hallway", "headstart/PointNarrowHallway-v0", 100
    ),
    "point_u_maze": Entry("headstart.tasks.point_run", "u_maze", "headstart/PointUMaze-v0", 100),
}


def names() -> list[str]:
    """Lists the families."""
    return list(FAMILIES)


def family(name: str) -> "TaskFamily":
    """Builds a family with its default fields.

    Args:
        name: one of `names()`; a hyphen may stand for an underscore. Or `package.module:function`, which returns one.

    Raises:
        InputError: for any other name, with the nearest ones.

    Example:
        >>> family("pendulum").horizon
        200
    """
    if ":" in name:
        from headstart.tasks.own_family import own_family

        return own_family(name)
    entry = FAMILIES.get(name.replace("-", "_"))
    if entry is None:
        raise unknown("family", name, FAMILIES)
    built = builder(entry)()
    if entry.module == _MUJOCO:
        return importlib.import_module(_MUJOCO).MujocoFamily(robot=built)
    return built


def builder(entry: Entry) -> Callable[[], Any]:
    """Returns the class or function that builds a family, or its robot; its documentation says what it is."""
    return getattr(importlib.import_module(entry.module), entry.builder)
