"""Soft-optimal pretraining: with which temperature does a policy fine-tune best on a new task, and against what?

The arms are one algorithm, SAC; they differ in the temperature of pretraining alone, from the deterministic limit to
very soft, and in whether the temperature is annealed while fine-tuning. Beside them learns SAC from scratch on the same
target episodes. The paper's own comparison, soft Q-learning against DDPG, has algorithm, exploration and softness
change at once and cannot say which of them it was; soft Q-learning is an arm of its own here.

Source: lecture slides "Soft-optimal policies for fine-tuning" and "SQL pre-training helps fine-tuning"; Haarnoja et al.
2017 (arXiv 1702.08165), section 5.3.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from headstart.errors import InputError
from headstart.experiments.soft_runs import Pretraining, Tuned, Tuning, play_whole
from headstart.learn.anneal import Fall
from headstart.learn.replayed import OffPolicyLearner
from headstart.learn.sac import SAC
from headstart.learn.soft_q import SoftQ
from headstart.maths.diversity import direction_entropy
from headstart.maths.schedules import LogLinear
from headstart.nets.policies import SquashedPolicy
from headstart.nets.random_actions import RandomActions
from headstart.nets.sampler import SamplingPolicy
from headstart.transfer.diagnosis import diagnose
from headstart.transfer.policy import Graft, require_same_spaces
from headstart.types import JaxFamily, State

# in units of reward; soft Q-learning at the middle one
TEMPERATURES = {"deterministic": 1e-4, "low": 0.1, "middle": 1.0, "high": 10.0, "soft Q-learning": 1.0}
VALUE_SCALE, TARGET_INTERVAL = 100.0, 100  # of soft Q-learning: about a return, and a hundred updates
SOFT_Q_PARTS = ("params", "critic", "targets")
END = 1e-3  # the temperature at the end of annealing, as in the paper
SCRATCH, SOFT_Q = "scratch", "soft Q-learning"


class Arm(NamedTuple):
    """A row of the table.

    Attributes:
        source: a key of `TEMPERATURES`, or `"scratch"`.
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
    """

    seeds: int
    rounds: int
    episodes: int
    every: int
    updates: int
    hidden: int = 64
    batch_size: int = 64


SCALES = {
    "tiny": Scale(seeds=2, rounds=20, episodes=4, every=2, updates=10, hidden=16, batch_size=32),
    "small": Scale(seeds=5, rounds=150, episodes=40, every=2, updates=50),
    "full": Scale(seeds=20, rounds=150, episodes=60, every=2, updates=50),
}


class Source(NamedTuple):
    """What a source became, of every seed.

    Attributes:
        state: the learner's.
        returns: mean return on the source, the policy drawing its actions.
        directions: entropy of the directions in which its episodes ended, 1 is all alike.
        diagnosis: the numbers of `transfer.diagnosis`.
        displacement: from start to end of each episode, m.
    """

    state: State
    returns: Float[np.ndarray, " seed"]
    directions: Float[np.ndarray, " seed"]
    diagnosis: list[dict[str, float]]
    displacement: Float[np.ndarray, "seed episode 2"]


@dataclass(frozen=True, kw_only=True)
class SoftPretraining:
    """The study on worlds inside JAX: all seeds of an arm are one compiled call.

    Attributes:
        source: the abundant world.
        target: the scarce one.
        scale: how much of everything.
        seed: the first of the seeds.
        episodes: of each source policy, to look at what it does.
        annealing: the share of fine-tuning after which the temperature has reached its end.
        parts: what of the source's state is carried over, by tree path.
    """

    source: JaxFamily
    target: JaxFamily
    scale: Scale
    seed: int = 0
    episodes: int = 50
    annealing: float = 0.2
    parts: tuple[str, ...] = ("params", "critics", "targets")

    def __post_init__(self):
        """Refuses worlds between which no policy can be carried, and what cannot be annealed."""
        require_same_spaces(self.source, self.target)
        if not 0 < self.annealing <= 1:
            raise InputError(f"annealing={self.annealing}: a share of fine-tuning between 0 and 1 is needed")

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The rows of the table, in their order."""
        return tuple(Arm(name, annealed) for name in (SCRATCH, *TEMPERATURES) for annealed in (False, True))

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

    @property
    def keys(self) -> Key[Array, " seed"]:
        """One key a seed."""
        return jax.vmap(jax.random.key)(jnp.arange(self.seed, self.seed + self.scale.seeds))

    def pretrain(self, name: str) -> Source:
        """Trains the source of every seed at its temperature, and looks at what it became."""
        scale, learner = self.scale, self.learner(name)
        pretraining = Pretraining(family=self.source, learner=learner, rounds=scale.rounds, batch_size=scale.batch_size)
        state = pretraining.run(fold(self.keys, 0), jnp.full(scale.seeds, math.log(TEMPERATURES[name])))
        return self.look(learner.policy, state)

    def look(self, policy: Any, state: State) -> Source:
        """Plays every seed's source policy on its own world, and diagnoses it."""
        keys, nobody = fold(self.keys, 1), RandomActions(action=self.source.action)
        played = jax.jit(jax.vmap(lambda key, params: play_whole(key, self.source, policy, params, self.episodes)))
        rollouts = jax.tree.map(np.asarray, played(keys, state.params))
        wandering = jax.jit(lambda key: play_whole(key, self.source, nobody, {}, self.episodes))(keys[0])  # pyright: ignore
        wandering, found = jax.tree.map(np.asarray, wandering), []
        for seed in range(self.scale.seeds):
            params, rollout = jax.tree.map(lambda x: x[seed], (state.params, rollouts))  # noqa: B023
            found.append({name: float(x) for name, x in diagnose(policy, params, rollout, wandering)._asdict().items()})
        moved = rollouts.next_obs[:, -1, :, :2] - rollouts.obs[:, 0, :, :2]
        return Source(
            state=state,
            returns=rollouts.reward.sum(axis=1).mean(axis=1),
            directions=np.array([direction_entropy(x) for x in moved]),
            diagnosis=found,
            displacement=moved,
        )

    def tune(self, arm: Arm, source: Source | None) -> Tuned:
        """Fine-tunes every seed of an arm on the target."""
        scale = self.scale
        tuning = Tuning(
            family=self.target,
            learner=self.learner(arm.source),
            graft=Graft(parts=SOFT_Q_PARTS if arm.source == SOFT_Q else self.parts),
            episodes=scale.episodes,
            every=scale.every,
            updates=scale.updates,
            batch_size=scale.batch_size,
        )
        fall = jax.tree.map(lambda x: jnp.tile(x, scale.seeds), Fall.of(self.schedule(arm)))
        return tuning.run(fold(self.keys, 2), None if source is None else source.state, fall)

    def schedule(self, arm: Arm) -> LogLinear:
        """Returns an arm's temperature over fine-tuning; scratch begins at the middle one."""
        begin = TEMPERATURES["middle" if arm.source == SCRATCH else arm.source]
        end = min(begin, END) if arm.annealed else begin
        return LogLinear(
            start=begin, end=end, updates=max(1, round(self.annealing * self.scale.episodes * self.scale.updates))
        )

    def points(self) -> list[int]:
        """Target episodes at each evaluation."""
        return list(range(0, self.scale.episodes + 1, self.scale.every))


def fold(keys: Key[Array, " seed"], number: int) -> Key[Array, " seed"]:
    """Derives another key for every seed."""
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)
