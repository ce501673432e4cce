"""Tiny worlds with known answers, each of which isolates one thing that a learner must be able to do.

All see one number and do one number, so that one compiled update serves them all.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from headstart.data.collect import begin, collect
from headstart.spaces import Box, Parameter, ParameterSpace
from headstart.types import Outcome, Rollout, Task

OBSERVATION = Box((1,), -1.0, 1.0)
ACTION = Box((1,), -1.0, 1.0)
NEVER, ALWAYS = jnp.array(False), jnp.array(True)


@dataclass(frozen=True, kw_only=True)
class ConstantReward:
    """One step, reward 1. V = 1: can the critic learn a constant?"""

    kind = "jax"
    horizon = None
    name = "constant_reward"
    observation = OBSERVATION
    action = ACTION
    dynamics = ParameterSpace()
    rewards = ParameterSpace()

    def task(self):
        return Task({}, {"unused": jnp.zeros(())})

    def sample(self, key, n):
        return repeated(self.task(), n)

    def reset(self, key, task):
        return jnp.zeros(())

    def observe(self, state, task):
        return state[None]

    def step(self, key, state, action, task):
        return Outcome(state, jnp.ones(()), ALWAYS, NEVER, ALWAYS)


@dataclass(frozen=True, kw_only=True)
class ValueOfObservation:
    """One step, sees -1 or 1 and is paid that. V = obs: does the observation reach the critic?"""

    kind = "jax"
    horizon = None
    name = "value_of_observation"
    observation = OBSERVATION
    action = ACTION
    dynamics = ParameterSpace()
    rewards = ParameterSpace()

    def task(self):
        return Task({}, {"unused": jnp.zeros(())})

    def sample(self, key, n):
        return repeated(self.task(), n)

    def reset(self, key, task):
        return jax.random.rademacher(key, (), jnp.float32)

    def observe(self, state, task):
        return state[None]

    def step(self, key, state, action, task):
        return Outcome(state, state, ALWAYS, NEVER, ALWAYS)


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Four steps of reward 1, each seen; the last one ends the episode, as a termination or as a truncation.

    Terminated: V(t) = 1 + γ + ... over the steps left. Truncated: V = 1 / (1 - γ) everywhere, since the world goes on
    behind the clock, and after the last place it stays there.
    """

    ends: str
    length: ClassVar[int] = 4
    kind = "jax"
    horizon = None
    observation = OBSERVATION
    action = ACTION
    dynamics = ParameterSpace()
    rewards = ParameterSpace()

    @property
    def name(self):
        return f"chain_{self.ends}"

    def task(self):
        return Task({}, {"unused": jnp.zeros(())})

    def sample(self, key, n):
        return repeated(self.task(), n)

    def reset(self, key, task):
        return jnp.zeros(())

    def observe(self, state, task):
        return self.places()[jnp.minimum(state, self.length - 1).astype(jnp.int32)]

    def step(self, key, state, action, task):
        ended = state + 1 >= self.length
        terminated, truncated = (ended, NEVER) if self.ends == "terminated" else (NEVER, ended)
        return Outcome(state + 1, jnp.ones(()), terminated, truncated, ALWAYS)

    def places(self):
        """What is seen at each place."""
        return jnp.linspace(-1.0, 1.0, self.length)[:, None]

    def values(self, discount):
        """V of each place."""
        if self.ends == "truncated":
            return [1.0 / (1.0 - discount)] * self.length
        return [sum(discount**k for k in range(self.length - t)) for t in range(self.length)]


@dataclass(frozen=True, kw_only=True)
class ActionMatters:
    """One step, reward -(action - half the observation)², seen is -1 or 1: the best action is obs / 2, worth 0."""

    kind = "jax"
    horizon = None
    name = "action_matters"
    observation = OBSERVATION
    action = ACTION
    dynamics = ParameterSpace()
    rewards = ParameterSpace()

    def task(self):
        return Task({}, {"unused": jnp.zeros(())})

    def sample(self, key, n):
        return repeated(self.task(), n)

    def reset(self, key, task):
        return jax.random.rademacher(key, (), jnp.float32)

    def observe(self, state, task):
        return state[None]

    def step(self, key, state, action, task):
        return Outcome(state, -((action[0] - 0.5 * state) ** 2), ALWAYS, NEVER, ALWAYS)


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """Two tasks that look alike: one pays the action, the other its negative.

    One policy for both earns at most 0; one for each earns 1. Sharing must hurt here.
    """

    kind = "jax"
    horizon = None
    name = "contradiction"
    observation = OBSERVATION
    action = ACTION
    dynamics = ParameterSpace()
    rewards = ParameterSpace((Parameter(name="direction:action", unit="1", nominal=1.0, low=-1.0, high=1.0),))

    def task(self):
        return Task({}, {"direction:action": jnp.ones(())})

    def sample(self, key, n):
        return Task({}, {"direction:action": jnp.where(jnp.arange(n) % 2 == 0, 1.0, -1.0)})

    def reset(self, key, task):
        return jnp.zeros(())

    def observe(self, state, task):
        return state[None]

    def step(self, key, state, action, task):
        reward = jnp.clip(action[0], -1.0, 1.0) * task.reward["direction:action"]
        return Outcome(state, reward, ALWAYS, NEVER, ALWAYS)


