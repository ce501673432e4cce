"""SimOpt: moves a normal distribution over parameters so that simulated trajectories look like the target's.

Compares what is observed and nothing else, so it works where the target's state cannot be set or is not seen in full.
"""

from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.correlated_normal import CorrelatedNormal, Gaussian
from headstart.adapt.feedback import TargetPlay
from headstart.data.collect import begin, collect
from headstart.errors import InputError
from headstart.maths import reps
from headstart.maths.discrepancy import discrepancy
from headstart.types import Metrics, Rollout, Task


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
        if feedback.required().policy is None:
            raise InputError("simopt plays the policy that played the target; give it with the episodes")
        real = [_seen(episode, 0)[: self.steps] for episode in feedback.episodes]
        if not all(np.isfinite(part).all() for part in real):
            raise InputError("simopt: a target episode holds an observation that is not finite; drop that episode")
        size = np.maximum(np.concatenate(real).std(axis=0), 1e-6)
        metrics: dict[str, float] = {"adapt/simulator_steps": 0.0, "adapt/diverged": 0.0}
        for turn in range(self.rounds):
            key_draw, key_play = jax.random.split(jax.random.fold_in(key, turn))
            points = self.drawn.points(key_draw, state, self.samples)
            simulated = self._play(key_play, feedback, points)
            cost = np.array([self._cost(part, real, 1.0 / size) for part in simulated])
            mean, covariance, moved = reps.step(points, cost, state.mean, state.covariance, self.bound, self.least)
            state = Gaussian(mean, covariance)
            finite = cost[np.isfinite(cost)]
            metrics[f"adapt/discrepancy_{turn}"] = float(finite.mean()) if finite.size else np.inf
            metrics["adapt/kl"] = max(metrics.get("adapt/kl", 0.0), moved)
            metrics["adapt/simulator_steps"] += float(self.samples * self.steps)
            metrics["adapt/diverged"] += float((~np.isfinite(cost)).sum())
        return state, {name: np.asarray(value, np.float32) for name, value in metrics.items()}  # pyright: ignore

    def _play(
        self, key: Key[Array, ""], feedback: TargetPlay, points: Float[np.ndarray, "sample p"]
    ) -> list[Float[np.ndarray, "time channel"] | None]:
        """Plays the first steps of one episode in each sampled simulator; None where it breaks."""
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

    def _cost(self, simulated: Any, real: list[Any], weight: Float[np.ndarray, " channel"]) -> float:
        if simulated is None:
            return float("inf")
        apart = [discrepancy(simulated, one, weight, self.absolute, self.squared) for one in real]
        return float(np.mean(apart))


def _seen(rollout: Rollout, env: int) -> Float[np.ndarray, "time channel"]:
    """Returns how what was seen in one environment changed from its first observation on, its end included.

    Where an episode begins is chance, and no parameter's doing.
    """
    obs, after = np.asarray(rollout.obs, np.float64)[:, env], np.asarray(rollout.next_obs, np.float64)[:, env]
    whole = np.concatenate([obs, after[-1:]]).reshape(len(obs) + 1, -1)
    return whole - whole[0]
