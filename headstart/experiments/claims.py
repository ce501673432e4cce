"""The claims of the lecture that `headstart reproduce` measures again: one entry each. Imports nothing heavy.

To add one: a module whose `reproduce(request)` yields `Step`s while it works and returns a `Reproduced`, and an entry
in `CLAIMS`. The module is imported when its claim is asked for, and not before.
"""

import importlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from headstart.errors import InputError, unknown


class Claim(NamedTuple):
    """An entry of the table.

    Attributes:
        module: where its `reproduce` is.
        says: the claim, and where the lecture makes it; one line.
        options: which options of the command line it understands, beside `--size --seeds --seed --out`.
        page: the module whose `write_page(result, folder)` writes `report.html`, where there is one.
        side_by_side: whether its pieces of work go on side by side. Each then computes on one thread: several that
            share a pool of them wait for each other (docs/log.md, "One thread each").
    """

    module: str
    says: str
    options: tuple[str, ...] = ()
    page: str | None = None
    side_by_side: bool = False


CLAIMS: Mapping[str, Claim] = MappingProxyType(
    {
        "set-table": Claim(
            module="headstart.experiments.reproduce_set_table",
            says="choosing per skill what to take from a past task needs fewer demonstrations (hierarchical imitation)",
            options=("demonstrations",),
        ),
        "robust-selection": Claim(
            module="headstart.experiments.reproduce_robust_selection",
            says="reusing a past task never costs: a trembling hand, 5 % wrong annotations (hierarchical imitation)",
        ),
        "unseen-domains": Claim(
            module="headstart.experiments.unseen_domains",
            says="the same choice holds up on random programs that nobody looked at, at other prices too",
        ),
        "adaptation": Claim(
            module="headstart.experiments.reproduce_adaptation",
            says="hidden parameters are found from a few target steps, with intervals that hold (domain adaptation)",
        ),
        "soft-pretraining": Claim(
            module="headstart.experiments.reproduce_soft_pretraining",
            says="a policy that was pretrained soft fine-tunes in fewer episodes (SQL pre-training helps fine-tuning)",
            options=("source", "target"),
            page="headstart.report.soft",
        ),
        "peng": Claim(
            module="headstart.experiments.peng",
            says="randomized dynamics transfer best to a policy with memory (sim2real with domain randomization)",
            options=("source",),
            side_by_side=True,
        ),
        "peng-ablation": Claim(
            module="headstart.experiments.peng_ablation",
            says="latency and sensor noise must be randomized, not only physics (sim2real with domain randomization)",
            options=("source",),
            side_by_side=True,
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for.

    Attributes:
        size: `tiny` (seconds), `small` (minutes on two cores) or `full` (the whole study).
        seeds: how many repetitions; None for the size's own number.
        seed: the first of them.
        given: values of the claim's own options, as text; an option that was not given is not in there.
        folder: of the run. What a claim keeps in there it finds again when the run is resumed.
    """

    size: str = "small"
    seeds: int | None = None
    seed: int = 0
    given: Mapping[str, str] = field(default_factory=dict)
    folder: Path


class Step(NamedTuple):
    """How far the work is: the share of it, between 0 and 1, and what was just found."""

    share: float
    found: str


class Reproduced(NamedTuple):
    """What came out.

    Attributes:
        table: for people, as it is printed.
        result: plain JSON; becomes `result.json`, beside the command and the versions.
    """

    table: str
    result: dict[str, Any]


Work = Generator[Step, None, Reproduced]


def side_by_side(name: str) -> bool:
    """Tells whether the pieces of work of a claim go on side by side, on one thread each; see `Claim`."""
    return CLAIMS[name].side_by_side


def claim(name: str, given: Mapping[str, str]) -> Callable[[Request], Work]:
    """Looks a claim up and imports it.

    Args:
        name: of the claim.
        given: the options that were given for it.

    Returns:
        The function that reproduces it.

    Raises:
        InputError: there is no such claim, or it does not understand one of the options.
    """
    if name not in CLAIMS:
        raise unknown("claim", name, CLAIMS)
    options = CLAIMS[name].options
    for option in given:
        if option not in options:
            takes = (
                "it takes " + ", ".join(f"--{one}" for one in options) if options else "it has no options of its own"
            )
            raise InputError(f"--{option}: the claim {name!r} has no such option; {takes}")
    return importlib.import_module(CLAIMS[name].module).reproduce
