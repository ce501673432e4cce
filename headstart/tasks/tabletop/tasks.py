"""Tasks at the table: what is there at first, where it belongs, and whether it stands there. Read from the physics.

A thing is where it belongs when its middle is within 3 cm of its place, height included, and it stands upright. What
is cleared away belongs in a tub, where things lie as they fall: there it only counts that they are inside.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float

from headstart.errors import InputError
from headstart.tasks.tabletop.layout import (
    CUPBOARD,
    GLASS_SPACING,
    PYRAMID_FIRST,
    SUPPLY_X,
    SUPPLY_Y,
    TOP,
    TUB,
    TUB_RIM,
)  # fmt: skip
from headstart.tasks.tabletop.things import COLOURLESS, DISHES, GLASS, PLATE, Thing

WITHIN = 0.03  # m
UPRIGHT = math.cos(math.radians(15.0))
APART = 0.155  # m between the middles of dishes at first: open fingers fit between them
GLASSES_APART = 0.13
PLATE_ROW, CUP_ROW = 0.80, 0.98  # y of the laid table

Places = Float[np.ndarray, "thing 3"]


class Poses(NamedTuple):
    """Where things are.

    Attributes:
        place: of each thing's middle, m.
        upright: cosine of each thing's tilt.
        present: whether the task has the thing; what it has not stands in the cupboard.
    """

    place: Places
    upright: Float[np.ndarray, " thing"]
    present: Bool[np.ndarray, " thing"]


class TableTask(Protocol):
    """A task. `things` are the free bodies of its world."""

    @property
    def name(self) -> str: ...
    @property
    def things(self) -> tuple[Thing, ...]: ...
    def draw(self, generator: np.random.Generator) -> Places: ...
    def right(self, poses: Poses) -> Bool[np.ndarray, " thing"]: ...


def belongs(thing: Thing) -> tuple[float, float, float]:
    """Where a dish belongs on the laid table: a plate for each colour, and its cup behind it."""
    return (0.24 * (thing.colour - 2), PLATE_ROW if thing.kind == PLATE else CUP_ROW, TOP + thing.shape.half_height)


@dataclass(frozen=True, kw_only=True)
class ClearTable:
    """Everything from the table into the tub. Mostly six dishes; sometimes fewer, any of them."""

    name: str = "ClearTable"
    things: tuple[Thing, ...] = DISHES

    def draw(self, generator: np.random.Generator) -> Places:
        count = 6 if generator.random() < 0.7 else int(generator.integers(1, 6))
        there = np.zeros(len(self.things), bool)
        there[generator.permutation(len(self.things))[:count]] = True
        return scatter(generator, self.things, there, APART)

    def right(self, poses: Poses) -> Bool[np.ndarray, " thing"]:
        aside = np.abs(poses.place[:, :2] - [TUB.x, TUB.y]) < [TUB.half_x, TUB.half_y]
        height = poses.place[:, 2]
        return aside.all(axis=1) & (height < TUB_RIM)


@dataclass(frozen=True, kw_only=True)
class SetTable:
    """Plate, cup, plate, cup, plate, cup, each to its own place; mostly all six, sometimes the last are missing."""

    name: str = "SetTable"
    things: tuple[Thing, ...] = DISHES

    def draw(self, generator: np.random.Generator) -> Places:
        count = 6 if generator.random() < 0.75 else int(generator.integers(4, 6))
        return scatter(generator, self.things, np.arange(len(self.things)) < count, APART)

    def right(self, poses: Poses) -> Bool[np.ndarray, " thing"]:
        goal = np.array([belongs(thing) for thing in self.things])
        return stands(poses.place, poses.upright, goal)


@dataclass(frozen=True, kw_only=True)
class Pyramid:
    """A flat pyramid of glasses: `levels` below, one fewer on each level above.

    Attributes:
        levels: of the pyramid, 1 to 4.
    """

    levels: int

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= 4:
            raise InputError(f"a pyramid has 1 to 4 levels, not {self.levels}")

    @property
    def name(self) -> str:
        """As the paper names it."""
        return f"Pyramid{self.levels}"

    @property
    def things(self) -> tuple[Thing, ...]:
        """As many glasses as it takes."""
        return (Thing(GLASS, COLOURLESS),) * (self.levels * (self.levels + 1) // 2)

    def draw(self, generator: np.random.Generator) -> Places:
        return scatter(generator, self.things, np.ones(len(self.things), bool), GLASSES_APART)

    def right(self, poses: Poses) -> Bool[np.ndarray, " thing"]:
        """Whether each place of the pyramid has a glass of its own: glasses are alike."""
        found = np.zeros(len(self.things), bool)
        for place, goal in enumerate(self.places()):
            found[place] = stands(poses.place, poses.upright, goal[None]).any()
        return found

    def places(self) -> Places:
        """Where the glasses belong, level by level from below."""
        return np.array(
            [glass_place(level, index) for level in range(self.levels) for index in range(self.levels - level)]
        )


def glass_place(level: int, index: int) -> tuple[float, float, float]:
    """Where a glass of a pyramid belongs: over the gap between two of the level below."""
    x, y = PYRAMID_FIRST
    half = Thing(GLASS, COLOURLESS).shape.half_height
    return (x, y + GLASS_SPACING * (index + level / 2), TOP + half * (1 + 2 * level))


def stands(place: Places, upright: np.ndarray, goal: Places) -> Bool[np.ndarray, " thing"]:
    """Whether things stand upright within 3 cm of where they belong."""
    return (np.linalg.norm(place - goal, axis=1) <= WITHIN) & (upright >= UPRIGHT)


def scatter(generator: np.random.Generator, things: tuple[Thing, ...], present: np.ndarray, apart: float) -> Places:
    """Places things at random on the table where things are picked up, none nearer to another than `apart`.

    Args:
        generator: of the places.
        things: what there is.
        present: which of them stand on the table; the others stand in the cupboard.
        apart: m.

    Returns:
        The middle of each.
    """
    count = int(present.sum())
    while True:  # each try is right with a probability of some per cent or more
        chosen: list[np.ndarray] = []
        for spot in generator.uniform([SUPPLY_X[0], SUPPLY_Y[0]], [SUPPLY_X[1], SUPPLY_Y[1]], (40 * count, 2)):
            if all(np.linalg.norm(spot - other) >= apart for other in chosen):
                chosen.append(spot)
            if len(chosen) == count:
                break
        if len(chosen) == count:
            break
    rest = iter(chosen)
    return np.array(
        [
            (*next(rest), TOP + thing.shape.half_height)
            if there
            else (CUPBOARD[0], CUPBOARD[1] + 0.15 * index, thing.shape.half_height)
            for index, (thing, there) in enumerate(zip(things, present, strict=True))
        ]
    )
