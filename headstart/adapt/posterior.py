"""What target episodes say about a simulator's parameters: a posterior, as weighted particles.

The simulator is put into each state that was recorded, the recorded action is replayed, and the next state is compared
with the recorded one. The sensors' noise is estimated with the parameters, and so is what no parameter explains; where
that is much, the posterior is kept wide rather than sharp around a wrong value.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.drawing import generator, normals
from headstart.adapt.evidence import Evidence, Meter, evidence
from headstart.adapt.feedback import TargetPlay
from headstart.adapt.gauss_newton import Peak, Prior, climb, log_posterior, sharpened
from headstart.adapt.noise import FREEDOM, Noise, fit_noise, whitener_of
from headstart.adapt.particles import Cloud, Particles
from headstart.adapt.tempering import counted, temper
from headstart.adapt.transitions import Transitions, transitions
from headstart.errors import Fault, InputError
from headstart.maths.misfit import misfit
from headstart.maths.state_filter import Whitener, whitener
from headstart.maths.weights import normalized
from headstart.types import Metrics, Rollout, Task

NOISE, DELAY = "noise:observation", "delay:action"
SIGNIFICANT = 1e-3  # p-value below which the simulator is said to miss something
NEGLIGIBLE = 12.0  # nats: a whole-numbered choice this much less likely than the best is dropped
UNEXPLAINED = 1.0  # steps of the target that are worth while, at most, where the simulator explains none of them


class Findings(NamedTuple):
    """What an inference found, beside the particles.

    Attributes:
        peak: the likeliest point and its surroundings, real-valued coordinates.
        noise: of the sensors and of the model, in `scale`.
        scale: typical change of each channel in a step.
        unexplained: share of a typical step's variance that is neither sensor noise nor explained; 0 where none is
            proven.
        trust: the power that the likelihood was raised to.
        used: target steps that were compared.
        simulator_steps: that it took.
        diverged: particles whose simulator broke.
        effective: how many particles count.
        stages: of tempering.
        whole: the probability of each choice of whole-numbered parameters.
    """

    peak: Peak
    noise: Noise
    scale: Float[np.ndarray, " channel"]
    unexplained: float
    trust: float
    used: int
    simulator_steps: int
    diverged: int
    effective: float
    stages: int
    whole: dict[tuple[float, ...], float]


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Adapts a simulator to target episodes by the likelihood of their transitions, as particles.

    Helps when the simulator has the parameters in which the target differs, and when its state can be set. Hurts little
    otherwise: what the episodes do not tell keeps the width of the prior, and where the simulator cannot explain the
    target, `trust` keeps all of it wide.

    Attributes:
        family: the simulator.
        ranges: of the randomization that came before, by name: the prior is a normal distribution around their middle,
            cut off only where the parameter's legal bounds are, so that a target outside the ranges can be found.
        base: the task whose reward and remaining dynamics every row has.
        particles: how many.
        steps: of the target that are compared, at most.
        looser: standard deviation of the prior, in half-widths of the ranges.

    Source: Tiboni, Arndt and Kyrki 2023 (arXiv 2201.08434), section IV, for comparing next states from reset states;
    Miller and Dunson 2019 (arXiv 1506.06101) for the power of the likelihood.
    """

    family: Any = field(hash=False)
    ranges: dict[str, tuple[float, float]] = field(hash=False)
    base: Task = field(hash=False)
    particles: int = 96
    steps: int = 240
    looser: float = 1.5

    def __post_init__(self):
        """Refuses a simulator that cannot be put into a recorded state, and ranges that are none."""
        if self.family.unpredictable is not None:
            raise InputError(f"{self.family.unpredictable}; adapt by observations only: --adapt simopt")
        if not self.ranges:
            raise InputError("posterior: no parameter varies, so that there is nothing to adapt; give ranges")
        self.coordinates.centre_and_width(self.ranges)

    @property
    def coordinates(self) -> Coordinates:
        """All parameters that are adapted."""
        return Coordinates(self.family.dynamics, tuple(self.ranges))

    @property
    def real(self) -> Coordinates:
        """Those that the search moves: neither whole-numbered nor the sensors' noise. There may be none."""
        names = [p.name for p in self.coordinates.parameters if not p.integer and p.name != NOISE]
        return Coordinates(self.family.dynamics, tuple(names))

    def prior(self, coordinates: Coordinates) -> Prior:
        """What is believed before the first target episode."""
        middle, half = coordinates.centre_and_width({name: self.ranges[name] for name in coordinates.names})
        return Prior(middle, np.maximum(self.looser * half, 1e-4))

    def drawn(self) -> Particles:
        """How tasks are drawn from a cloud."""
        cloud = Cloud(np.zeros((1, len(self.coordinates))), np.zeros(1))
        return Particles(coordinates=self.coordinates, base=self.base, cloud=cloud)

    def init(self, key: Key[Array, ""]) -> Cloud:
        prior = self.prior(self.coordinates)
        points = prior.mean + prior.std * normals(key, self.coordinates.names, self.particles)
        whole = np.array([p.integer for p in self.coordinates.parameters])
        points = np.clip(points, 0.0, 1.0)
        landed = self.coordinates.vector(self.coordinates.values(points))  # whole values for whole parameters
        return Cloud(np.where(whole, landed, points), np.zeros(self.particles))

    def sample(self, key: Key[Array, ""], state: Cloud, n: int) -> Task:
        return self.drawn().sample(key, state, n)

    def update(self, key: Key[Array, ""], state: Cloud, feedback: TargetPlay) -> tuple[Cloud, Metrics]:
        """Returns the posterior given `feedback`, which holds all episodes so far: the state keeps none of them."""
        cloud, found = self.infer(key, feedback.episodes)
        metrics = {
            "adapt/unexplained": found.unexplained,
            "adapt/trust": found.trust,
            "adapt/effective_particles": found.effective,
            "adapt/diverged": float(found.diverged),
            "adapt/simulator_steps": float(found.simulator_steps),
        }
        return cloud, {name: np.asarray(value, np.float32) for name, value in metrics.items()}  # pyright: ignore

    def infer(self, key: Key[Array, ""], episodes: tuple[Rollout, ...]) -> tuple[Cloud, Findings]:
        """Returns the posterior given all of the target's episodes, and what was found on the way.

        Raises:
            InputError: for episodes that cannot be used.
            Fault: where the simulator diverges from every recorded state.
        """
        return self.explain(
            key, transitions(TargetPlay(episodes).required().episodes, self.family.observation, self.family.action)
        )

    def explain(self, key: Key[Array, ""], given: Transitions) -> tuple[Cloud, Findings]:
        """Returns the posterior given transitions, which may come from anywhere on the target."""
        meter, random = Meter(), generator(key)
        base = {k: float(v) for k, v in self.base.dynamics.items() if k not in self.ranges}
        data = evidence(self.family, self.real, given, base, self.steps, meter)
        prior, choices = self.prior(self.real), self.choices()
        peaks, matrices, noise, gain = _search(random, data, prior, choices, self.believed(choices))
        missing = _unexplained(data, peaks, matrices, noise, gain)
        used = int(data.present.sum())
        trust = 1.0 / (1.0 + missing * used / UNEXPLAINED)
        trust *= _small_sample(used, len(noise.sensor), len(self.real))
        best = max(peaks, key=lambda choice: peaks[choice].log_posterior)
        if trust < 1.0:
            for choice, peak in peaks.items():
                peaks[choice] = climb(data, prior, dict(choice), matrices, peak.point, 3, trust)
        peaks = {c: sharpened(data, prior, dict(c), matrices, peak, trust) for c, peak in peaks.items()}
        cloud, parts, diverged = self._particles(random, data, prior, peaks, matrices, trust)
        level = float(np.median(noise.sensor * data.scale / self.family.typical_size))
        shares = {tuple(v for _, v in choice): share for choice, share in parts.items()}
        found = Findings(
            peak=peaks[best],
            noise=noise,
            scale=data.scale,
            unexplained=missing,
            trust=trust,
            used=used,
            simulator_steps=meter.steps,
            diverged=diverged,
            effective=cloud[2],
            stages=cloud[3],
            whole=shares,
        )
        return self._whole_cloud(random, cloud[0], cloud[1], cloud[4], level), found

    def choices(self) -> list[tuple[tuple[str, float], ...]]:
        """Every combination of whole-numbered parameters that is thought possible: one step beyond their ranges too."""
        whole = [p for p in self.coordinates.parameters if p.integer]
        values = [
            [float(v) for v in range(round(max(p.low, self.ranges[p.name][0] - 1)),
                                     round(min(p.high, self.ranges[p.name][1] + 1)) + 1)]
            for p in whole
        ]  # fmt: skip
        combined = list(product(*values))
        if len(combined) > 64:
            raise InputError(
                f"posterior: {len(combined)} combinations of whole-numbered parameters; narrow their ranges"
            )
        return [tuple(zip([p.name for p in whole], combination, strict=True)) for combination in combined]

    def believed(self, choices: list[tuple[tuple[str, float], ...]]) -> dict[tuple[tuple[str, float], ...], float]:
        """The log-prior of each choice: a nat less for each parameter beyond its range."""
        outside = lambda name, v: not self.ranges[name][0] <= v <= self.ranges[name][1]  # noqa: E731
        return {choice: -float(sum(outside(name, v) for name, v in choice)) for choice in choices}

    def _particles(self, random, data, prior, peaks, matrices, trust):
        """Draws particles for every choice that is likely enough, together `particles` of them."""
        believed = self.believed(list(peaks))
        height = {c: p.log_posterior + np.linalg.slogdet(p.root)[1] + believed[c] for c, p in peaks.items()}
        top = max(height.values())
        kept = {choice: np.exp(h - top) for choice, h in height.items() if h > top - 5.0}
        share = {choice: value / sum(kept.values()) for choice, value in kept.items()}
        points, log_weights, chosen, stages, diverged = [], [], [], 0, 0
        for choice, part in share.items():
            count = max(16, round(part * self.particles))
            broken = [0]

            def density(at, choice=choice, broken=broken):
                value = log_posterior(data, prior, dict(choice), matrices, at, trust)
                broken[0] += int((np.isneginf(value) & ((at >= 0) & (at <= 1)).all(axis=1)).sum())
                return value

            got = temper(random, density, peaks[choice].point, peaks[choice].root, count)
            points.append(got.points)
            log_weights.append(np.log(normalized(got.log_weight) * part + 1e-300))
            chosen += [choice] * count
            stages, diverged = max(stages, got.stages), diverged + broken[0]
        log_weight = np.concatenate(log_weights)
        effective = counted(got) if len(share) == 1 else 1.0 / float(np.square(normalized(log_weight)).sum())
        return (np.concatenate(points), log_weight, effective, stages, chosen), share, diverged

    def _whole_cloud(self, random, points, log_weight, chosen, level) -> Cloud:
        """Puts real-valued, whole-numbered and noise parameters together in the order of all coordinates."""
        values = dict(self.real.values(points))
        n = len(points)
        for name in (p.name for p in self.coordinates.parameters if p.integer):
            values[name] = np.array([dict(choice)[name] for choice in chosen])
        if NOISE in self.ranges:
            limit = self.family.dynamics[NOISE]
            values[NOISE] = np.clip(level * np.exp(0.15 * random.standard_normal(n)), limit.low, limit.high)
        cube = self.coordinates.vector(values)
        for column, name in enumerate(self.coordinates.names):
            if name in self.real.names:
                cube[:, column] = np.clip(points[:, self.real.names.index(name)], 0.0, 1.0)
        return Cloud(cube, log_weight)


