"""The adapted arm: k target episodes tell what the target's simulator should be, and training goes on in that one.

Source: lecture slides "Domain adaptation"; Chebotar et al. 2019 (arXiv 1810.05687), algorithm 1.
"""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.excite import Candidate, excitement, noisier
from headstart.adapt.feedback import TargetPlay
from headstart.adapt.held import Held
from headstart.adapt.identifiability import identifiability
from headstart.adapt.particles import Cloud
from headstart.adapt.posterior import Findings, Posterior
from headstart.adapt.replayed import replays
from headstart.adapt.sim_opt import SimOpt
from headstart.run import disk, strict_json
from headstart.run.evaluate import Evaluation
from headstart.run.target import Target
from headstart.types import Params, Policy, Rollout, TaskDistribution

LEVELS = (0.05, 0.5, 0.95)
LOUDER = {"as trained": 1.0, "half the noise": 0.5, "twice the noise": 2.0}  # ways of playing, for --excite


class Adapted(NamedTuple):
    """A policy after k target episodes.

    Attributes:
        shots: k.
        params: of the policy.
        practice: returns of the target episodes so far.
        wall_seconds: that it took, training included.
    """

    shots: int
    params: Params
    practice: Float[np.ndarray, " shot"]
    wall_seconds: float


@dataclass(frozen=True)
class AdaptedArm:
    """What the arm needs beside a target and a source.

    Attributes:
        method: adapts the simulator.
        shots: numbers of target episodes to adapt with, above 0.
        excite: play the target in the way that is expected to tell most.
        path: of the record for the report.
    """

    method: Posterior | SimOpt
    shots: tuple[int, ...]
    excite: bool
    path: Path

    def meet(
        self,
        key: Key[Array, ""],
        target: Target,
        policy: Policy,
        params: Params,
        learn: Callable[[TaskDistribution], Generator[Any, None, Params]],
        unadapted: TaskDistribution | None,
    ) -> Iterator[Any]:
        """Spends the target's episodes; yields what `learn` yields, and after each k what it returned.

        Args:
            key: same key, same findings.
            target: the metered handle.
            policy: of the source; plays the target.
            params: of it.
            learn: goes on training the source on tasks of a distribution; returns the policy's parameters.
            unadapted: the source's own randomization, to train on for as long without any target episode: k = 0.

        Yields:
            Progress of training, and an `Adapted` for each k.
        """
        if unadapted is not None:
            begun = time.monotonic()
            longer = yield from learn(unadapted)
            yield Adapted(0, longer, np.zeros(0), time.monotonic() - begun)
        key_plan, key_play, key = jax.random.split(key, 3)
        record: dict[str, Any] = {"format": 1, "method": type(self.method).__name__.lower(), "posteriors": []}
        record |= self.before(key_plan, policy, params)
        way = record.get("played", "as trained")
        played = noisier(params, LOUDER[way]) if way != "as trained" else params
        episodes: tuple[Rollout, ...] = ()
        state: Any = None
        for k in self.shots:
            begun = time.monotonic()
            more = target.run(jax.random.fold_in(key_play, k), policy, played, k - len(episodes), "adaptation")
            episodes += more
            state, told = self.learn(jax.random.fold_in(key, k), TargetPlay(episodes, policy, played))
            record["posteriors"].append({"shots": k, **told})
            adapted = yield from learn(Held(distribution=self.method, state=state))
            practice = Evaluation.of(episodes).episode_return
            yield Adapted(k, adapted, practice, time.monotonic() - begun)
        if isinstance(self.method, Posterior):
            record["trajectory"] = replays(key, self.method, state, episodes[0])
        disk.replace_file(self.path, strict_json.encode(record) + b"\n")

    def before(self, key: Key[Array, ""], policy: Policy, params: Params) -> dict[str, Any]:
        """What is believed, and what can be expected, before the first target episode."""
        coordinates, ranges = self.method.coordinates, self.method.ranges
        cloud = self.method.init(key)
        prior = self.intervals(cloud)
        said: dict[str, Any] = {
            "parameters": list(coordinates.names),
            "units": [p.unit for p in coordinates.parameters],
            "nominal": [float(p.nominal) for p in coordinates.parameters],
            "trained": [list(map(float, ranges[name])) for name in coordinates.names],
            "prior": prior,
        }
        if isinstance(self.method, Posterior):
            expected = identifiability(key, self.method, policy, params, min(self.shots))
            said["remaining"] = dict(zip(expected.names, map(float, expected.remaining), strict=True))
            said["unidentified"] = list(expected.unidentified)
            if self.excite:
                ways = {name: Candidate(policy, noisier(params, factor)) for name, factor in LOUDER.items()}
                said["excitement"] = excitement(key, self.method, cloud, ways)
                said["played"] = max(ways, key=lambda name: said["excitement"][name])
        return said

    def learn(self, key: Key[Array, ""], feedback: TargetPlay) -> tuple[Any, dict[str, Any]]:
        """Adapts to all episodes so far; returns the state, and what is written down of it."""
        if isinstance(self.method, Posterior):
            cloud, found = self.method.infer(key, feedback.episodes)
            return cloud, {"intervals": self.intervals(cloud), **_told(found)}
        state, metrics = self.method.update(key, self.method.init(key), feedback)
        numbers = {name.removeprefix("adapt/"): float(value) for name, value in metrics.items()}
        return state, {"intervals": self.intervals(state), **numbers}

    def intervals(self, state: Any) -> list[list[float]]:
        """The 5 %, 50 % and 95 % points of each parameter, in its own unit."""
        if isinstance(state, Cloud):
            points = state.quantile(np.array(LEVELS))
        else:
            std = np.sqrt(np.diagonal(state.covariance))
            points = np.stack([state.mean - 1.645 * std, state.mean, state.mean + 1.645 * std])
        values = self.method.coordinates.values(points)
        return [[float(v) for v in values[name]] for name in self.method.coordinates.names]


def _told(found: Findings) -> dict[str, Any]:
    return {
        "unexplained": found.unexplained,
        "trust": float(found.trust),
        "steps": found.used,
        "simulator_steps": found.simulator_steps,
        "diverged": found.diverged,
        "effective_particles": found.effective,
        "sensor_noise": [float(v) for v in found.noise.sensor * found.scale],
    }
