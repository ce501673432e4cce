"""Targets for experiments: Gymnasium's own robots whose dynamics, sensors and motors differ from the book.

Each is the stock `-v5` environment plus edits of its model and two wrappers. What differs is drawn from a seed, so a
target is a name: `shifted-hopper:3`. A learner meets it in another process and can only reset and step it.
"""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from headstart.errors import InputError, unknown


class Shift(NamedTuple):
    """How a target's dynamics differ from the stock robot's.

    Attributes:
        mass: factor on the mass and inertia of the robot's main bodies.
        friction: factor on the sliding friction of every geom; of the fluid, where the robot swims.
        damping: factor on the damping of every joint (the swimmer's have none).
        strength: factor on every motor's gear.
        delay: of the action, in control steps.
        position_noise: standard deviation on observed positions (m, rad).
        velocity_noise: standard deviation on observed velocities (m/s, rad/s).
    """

    mass: float
    friction: float
    damping: float
    strength: float
    delay: int
    position_noise: float
    velocity_noise: float


# Drawn uniformly. All on one side of nominal, so that no seed gives a target that is nearly the source.
RANGES = {
    "mass": (1.25, 1.5),
    "friction": (0.6, 0.8),
    "damping": (1.5, 2.0),
    "strength": (0.75, 0.9),
    "delay": (1.0, 1.0),
    "position_noise": (0.002, 0.005),
    "velocity_noise": (0.02, 0.05),
}


@dataclass(frozen=True, kw_only=True)
class Robot:
    """A stock environment, and which part of it is edited.

    Attributes:
        id: of the stock environment.
        bodies: whose mass changes.
        velocities: which entries of the observation are velocities, as first and one past last.
        swims: friction is the fluid's, not the floor's.
        masses: of bodies that weigh something else than in the stock environment, in kg, before anything is shifted.
        delay: of the action, fewest and most control steps.
    """

    id: str
    bodies: tuple[str, ...]
    velocities: tuple[int, int]
    swims: bool = False
    masses: tuple[tuple[str, float], ...] = ()
    delay: tuple[float, float] = RANGES["delay"]


ROBOTS = {
    "hopper": Robot(id="Hopper-v5", bodies=("torso",), velocities=(5, 11)),
    "walker2d": Robot(id="Walker2d-v5", bodies=("torso",), velocities=(8, 17)),
    "half_cheetah": Robot(id="HalfCheetah-v5", bodies=("torso",), velocities=(8, 17)),
    "swimmer": Robot(id="Swimmer-v5", bodies=("torso",), velocities=(3, 8), swims=True),
    "reacher": Robot(id="Reacher-v5", bodies=("body1",), velocities=(6, 8)),
    "pusher": Robot(id="Pusher-v5", bodies=("object", "r_upper_arm_link"), velocities=(7, 14)),
    "pusher_puck": Robot(
        id="Pusher-v5",
        bodies=("object", "r_upper_arm_link"),
        velocities=(7, 14),
        masses=(("object", 0.2),),
        delay=(1.0, 2.0),  # with one alone, a policy that has learnt without latency does as well as any
    ),
}


class ActionDelay(gymnasium.Wrapper):
    """Does what was asked `steps` control steps ago; before that, nothing."""

    def __init__(self, env: gymnasium.Env, steps: int):
        super().__init__(env)
        self._steps, self._waiting = steps, []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Forgets what was asked in the last episode."""
        self._waiting = [np.zeros(self.action_space.shape or (), np.float32)] * self._steps
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any):
        """Queues the action and does the oldest."""
        self._waiting.append(np.array(action))
        return self.env.step(self._waiting.pop(0))


class ObservationNoise(gymnasium.Wrapper):
    """Adds Gaussian noise to what is seen; the state, the reward and the end of the episode stay true.

    It draws from a generator of its own, seeded with the episode, so the episode's first state is the stock one's.
    """

    def __init__(self, env: gymnasium.Env, deviation: np.ndarray):
        super().__init__(env)
        self._deviation, self._noise = deviation, np.random.default_rng(0)

    def _seen(self, observation: np.ndarray) -> np.ndarray:
        return observation + self._deviation * self._noise.standard_normal(observation.shape)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Seeds the noise too, where a seed is given."""
        if seed is not None:
            self._noise = np.random.default_rng((seed, 1))
        observation, info = self.env.reset(seed=seed, options=options)
        return self._seen(observation), info

    def step(self, action: Any):
        """Steps, and sees through noise."""
        observation, *rest = self.env.step(action)
        return self._seen(observation), *rest


def shift(robot: str, seed: int) -> Shift:
    """Draws how a target differs. For reports and tests: a learner is not to call this.

    Args:
        robot: a key of `ROBOTS`.
        seed: of the target. Robots of one seed differ from each other.
    """
    if robot not in ROBOTS:
        raise unknown("robot", robot, ROBOTS)
    generator = np.random.default_rng((seed, list(ROBOTS).index(robot)))
    ranges = {**RANGES, "delay": ROBOTS[robot].delay}
    drawn = {name: float(generator.uniform(low, high)) for name, (low, high) in ranges.items()}
    return Shift(**{**drawn, "delay": round(drawn["delay"])})  # pyright: ignore[reportArgumentType]


