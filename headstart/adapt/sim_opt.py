"""SimOpt: moves a normal distribution over parameters so that simulated trajectories look like the target's.

Compares what is observed and nothing else, so it works where the target's state cannot be set or is not seen in full.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.correlated_normal import CorrelatedNormal, Gaussian
from headstart.adapt.feedback import TargetPlay
from headstart.adapt.transitions import Beginning, beginnings
from headstart.data.collect import begin, collect
from headstart.errors import Fault, InputError
from headstart.maths import reps
from headstart.maths.discrepancy import discrepancy
from headstart.types import Metrics, Rollout, Task

STILL = 1e-6  # a channel that changes less is a constant of the target's: it measures nothing, and is not compared
LARGEST = 1e30  # a discrepancy that is larger, or is no number, comes from a simulator that diverged
NAMED = 2  # of the diverged simulators, when all of them did


class Search(NamedTuple):
    """What a search found, beside the distribution.

    Attributes:
        discrepancy: mean of each round, over the simulators that did not diverge.
        kl: the largest of a round, in nats.
        simulator_steps: that it took.
        diverged: the parameters of every simulator that broke, and so got no weight.
    """

    discrepancy: tuple[float, ...]
    kl: float
    simulator_steps: int
    diverged: tuple[dict[str, float], ...]

    def numbers(self) -> dict[str, float]:
        """What can be said in a number each."""
        rounds = {f"discrepancy_{turn}": value for turn, value in enumerate(self.discrepancy)}
        steps = {"simulator_steps": float(self.simulator_steps), "diverged": float(len(self.diverged))}
        return {**steps, **rounds, "kl": self.kl}


@dataclass(frozen=True, kw_only=True)
class SimOpt:
    """Adapts mean and covariance by relative entropy policy search on the discrepancy between trajectories.

    The policy that played the target plays simulators drawn from the distribution; each is charged the mean discrepancy
    of its trajectory to the target's; the distribution moves towards the cheap ones, at most `bound` nats a round.

    Helps where only observations can be compared. Needs episodes that begin alike, and a policy whose trajectories do
    not diverge by chance alone: what comes after `steps` steps is not compared.

    Attributes:
        family: the simulator.
        ranges: of the randomization before, by name: the first distribution lies over them.
        base: the task whose reward and remaining dynamics every row has.
        bound: ε, the largest KL divergence of one round from the one before, in nats.
        samples: simulators in each round.
        rounds: for one set of target episodes.
        steps: of each episode that are compared.
        absolute: w₁, the weight of the absolute differences.
        squared: w₂, of the squared ones.
        least: smallest standard deviation, in the unit cube.

    Source: Chebotar et al. 2019 (arXiv 1810.05687), algorithm 1.
    """

    family: Any = field(hash=False)
    ranges: dict[str, tuple[float, float]] = field(hash=False)
    base: Task = field(hash=False)
    bound: float = 1.0
    samples: int = 64
    rounds: int = 4
    steps: int = 100
    absolute: float = 1.0
    squared: float = 0.1
    least: float = 2e-3

    def __post_init__(self):
        """Refuses a search that cannot move."""
        if not self.ranges:
            raise InputError("simopt: no parameter varies, so that there is nothing to adapt; give ranges")
        if self.samples < 4 or self.rounds < 1 or self.steps < 2 or self.bound <= 0:
            raise InputError("simopt: at least 4 samples, 1 round, 2 steps and a bound above 0 are needed")

    @property
    def coordinates(self) -> Coordinates:
        """All parameters that are adapted."""
        return Coordinates(self.family.dynamics, tuple(self.ranges))

    @property
    def drawn(self) -> CorrelatedNormal:
        """The first distribution: its standard deviation is half of the half-width."""
        return CorrelatedNormal.over(self.coordinates, self.base, self.ranges)

    def init(self, key: Key[Array, ""]) -> Gaussian:
        return self.drawn.init(key)

    def sample(self, key: Key[Array, ""], state: Gaussian, n: int) -> Task:
        return self.drawn.sample(key, state, n)

    def update(self, key: Key[Array, ""], state: Gaussian, feedback: TargetPlay) -> tuple[Gaussian, Metrics]:
        state, found = self.search(key, state, feedback)
        metrics = {f"adapt/{name}": np.asarray(value, np.float32) for name, value in found.numbers().items()}
        return state, metrics  # pyright: ignore[reportReturnType]

    def search(self, key: Key[Array, ""], state: Gaussian, feedback: TargetPlay) -> tuple[Gaussian, Search]:
        """Moves the distribution for `rounds` rounds; returns it, and what was found on the way.

        Raises:
            InputError: for episodes that cannot be used, or without the policy that played them.
            Fault: where every simulator of a round diverges, with values of their parameters.
        """
        real = self.compared(feedback)
        size = np.concatenate([part.seen for part in real]).std(axis=0)
        weight = np.where(size > STILL, 1.0 / np.maximum(size, STILL), 0.0)
        gaps, moves, broken = [], [], []
        for turn in range(self.rounds):
            key_draw, key_play = jax.random.split(jax.random.fold_in(key, turn))
            points = self.drawn.points(key_draw, state, self.samples)
            simulated = self.play(key_play, feedback, points)
            cost = np.array([self._cost(part, real, weight) for part in simulated])
            cost[~(cost < LARGEST)] = np.inf
            corners = self._corners(points[np.isinf(cost)])
            if len(corners) == self.samples:
                named = "; ".join(", ".join(f"{k} = {v:.4g}" for k, v in corner.items()) for corner in corners[:NAMED])
                raise Fault(
                    f"simopt: each of {self.samples} sampled simulators of {self.family.name} diverged within "
                    f"{self.steps} steps, such as those of {named}; narrow the ranges"
                )
            mean, covariance, moved = reps.step(points, cost, state.mean, state.covariance, self.bound, self.least)
            state = Gaussian(mean, covariance)
            gaps.append(float(cost[np.isfinite(cost)].mean()))
            moves.append(moved)
            broken += corners
        return state, Search(tuple(gaps), max(0.0, *moves), self.rounds * self.samples * self.steps, tuple(broken))

    def compared(self, feedback: TargetPlay) -> list[Beginning]:
        """Returns how the target's episodes begin, each as changes from its first observation.

        Raises:
            InputError: for episodes that cannot be used, or without the policy that played them.
        """
        if feedback.required().policy is None:
            raise InputError("simopt plays the policy that played the target; give it with the episodes")
        begun = beginnings(feedback.episodes, self.family.observation, self.family.action, self.steps)
        return [part._replace(seen=_changes(part.seen)[: self.steps]) for part in begun if part is not None]

    def _corners(self, points: Float[np.ndarray, "sample p"]) -> list[dict[str, float]]:
        """Returns the parameters' values at each of some points."""
        values = self.coordinates.values(points)
        return [{name: float(values[name][i]) for name in self.coordinates.names} for i in range(len(points))]

    def play(
        self, key: Key[Array, ""], feedback: TargetPlay, points: Float[np.ndarray, "sample p"]
    ) -> list[Float[np.ndarray, "time channel"] | None]:
        """Plays the first steps of one episode in each simulator; changes from its beginning, None where it breaks."""
        tasks, policy, params = self.coordinates.task(self.base, points), feedback.policy, feedback.params
        key_begin, key_play = jax.random.split(key)
        carry = begin(key_begin, self.family, policy, params, tasks, len(points))  # pyright: ignore
        rollout, _ = collect(key_play, self.family, policy, params, carry, tasks, self.steps)  # pyright: ignore
        rollout = jax.tree.map(np.asarray, rollout)
        ended = rollout.terminated | rollout.truncated
        length = np.where(ended.any(axis=0), np.argmax(ended, axis=0) + 1, len(ended))
        parts: list[Float[np.ndarray, "time channel"] | None] = []
        for i, n in enumerate(length.tolist()):
            sound = bool(rollout.valid[:n, i].all())
            parts.append(_seen(jax.tree.map(lambda x: x[:n], rollout), i)[: self.steps] if sound else None)  # noqa: B023
        return parts

    def _cost(self, simulated: Any, real: list[Beginning], weight: Float[np.ndarray, " channel"]) -> float:
        """The mean discrepancy to the target's episodes, to each for as long as it is known what happened there."""
        if simulated is None:
            return float("inf")
        apart = [
            discrepancy(
                simulated if part.over else simulated[: len(part.seen)], part.seen, weight, self.absolute, self.squared
            )
            for part in real
        ]
        return float(np.mean(apart))


def _seen(rollout: Rollout, env: int) -> Float[np.ndarray, "time channel"]:
    """Returns what was seen in one environment from its first observation on, its end included, as changes."""
    obs, after = np.asarray(rollout.obs, np.float64)[:, env], np.asarray(rollout.next_obs, np.float64)[:, env]
    return _changes(np.concatenate([obs, after[-1:]]).reshape(len(obs) + 1, -1))


def _changes(seen: Float[np.ndarray, "time channel"]) -> Float[np.ndarray, "time channel"]:
    """Returns how what is seen changed since the first observation.

    Where an episode begins is chance, and no parameter's doing.
    """
    return seen - seen[0]
