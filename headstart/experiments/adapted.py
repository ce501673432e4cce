"""The adapted arm: k target episodes tell what the target's simulator should be, and training goes on in that one.

Each k is a round: the policy of the round before plays the next episodes, and goes on learning from where it was.

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
from headstart.adapt.narrowed import remaining, unidentified
from headstart.adapt.particles import Cloud
from headstart.adapt.posterior import Findings, Posterior
from headstart.adapt.replayed import plays, replays
from headstart.adapt.sim_opt import SimOpt
from headstart.run import disk, strict_json
from headstart.run.evaluate import Evaluation
from headstart.run.target import Target
from headstart.types import Params, Policy, Rollout, State, TaskDistribution

LEVELS = (0.05, 0.5, 0.95)
CORNERS = 5  # of those in which the simulator diverged, in the record
LOUDER = {"as trained": 1.0, "half the noise": 0.5, "twice the noise": 2.0}  # ways of playing, for --excite


class Pupil(NamedTuple):
    """Who goes on learning in the adapted simulator.

    Attributes:
        state: of the source's learner.
        learn: trains on from a state on tasks of a distribution, in a round of a number; returns the state after it.
        params: the policy's parameters in a state.
    """

    state: State
    learn: Callable[[TaskDistribution, State, int], Generator[Any, None, State]]
    params: Callable[[State], Params]


class Foreseen(NamedTuple):
    """What the target episodes of the first round are expected to tell, before the first of them is spent.

    Attributes:
        shots: how many they are.
        unidentified: real-valued parameters that they would leave about as unknown as they are.
    """

    shots: int
    unidentified: tuple[str, ...]


class Adapted(NamedTuple):
    """A policy after k target episodes.

    Attributes:
        shots: k.
        params: of the policy.
        practice: returns of the target episodes so far.
        wall_seconds: that it took, training included.
        broken: of the target episodes those in which the target broke; the steps before were adapted to.
    """

    shots: int
    params: Params
    practice: Float[np.ndarray, " shot"]
    wall_seconds: float
    broken: int = 0


@dataclass(frozen=True)
class AdaptedArm:
    """What the arm needs beside a target and a source.

    Attributes:
        method: adapts the simulator.
        shots: numbers of target episodes to adapt with, above 0.
        excite: play the target in the way that is expected to tell most.
        path: of the record for the report, which is written before the first round and after each.
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
        pupil: Pupil,
        unadapted: TaskDistribution | None,
    ) -> Iterator[Any]:
        """Spends the target's episodes; yields what `learn` yields, and after each k what it returned.

        Args:
            key: same key, same findings.
            target: the metered handle.
            policy: of the source; plays the target.
            pupil: learns further in simulation.
            unadapted: the source's own randomization, for k = 0: without any target episode it is trained on for as
                long as all rounds together, so that no k has more of training than of knowledge to thank.

        Yields:
            Progress of training, a `Foreseen` before the first target episode, and an `Adapted` for each k.
        """
        if unadapted is not None:
            begun, state = time.monotonic(), pupil.state
            for turn in range(len(self.shots)):
                state = yield from pupil.learn(unadapted, state, turn)
            yield Adapted(0, pupil.params(state), np.zeros(0), time.monotonic() - begun)
        key_plan, key_play, key = jax.random.split(key, 3)
        record: dict[str, Any] = {"format": 1, "method": type(self.method).__name__.lower(), "posteriors": []}
        record["rounds"] = True  # records of before have none: there the source played all episodes
        state, belief = pupil.state, self.method.init(key)
        record |= self.before(key_plan, policy, pupil.params(state))
        self.write(record)
        if record.get("remaining"):
            yield Foreseen(min(self.shots), tuple(record["unidentified"]))
        way = {name: record[name] for name in ("excitement", "played") if name in record}
        episodes: list[Rollout] = []
        for turn, k in enumerate(self.shots):
            begun, params = time.monotonic(), pupil.params(state)
            if turn and self.excite and isinstance(self.method, Posterior):
                way = _way(jax.random.fold_in(key_plan, turn), self.method, belief, policy, params)
            factor = LOUDER[way.get("played", "as trained")]
            played = params if factor == 1.0 else noisier(params, factor)
            more = target.run(jax.random.fold_in(key_play, k), policy, played, k - len(episodes), "adaptation")
            episodes += more
            feedback = TargetPlay(more, policy, played)
            belief, told = self.told(jax.random.fold_in(key, k), belief, feedback, tuple(episodes))
            record["posteriors"].append({"shots": k, **told, **way})
            self.write(record)
            state = yield from pupil.learn(Held(distribution=self.method, state=belief), state, turn)
            met = Evaluation.of(tuple(episodes))
            yield Adapted(k, pupil.params(state), met.episode_return, time.monotonic() - begun, met.broke)
        self.write(record | self.after(key, belief, feedback, told, tuple(episodes)))

    def write(self, record: dict[str, Any]) -> None:
        """Writes down what is known so far: it outlives a round that breaks."""
        disk.replace_file(self.path, strict_json.encode(record) + b"\n")

    def before(self, key: Key[Array, ""], policy: Policy, params: Params) -> dict[str, Any]:
        """What is believed, and what can be expected of the first round, before the first target episode."""
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
                said |= _way(key, self.method, cloud, policy, params)
        return said

    def after(
        self, key: Key[Array, ""], belief: Any, latest: TargetPlay, told: dict[str, Any], every: tuple[Rollout, ...]
    ) -> dict[str, Any]:
        """What simulators of what is believed in the end do, beside what the target did."""
        if isinstance(self.method, Posterior):
            return {"trajectory": replays(key, self.method, belief, np.array(told["sensor_noise"]), every)}
        played = plays(key, self.method, belief, latest)
        return {} if played is None else {"trajectory": played}

    def told(
        self, key: Key[Array, ""], belief: Any, latest: TargetPlay, episodes: tuple[Rollout, ...]
    ) -> tuple[Any, dict[str, Any]]:
        """Adapts to target episodes; returns what is believed then, and what is written down of it.

        A posterior is made from all episodes, whoever played them. SimOpt plays simulators with the policy that played
        the target, so it goes on from what it believed before, and learns from the latest.
        """
        if isinstance(self.method, Posterior):
            cloud, found = self.method.infer(key, episodes)
            return cloud, {**self.believed(cloud), **_told(found)}
        state, search = self.method.search(key, belief, latest)
        corners = list(search.diverged[:CORNERS])
        return state, {**self.believed(state), **search.numbers(), "diverged_at": corners}

    def believed(self, state: Any) -> dict[str, Any]:
        """What is believed of each parameter, and which ones are about as unknown as before."""
        left = remaining(self.method, state)
        return {"intervals": self.intervals(state), "remaining": left, "unidentified": unidentified(left)}

    def intervals(self, state: Any) -> list[list[float]]:
        """The 5 %, 50 % and 95 % points of each parameter, in its own unit."""
        if isinstance(state, Cloud):
            points = state.quantile(np.array(LEVELS))
        else:
            std = np.sqrt(np.diagonal(state.covariance))
            points = np.stack([state.mean - 1.645 * std, state.mean, state.mean + 1.645 * std])
        values = self.method.coordinates.values(points)
        return [[float(v) for v in values[name]] for name in self.method.coordinates.names]


def _way(key: Key[Array, ""], method: Posterior, belief: Any, policy: Policy, params: Params) -> dict[str, Any]:
    """How a round plays the target: what each way would tell beyond what is believed now, and the best of them."""
    ways = {name: Candidate(policy, noisier(params, factor)) for name, factor in LOUDER.items()}
    told = excitement(key, method, belief, ways)
    return {"excitement": told, "played": max(ways, key=lambda name: told[name])}


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
