"""The arms of soft pretraining: which there are, how each learns, and how its temperature falls.

The arms are one algorithm, SAC; they differ in the temperature of pretraining alone, from the deterministic limit to
very soft, and in whether the temperature is annealed while fine-tuning. Beside them learns SAC from scratch on the same
target episodes. The paper's own comparison, soft Q-learning against DDPG, has algorithm, exploration and softness
change at once and cannot say which of them it was; soft Q-learning is an arm of its own here.

Source: lecture slides "Soft-optimal policies for fine-tuning" and "SQL pre-training helps fine-tuning"; Haarnoja et al.
2017 (arXiv 1702.08165), section 5.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.errors import InputError
from headstart.learn.replayed import OffPolicyLearner
from headstart.learn.sac import SAC
from headstart.learn.soft_q import SoftQ
from headstart.maths.schedules import LogLinear
from headstart.nets.policies import SquashedPolicy
from headstart.nets.sampler import SamplingPolicy
from headstart.transfer.policy import Graft, require_same_spaces
from headstart.types import State, TaskFamily

SCRATCH, DETERMINISTIC, MIDDLE, SOFT_Q = "scratch", "deterministic", "middle", "soft Q-learning"
# in units of a step's reward for each nat
POINT = {DETERMINISTIC: 1e-4, "low": 0.3, MIDDLE: 1.0, "high": 3.0, SOFT_Q: 1.0}
ROBOT = {DETERMINISTIC: 1e-4, MIDDLE: 0.2, "high": 1.0}
END = 1e-3  # the temperature at the end of annealing, as in the paper
VALUE_SCALE, TARGET_INTERVAL = 100.0, 100  # of soft Q-learning: about a return, and a hundred updates


class Arm(NamedTuple):
    """A row of the table.

    Attributes:
        source: a key of the temperatures, or `"scratch"`.
        annealed: whether the temperature falls while fine-tuning.
    """

    source: str
    annealed: bool

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.source}, {'annealed' if self.annealed else 'constant'}"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything; the one dial.

    Attributes:
        seeds: independent repetitions.
        rounds: of pretraining: 100 environment steps and 20 gradient steps each.
        episodes: of the target.
        every: target episodes between two evaluations.
        updates: gradient steps after each target episode.
        hidden: units in each of two hidden layers.
        batch_size: rows of a gradient step.
        evaluation_episodes: greedy ones in each evaluation.
    """

    seeds: int
    rounds: int
    episodes: int
    every: int
    updates: int
    hidden: int = 64
    batch_size: int = 64
    evaluation_episodes: int = 4


SCALES = {
    "tiny": Scale(seeds=2, rounds=20, episodes=4, every=2, updates=10, hidden=16, batch_size=32),
    "small": Scale(seeds=5, rounds=150, episodes=60, every=2, updates=100),
    "full": Scale(seeds=20, rounds=150, episodes=60, every=2, updates=100),
}
ROBOT_SCALES = {
    "tiny": Scale(seeds=1, rounds=20, episodes=2, every=1, updates=20, hidden=16, batch_size=32, evaluation_episodes=1),
    "small": Scale(
        seeds=5, rounds=1000, episodes=20, every=2, updates=1000, hidden=128, batch_size=128, evaluation_episodes=1
    ),
    "full": Scale(seeds=10, rounds=5000, episodes=40, every=2, updates=1000, hidden=256, batch_size=256),
}


class Source(NamedTuple):
    """What a source became, of every seed.

    Attributes:
        state: the learner's.
        returns: mean return on the source, the policy drawing its actions.
        diagnosis: the numbers of `transfer.diagnosis`.
        displacement: from start to end of each episode, m; None where that means nothing.
    """

    state: State
    returns: Float[np.ndarray, " seed"]
    diagnosis: list[dict[str, float]]
    displacement: Float[np.ndarray, "seed episode 2"] | None


class Lived(NamedTuple):
    """What fine-tuning an arm gave, of every seed.

    Attributes:
        evaluated: mean return of the greedy policy at each of the points in time.
        practised: return of each target episode, the policy drawing its actions.
        path: where the policy was in some of them, m; None where that means nothing.
        greedy_path: likewise in the last greedy episode.
    """

    evaluated: Float[np.ndarray, "seed point"]
    practised: Float[np.ndarray, "seed episode"]
    path: Float[np.ndarray, "seed episode time 2"] | None = None
    greedy_path: Float[np.ndarray, "seed time 2"] | None = None


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is compared, and how.

    Attributes:
        source: the abundant world.
        target: the scarce one.
        scale: how much of everything.
        temperatures: of pretraining, by the name of the source.
        seed: the first of the seeds.
        annealing: the share of fine-tuning after which the temperature has reached its end.
        constant: whether there are also arms whose temperature stays while fine-tuning.
        value: whether the value functions are carried over beside the policy.
    """

    source: TaskFamily
    target: TaskFamily
    scale: Scale
    temperatures: Mapping[str, float] = field(default_factory=lambda: POINT)
    seed: int = 0
    annealing: float = 0.5
    constant: bool = True
    value: bool = True

    def __post_init__(self):
        """Refuses worlds between which no policy can be carried, and what cannot be annealed."""
        require_same_spaces(self.source, self.target)
        if not 0 < self.annealing <= 1:
            raise InputError(f"annealing={self.annealing}: a share of fine-tuning between 0 and 1 is needed")

    @property
    def seeds(self) -> list[int]:
        """The seeds."""
        return list(range(self.seed, self.seed + self.scale.seeds))

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The rows of the table, in their order."""
        hows = (False, True) if self.constant else (True,)
        return tuple(Arm(name, annealed) for name in (SCRATCH, *self.temperatures) for annealed in hows)

    @property
    def points(self) -> list[int]:
        """Target episodes at each evaluation."""
        return list(range(0, self.scale.episodes + 1, self.scale.every))

    def learner(self, source: str) -> OffPolicyLearner:
        """Returns how an arm learns: SAC, or soft Q-learning where its source was learnt so."""
        hidden = (self.scale.hidden, self.scale.hidden)
        spaces: Any = {"observation": self.source.observation, "action": self.source.action}
        if source == SOFT_Q:
            return SoftQ(
                policy=SamplingPolicy(**spaces, hidden=hidden),
                critic_hidden=hidden,
                policy_learning_rate=1e-3,
                value_scale=VALUE_SCALE,
                target_interval=TARGET_INTERVAL,
            )
        policy = SquashedPolicy(**spaces, hidden=hidden)
        return SAC(policy=policy, critic_hidden=hidden, learning_rate=1e-3, polyak=0.01, temperature="fixed")

    def graft(self, source: str) -> Graft:
        """Returns what of a source's state is carried over: the optimiser begins anew."""
        value = ("critic", "targets") if source == SOFT_Q else ("critics", "targets")
        return Graft(parts=("params", *value) if self.value else ("params",))

    def schedule(self, arm: Arm) -> LogLinear:
        """Returns an arm's temperature over fine-tuning; scratch begins at the middle one."""
        begin = self.temperatures[MIDDLE if arm.source == SCRATCH else arm.source]
        steps = max(1, round(self.annealing * self.scale.episodes * self.scale.updates))
        return LogLinear(start=begin, end=min(begin, END) if arm.annealed else begin, updates=steps)
