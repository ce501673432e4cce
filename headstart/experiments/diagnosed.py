"""What each source still has left to try, kept where the report looks for it, and said on the terminal."""

import math
from pathlib import Path
from typing import Any

import jax
from jaxtyping import Array, Key

from headstart.data.collect import play
from headstart.nets.random_actions import RandomActions
from headstart.run import disk, strict_json
from headstart.run.record import read_json
from headstart.tasks.fixed import Fixed
from headstart.transfer.diagnosis import Diagnosis, diagnose, laid_out
from headstart.types import Params, TaskFamily

EPISODES = 3  # of the policy, and as many of random actions
LIMIT = 1 << 16


def diagnosed(key: Key[Array, ""], home: TaskFamily, policy: Any, params: Params) -> Diagnosis | None:
    """Plays a few episodes at home, the policy drawing its actions, and diagnoses it.

    Args:
        key: same key, same diagnosis.
        home: where the policy was learnt.
        policy: feed-forward; of one with a memory nothing is said, since its states are more than it sees.
        params: of the policy.
    """
    if jax.tree.leaves(policy.start(params, 1)):
        return None
    tasks = Fixed(task=home.task()).sample(key, (), EPISODES)
    ours = play(key, home, policy, params, tasks, EPISODES)
    nobody = RandomActions(action=home.action)
    theirs = play(key, home, nobody, {}, tasks, EPISODES)  # pyright: ignore[reportArgumentType]
    return diagnose(policy, params, laid_out(ours), laid_out(theirs))


def write_diagnosis(path: Path, kind: str, seed: int, found: Diagnosis | None, temperature: float | None) -> None:
    """Writes a diagnosis; what cannot be told is null.

    Args:
        path: the run's folder.
        kind: of the source, such as `"nominal"`.
        seed: which repetition.
        found: the diagnosis; None: none could be made, and nothing is written.
        temperature: that the source was pretrained with, where it is known.
    """
    if found is None:
        return
    numbers = {name: value if math.isfinite(value) else None for name, value in found._asdict().items()}
    value = {"format": 1, "source": kind, "seed": seed, "temperature": temperature, "diagnosis": numbers}
    disk.replace_file(path / f"diagnosis-{kind}-{seed}.json", strict_json.encode(value) + b"\n")


def diagnosis_lines(path: Path) -> list[str]:
    """Says what was written of the first seed of each source, a line each."""
    lines, told = [], set()
    for file in sorted(path.glob("diagnosis-*.json")):
        kept = read_json(file, LIMIT, file.name)
        if kept["source"] in told:
            continue
        told.add(kept["source"])
        numbers: dict[str, Any] = {n: math.nan if value is None else value for n, value in kept["diagnosis"].items()}
        lines.append(f"{kept['source']} source: {Diagnosis(**numbers).sentence(kept['temperature'])}")
    return lines
