"""What is needed to draw an episode, taken down while it is played, and drawn afterwards."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium
import mujoco
import numpy as np
from jaxtyping import Float, UInt8

from headstart.errors import Fault, InputError, in_a_line
from headstart.tasks.gymnasium_building import build
from headstart.tasks.mujoco.family import MujocoFamily
from headstart.tasks.paint import paint_path, paint_pendulum
from headstart.tasks.pendulum import Pendulum
from headstart.tasks.point_maze import PointMaze
from headstart.tasks.point_navigation import PointNavigation
from headstart.tasks.render import render
from headstart.types import Task

FPS, SHORTEST_STEP = 25.0, 1e-3  # pictures a second where a world does not say; seconds, by which `most_steps` counts
DEADLINE = 60.0  # seconds: an environment slower than this is filmed no further

Act = Callable[[int, Any], np.ndarray]
Frames = UInt8[np.ndarray, "frame height width 3"]


class Footage(NamedTuple):
    """An episode as it can be drawn.

    Attributes:
        reward: of each control step.
        seconds: that a control step lasts; nan where the world does not say.
        model: that the poses are of, if this is MuJoCo.
        qpos: the pose after each control step, axes `time position`.
        pictures: what the environment itself drew, if it has no poses.
    """

    reward: Float[np.ndarray, " time"]
    seconds: float
    model: mujoco.MjModel | None = None
    qpos: Float[np.ndarray, "time position"] | None = None
    pictures: Frames | None = None

    def thinned(self, fps: float, most_seconds: float) -> tuple["Footage", np.ndarray]:
        """Keeps the steps that a film of `fps` shows at the world's own speed; returns them, and the returns so far."""
        every = max(1, round(1 / (fps * self.seconds))) if self.seconds > 0 else 1
        shown = np.arange(0, len(self.reward), every)[: max(1, round(fps * most_seconds))]
        parts = (None if part is None else part[shown] for part in (self.qpos, self.pictures))
        qpos, pictures = parts
        return self._replace(qpos=qpos, pictures=pictures), np.cumsum(self.reward)[shown]

    def draw(self, width: int, height: int) -> Frames:
        """Draws it. Raises `InputError` where the world has neither poses nor pictures."""
        if self.pictures is not None:
            return self.pictures
        if self.model is None or self.qpos is None:
            raise InputError("this world has no poses and draws no pictures, so there is no film of it")
        return render(self.model, self.qpos, width=width, height=height)


def watch_gymnasium(source: str, arguments: dict[str, Any], act: Act, seed: int, most_steps: int) -> Footage:
    """Plays one episode in an environment of its own, in this process, and takes down what can be drawn.

    Args:
        source: `gym:ID` or `package.module:function`.
        arguments: passed to it.
        act: (time step, observation) to action.
        seed: of the reset.
        most_steps: to film, counted as if each lasted a millisecond where the environment draws itself.

    Raises:
        InputError: for something that is no single environment.
        Fault: where the environment breaks.
    """
    env = build(source, arguments)
    if not isinstance(env, gymnasium.Env):
        raise InputError(f"target {source!r}: a vector of environments cannot be filmed; name a single one")
    if source.startswith("gym:") and not _has_poses(env) and "rgb_array" in env.metadata.get("render_modes", []):
        env.close()
        env = build(source, {**arguments, "render_mode": "rgb_array"})  # a registered one takes it; a function may not
    try:
        return _watch(env, act, seed, most_steps)  # pyright: ignore[reportArgumentType]
    except (InputError, Fault):
        raise
    except gymnasium.error.DependencyNotInstalled as error:
        raise InputError(f"its own pictures need what is not installed here ({error})") from None
    except Exception as error:
        raise Fault(f"target {source}: broke while it was filmed ({in_a_line(error)})") from error
    finally:
        env.close()


def _has_poses(env: Any) -> bool:
    """Tells whether this is MuJoCo, of which poses are taken down and drawn by us."""
    return isinstance(getattr(env.unwrapped, "model", None), mujoco.MjModel)


def _watch(env: gymnasium.Env, act: Act, seed: int, most_steps: int) -> Footage:
    world: Any = env.unwrapped
    has_poses = _has_poses(env)
    draws = not has_poses and env.render_mode == "rgb_array"
    rate = float(env.metadata.get("render_fps") or FPS)
    if draws:  # they are large: as many as the film's seconds hold, and no more
        most_steps = max(1, round(most_steps * SHORTEST_STEP * rate))
    obs, _ = env.reset(seed=seed)
    reward, qpos, pictures, begun = [], [], [], time.monotonic()
    for t in range(most_steps):
        obs, gain, terminated, truncated, _ = env.step(act(t, obs))
        reward.append(float(gain))
        if has_poses:
            qpos.append(world.data.qpos.copy())
        if draws:
            pictures.append(np.asarray(env.render(), np.uint8))
        if terminated or truncated or time.monotonic() - begun > DEADLINE:
            break
    seconds = float(getattr(world, "dt", 1.0 / rate if draws else np.nan))
    return Footage(
        np.array(reward),
        seconds,
        world.model if has_poses else None,
        np.array(qpos) if has_poses else None,
        np.stack(pictures) if draws else None,
    )


def watch_mujoco(family: MujocoFamily, tasks: Task, act: Act, seed: int, most_steps: int) -> Footage:
    """Plays one episode of a simulated robot and takes down its poses.

    Args:
        family: of the robot.
        tasks: one task, with a leading axis.
        act: (time step, observation) to action.
        seed: of the episode.
        most_steps: to film.
    """
    generator, everywhere = np.random.default_rng(seed), np.ones(1, bool)
    state = family.reset(generator.integers(2**63, size=1), family.start(1), tasks, everywhere)
    model, reward, qpos = family.models(state)[0], [], []
    for t in range(min(most_steps, family.horizon or most_steps)):
        action = np.asarray(act(t, family.observe(state)[0]))[None]
        outcome = family.step(generator.integers(2**63, size=1), state, action, everywhere)
        state = outcome.state
        reward.append(float(outcome.reward[0]))
        qpos.append(family.physics(state).qpos[0].copy())
        if outcome.terminated[0] or outcome.truncated[0] or not outcome.valid[0]:
            break
    return Footage(np.array(reward), family.robot.about.dt, model, np.array(qpos))


def paint(family: Any, task: Task, obs: Float[np.ndarray, "time channel"], width: int, height: int) -> Frames:
    """Paints an episode of a flat world from what was observed.

    Args:
        family: the world.
        task: unbatched.
        obs: after each step.
        width: of a picture in pixels.
        height: likewise.

    Raises:
        InputError: for a world that nobody knows how to paint.
    """
    obs = np.asarray(obs)
    if isinstance(family, Pendulum):
        return paint_pendulum(np.arctan2(obs[:, 1], obs[:, 0]), width=width, height=height)
    if not isinstance(family, PointMaze | PointNavigation):
        raise InputError(f"{getattr(family, 'name', family)}: this world cannot be drawn, so there is no film of it")
    goal, low, high, wall = np.asarray(task.reward["goal"]), (0.0, 0.0), (0.0, 0.0), None
    if isinstance(family, PointMaze):
        wall = family.layout.wall
        high = (float(wall.shape[1]), float(wall.shape[0]))
    else:
        side = 1.35 * max(family.extent, float(np.abs(obs).max(initial=0.0)))
        low, high = (-side, -side), (side, side)
    radius = family.goal_radius
    return paint_path(obs[:, :2], goal, low=low, high=high, walls=wall, goal_radius=radius, width=width, height=height)