def _search(
    random: np.random.Generator,
    data: Evidence,
    prior: Prior,
    choices: list[tuple[tuple[str, float], ...]],
    believed: dict[tuple[tuple[str, float], ...], float],
) -> tuple[dict[tuple[tuple[str, float], ...], Peak], Whitener, Noise, float]:
    """Finds peaks, noise and the matrices of the filter, in turns; choices that fall behind are dropped."""
    starts = np.clip(prior.mean + prior.std * random.standard_normal((6, len(prior.mean))), 0.02, 0.98)
    starts = np.concatenate([np.clip(prior.mean, 0.0, 1.0)[None], starts])
    if not len(prior.mean):
        starts = starts[:1]  # all of them are the one point that there is
    channels = len(data.scale)
    first = {choice: data.residuals(starts, dict(choice)) for choice in choices}
    size = {choice: np.where(r.diverged, np.inf, _typical(r.values, data.present)) for choice, r in first.items()}
    best = min(size, key=lambda choice: size[choice].min())
    if not np.isfinite(size[best].min()):
        raise Fault(f"{data.family.name}: the simulator diverges at every sampled corner; narrow the ranges")
    residual = first[best].values[int(np.argmin(size[best]))]
    rough = _rough(residual, data.present, channels)
    peaks = {
        choice: climb(data, prior, dict(choice), rough, starts[int(np.argmin(size[choice]))], 2)
        for choice in choices
        if np.isfinite(size[choice].min())
    }
    peaks = _likely(peaks, believed, 3.0 * NEGLIGIBLE)
    noise, gain, matrices = Noise(np.maximum(np.abs(residual[data.present]).std(axis=0), 1e-6), 0.0), 0.0, rough
    for rounds in (4, 4, 3):
        top = max(peaks, key=lambda choice: peaks[choice].log_posterior)
        width = np.clip(noise.sensor, 1e-5, 0.3)
        slope, bend = data.slopes(peaks[top].point, dict(top), width)
        residual = data.residuals(peaks[top].point[None], dict(top)).values[0]
        noise, gain = fit_noise(residual, slope, bend, data.present, noise)
        matrices = whitener_of(noise, slope, bend, data.present)
        peaks = {c: climb(data, prior, dict(c), matrices, p.point, rounds) for c, p in peaks.items()}
        peaks = _likely(peaks, believed, NEGLIGIBLE)
    return peaks, matrices, noise, gain


