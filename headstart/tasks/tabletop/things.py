"""What stands on the tables: plates and cups in three colours, and glasses for pyramids."""

from typing import NamedTuple

PLATE, CUP, GLASS = 1, 2, 3  # classes, as perception names them; 0 is "any" in a question and "none" in an answer
COLOURS = ("red", "green", "blue")  # colour 1, 2, 3
COLOURLESS = 0


class Shape(NamedTuple):
    """A upright round thing, in metres and kilograms. It is simulated as a prism, which stands more firmly."""

    radius: float
    half_height: float
    mass: float


SHAPES = {
    PLATE: Shape(0.055, 0.0125, 0.18),
    CUP: Shape(0.035, 0.045, 0.15),
    GLASS: Shape(0.035, 0.045, 0.12),
}


class Thing(NamedTuple):
    """One thing. `colour` counts from 1; glasses are colourless (0)."""

    kind: int
    colour: int

    @property
    def shape(self) -> Shape:
        """Its size and mass."""
        return SHAPES[self.kind]


DISHES = tuple(Thing(kind, colour) for colour in (1, 2, 3) for kind in (PLATE, CUP))
