"""Automatic domain randomization: ranges that grow where the policy does well at their ends, and shrink where not."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, Key

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.drawing import uniforms
from headstart.errors import InputError
from headstart.types import Metrics, Rollout, Task

LOW, HIGH = 0, 1


class Boundaries(NamedTuple):
    """Where the ranges end, and how the policy did there.

    Attributes:
        ends: of each range, low and high, in the unit cube.
        total: sum of the returns of finished episodes at each end since it last moved.
        count: how many there were.
        running: return so far of the episode in each environment.
    """

    ends: Float[Any, "side p"]
    total: Float[Any, "side p"]
    count: Int[Any, "side p"]
    running: Float[Any, " env"]


@dataclass(frozen=True, kw_only=True)
class Widening:
    """Draws evenly from ranges that start at one point and widen by success.

    With probability `at_boundary`, an episode has one parameter at one end of its range, and the return it gets goes
    into that end's queue. When the queue holds `queue` episodes, the end moves outwards by `step` if their mean return
    is at least `wide`, inwards if it is at most `narrow`, and the queue is emptied.

    Helps where how much spread a policy can learn under is not known; it costs a share of the episodes at the ends.

    Attributes:
        coordinates: of what is drawn.
        base: the task whose reward and remaining dynamics every row has; its values are where ranges start.
        limits: how far each range may go, by name.
        wide: mean return from which an end moves outwards.
        narrow: mean return up to which it moves inwards.
        step: of an end, in the unit cube.
        queue: episodes at an end before it moves.
        at_boundary: share of the episodes that are at an end.
        envs: environments side by side in the rollouts that `update` sees.

    Source: OpenAI 2019 (arXiv 1910.07113), algorithm 1.
    """

    coordinates: Coordinates
    base: Task = field(hash=False)
    limits: dict[str, tuple[float, float]] = field(hash=False)
    wide: float
    narrow: float
    step: float = 0.02
    queue: int = 24
    at_boundary: float = 0.5
    envs: int = 64

    def __post_init__(self):
        """Refuses thresholds and limits that contradict each other."""
        if not self.narrow < self.wide:
            raise InputError(f"widening: narrow={self.narrow} must be below wide={self.wide}")
        if not 0.0 <= self.at_boundary <= 1.0 or self.queue < 1 or self.step <= 0.0 or self.envs < 1:
            raise InputError("widening: at_boundary must be a share, and step, queue and envs above 0")
        if any(p.integer for p in self.coordinates.parameters):
            raise InputError("widening: whole-numbered parameters have no ends that move by a step; leave them out")
        middle, half = self.coordinates.centre_and_width(self.limits)
        start = self.start
        if ((start < middle - half - 1e-6) | (start > middle + half + 1e-6)).any():
            raise InputError("widening: the base's own values lie outside the limits; widen the limits")

    @property
    def start(self) -> Float[np.ndarray, " p"]:
        """The point that all ranges start from."""
        return self.coordinates.vector(self.base.dynamics)

    def init(self, key: Key[Array, ""]) -> Boundaries:
        p = len(self.coordinates)
        ends = np.stack([self.start, self.start])
        return Boundaries(ends, np.zeros((2, p)), np.zeros((2, p), np.int64), np.zeros(self.envs))

    def sample(self, key: Key[Array, ""], state: Boundaries, n: int) -> Task:
        low, high = np.asarray(state.ends)
        points = low + uniforms(key, self.coordinates.names, n) * (high - low)
        picked = uniforms(key, ["at a boundary", "which parameter", "which side"], n)
        at = picked[:, 0] < self.at_boundary
        column = (picked[:, 1] * points.shape[1]).astype(int)
        end = np.where(picked[:, 2] < 0.5, low[column], high[column])
        points[at, column[at]] = end[at]
        return self.coordinates.task(self.base, points)

    def update(self, key: Key[Array, ""], state: Boundaries, feedback: Rollout) -> tuple[Boundaries, Metrics]:
        # an episode is at an end if its value is that end's, to the bit; of a range that has not opened yet, at both
        values = [self.coordinates.values(end) for end in np.asarray(state.ends)]
        dynamics = {name: np.asarray(feedback.task.dynamics[name]) for name in self.coordinates.names}
        at = np.stack([np.stack([dynamics[n] == side[n] for n in self.coordinates.names], axis=-1) for side in values])
        total, count, running = state.total.copy(), state.count.copy(), np.asarray(state.running).copy()
        reward, first = np.asarray(feedback.reward, np.float64), np.asarray(feedback.first)
        ended = np.asarray(feedback.terminated) | np.asarray(feedback.truncated)
        for t in range(len(reward)):
            running = np.where(first[t], 0.0, running) + reward[t]
            counted = at[:, t] & ended[t][None, :, None]
            total += (counted * running[None, :, None]).sum(axis=1)
            count += counted.sum(axis=1)
        ends, total, count, moved = self.moved(np.asarray(state.ends), total, count)
        spread = np.log(np.maximum(ends[HIGH] - ends[LOW], 1e-6)).mean()
        metrics = {"adapt/log_width": np.float32(spread), "adapt/ends_moved": np.float32(moved)}
        return Boundaries(ends, total, count, running), metrics  # pyright: ignore[reportReturnType]

    def moved(
        self, ends: np.ndarray, total: np.ndarray, count: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Moves every end whose queue is full and whose mean return says so; empties the queues that were full."""
        middle, half = self.coordinates.centre_and_width(self.limits)
        full, mean = count >= self.queue, total / np.maximum(count, 1)
        way = np.where(full & (mean >= self.wide), 1.0, np.where(full & (mean <= self.narrow), -1.0, 0.0))
        after = ends + self.step * way * np.array([[-1.0], [1.0]])
        after = np.clip(after, middle - half, middle + half)
        after[LOW], after[HIGH] = np.minimum(after[LOW], self.start), np.maximum(after[HIGH], self.start)
        return after, np.where(full, 0.0, total), np.where(full, 0, count), int((after != ends).sum())