def _small_sample(steps: int, channels: int, parameters: int) -> float:
    """The power of the likelihood that makes up for noise that was estimated from the same few steps.

    1 − k / (n c) for k fitted numbers, as in an unbiased variance; and 1 / (1 + 2 / n) to first order, since a channel
    is weighted by a noise of n steps, and by chance the quiet ones too much (Kackar and Harville 1984).
    """
    fitted = parameters + channels + 1
    return max(0.25, 1.0 - fitted / (steps * channels) - 2.0 / steps)


def _typical(residual: Float[np.ndarray, "particle chain step channel"], present: np.ndarray) -> np.ndarray:
    """The logarithmic mean size of residuals: how well each particle fits, whatever the noise of each channel is."""
    sizes = np.log(np.abs(residual[:, present]) + 1e-9)
    return sizes.mean(axis=(1, 2))


def _rough(residual: np.ndarray, present: np.ndarray, channels: int) -> Whitener:
    """Weights channels by how well they fit now, before anything is known about noise."""
    size = np.maximum(1.5 * np.median(np.abs(residual[present]), axis=0), 1e-7)
    chains, steps = present.shape
    slope = np.zeros((chains, steps, channels, channels))
    process = np.broadcast_to(np.square(size), (chains, steps, channels))
    return whitener(slope, np.full(channels, 1e-16), process, present)


