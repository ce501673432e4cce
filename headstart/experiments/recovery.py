"""Can a simulator's hidden masses be found from a few steps of a target, and is what is claimed about them true?

Targets are hoppers whose four masses are drawn once, between 0.5 and 10 kg each, and frozen by a seed. They are shown
for ten single steps, for one episode, or for three, through sensors of known noise that the method is not told. In one
case the target differs in what the method does not vary: the floor is more slippery and the joints are stiffer.

Source: Tiboni, Arndt and Kyrki 2023 (arXiv 2201.08434), section V: hopper masses from few transitions.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float

from headstart.adapt.posterior import Posterior
from headstart.adapt.transitions import LAGS, Transitions
from headstart.tasks.catalogue import family

MASSES = ("mass:torso", "mass:thigh", "mass:leg", "mass:foot")
LIGHTEST, HEAVIEST = 0.5, 10.0  # kg
UNMODELLED = {"friction:floor": 0.6, "damping:thigh_joint": 1.6, "damping:leg_joint": 1.6, "damping:foot_joint": 1.6}


class Case(NamedTuple):
    """What is asked of a method.

    Attributes:
        shown: `"10 steps"`, `"1 episode"` or `"3 episodes"`.
        noise: standard deviation added to every channel of every observation, in the channel's own unit.
        unmodelled: whether the target differs in `UNMODELLED` too.
    """

    shown: str
    noise: float
    unmodelled: bool = False


CASES = tuple(Case(shown, noise) for noise in (0.0, 1e-4, 1e-3) for shown in ("10 steps", "1 episode", "3 episodes"))
CASES += (Case("3 episodes", 1e-4, True),)


class Recovered(NamedTuple):
    """What a method said about one target.

    Attributes:
        error: |estimate / truth − 1| of each mass.
        covered: whether each truth lies in the 90 % interval.
        width: of each interval, over the truth.
        steps: of the target.
        simulator_steps: that the method took.
        more: numbers of the method's own.
    """

    error: Float[np.ndarray, " mass"]
    covered: Bool[np.ndarray, " mass"]
    width: Float[np.ndarray, " mass"]
    steps: int
    simulator_steps: int
    more: dict[str, float]


@dataclass(frozen=True)
class Recovery:
    """The study.

    Attributes:
        seed: of the frozen targets.
    """

    seed: int = 0
    world: Any = field(default_factory=lambda: family("hopper"), hash=False)

    def kilograms(self) -> dict[str, float]:
        """The masses of the plain hopper, which the parameters are factors on."""
        model = self.world.models(self.world.start(1))[0]
        return {name: float(model.body(name.partition(":")[2]).mass[0]) for name in MASSES}

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Where the masses are looked for: from 0.5 to 10 kg, within what is legal."""
        legal = self.world.dynamics
        return {
            name: (max(legal[name].low, LIGHTEST / kg), min(legal[name].high, HEAVIEST / kg))
            for name, kg in self.kilograms().items()
        }

    def truth(self, number: int) -> dict[str, float]:
        """The hidden factors of a target."""
        random = np.random.default_rng((self.seed, number))
        ranges, kilograms = self.ranges(), self.kilograms()
        drawn = {name: random.uniform(LIGHTEST, HEAVIEST) / kg for name, kg in kilograms.items()}
        return {name: float(np.float32(np.clip(value, *ranges[name]))) for name, value in drawn.items()}

    def show(self, number: int, case: Case) -> Transitions:
        """Plays a target with smooth random actions and looks at it through noise."""
        random = np.random.default_rng((self.seed, number, CASES.index(case)))
        episodes = 1 if case.shown == "1 episode" else 3
        hidden = self.truth(number) | (UNMODELLED if case.unmodelled else {})
        plain = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], episodes, axis=0), self.world.task())
        changed = {name: np.full(episodes, value, np.float32) for name, value in hidden.items()}
        tasks = plain._replace(dynamics={**plain.dynamics, **changed})
        state = self.world.start(episodes)
        seeds = random.integers(1 << 40, size=episodes)
        state = self.world.reset(seeds, state, tasks, np.ones(episodes, bool))
        seen = _play(random, self.world, state, case.noise)
        if case.shown == "10 steps":
            return seen.take(np.sort(random.choice(len(seen.obs), 10, replace=False)))
        return seen

    def recover(self, number: int, case: Case) -> Recovered:
        """Asks the posterior."""
        given, truth = self.show(number, case), self.truth(number)
        posterior = Posterior(family=self.world, ranges=self.ranges(), base=self.world.task())
        cloud, found = posterior.explain(jax.random.key(number), given)
        low, middle, high = cloud.quantile([0.05, 0.5, 0.95])
        more = {"unexplained": found.unexplained, "trust": found.trust, "effective": found.effective}
        return judged(posterior.coordinates.values, truth, (low, middle, high), given, found.simulator_steps, more)


def judged(values, truth, quantiles, given: Transitions, simulator_steps: int, more: dict[str, float]) -> Recovered:
    """Compares an interval and its middle, as points of the cube, with the truth."""
    low, middle, high = (values(points) for points in quantiles)
    true = np.array([truth[name] for name in MASSES])
    a, m, b = (np.array([float(part[name]) for name in MASSES]) for part in (low, middle, high))
    slack = 1e-6 * true  # values are stored in single precision
    covered = (a - slack <= true) & (true <= b + slack)
    return Recovered(np.abs(m / true - 1.0), covered, (b - a) / true, len(given.obs), simulator_steps, more)


def _play(random: np.random.Generator, world: Any, state: Any, noise: float, longest: int = 200) -> Transitions:
    episodes, actions = len(state.physics), world.action.shape[0]
    alive, action = np.ones(episodes, bool), np.zeros((episodes, actions))
    queue = np.zeros((episodes, LAGS, actions))
    rows: list[list[tuple]] = [[] for _ in range(episodes)]

    def look(state: Any) -> np.ndarray:
        clean = np.asarray(world.observe(state), np.float32).astype(np.float64)  # as a target is recorded
        return clean + noise * random.standard_normal(clean.shape)

    obs = look(state)
    for _ in range(longest):
        action = np.clip(0.8 * action + 0.6 * random.standard_normal(action.shape), -1.0, 1.0)
        queue = np.concatenate([action[:, None], queue[:, :-1]], axis=1)
        outcome = world.step(np.zeros(episodes, int), state, action, alive)
        state, after = outcome.state, look(outcome.state)
        for i in np.flatnonzero(alive):
            rows[i].append((obs[i], after[i], queue[i], not rows[i]))
        alive, obs = alive & ~outcome.terminated, after
        if not alive.any():
            break
    return Transitions(*(np.array(column) for column in zip(*(row for part in rows for row in part), strict=True)))
