"""DROPO: fits a distribution over parameters by the likelihood of next states, with CMA-ES.

The first of its kind, and the baseline that `posterior` is measured against: it needs a hundred simulations of every
step for each of a thousand candidates.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Key
from scipy.special import ndtr, ndtri

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.drawing import generator
from headstart.adapt.evidence import Evidence, Meter, evidence
from headstart.adapt.feedback import TargetPlay
from headstart.adapt.transitions import Transitions, transitions
from headstart.adapt.truncated_normal import Bell, TruncatedNormal
from headstart.errors import InputError
from headstart.maths import cma_es
from headstart.spaces import ParameterSpace
from headstart.types import Metrics, Task

BOX = 4.0  # the search works in [0, 4] for every parameter
NARROW, WIDE = float(np.log(1e-5)), float(np.log(0.25))  # of logarithms of deviations, in widths of the ranges


@dataclass(frozen=True, kw_only=True)
class Dropo:
    """Fits means and deviations of a truncated normal distribution of real-valued parameters to target transitions.

    φ* = argmax Σₜ ln N(sₜ₊₁; mean, cov + ε 1), mean and covariance over next states that are simulated from the
    recorded sₜ with the recorded action under `samples` parameter vectors drawn from φ.

    Attributes:
        family: the simulator.
        ranges: where means are searched for, by name.
        base: the task whose reward and remaining dynamics every row has.
        evaluations: of the likelihood, in all.
        samples: parameter vectors in each evaluation.
        epsilon: ε: 1e-5 as published, 1e-3 where the simulator is known to miss something.
        steps: of the target that are used, at most.

    Source: Tiboni, Arndt and Kyrki 2023 (arXiv 2201.08434), section IV and its reference code: first deviations of an
    eighth of the ranges, at most a quarter, searched in logarithms.
    """

    family: Any = field(hash=False)
    ranges: dict[str, tuple[float, float]] = field(hash=False)
    base: Task = field(hash=False)
    evaluations: int = 1000
    samples: int = 100
    epsilon: float = 1e-5
    steps: int = 240

    def __post_init__(self):
        """Refuses what cannot be searched."""
        if self.family.unpredictable is not None:
            raise InputError(f"{self.family.unpredictable}; adapt by observations only: --adapt simopt")
        if self.evaluations < 1 or self.samples < 2:
            raise InputError("dropo: at least 1 evaluation of at least 2 samples is needed")
        self.coordinates  # noqa: B018  raises for ranges that are none

    @property
    def coordinates(self) -> Coordinates:
        """The parameters, linear between the ends of their ranges, as published."""
        chosen = []
        for name, (low, high) in self.ranges.items():
            p = self.family.dynamics[name]
            p.check(low, high)
            if p.integer or low == high:
                raise InputError(f"dropo: {name!r} is whole-numbered or does not vary; leave it out of the ranges")
            nominal = min(max(p.nominal, low), high)
            chosen.append(dataclasses.replace(p, low=low, high=high, nominal=nominal, scale="linear"))
        return Coordinates(ParameterSpace(tuple(chosen)), tuple(self.ranges))

    @property
    def drawn(self) -> TruncatedNormal:
        """The distribution before any data."""
        p = len(self.ranges)
        return TruncatedNormal(coordinates=self.coordinates, base=self.base, mean=(0.5,) * p, std=(0.125,) * p)

    def init(self, key: Key[Array, ""]) -> Bell:
        return self.drawn.init(key)

    def sample(self, key: Key[Array, ""], state: Bell, n: int) -> Task:
        return self.drawn.sample(key, state, n)

    def update(self, key: Key[Array, ""], state: Bell, feedback: TargetPlay) -> tuple[Bell, Metrics]:
        given = transitions(feedback.required().episodes, self.family.observation, self.family.action)
        meter = Meter()
        bell, height = self.fit(key, given, meter)
        metrics = {"adapt/log_likelihood": height, "adapt/simulator_steps": float(meter.steps)}
        return bell, {name: np.asarray(value, np.float32) for name, value in metrics.items()}  # pyright: ignore

    def fit(self, key: Key[Array, ""], given: Transitions, meter: Meter) -> tuple[Bell, float]:
        """Searches for the likeliest distribution; returns it and its log-likelihood."""
        random = generator(key)
        base = {k: float(v) for k, v in self.base.dynamics.items() if k not in self.ranges}
        data = evidence(self.family, self.coordinates, given, base, self.steps, meter)
        p, first_std = len(self.ranges), (np.log(0.125) - NARROW) / (WIDE - NARROW)
        state = cma_es.begin(BOX * np.concatenate([np.full(p, 0.5), np.full(p, first_std)]), BOX / 4)
        best, height, n = state.mean, -np.inf, cma_es.population(len(state.mean))
        for first in range(0, self.evaluations, n):
            wanted = min(n, self.evaluations - first)
            candidates = np.clip(cma_es.ask(random, state, n), 0.0, BOX)
            values = np.full(n, -np.inf)
            for i in range(wanted):
                values[i] = self.log_likelihood(random, data, _bell(candidates[i]))
            if values.max() > height:
                best, height = candidates[int(np.argmax(values))], float(values.max())
            state = cma_es.tell(state, candidates, -values)
        return _bell(best), height

    def log_likelihood(self, random: np.random.Generator, data: Evidence, bell: Bell) -> float:
        """Estimates the log-likelihood of a distribution of parameters by simulation."""
        unit = random.uniform(1e-12, 1.0, (self.samples, len(bell.mean)))
        below, above = ndtr(-bell.mean / bell.std), ndtr((1.0 - bell.mean) / bell.std)
        points = bell.mean + bell.std * ndtri(np.clip(below + unit * (above - below), 1e-300, 1.0 - 1e-16))
        seen, valid = data.predicted(np.clip(points, 0.0, 1.0), {}, data.data.obs)
        if not valid.all():
            return -np.inf
        return gaussian_log_likelihood(data.data.next_obs, seen, self.epsilon)


def gaussian_log_likelihood(
    seen: Float[np.ndarray, "row channel"], simulated: Float[np.ndarray, "sample row channel"], epsilon: float
) -> float:
    """Returns Σ ln N(seen; mean, cov + ε 1), with the moments of the simulated next states of each row."""
    mean = simulated.mean(axis=0)
    off = simulated - mean
    channels = seen.shape[1]
    covariance = np.einsum("src,srd->rcd", off, off) / (len(simulated) - 1) + epsilon * np.eye(channels)
    root = np.linalg.cholesky(covariance)
    white = np.linalg.solve(root, (seen - mean)[..., None])[..., 0]
    logs = np.log(np.diagonal(root, axis1=1, axis2=2)).sum()
    return float(-0.5 * np.square(white).sum() - logs - 0.5 * seen.size * np.log(2.0 * np.pi))


def _bell(candidate: Float[np.ndarray, " twice_p"]) -> Bell:
    """Reads a candidate of [0, 4]: means, then logarithms of deviations between 1e-5 and a quarter of the range."""
    mean, log_std = np.split(candidate / BOX, 2)
    return Bell(mean, np.exp(NARROW + (WIDE - NARROW) * log_std))