@dataclass(frozen=True, kw_only=True)
class SharedDynamics:
    """A point on a line, moved by an actuator wired the wrong way round; two tasks that differ in the goal only.

    What is seen is the way that is left to the goal, so whoever has learnt the wiring for one goal has it for the
    other: a graft must beat a fresh start. Eight steps; reward is minus the distance left.
    """

    kind = "jax"
    horizon = 8
    name = "shared_dynamics"
    observation = OBSERVATION
    action = ACTION
    dynamics = ParameterSpace((Parameter(name="gain:actuator", unit="m", nominal=-0.25, low=-1.0, high=1.0),))
    rewards = ParameterSpace((Parameter(name="goal:x", unit="m", nominal=1.0, low=-1.0, high=1.0),))

    def task(self):
        return Task({"gain:actuator": jnp.float32(-0.25)}, {"goal:x": jnp.float32(1.0)})

    def sample(self, key, n):
        task = repeated(self.task(), n)
        return task._replace(reward={"goal:x": jax.random.rademacher(key, (n,), jnp.float32)})

    def reset(self, key, task):
        return jnp.zeros(())

    def observe(self, state, task):
        return (task.reward["goal:x"] - state)[None]

    def step(self, key, state, action, task):
        state = state + task.dynamics["gain:actuator"] * jnp.clip(action[0], -1.0, 1.0)
        return Outcome(state, -jnp.abs(task.reward["goal:x"] - state), NEVER, NEVER, ALWAYS)


@dataclass(frozen=True, kw_only=True)
class HiddenParameter:
    """The sign of the actuator is shown at the first step only, and asked for at the second: memory earns 1, none 0."""

    kind = "jax"
    horizon = None
    name = "hidden_parameter"
    observation = OBSERVATION
    action = ACTION
    dynamics = ParameterSpace((Parameter(name="sign:actuator", unit="1", nominal=1.0, low=-1.0, high=1.0),))
    rewards = ParameterSpace()

    def task(self):
        return Task({"sign:actuator": jnp.ones(())}, {"unused": jnp.zeros(())})

    def sample(self, key, n):
        return Task({"sign:actuator": jax.random.rademacher(key, (n,), jnp.float32)}, {"unused": jnp.zeros(n)})

    def reset(self, key, task):
        return jnp.zeros(())

    def observe(self, state, task):
        return jnp.where(state == 0, task.dynamics["sign:actuator"], 0.0)[None]

    def step(self, key, state, action, task):
        paid = jnp.clip(action[0], -1.0, 1.0) * task.dynamics["sign:actuator"]
        return Outcome(state + 1, jnp.where(state == 1, paid, 0.0), state == 1, NEVER, ALWAYS)


@dataclass(frozen=True, kw_only=True)
class FeltParameter:
    """The sign of the actuator is never shown, only felt: a first push moves what is seen, the third step pays.

    Step 0: the push a is free. Step 1 shows sign · a. Step 2 shows nothing and pays sign · a. Who remembers push and
    effect earns 1, and who does not earns 0 in the mean.
    """

    kind = "jax"
    horizon = None
    name = "felt_parameter"
    observation = OBSERVATION
    action = ACTION
    dynamics = ParameterSpace((Parameter(name="sign:actuator", unit="1", nominal=1.0, low=-1.0, high=1.0),))
    rewards = ParameterSpace()

    def task(self):
        return Task({"sign:actuator": jnp.ones(())}, {"unused": jnp.zeros(())})

    def sample(self, key, n):
        return Task({"sign:actuator": jax.random.rademacher(key, (n,), jnp.float32)}, {"unused": jnp.zeros(n)})

    def reset(self, key, task):
        return {"step": jnp.zeros(()), "effect": jnp.zeros(())}

    def observe(self, state, task):
        return jnp.where(state["step"] == 1, state["effect"], 0.0)[None]

    def step(self, key, state, action, task):
        effect = jnp.clip(action[0], -1.0, 1.0) * task.dynamics["sign:actuator"]
        last = state["step"] == 2
        return Outcome({"step": state["step"] + 1, "effect": effect}, jnp.where(last, effect, 0.0), last, NEVER, ALWAYS)


@dataclass(frozen=True, kw_only=True)
class HiddenBonus:
    """`ActionMatters` plus ± `bonus`, whatever is done, by a sign that nobody sees.

    V = sign · bonus for who knows the sign; who does not is wrong by `bonus`², and learns from advantages that drown in
    it. Telling the critic must help the policy, which is not told.
    """

    bonus: ClassVar[float] = 5.0
    kind = "jax"
    horizon = None
    name = "hidden_bonus"
    observation = OBSERVATION
    action = ACTION
    dynamics = ParameterSpace((Parameter(name="sign:bonus", unit="1", nominal=1.0, low=-1.0, high=1.0),))
    rewards = ParameterSpace()

    def task(self):
        return Task({"sign:bonus": jnp.ones(())}, {"unused": jnp.zeros(())})

    def sample(self, key, n):
        return Task({"sign:bonus": jax.random.rademacher(key, (n,), jnp.float32)}, {"unused": jnp.zeros(n)})

    def reset(self, key, task):
        return jax.random.rademacher(key, (), jnp.float32)

    def observe(self, state, task):
        return state[None]

    def step(self, key, state, action, task):
        paid = self.bonus * task.dynamics["sign:bonus"] - (action[0] - 0.5 * state) ** 2
        return Outcome(state, paid, ALWAYS, NEVER, ALWAYS)


def repeated(task: Task, n: int) -> Task:
    """A batch of the same task."""
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (n, *x.shape)), task)


@partial(jax.jit, static_argnames=("family", "policy", "n", "steps"))
def record(key, family: Any, policy: Any, params: Any, n: int, steps: int) -> Rollout:
    """Lets a policy act from fresh episodes on, each environment with a task of its own."""
    key_task, key_begin, key_collect = jax.random.split(key, 3)
    tasks = family.sample(key_task, n)
    carry = begin(key_begin, family, policy, params, tasks, n)
    return collect(key_collect, family, policy, params, carry, tasks, steps)[0]
