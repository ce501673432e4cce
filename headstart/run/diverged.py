"""Where a simulator diverged while somebody learnt in it: in how many steps, and with which dynamics the first times.

A step that diverged is no row to learn from and ends its episode, and the learning goes on. Unsaid, that would be a
corner of the ranges that a policy has never learnt for. `diverged.json` holds the dynamics of the first few cases, and
puts first what is farthest from nominal: given to `--randomize`, they are that one corner again.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headstart.errors import Fault, InputError
from headstart.run import disk, strict_json
from headstart.run.episodes import Episodes
from headstart.run.record import read_json
from headstart.spaces import Parameter, ParameterSpace
from headstart.types import Rollout

FORMAT = 1
MOST = 8  # cases that are kept
FARTHEST = 5  # parameters of each that are named
SAID = 3  # of which that many in a sentence
LIMIT = 1 << 20

Dynamics = dict[str, float]
Cases = tuple[Dynamics, ...]
Ranges = Mapping[str, tuple[float, float]]


class Away(NamedTuple):
    """A parameter of a case that is not nominal.

    Attributes:
        name: of the parameter.
        value: in its unit.
        nominal: likewise.
        unit: of both.
        away: how far the one is from the other, in widths of its range.
    """

    name: str
    value: float
    nominal: float
    unit: str
    away: float


def with_cases(cases: Cases, rollout: Rollout) -> Cases:
    """Adds the dynamics of the steps that diverged, as long as there are few; each only once.

    Args:
        cases: of earlier rollouts.
        rollout: of environments none of which rests, leaves `time env ...`.
    """
    if len(cases) >= MOST or np.all(valid := np.asarray(rollout.valid)):
        return cases
    dynamics = {name: np.asarray(values)[~valid] for name, values in rollout.task.dynamics.items()}
    for i in range(int(np.sum(~valid))):
        case = {name: float(values[i]) for name, values in dynamics.items()}
        if case not in cases and len(cases) < MOST:
            cases = (*cases, case)
    return cases


def ranges_of(distribution: Any) -> Ranges:
    """Returns the ranges that a distribution draws from, where it says so: `headstart.adapt.randomize.Uniform` does."""
    return {drawn.parameter.name: (drawn.low, drawn.high) for drawn in getattr(distribution, "drawn", ())}


def farthest(dynamics: Dynamics, space: ParameterSpace, ranges: Ranges) -> list[Away]:
    """Returns what is not nominal, the farthest first.

    Args:
        dynamics: of one case; what the space does not know is passed over.
        space: the simulator's parameters.
        ranges: that were drawn from; what is in none of them, or always the same, is measured by what is legal.
    """
    found = []
    for p in space.values():
        value = dynamics.get(p.name, p.nominal)
        if np.float32(value) != np.float32(p.nominal):
            low, high = ranges.get(p.name, (p.low, p.high))
            low, high = (low, high) if low < high else (p.low, p.high)
            width = scaled(p, high) - scaled(p, low)
            away = abs(scaled(p, value) - scaled(p, p.nominal)) / width if 0.0 < width < math.inf else 0.0
            found.append(Away(p.name, value, float(p.nominal), p.unit, away))
    return sorted(found, key=lambda one: -one.away)[:FARTHEST]


def scaled(p: Parameter, value: float) -> float:
    """Returns a value in the parameter's own scale, logarithmic or linear."""
    return math.log(max(value, p.low)) if p.scale == "log" else value


def phrase(case: Sequence[Away]) -> str:
    """Says where a case is, such as `mass:torso = 0.11 kg, gear:thigh = 3.9`."""
    return ", ".join(f"{one.name} = {one.value:.3g} {one.unit}".strip() for one in case[:SAID])


def write_diverged(
    path: Path,
    seen: Sequence[Episodes],
    cases: Cases,
    space: ParameterSpace,
    ranges: Ranges,
    source: str = "",
    seed: int | None = None,
) -> None:
    """Writes what there is to say of one training; nothing where no step diverged.

    Args:
        path: of the file.
        seen: the episodes of each seed that learnt here.
        cases: as `with_cases` gave them.
        space: the simulator's parameters.
        ranges: see `farthest`.
        source: who learnt, where there are several.
        seed: which repetition, likewise.

    Raises:
        Fault: the disk refused.
    """
    diverged = sum(int(each.invalid_steps) for each in seen)
    told = [{"farthest": [one._asdict() for one in farthest(case, space, ranges)], "dynamics": case} for case in cases]
    value = {
        "format": FORMAT,
        "source": source,
        "seed": seed,
        "diverged": diverged,
        "steps": sum(int(each.steps) for each in seen),
        "cases": told,
    }
    try:
        if diverged:
            disk.replace_file(path, strict_json.encode(value) + b"\n")
        else:
            path.unlink(missing_ok=True)  # of an attempt that did not come to its end
    except OSError as error:
        raise Fault(f"{path}: cannot be written ({error.strerror}); make room") from None


def kept_cases(path: Path) -> Cases:
    """Returns the cases of an earlier sitting; none where the file is not there or damaged: no run depends on it."""
    try:
        kept = read_json(path, LIMIT, path.name)
        return tuple({str(n): float(v) for n, v in case["dynamics"].items()} for case in kept["cases"][:MOST])
    except (InputError, KeyError, TypeError, ValueError, AttributeError):
        return ()
