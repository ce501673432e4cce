"""Which parts of a robot can touch, written into its model once instead of looked for at every step.

MuJoCo sorts all bodies along an axis at each step, to test for contact only those that are near each other. With one
robot on a floor hardly a pair is left out by that, and the search costs a seventh of the step. Pairs that a model names
are tested without a search, with parameters of their own; those of its geoms count for nothing then.
"""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

from collections.abc import Iterator
from functools import cache
from itertools import combinations

import mujoco
import numpy as np
from jaxtyping import Int

MOST = 2  # pairs a geom; ants between walls have 4 to 6, and testing all of them costs more than the search
FREE = float("nan")  # the compiler mixes the two geoms' own
PLANE = mujoco.mjtGeom.mjGEOM_PLANE
BALL_ABOVE_A_FLOOR = """<mujoco><worldbody><geom type="plane" size="1 1 1" margin="0.2"/>
<body pos="0 0 1.3"><freejoint/><geom size="1" margin="0.2"/></body></worldbody></mujoco>"""


def with_pairs(spec: mujoco.MjSpec, model: mujoco.MjModel) -> mujoco.MjModel:
    """Compiles a description again with its pairs named, where the motion stays the same to the last bit.

    That is where geoms are mixed in the plain way, and where contacts come in the same order: they come by bodies, and
    the pairs of robots of several trees were seen to cost more than the search does, and so were many.

    Args:
        spec: edited in place.
        model: compiled from it.

    Returns:
        A model with pairs; the one that was given where it is to stay as it is.
    """
    pairs = list(touching(model))
    alike = all(len(set(values.tolist())) < 2 for values in (model.geom_priority, model.geom_solmix))
    if (
        (pairs and model.ntree > 1)
        or len(pairs) > MOST * model.ngeom
        or model.npair
        or model.geom_gap.any()
        or not alike
    ):
        return model
    geoms = sorted(spec.geoms, key=lambda geom: geom.id)
    for geom in geoms:
        geom.contype = geom.conaffinity = 0
        geom.name = geom.name or f"{geom.parent.name}_geom_{geom.id}"
    wider = sum if margins_add() else max
    for one, two in pairs:
        spec.add_pair(
            geomname1=geoms[one].name,
            geomname2=geoms[two].name,
            condim=int(max(model.geom_condim[[one, two]])),
            friction=[FREE] * 5,
            solref=[FREE] * 2,
            solreffriction=[FREE] * 2,
            solimp=[FREE] * 5,
            margin=float(wider(model.geom_margin[[one, two]])),
            gap=0.0,
        )
    return spec.compile()


def touching(model: mujoco.MjModel) -> Iterator[tuple[int, int]]:
    """Yields the pairs of geoms that MuJoCo would test for contact if they were near each other, smaller id first."""
    excluded = set(model.exclude_signature.tolist())
    for one, two in combinations(range(model.ngeom), 2):
        bodies = sorted(int(model.geom_bodyid[geom]) for geom in (one, two))
        fixed = [int(model.body_weldid[body]) for body in bodies]  # what moves as one with a body
        above = [int(model.body_weldid[model.body_parentid[body]]) for body in fixed]
        wanted = model.geom_contype[one] & model.geom_conaffinity[two]
        wanted |= model.geom_contype[two] & model.geom_conaffinity[one]
        neighbours = all(fixed) and (fixed[0] == above[1] or fixed[1] == above[0])
        flat = model.geom_type[one] == model.geom_type[two] == PLANE
        apart = flat or neighbours or fixed[0] == fixed[1] or (bodies[0] << 16) + bodies[1] in excluded
        if wanted and not apart:
            yield one, two


def grip(friction: np.ndarray, one: Int[np.ndarray, " pair"], other: Int[np.ndarray, " pair"]) -> np.ndarray:
    """Returns the sliding friction of each pair: MuJoCo's rule, the larger of the two geoms'.

    Args:
        friction: of every geom, on the last axis.
        one: the first geom of each pair.
        other: the second.
    """
    return np.maximum(friction.take(one, axis=-1), friction.take(other, axis=-1))


@cache
def margins_add() -> bool:
    """Tells whether this release adds up the margins of two geoms. Others take the larger one."""
    model = mujoco.MjModel.from_xml_string(BALL_ABOVE_A_FLOOR)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return data.ncon > 0
