"""Films one episode of a policy in any world of ours, or in a target."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Key, UInt8

from headstart.data.collect import play
from headstart.data.host import as_float32, jitted_act, within
from headstart.tasks.adapted import Adapted
from headstart.tasks.footage import Act, Footage, paint, watch_gymnasium, watch_mujoco
from headstart.tasks.gymnasium_world import GymnasiumFamily
from headstart.tasks.mujoco.family import MujocoFamily
from headstart.types import Params, Policy, Task, TaskFamily

FPS = 25.0


class Clip(NamedTuple):
    """An episode as pictures.

    Attributes:
        frames: RGB.
        returns: the return so far, at each frame.
    """

    frames: UInt8[np.ndarray, "frame height width 3"]
    returns: Float[np.ndarray, " frame"]


def film(
    key: Key[Array, ""],
    family: TaskFamily,
    policy: Policy,
    params: Params,
    task: Task,
    *,
    seconds: float = 6.0,
    width: int = 320,
    height: int = 240,
) -> Clip:
    """Plays one episode and draws its first seconds at the world's own speed, 25 frames a second.

    A target is filmed in an environment of its own in this process: film it after everything else has been saved, and
    count the episode as one of evaluation.

    Args:
        key: same key, same film; films of one key begin in the same state.
        family: the world.
        policy: acts.
        params: of the policy.
        task: unbatched.
        seconds: the longest film.
        width: of a picture in pixels.
        height: likewise.

    Raises:
        InputError: for a world that can be drawn by nobody.
        Fault: where the world breaks.
    """
    tasks = jax.tree.map(lambda x: np.asarray(x)[None], task)
    if family.kind == "jax":
        (episode,) = play(key, family, policy, params, tasks, 1)
        shown = slice(0, round(seconds * FPS))
        frames = paint(family, task, np.asarray(episode.next_obs)[shown, 0], width, height)
        return Clip(frames, np.cumsum(np.asarray(episode.reward)[:, 0])[shown])
    footage, returns = _watch(key, family, policy, params, tasks, seconds).thinned(FPS, seconds)
    return Clip(footage.draw(width, height), returns)


def _watch(key: Key[Array, ""], family: Any, policy: Policy, params: Params, tasks: Task, seconds: float) -> Footage:
    key_world, key_policy = jax.random.split(key)
    seed = int(jax.random.bits(key_world, dtype="uint32")) >> 1
    act = _actor(key_policy, family, policy, params)
    if isinstance(family, Adapted):
        act, family = _adapted(act, family), family.family
    most = round(seconds * 1_000)  # no control step is shorter than a millisecond
    if isinstance(family, MujocoFamily):
        return watch_mujoco(family, tasks, act, seed, most)
    assert isinstance(family, GymnasiumFamily)
    return watch_gymnasium(family.source, dict(family.arguments), act, seed, most)


def _adapted(act: Act, family: Adapted) -> Act:
    """Lets a policy see and act through an adapter; one observation at a time."""

    def adapted(t: int, obs: Any) -> np.ndarray:
        seen = family.adapter.observe(as_float32(jax.tree.map(lambda x: np.asarray(x)[None], obs)))[0]
        space: Any = family.family.action
        return family.adapter.act(np.asarray(act(t, seen))[None], space)[0].reshape(space.shape)

    return adapted


def _actor(key: Key[Array, ""], family: TaskFamily, policy: Policy, params: Params) -> Act:
    """Turns a policy into a function of one observation, its memory kept inside for the episode."""
    step, memory = jitted_act(policy), policy.start(params, 1)

    def act(t: int, obs: Any) -> np.ndarray:
        nonlocal memory
        batch = as_float32(jax.tree.map(lambda x: np.asarray(x)[None], obs))
        action, memory = step(key, np.int32(t), np.int32(0), params, memory, batch, np.array([t == 0]))
        return within(family.action, np.asarray(action))[0]

    return act
