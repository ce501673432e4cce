"""What a report can show of a run: one record, made by `folder.py` and only read by everything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.report.text import clean


class Arm(NamedTuple):
    """One method at one number of target episodes: an entry of `arms` in `summary.json`.

    Attributes:
        method: such as `"scratch"` or `"fine-tune randomized"`.
        shots: k, the target episodes that the method could adapt with.
        iqm: interquartile mean of the return over seeds.
        low: lower end of its 95 % interval.
        high: upper end.
        per_seed: the return of each seed.
        adaptation_episodes: target episodes used to adapt, as the run's ledger counted them.
        selection_episodes: used to choose between checkpoints, likewise.
        evaluation_episodes: used to measure, likewise.
        target_steps: control steps on the target.
        source_episodes: episodes on the source; None where the run did not say.
        wall_seconds: time taken.
    """

    method: str
    shots: int
    iqm: float
    low: float
    high: float
    per_seed: tuple[float, ...] = ()
    adaptation_episodes: float | None = None
    selection_episodes: float | None = None
    evaluation_episodes: float | None = None
    target_steps: float | None = None
    source_episodes: float | None = None
    wall_seconds: float | None = None


class LearningCurve(NamedTuple):
    """Return against target episodes, an entry of the optional `curves` in `summary.json`.

    Attributes:
        method: whose.
        episodes: target episodes spent when each point was measured.
        middle: interquartile mean over seeds.
        low: lower end of its 95 % interval; equal to `middle` where the run did not say.
        high: upper end, likewise.
    """

    method: str
    episodes: Float[np.ndarray, " point"]
    middle: Float[np.ndarray, " point"]
    low: Float[np.ndarray, " point"]
    high: Float[np.ndarray, " point"]


class TrainingCurve(NamedTuple):
    """Return during training on the source against environment steps, of one arm and seed, from `metrics.jsonl`."""

    name: str
    seed: str
    steps: Float[np.ndarray, " point"]
    values: Float[np.ndarray, " point"]


class Spread(NamedTuple):
    """One physical parameter: what the source was sampled from and, where it was revealed, what the target has."""

    name: str
    unit: str
    nominal: float | None
    source: Float[np.ndarray, " sample"]
    target: float | None


@dataclass(frozen=True, kw_only=True)
class Adaptation:
    """What one seed's adaptation believed before and after the target's episodes, from `adaptation-SEED.json`.

    Attributes:
        method: how it adapted.
        seed: which seed's.
        names: of the parameters.
        units: of them.
        prior: 5 %, 50 % and 95 % points of each.
        posteriors: the same after each number of target episodes.
        told: other numbers that were found at each.
        unidentified: parameters that were not expected to be identified.
        remaining: expected deviation of each after the episodes, over that before.
        excitement: of each way of playing, in nats an episode.
        played: the way that was chosen.
        left: parameters of which most of the doubt was left after each number of target episodes; empty in records of
            before.
        replay: a measured trajectory and bands of simulated ones.
        replay_way: what was simulated: the target's actions, or its policy.
        replay_noise: whether the bands hold the sensors' noise; in records of before, they do not.
        rounds: whether the policy adapted to the episodes before played the next ones; before, the source played all.
    """

    method: str
    seed: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    prior: Float[np.ndarray, "parameter 3"]
    posteriors: tuple[tuple[int, Float[np.ndarray, "parameter 3"]], ...]
    told: tuple[tuple[int, Mapping[str, float]], ...] = ()
    unidentified: tuple[str, ...] = ()
    remaining: Mapping[str, float]
    excitement: Mapping[str, float]
    played: str = ""
    rounds: bool = False
    left: tuple[tuple[int, tuple[str, ...]], ...] = ()
    replay: Mapping[str, np.ndarray] | None = None
    replay_way: str = "actions"
    replay_noise: bool = False


@dataclass(frozen=True, kw_only=True)
class RunContents:
    """All that a report can show of a run. Parts that are missing are empty; `notes` says which and why."""

    path: Path
    source: str = "an unnamed source"
    target: str = "an unnamed target"
    size: str = ""
    shots: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    command: str = ""
    arms: tuple[Arm, ...] = ()
    curves: tuple[LearningCurve, ...] = ()
    training: tuple[TrainingCurve, ...] = ()
    dynamics: tuple[Spread, ...] = ()
    config: tuple[tuple[str, str], ...] = ()
    ledger: tuple[tuple[str, str], ...] = ()
    adaptation: Adaptation | None = None
    film: bytes = b""
    film_kind: str = ""
    notes: Mapping[str, str]

    @property
    def name(self) -> str:
        """The folder's own name."""
        return clean(self.path.resolve().name)
