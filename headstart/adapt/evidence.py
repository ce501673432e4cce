"""What target transitions say about parameters: residuals of one-step predictions, from the simulator in batches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.transitions import Transitions
from headstart.errors import Fault, InputError
from headstart.spaces import ParameterSpace

CHAIN = 16  # steps that are filtered one after the other; a longer episode is cut, which loses little


class Predictor(Protocol):
    """A simulator that can be put into an observed state: a family with `predict`."""

    @property
    def name(self) -> str: ...
    @property
    def dynamics(self) -> ParameterSpace: ...
    @property
    def typical_size(self) -> Float[np.ndarray, " channel"]: ...
    @property
    def unpredictable(self) -> str | None: ...
    def predict(
        self, dynamics: Mapping[str, Any], obs: Float[np.ndarray, "row channel"], queue: Float[np.ndarray, "row l a"]
    ) -> tuple[Float[np.ndarray, "particle row channel"], Bool[np.ndarray, "particle row"]]: ...


@dataclass
class Meter:
    """Counts simulator steps. The one thing here that changes."""

    steps: int = 0


class Residuals(NamedTuple):
    """Seen minus predicted, in units of each channel's typical change in a step.

    Attributes:
        values: 0 where there is no step, or the particle's simulator diverged.
        diverged: which particles' simulators broke at one of the steps.
    """

    values: Float[np.ndarray, "particle chain step channel"]
    diverged: Bool[np.ndarray, " particle"]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Transitions in chains, a simulator, and the parameters that are asked about.

    Attributes:
        family: the simulator.
        coordinates: of the parameters that vary, real-valued ones; without any, a point of them is empty.
        data: the transitions.
        base: values of the parameters that do not vary and are not nominal.
        meter: of the simulator's steps.
    """

    family: Predictor
    coordinates: Coordinates
    data: Transitions
    base: dict[str, float] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)

    @cached_property
    def rows(self) -> Int[np.ndarray, "chain step"]:
        """The row of each step of each chain; −1 fills short ones up."""
        starts = [i for i in range(len(self.data.obs)) if self.data.begins[i]]
        ends = [*starts[1:], len(self.data.obs)]
        chains = [
            np.arange(i, min(i + CHAIN, end)) for s, end in zip(starts, ends, strict=True) for i in range(s, end, CHAIN)
        ]
        longest = max(map(len, chains))
        return np.stack([np.pad(chain, (0, longest - len(chain)), constant_values=-1) for chain in chains])

    @cached_property
    def present(self) -> Bool[np.ndarray, "chain step"]:
        """Which steps there are."""
        return self.rows >= 0

    @cached_property
    def scale(self) -> Float[np.ndarray, " channel"]:
        """The root mean square change of each channel in a step."""
        change = np.sqrt(np.square(self.data.next_obs - self.data.obs).mean(axis=0))
        return np.maximum(change, 1e-6 * max(1e-6, float(change.max())))

    def residuals(self, points: Float[np.ndarray, "particle p"], fixed: Mapping[str, float]) -> Residuals:
        """Predicts every step under every particle.

        Args:
            points: in the coordinates.
            fixed: whole-numbered parameters, such as the delay: the same for all.
        """
        seen, valid = self.predicted(points, fixed, self.data.obs)
        broken = np.logical_not(valid) & valid.any(axis=0)
        off = np.where(valid[..., None], (self.data.next_obs - seen) / self.scale, 0.0)
        return Residuals(off[:, self.rows] * self.present[None, :, :, None], np.asarray(broken.any(axis=1)))

    def predicted(
        self, points: Float[np.ndarray, "particle p"], fixed: Mapping[str, float], obs: Float[np.ndarray, "row channel"]
    ) -> tuple[Float[np.ndarray, "particle row channel"], Bool[np.ndarray, "particle row"]]:
        """Predicts from other states; `obs` may be several copies of the data's rows, one below the other."""
        n, copies = len(points), len(obs) // len(self.data.obs)
        values = {name: np.full(n, value) for name, value in {**self.base, **fixed}.items()}
        values |= self.coordinates.exact(points)
        self.meter.steps += n * len(obs)
        return self.family.predict(values, obs, np.tile(self.data.queue, (copies, 1, 1)))

    def slopes(
        self, point: Float[np.ndarray, " p"], fixed: Mapping[str, float], width: Float[np.ndarray, " channel"]
    ) -> tuple[Float[np.ndarray, "chain step channel channel"], Float[np.ndarray, "chain step channel channel"]]:
        """Differentiates the simulator by its state, over steps as wide as the noise is.

        Args:
            point: of the parameters.
            fixed: whole-numbered parameters.
            width: of the steps, in units of `scale`.

        Returns:
            Slope and curvature by each state channel (last axis), f(o ± w) = f(o) ± slope w + curvature w².
        """
        obs, channels = self.data.obs, self.data.obs.shape[1]
        moves = np.concatenate([np.diag(width * self.scale), -np.diag(width * self.scale), np.zeros((1, channels))])
        places = (obs[None] + moves[:, None]).reshape(-1, channels)
        seen, valid = self.predicted(point[None], fixed, places)
        seen = np.where(valid[0][:, None], seen[0], np.nan).reshape(2 * channels + 1, len(obs), channels) / self.scale
        up, down, here = seen[:channels], seen[channels:-1], seen[-1]
        slope = np.moveaxis((up - down) / (2.0 * width[:, None, None]), 0, -1)
        bend = np.moveaxis((up + down - 2.0 * here) / (2.0 * np.square(width)[:, None, None]), 0, -1)
        same = np.eye(channels)
        slope = np.where(np.asarray(np.isfinite(slope).all(axis=(1, 2), keepdims=True)), slope, same)
        bend = np.where(np.asarray(np.isfinite(bend).all(axis=(1, 2), keepdims=True)), bend, 0.0)
        filled = np.asarray(self.present)[:, :, None, None]
        return np.where(filled, slope[self.rows], same), np.where(filled, bend[self.rows], 0.0)


def evidence(
    family: Any, coordinates: Coordinates, data: Transitions, base: dict[str, float], most: int, meter: Meter
) -> Evidence:
    """Gathers usable transitions, at most `most` of them, in chains spread evenly over the episodes.

    Raises:
        InputError: where the simulator cannot be put into an observed state, or no step can be used.
        Fault: where the simulator diverges from every recorded state, with the values of its parameters.
    """
    if getattr(family, "unpredictable", "it has no one-step prediction") is not None:
        reason = getattr(family, "unpredictable", f"{family.name}: it has no one-step prediction")
        raise InputError(f"{reason}; adapt by observations only: --adapt simopt")
    first = coordinates.names[:1]  # none, where only whole-numbered parameters and the noise are asked about
    anywhere = {name: np.array([family.dynamics[name].nominal]) for name in first}
    anywhere |= {k: np.array([v]) for k, v in base.items()}
    _, valid = family.predict(anywhere, data.obs, data.queue)
    meter.steps += len(data.obs)
    if not valid.any():
        raise Fault(f"{family.name}: the simulator diverges from every recorded state at {base or 'nominal'}")
    usable = data.take(np.flatnonzero(valid[0]))
    if len(usable.obs) > most:
        blocks = np.arange(len(usable.obs)) // CHAIN
        wanted = np.linspace(0, blocks[-1], max(1, most // CHAIN)).round().astype(int)
        usable = usable.take(np.flatnonzero(np.isin(blocks, wanted)))
    return Evidence(family, coordinates, usable, base, meter)
