"""What a teacher of Peng's study knows of its worlds beside what its students see.

From replay it learns with all that the simulator knows. On its own rollouts, which some two hundred robots are in, it
learns those by heart by their dynamics, and pushes worse on all others than who is not told them: there it is to know
where everything is, and nothing else (docs/log.md, "Told less, the pusher's teacher pushes").
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from headstart.tasks.mujoco.exact import Exact
from headstart.tasks.mujoco.informed import TOLD, Informed


class Teaching(NamedTuple):
    """One way of teaching.

    Attributes:
        told: what a teacher is told, in words.
        known: returns a robot's worlds as its teacher knows them.
        shown: returns them as students learn in them, with what the teacher knows beside what is seen.
        asked: which part of those observations the teacher is asked by; None where it learnt from the whole.
    """

    told: str
    known: Callable[..., Any]
    shown: Callable[..., Any]
    asked: str | None


Name = Literal["replay", "lessons"]
TEACHINGS: Mapping[Name, Teaching] = MappingProxyType(
    {
        "replay": Teaching("the dynamics", Informed, Informed, None),
        "lessons": Teaching("where everything is", Exact, partial(Informed, waiting=0, tells_dynamics=False), TOLD),
    }
)