def _likely(peaks, believed, margin: float):
    top = max(peak.log_posterior + believed[choice] for choice, peak in peaks.items())
    return {c: p for c, p in peaks.items() if p.log_posterior + believed[c] > top - margin}


def _unexplained(
    data: Evidence, peaks: dict[tuple[tuple[str, float], ...], Peak], matrices: Whitener, noise: Noise, gain: float
) -> float:
    """The share of a typical step that neither parameters nor noise explain; 0 where it may as well be none.

    Two signs of it: process noise makes the data likelier, or what is left over can be predicted from state and action.
    """
    process = float(np.median(matrices.share(noise.process)[data.present])) if gain > 0.0 else 0.0
    choice, peak = max(peaks.items(), key=lambda item: item[1].log_posterior)
    white = matrices.whiten(data.residuals(peak.point[None], dict(choice)).values)[0][data.present]
    rows = data.rows[data.present]
    delay = int((data.base | dict(choice)).get(DELAY, 0))
    features = np.concatenate([data.data.obs[rows], data.data.queue[rows, delay]], axis=1)
    size = np.sqrt(1.0 + np.square(white).sum(axis=1, keepdims=True) / FREEDOM)  # far-off steps count as in the fit
    predicted = misfit(white / size, features)
    return max(process, predicted.share if predicted.p_value < SIGNIFICANT else 0.0)
