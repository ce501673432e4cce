"""Four goals that are equally good: does a policy that maximises reward and entropy keep all four ways open?

Soft Q-learning, whose policy can have any shape, beside SAC, whose policy is one bump at every state: with the
temperature that it finds by itself, and with the same fixed one, which is the comparison in which nothing else differs.
One seed is one compiled computation, from the first step to the last rollout, and
so are all seeds together.

Source: Haarnoja et al. 2017 (arXiv 1702.08165), section 5.1 and figure 1; lecture slide "Soft-optimal policies".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from headstart.data.carry import Carry
from headstart.data.replay import Replay
from headstart.data.scan import begin_scan, rollout_scan
from headstart.errors import unknown
from headstart.learn.replayed import OffPolicyLearner, Replayed
from headstart.learn.sac import SAC
from headstart.learn.soft_q import SoftQ
from headstart.nets.policies import SquashedPolicy
from headstart.nets.random_actions import RandomActions
from headstart.nets.sampler import SamplingPolicy
from headstart.tasks.four_goals import FourGoals, nearest_goal
from headstart.types import Params, Policy, State

Method = Literal["soft_q", "sac", "sac_fixed"]


class Visits(NamedTuple):
    """What a policy does in whole episodes.

    Attributes:
        goals: episodes that ended in each of the goals: east, west, north, south.
        returns: undiscounted, the mean over episodes.
        first: first actions, from exactly the origin, that point to each of the goals (within 45°) with at least a
            quarter of the longest step: whether the policy has the ways at one state, or the state breaks the tie.
    """

    goals: Int[Array, "goal"]
    returns: Float[Array, ""]
    first: Int[Array, "goal"]


@dataclass(frozen=True, kw_only=True)
class FourWays:
    """The study.

    Attributes:
        method: who learns: soft Q-learning; SAC with automatic temperature; SAC with a fixed one.
        temperature: α; where SAC finds its own, it starts there.
        random_steps: of each environment, by uniformly random actions, before anything is learnt.
        rounds: rollouts of the policy, each of `envs` × `steps`, after each of which `updates` steps are learnt.
        envs: environments side by side.
        steps: of each in one rollout.
        updates: gradient steps after each rollout.
        batch_size: rows of each.
        hidden: sizes of the hidden layers of policy and critics.
        episodes: rollouts of the evaluation.
        family: the world.
    """

    method: Method = "soft_q"
    temperature: float = 10.0
    random_steps: int = 640
    rounds: int = 100
    envs: int = 16
    steps: int = 8
    updates: int = 32
    batch_size: int = 128
    hidden: tuple[int, ...] = (128, 128)
    episodes: int = 1000
    family: FourGoals = field(default_factory=FourGoals)

    def __post_init__(self):
        """Refuses methods that there are not."""
        if self.method not in get_args(Method):
            raise unknown("method", self.method, get_args(Method))

    def learner(self) -> Replayed:
        """Returns who learns; both with the same networks, discount, rates and batches."""
        spaces: dict[str, Any] = {
            "observation": self.family.observation, "action": self.family.action, "hidden": self.hidden,
        }  # fmt: skip
        learner: OffPolicyLearner
        if self.method == "soft_q":
            learner = SoftQ(
                policy=SamplingPolicy(**spaces),
                critic_hidden=self.hidden,
                temperature=self.temperature,
                value_scale=10.0,
                target_interval=100,
                policy_learning_rate=1e-3,
            )
        else:
            learner = SAC(
                policy=SquashedPolicy(**spaces),
                critic_hidden=self.hidden,
                initial_temperature=self.temperature,
                temperature="automatic" if self.method == "sac" else "fixed",
                learning_rate=1e-3,
            )
        return Replayed(
            learner=learner,
            capacity=(self.random_steps + self.rounds * self.steps) * self.envs,
            updates=self.updates,
            batch_size=self.batch_size,
            starts=self.random_steps * self.envs,
        )

    def run(self, seeds: Sequence[int]) -> Visits:
        """Learns and evaluates in each of the seeds, and returns what each did; leaves `seed ...`."""
        keys = jax.vmap(jax.random.key)(jnp.asarray(seeds))
        return jax.tree.map(np.asarray, _all(self, keys))

    def one(self, key: Key[Array, ""]) -> Visits:
        """Learns and evaluates in one seed."""
        key_tasks, key_begin, key_visits, key_init, key_wander, key_learn = jax.random.split(key, 6)
        learner, tasks = self.learner(), self.family.sample(key_tasks, 1)
        state = learner.init(key_init)
        carry = begin_scan(key_begin, self.family, learner.policy, learner.params(state), tasks, self.envs)

        # the first data is nobody's: a network that knows nothing prefers some direction, and would be confirmed in it
        nobody = RandomActions(action=self.family.action)
        wandering, carry = rollout_scan(key_wander, self.family, nobody, {}, carry, tasks, self.random_steps)
        state = state._replace(replay=Replay(capacity=learner.capacity).add(state.replay, wandering))

        def once(standing: tuple[State, Carry], key: Key[Array, ""]) -> tuple[tuple[State, Carry], None]:
            state, carry = standing
            key_rollout, key_update = jax.random.split(key)
            params = learner.params(state)
            rollout, carry = rollout_scan(key_rollout, self.family, learner.policy, params, carry, tasks, self.steps)
            return (learner.update(key_update, state, rollout)[0], carry), None

        (state, _), _ = jax.lax.scan(once, (state, carry), jax.random.split(key_learn, self.rounds))
        return self.visits(key_visits, learner.policy, learner.params(state))

    def visits(self, key: Key[Array, ""], policy: Policy, params: Params) -> Visits:
        """Plays whole episodes, one in each of as many environments."""
        key_begin, key_rollout, key_first = jax.random.split(key, 3)
        tasks = self.family.sample(key, 1)
        carry = begin_scan(key_begin, self.family, policy, params, tasks, self.episodes)
        rollout, _ = rollout_scan(key_rollout, self.family, policy, params, carry, tasks, self.family.horizon)
        ended = rollout.terminated | rollout.truncated
        running = jnp.cumsum(ended.astype(jnp.int32), axis=0) - ended.astype(jnp.int32) == 0
        reached = (rollout.terminated & running)[..., None]
        which = jax.nn.one_hot(nearest_goal(rollout.next_obs), 4, dtype=jnp.int32)
        first, _ = policy.apply(key_first, params, (), jnp.zeros((self.episodes, 2)))
        far = (jnp.linalg.norm(first, axis=-1) >= 0.25)[:, None]
        pointed = jax.nn.one_hot(nearest_goal(first), 4, dtype=jnp.int32)
        return Visits(
            goals=jnp.sum(jnp.where(reached, which, 0), axis=(0, 1)),
            returns=jnp.mean(jnp.sum(jnp.where(running, rollout.reward, 0.0), axis=0)),
            first=jnp.sum(jnp.where(far, pointed, 0), axis=0),
        )


@partial(jax.jit, static_argnames="study")
def _all(study: FourWays, keys: Key[Array, " seed"]) -> Visits:
    # one after the other inside one dispatch: batched products of small matrices are slow on CPUs, and share no work
    return jax.lax.map(study.one, keys)
