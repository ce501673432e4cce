"""Demonstrations at the table top: what the teacher did physically, annotated, as exactly as one likes.

Tele-operation trembles: the base is then sent a little beside where the teacher wanted it, and both what happens and
what is recorded are the trembling ones. Annotation slips: some steps then name another call than was made.
"""

from dataclasses import dataclass, field

import numpy as np

from headstart.data.demonstrations import AnnotatedDemonstration
from headstart.errors import InputError
from headstart.experiments.table_twin import corrupt
from headstart.experiments.tabletop_teacher import Teacher
from headstart.share.hierarchical import Decided, Frame, Interpreter, Program
from headstart.tasks.tabletop import Standing, TableTask, TableTop

TELEOPERATED = ("MoveToLocation", "MoveToPosition")


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """How demonstrations are made.

    Attributes:
        metres: standard deviation of tele-operated positions of the base.
        degrees: likewise of its heading.
        slips: share of the steps that are annotated wrongly.
        pixel_noise: of perception, standard deviation in pixels.
    """

    metres: float = 0.0
    degrees: float = 0.0
    slips: float = 0.0
    pixel_noise: float = 0.5

    def __post_init__(self) -> None:
        if not (self.metres >= 0 and self.degrees >= 0 and 0 <= self.slips < 1 and self.pixel_noise >= 0):
            raise InputError(
                f"a teacher's noise cannot be negative, nor all steps be wrong; found metres={self.metres}, "
                f"degrees={self.degrees}, slips={self.slips}, pixel_noise={self.pixel_noise}"
            )


@dataclass(frozen=True, kw_only=True)
class Trembling:
    """A program whose tele-operated motions of the base go a little astray.

    Attributes:
        program: what is meant.
        metres: standard deviation of the position.
        radians: of the heading.
        generator: of the noise.
    """

    program: Program
    metres: float
    radians: float
    generator: np.random.Generator = field(repr=False)

    @property
    def procedures(self) -> tuple[str, ...]:
        """Those of the program."""
        return self.program.procedures

    @property
    def actions(self) -> tuple[str, ...]:
        """Those of the program."""
        return self.program.actions

    def decide(self, frame: Frame) -> Decided:
        """Decides as the program does, and trembles."""
        decided = self.program.decide(frame)
        if frame.procedure not in TELEOPERATED or decided.call not in ("MoveBaseRel", "MoveBaseAbs"):
            return decided
        noise = self.generator.normal(0.0, (self.metres, self.metres, self.radians))
        return decided._replace(args=(*(np.array(decided.args[:3]) + noise).tolist(), *decided.args[3:]))


def teach(
    task: TableTask, number: int, seed: int = 0, teaching: Teaching | None = None
) -> tuple[AnnotatedDemonstration, ...]:
    """Lets the teacher demonstrate physically.

    Args:
        task: at the table top.
        number: of demonstrations.
        seed: of the tables and of the noise; the tables of two seeds below 1000 differ.
        teaching: how; None is exact.

    Returns:
        The demonstrations. Where a trembling teacher failed physically (a thing fell), another table is tried: nobody
        hands in a failed demonstration.

    Raises:
        InputError: not one of three attempts in a row succeeds: nothing can be learned from such a teacher.
    """
    teaching = teaching or Teaching()
    family = TableTop(task=task, pixel_noise=teaching.pixel_noise)
    made: list[AnnotatedDemonstration] = []
    attempt = 0
    while len(made) < number:
        table = table_seed(seed, attempt)
        world, teacher = Standing(family, table), Teacher(task=task)
        program: Program = teacher
        if teaching.metres or teaching.degrees:
            generator = np.random.default_rng((table, 2))
            program = Trembling(
                program=teacher, metres=teaching.metres, radians=np.deg2rad(teaching.degrees), generator=generator
            )
        name = f"{task.name}-{attempt}"
        one = Interpreter().run(program, world, teacher.root, teacher.root_args, name=name, task=task.name)
        attempt += 1
        if world.success:
            made.append(one)
        elif attempt > 3 * (len(made) + 1):
            raise InputError(f"{task.name} was done {len(made)} times in {attempt} attempts; less noise is needed")
    demonstrations = tuple(made)
    return corrupt(demonstrations, teaching.slips, seed) if teaching.slips else demonstrations


def table_seed(seed: int, index: int) -> int:
    """The seed of a table: a thousand for each seed of demonstrations."""
    return 1_000 * seed + index