def edit(robot: str, env: gymnasium.Env, change: Shift) -> None:
    """Edits a freshly built environment's model in place, and has MuJoCo derive what follows from the edits.

    Mass and inertia change together. `mj_setConst` overwrites the state it is given, so it gets scratch data; and it
    leaves the mean inertia as it was, which scales the solver's tolerance and which a fresh compile would derive anew.
    """
    import mujoco

    from headstart.tasks.weigh import weigh

    of, model = ROBOTS[robot], env.unwrapped.model  # pyright: ignore
    weigh(model, of.masses)
    bodies = [model.body(name).id for name in of.bodies]
    model.body_mass[bodies] *= change.mass
    model.body_inertia[bodies] *= change.mass
    if of.swims:
        model.opt.viscosity *= change.friction
        model.opt.density *= change.friction
    model.geom_friction[:, 0] *= change.friction
    model.dof_damping[:] *= change.damping
    model.actuator_gear[:] *= change.strength
    mujoco.mj_setConst(model, mujoco.MjData(model))
    model.stat.meaninertia = sum(model.dof_M0.tolist()) / model.nv


def shifted(robot: str, seed: int = 0, change: Shift | None = None, **options: Any) -> gymnasium.Env:
    """Builds a stock environment with other dynamics.

    Args:
        robot: a key of `ROBOTS`.
        seed: which target.
        change: what differs, instead of what `seed` draws.
        options: passed to `gymnasium.make`, such as `render_mode`.

    Raises:
        InputError: for an unknown robot.
    """
    change = shift(robot, seed) if change is None else change
    env = gymnasium.make(ROBOTS[robot].id, disable_env_checker=True, **options)
    edit(robot, env, change)
    if change.delay:
        env = ActionDelay(env, change.delay)
    deviation = np.full(env.observation_space.shape or (), change.position_noise)
    first, last = ROBOTS[robot].velocities
    deviation[first:last] = change.velocity_noise
    return ObservationNoise(env, deviation)


def shifted_hopper(seed: int = 0) -> gymnasium.Env:
    """Hopper-v5 with the dynamics that `seed` draws."""
    return shifted("hopper", seed)


def shifted_walker2d(seed: int = 0) -> gymnasium.Env:
    """Walker2d-v5 with the dynamics that `seed` draws."""
    return shifted("walker2d", seed)


def shifted_half_cheetah(seed: int = 0) -> gymnasium.Env:
    """HalfCheetah-v5 with the dynamics that `seed` draws."""
    return shifted("half_cheetah", seed)


def shifted_swimmer(seed: int = 0) -> gymnasium.Env:
    """Swimmer-v5 with the dynamics that `seed` draws."""
    return shifted("swimmer", seed)


def shifted_reacher(seed: int = 0) -> gymnasium.Env:
    """Reacher-v5 with the dynamics that `seed` draws."""
    return shifted("reacher", seed)


def shifted_pusher(seed: int = 0) -> gymnasium.Env:
    """Pusher-v5 with the dynamics that `seed` draws."""
    return shifted("pusher", seed)


def shifted_pusher_puck(seed: int = 0) -> gymnasium.Env:
    """Pusher-v5 with a puck that can be pushed, as in the family `pusher_puck`, and the dynamics that `seed` draws."""
    return shifted("pusher_puck", seed)


def names() -> list[str]:
    """Lists the targets by name, without their seeds."""
    return ["shifted-" + robot.replace("_", "-") for robot in ROBOTS]


def twin(source: str) -> str:
    """Names the target that a source is sent to where none is asked for: the same robot's, however it is integrated.

    Raises:
        InputError: for a simulator of the user's, of which nobody knows what it simulates.

    Example:
        >>> twin("hopper_euler")
        'shifted-hopper:0'
    """
    if ":" in source:
        raise InputError(f"--source {source}: nobody knows what it simulates; name a --target")
    return f"shifted-{source.replace('_', '-').removesuffix('-euler')}:0"


def target(name: str) -> Any:
    """Finds a target.

    Args:
        name: `shifted-hopper:SEED` (or without seed: 0), `gym:ID`, or `package.module:function`.

    Returns:
        A `GymnasiumFamily`, its environments in processes of their own.

    Raises:
        InputError: for a name that is none of these, with the nearest that are.
    """
    from headstart.tasks.gymnasium_world import GymnasiumFamily  # the workers import this file, and need no JAX

    kind, _, seed = name.partition(":")
    if not kind.startswith("shifted") and seed:
        return GymnasiumFamily(source=name)
    if kind not in names():
        raise unknown("target", kind, [*names(), "gym:ID", "package.module:function"])
    if seed and not (seed.isascii() and seed.isdigit() and len(seed) < 10):
        raise InputError(f"target {name!r}: its seed is {seed!r}; write a whole number, as in {kind}:0")
    function = kind.replace("-", "_")
    return GymnasiumFamily(source=f"{__name__}:{function}", arguments=(("seed", int(seed or 0)),))
