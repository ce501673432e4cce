"""Small JAX worlds for tests of the seam: what they do can be said in one sentence."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from headstart.spaces import Box, Discrete, ParameterSpace
from headstart.types import Outcome, Task


@dataclass(frozen=True, kw_only=True)
class JaxCounting:
    """Observes (task, episode, step); the reward is the step. The twin of `tests.worlds.Counting`.

    A pure world cannot count its own episodes, but task number `i + n c` of a large enough pool says both the
    environment i (of n) and the episode c.

    Attributes:
        envs: n.
        lengths: of the episodes, by environment.
        breaks_at: the step in which something breaks, in every episode, if any.
        breaks: what breaks, by environment: `"obs"`, `"reward"` (NaN), or the world says so itself (`"valid"`).
        ends: whether an end is the task's or the clock's.
    """

    envs: int
    lengths: tuple[int, ...] = (3, 5)
    breaks_at: int = -1
    breaks: tuple[str, ...] = ("obs",)
    ends: str = "terminated"
    horizon: int | None = None

    kind = "jax"
    name = "jax_counting"
    observation = Box(shape=(3,))
    action = Box(shape=(2,), low=-1.0, high=1.0)
    dynamics = rewards = ParameterSpace()

    def task(self):
        return Task({}, {"number": jnp.float32(0)})

    def sample(self, key, n):
        return Task({}, {"number": jnp.arange(n, dtype=jnp.float32)})

    def reset(self, key, task):
        return {"step": jnp.float32(0), "action": jnp.zeros(2)}

    def observe(self, state, task):
        episode = jnp.floor(task.reward["number"] / self.envs)
        obs = jnp.stack([task.reward["number"], episode, state["step"]])
        return jnp.where(self._breaks("obs", task) & (state["step"] == self.breaks_at), jnp.nan, obs)

    def step(self, key, state, action, task):
        step = state["step"] + 1
        ended = step >= jnp.asarray(self.lengths, jnp.float32)[self._environment(task) % len(self.lengths)]
        never, broken = jnp.zeros((), bool), step == self.breaks_at
        return Outcome(
            {"step": step, "action": action},
            jnp.where(broken & self._breaks("reward", task), jnp.nan, step),
            ended if self.ends == "terminated" else never,
            ended if self.ends == "truncated" else never,
            ~(broken & self._breaks("valid", task)),
        )

    def _environment(self, task):
        return (task.reward["number"] % self.envs).astype(jnp.int32)

    def _breaks(self, what, task):
        return jnp.array([name == what for name in self.breaks])[self._environment(task) % len(self.breaks)]


@dataclass(frozen=True, kw_only=True)
class Drifting:
    """Starts anywhere, drifts by noise, which it also pays, and ends where the noise was large.

    Uniform draws and their sums are exact whatever the batch; XLA rounds normal ones by how it vectorises them.
    """

    horizon: int | None = None

    kind = "jax"
    name = "drifting"
    observation = Box(shape=(1,))
    action = Box(shape=(2,), low=-1.0, high=1.0)
    dynamics = rewards = ParameterSpace()

    def task(self):
        return Task({}, {})

    def sample(self, key, n):
        return Task({}, {})

    def reset(self, key, task):
        return jax.random.uniform(key, (1,))

    def observe(self, state, task):
        return state

    def step(self, key, state, action, task):
        noise = jax.random.uniform(key, (1,))
        return Outcome(state + noise, noise[0], noise[0] > 0.8, jnp.zeros((), bool), jnp.ones((), bool))


@dataclass(frozen=True, kw_only=True)
class Choosing:
    """Observes the last of its five choices that it was given."""

    horizon: int | None = None

    kind = "jax"
    name = "choosing"
    observation = Box(shape=(1,))
    action = Discrete(5)
    dynamics = rewards = ParameterSpace()

    def task(self):
        return Task({}, {})

    def sample(self, key, n):
        return Task({}, {})

    def reset(self, key, task):
        return jnp.zeros(1)

    def observe(self, state, task):
        return state

    def step(self, key, state, action, task):
        never = jnp.zeros((), bool)
        return Outcome(action.astype(jnp.float32)[None], jnp.zeros(()), never, never, ~never)


@dataclass(frozen=True, kw_only=True)
class Always:
    """A policy that always does the same, whatever it is.

    Attributes:
        values: of every entry of the action, by environment.
        shape: of one action.
        dtype: of it.
    """

    values: tuple[float, ...]
    shape: tuple[int, ...] = (2,)
    dtype: str = "float32"

    def init(self, key):
        return {}

    def start(self, params, n):
        return ()

    def apply(self, key, params, carry, obs):
        values = jnp.resize(jnp.asarray(self.values, self.dtype), len(obs))
        return jnp.broadcast_to(values.reshape((-1,) + (1,) * len(self.shape)), (len(obs), *self.shape)), carry
