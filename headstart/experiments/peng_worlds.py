"""The worlds and the arms of Peng's study: what is learnt how, how far each robot varies, and which robots are unmet.

Source: Peng, Andrychowicz, Zaremba, Abbeel 2018 (arXiv 1710.06537), tables I and II.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np

from headstart.adapt.randomize import PRESETS, Uniform
from headstart.adapt.splits import split
from headstart.experiments.peng_teaching import Name
from headstart.nets.memory import MemoryName
from headstart.spaces import ParameterSpace
from headstart.tasks.fixed import Fixed
from headstart.types import Task, TaskDistribution, TaskFamily

FACTORS = ("mass:*", "damping:*", "friction:floor", "gear:*")  # of Table I, whose powers are taken
LATENCY = (0.0, 2.0)  # control steps, drawn for each episode; their robot's own latency is not in their table
INSIDE, OUTSIDE = UNMET = ("interpolation", "extrapolation")
FROZEN = 1710  # the seed of the robots that no policy trains on


class Arm(NamedTuple):
    """What is learnt how: the memory, whether dynamics are randomized, and which group stays nominal."""

    memory: MemoryName
    randomized: bool = True
    fixed: str | None = None


ARMS: Mapping[str, Arm] = MappingProxyType(
    {
        "recurrent": Arm("gru"),
        "history": Arm("history"),
        "feed-forward": Arm("none"),
        "no randomization": Arm("none", randomized=False),
    }
)


@dataclass(frozen=True, kw_only=True)
class World:
    """A robot, how far it is randomized, and what counts as a success.

    Attributes:
        family: that is learnt in.
        target: kind of the targets, whose seeds are `TARGETS`.
        share: by which power of Table I's factors dynamics vary: 1 is the table, 0 is nothing.
        groups: patterns of the parameters that are fixed together in the ablation.
        initial_std: of exploration, in half ranges. Where effort is dear, a policy that begins with wide exploration
            learns nothing but to do less.
        discount: γ. At 0.99 a hopper with latency dives and falls after 150 steps of 1,000, and learns nothing better.
        teaching: how its teachers learn: from replay, or in two lessons on their own rollouts.
        paid: what is paid while learning where it is not what the world pays, by field of the robot. What a policy is
            worth is always counted in what Gymnasium's world pays.
        success: how near the object must end to the goal, in m; None where there is nothing to succeed in.
    """

    family: str
    target: str
    share: float
    groups: Mapping[str, tuple[str, ...]]
    initial_std: float
    discount: float
    teaching: Name = "replay"
    paid: tuple[tuple[str, float], ...] = ()
    success: float | None = None


COMMON = {
    "latency": ("delay:action", "jitter:delay"),
    "noise": ("noise:observation",),
    "mass": ("mass:*",),
    "damping": ("damping:*",),
    "gains": ("gear:*",),
}
WORLDS: Mapping[str, World] = MappingProxyType(
    {
        "pusher": World(
            family="pusher_puck",
            target="shifted-pusher-puck",
            share=0.3,
            groups={**COMMON, "object": ("mass:object", "damping:obj_slide*")},
            initial_std=0.3,
            discount=0.98,
            teaching="lessons",
            paid=(("distance_weight", 2.0), ("control_weight", 0.05)),
            success=0.07,
        ),
        "hopper": World(
            family="hopper_euler",
            target="shifted-hopper",
            share=0.3,
            groups={**COMMON, "friction": ("friction:floor",)},
            initial_std=1.0,
            discount=0.995,
        ),
    }
)


def practice_of(home: Any, world: World) -> Any:
    """Returns a world as it is learnt in."""
    return dataclasses.replace(home, robot=dataclasses.replace(home.robot, **dict(world.paid)))


def distribution_of(home: TaskFamily, world: World, arm: Arm) -> TaskDistribution:
    """Returns where an arm's tasks come from."""
    if not arm.randomized:
        return Fixed(task=home.task())
    ranges = ranges_of(world, home.dynamics)
    fixed = matching(home.dynamics, world.groups[arm.fixed]) if arm.fixed else ()
    ranges |= {name: (home.dynamics[name].nominal, home.dynamics[name].nominal) for name in fixed}
    return Uniform(space=home.dynamics, ranges=ranges, base=home.task())


def ranges_of(world: World, space: ParameterSpace) -> dict[str, tuple[float, float]]:
    """Returns the ranges of a world: powers of Table I's factors; its noise and its jitter as they are."""
    legal = {name: (parameter.low, parameter.high) for name, parameter in space.items()}
    ranges = {}
    for pattern in FACTORS:
        low, high = (factor**world.share for factor in PRESETS["peng"][pattern])
        for name in matching(space, (pattern,)):
            nominal = space[name].nominal  # 0 where a joint has no damping of its own: then there is nothing to vary
            ranges[name] = max(nominal * low, legal[name][0]), min(nominal * high, legal[name][1])
    timing = {name: PRESETS["peng"][name] for name in ("jitter:delay", "noise:observation")}
    return ranges | timing | {"delay:action": LATENCY}


def matching(space: ParameterSpace, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the names that match any of some patterns, in the order of the space."""
    return tuple(name for name in space if any(fnmatchcase(name, pattern) for pattern in patterns))


def unmet(home: TaskFamily, world: World, count: int) -> dict[str, Task]:
    """Returns robots whose dynamics were drawn once and for all, with a leading axis of `count`.

    Inside: from the ranges that randomization draws from. Outside: every parameter beside its range, up to half of the
    range's width away. The first of many are the same robots as few.
    """
    ranges, plain = ranges_of(world, home.dynamics), home.task()
    settled = {name: np.float32(low) for name, (low, high) in ranges.items() if low == high}  # outside of it is nothing
    parts = split(home.dynamics, ranges, plain._replace(dynamics={**plain.dynamics, **settled}))
    key = jax.random.key(FROZEN)
    return {name: parts[name].sample(key, parts[name].init(key), count) for name in UNMET}
