"""A simulator of the user's: a family, or a robot with a model file of its own, held against what is needed of it."""

import dataclasses
from typing import Any

import jax
import numpy as np

from headstart.errors import InputError, in_a_line
from headstart.tasks.named import named_function
from headstart.types import TaskFamily

WHERE = "docs/environment.md says how to write one"
NOT_SET = f"the dynamics of a Gymnasium environment cannot be set; it can be a --target. A source is a family; {WHERE}"
ROBOT = ("about", "initial", "observe", "terminated", "reward")
ENVS, STEPS = 2, 3  # of the trial
SAME = 1e-3  # of a channel's typical size


def own_family(source: str) -> Any:
    """Builds a family of the user's and plays a few steps in it, so that what is wrong is said before it is used.

    Args:
        source: `package.module:function`; the function takes no arguments and returns a family, or a robot of
            `headstart.tasks.mujoco`, of which one is made.

    Raises:
        InputError: there is no such function, or what it returns is no family that works, with the reason.
    """
    if source.startswith("gym:"):
        raise InputError(f"source {source!r}: {NOT_SET}")
    function = named_function(source, "source")
    try:
        return sound_family(function())
    except InputError as error:
        raise InputError(f"source {source!r}: {error}") from None
    except Exception as error:
        raise InputError(f"source {source!r}: it {in_a_line(error)}; {WHERE}") from None


def sound_family(made: Any) -> Any:
    """Returns a family that was tried. Raises whatever its code raises, and `InputError` for what is not sound."""
    family = family_of(made)
    (try_host if family.kind == "host" else try_jax)(family)
    return family


def family_of(made: Any) -> Any:
    """Returns a family, made of a robot where it is one. Raises `InputError` for anything else."""
    if all(hasattr(made, name) for name in ROBOT):
        from headstart.tasks.mujoco import MujocoFamily, require_sound  # a family of another simulator needs none

        require_sound(made)
        return MujocoFamily(robot=made)
    if hasattr(made, "observation_space"):
        raise InputError(NOT_SET)
    if not isinstance(made, TaskFamily) or made.kind not in ("jax", "host"):
        raise InputError(f"it returned a {type(made).__name__}, not a family; {WHERE}")
    if not dataclasses.is_dataclass(made) or made != dataclasses.replace(made):  # pyright: ignore[reportArgumentType]
        raise InputError(f"a family must be a frozen dataclass that equals its copy; {WHERE}")
    hash(made)  # raises where a field cannot be
    return made


def try_host(family: Any) -> None:
    """Plays a batch. Raises `InputError` where something has another shape than was said."""
    where, seeds = np.ones(ENVS, bool), np.arange(ENVS)
    tasks = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], ENVS, axis=0), family.task())
    state = family.reset(seeds, family.start(ENVS), tasks, where)
    if hasattr(family, "exact"):  # without noise, which has the shape that was said
        require_shapes("observe", family.exact(state), family.observation)
    require_shapes("observe", family.observe(state), family.observation)
    for step in range(STEPS):
        outcome = family.step(seeds + step, state, resting(family.action), where)
        state = outcome.state
        require_shapes("observe", family.observe(state), family.observation)
        for name in ("reward", "terminated", "truncated", "valid"):
            if np.shape(getattr(outcome, name)) != (ENVS,):
                shape = list(np.shape(getattr(outcome, name)))
                raise InputError(f"{name} has shape {shape} for {ENVS} environments; one value for each is needed")
        for name in ("terminated", "truncated", "valid"):
            if np.asarray(getattr(outcome, name)).dtype != bool:
                raise InputError(f"{name} is {np.asarray(getattr(outcome, name)).dtype}; make it bool")
    if getattr(family, "unpredictable", "it says nothing") is None:
        require_predictions(family, state)


def require_predictions(family: Any, state: Any) -> None:
    """Raises `InputError` unless a state that was observed can be set again: then what follows from it is the same."""
    seen, action = np.asarray(family.observe(state)), resting(family.action)
    after = family.observe(family.step(np.arange(ENVS), state, action, np.ones(ENVS, bool)).state)
    foretold, valid = family.predict({}, seen, action[:, None])
    if np.abs(np.where(valid[0][:, None], foretold[0] - after, 0.0) / family.typical_size).max() > SAME:
        raise InputError(
            "a step from what was observed is not the step that was taken: the observation must be all positions but "
            "the first about.unseen ones, then all velocities; where it is not, leave about.unseen out"
        )


def try_jax(family: Any) -> None:
    """Traces a reset and a step. Raises `InputError` where something has another shape than was said."""
    task = jax.tree.map(np.asarray, family.task())
    state = jax.eval_shape(family.reset, jax.random.key(0), task)
    action = jax.tree.map(lambda leaf: leaf[0], resting(family.action))
    outcome = jax.eval_shape(family.step, jax.random.key(0), state, action, task)
    if jax.tree.structure(outcome.state) != jax.tree.structure(state) or jax.tree.leaves(
        jax.tree.map(lambda old, new: (old.shape, old.dtype) != (new.shape, new.dtype), state, outcome.state)
    ).count(True):
        raise InputError("step returns a state of other shapes or types than reset does")
    seen = jax.eval_shape(family.observe, state, task)
    blank = jax.tree.map(lambda leaf: np.zeros((1, *leaf.shape), leaf.dtype), seen)
    require_shapes("observe", blank, family.observation)
    for name in ("reward", "terminated", "truncated", "valid"):
        if getattr(outcome, name).shape != ():
            raise InputError(f"{name} has shape {list(getattr(outcome, name).shape)}; one value is needed")


def resting(action: Any) -> np.ndarray:
    """Returns a batch of actions in the middle of their bounds, or the first choice."""
    if hasattr(action, "n"):
        return np.zeros(ENVS, np.int32)
    low, high = action.bounds()
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise InputError(f"actions need finite bounds, the lower below the upper, not {low.tolist()}, {high.tolist()}")
    return np.repeat(((low + high) / 2)[None], ENVS, axis=0).astype(np.float32)


def require_shapes(name: str, seen: Any, space: Any) -> None:
    """Raises `InputError` unless every part of a batch of observations is as its space says, and finite."""
    if jax.tree.structure(seen) != jax.tree.structure(space):
        raise InputError(f"{name} returns {jax.tree.structure(seen)}, not {jax.tree.structure(space)} as it should")
    for leaf, box in zip(jax.tree.leaves(seen), jax.tree.leaves(space), strict=True):
        wanted, shape = getattr(box, "shape", ()), np.shape(leaf)[1:]
        if shape != wanted or not np.shape(leaf):
            raise InputError(f"{name} returns {list(shape)} for each environment; its space says {list(wanted)}")
        if not np.isfinite(np.asarray(leaf, np.float64)).all():
            raise InputError(f"{name} returns what is not finite, at the beginning of an episode")
