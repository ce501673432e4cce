"""MJCF files of the installed Gymnasium, compiled for simulation or for pictures."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

from functools import cache
from itertools import chain, count
from pathlib import Path

import mujoco
from gymnasium.envs.mujoco import mujoco_env

from headstart.errors import Fault, InputError
from headstart.tasks.mujoco.touching import with_pairs
from headstart.tasks.weigh import weigh

WALL_HEIGHT = 1.0  # m
STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS


def specification(asset: str) -> mujoco.MjSpec:
    """Reads an MJCF file, by its path or one of Gymnasium's by its name, into an editable description.

    Raises:
        InputError: there is no file at that path.
        Fault: the installed Gymnasium does not have it.
    """
    path = Path(mujoco_env.__file__).parent / "assets" / asset  # an absolute one stays what it is
    if not path.is_file():
        if Path(asset).is_absolute():
            raise InputError(f"no MJCF file {asset}; give the absolute path of one")
        raise Fault(f"the installed gymnasium has no {asset!r}; reinstall gymnasium 1.1 or newer")
    return mujoco.MjSpec.from_file(str(path))


@cache
def compiled(
    asset: str,
    watched: tuple[str, ...] = (),
    warm_start: bool = True,
    walls: tuple[tuple[float, float, float, float], ...] = (),
    euler: bool = False,
    masses: tuple[tuple[str, float], ...] = (),
) -> mujoco.MjModel:
    """Compiles a model for simulation. One object for each set of arguments: copy it before writing to it.

    The engine must not put a diverged world back to its start by itself, so that this is off. Textures shrink to
    a pixel, since there is a copy of the model for every environment and they are most of its size. A sensor reports
    the position of each watched body. A body without a name is called after the one above it, `NAME_end`, and a joint
    after its body, `NAME_joint`.

    Args:
        asset: name of the MJCF file.
        watched: bodies to report.
        warm_start: whether the constraint solver may start from its last solution.
        walls: boxes on the ground, 1 m high: centre x and y, half width and half depth, in m.
        euler: integrate by MuJoCo's semi-implicit Euler, whatever the file asks for.
        masses: of bodies that weigh something else than in the file, in kg; their inertia goes with it.
    """
    spec = specification(asset)
    for body in spec.bodies:
        if not body.name:
            body.name = f"{body.parent.name}_end"
    name_joints(spec)
    for x, y, width, depth in walls:
        size, place = [width, depth, WALL_HEIGHT / 2], [x, y, WALL_HEIGHT / 2]
        box = mujoco.mjtGeom.mjGEOM_BOX
        spec.worldbody.add_geom(type=box, size=size, pos=place, contype=1, conaffinity=1, rgba=[0.5, 0.5, 0.5, 1.0])
    for texture in spec.textures:
        texture.width = texture.height = 1
    for body in watched:
        spec.add_sensor(
            name=f"position:{body}",
            type=mujoco.mjtSensor.mjSENS_FRAMEPOS,
            objtype=mujoco.mjtObj.mjOBJ_XBODY,
            objname=body,
        )
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    if euler:
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    if not warm_start:
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_WARMSTART
    total, spec.compiler.settotalmass = spec.compiler.settotalmass, -1.0  # deprecated there, so done here
    model = with_pairs(spec, spec.compile())
    if total > 0:
        mujoco.mj_setTotalmass(model, total)
    weigh(model, masses)
    if total > 0 or masses:
        settle(model, mujoco.MjData(model))
    if model.ntree == 1:
        # one tree is one island: looking for more takes a tenth of the time and finds the same bits
        model.opt.disableflags |= getattr(mujoco.mjtDisableBit, "mjDSBL_ISLAND", 0)  # older releases have none
    return model


def name_joints(spec: mujoco.MjSpec) -> None:
    """Names the joints that have no name after their bodies, with a number from the second of a body on."""
    taken = {joint.name for joint in spec.joints}
    for joint in (joint for joint in spec.joints if not joint.name):
        tries = (f"{joint.parent.name}_joint{number or ''}" for number in chain((0,), count(2)))
        joint.name = next(name for name in tries if name not in taken)
        taken.add(joint.name)


def settle(model: mujoco.MjModel, scratch: mujoco.MjData) -> None:
    """Makes the derived constants of a model consistent with masses, inertias and armatures that were written to it.

    `mj_setConst` puts its data into the reference pose, so these must be scratch data and never those of a running
    world. It leaves the mean inertia as it was (seen in MuJoCo 3.17), which scales the constraint solver's tolerance,
    so that a model edited in place would not be quite the model compiled anew.
    """
    mujoco.mj_setConst(model, scratch)
    model.stat.meaninertia = sum(model.dof_M0.tolist()) / model.nv
