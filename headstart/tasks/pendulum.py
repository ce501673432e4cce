"""The inverted pendulum of Gymnasium's Pendulum-v1, with its constants as parameters."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from headstart.errors import InputError
from headstart.spaces import Box, Parameter, ParameterSpace
from headstart.types import Outcome, Task

TOP_SPEED = 8.0  # rad/s
FULL_COMMAND = 2.0  # the largest action, as in Pendulum-v1


class PendulumState(NamedTuple):
    """Angle from upright in rad, within a turn of it, and angular velocity in rad/s."""

    angle: Float[Array, ""]
    velocity: Float[Array, ""]


@dataclass(frozen=True, kw_only=True)
class Pendulum:
    """Swings up a rod and keeps it upright. With nominal parameters it equals Pendulum-v1 in observation and reward.

    θ'' = 3g/(2l) sin θ + 3/(m l²) (u − b θ'), a rod of mass m and length l turning about its end, integrated by
    semi-implicit Euler; reward −(θ² + 0.1 θ'² + 0.001 u²). Observation `[cos θ, sin θ, θ']`. The action is the torque
    command in [−2, 2]; u is the torque `torque:motor` at full command, and in proportion below it. No episode ends
    early, and none is a success or failure: the return says all.

    Attributes:
        step_seconds: of one control step, s.
        horizon: control steps until truncation.

    Source: Gymnasium, `classic_control/pendulum.py`; damping b and the scale of the torque are added here.
    """

    step_seconds: float = 0.05
    horizon: int = 200
    kind: ClassVar[Literal["jax"]] = "jax"
    name = "pendulum"
    observation = Box((3,), (-1.0, -1.0, -TOP_SPEED), (1.0, 1.0, TOP_SPEED))
    action = Box((1,), -FULL_COMMAND, FULL_COMMAND)
    rewards = ParameterSpace()
    dynamics = ParameterSpace(
        (
            Parameter(name="mass:rod", unit="kg", nominal=1.0, low=0.1, high=10.0, scale="log"),
            Parameter(name="length:rod", unit="m", nominal=1.0, low=0.1, high=10.0, scale="log"),
            Parameter(name="gravity", unit="m/s²", nominal=10.0, low=0.0, high=30.0),
            Parameter(name="damping:joint", unit="N m s/rad", nominal=0.0, low=0.0, high=10.0),
            Parameter(name="torque:motor", unit="N m", nominal=2.0, low=0.1, high=20.0, scale="log"),
        )
    )

    def __post_init__(self):
        """Refuses clocks that do not run."""
        if not 0 < self.step_seconds <= 1 or self.horizon < 1:
            raise InputError("pendulum: step_seconds is in (0, 1] and horizon at least 1")

    def task(self) -> Task:
        return Task({name: jnp.asarray(value) for name, value in self.dynamics.nominal().items()}, {})

    def sample(self, key: Key[Array, ""], n: int) -> Task:
        """Repeats the nominal task: there is one reward, so nothing to draw."""
        return Task({name: jnp.full(n, value) for name, value in self.dynamics.nominal().items()}, {})

    def reset(self, key: Key[Array, ""], task: Task) -> PendulumState:
        angle, velocity = jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0)
        return PendulumState(math.pi * angle, velocity)

    def observe(self, state: PendulumState, task: Task) -> Float[Array, "3"]:
        return jnp.stack([jnp.cos(state.angle), jnp.sin(state.angle), state.velocity])

    def step(self, key: Key[Array, ""], state: PendulumState, action: Float[Array, "1"], task: Task) -> Outcome:
        mass, length = task.dynamics["mass:rod"], task.dynamics["length:rod"]
        torque = action[0] * (task.dynamics["torque:motor"] / FULL_COMMAND)
        angle = jnp.mod(state.angle + math.pi, 2 * math.pi) - math.pi
        cost = angle**2 + 0.1 * state.velocity**2 + 0.001 * torque**2
        fall = 1.5 * task.dynamics["gravity"] / length * jnp.sin(angle)
        drive = 3.0 / (mass * length**2) * (torque - task.dynamics["damping:joint"] * state.velocity)
        velocity = jnp.clip(state.velocity + self.step_seconds * (fall + drive), -TOP_SPEED, TOP_SPEED)
        state = PendulumState(angle + self.step_seconds * velocity, velocity)
        return Outcome(state, -cost, jnp.asarray(False), jnp.asarray(False), jnp.asarray(True))
