"""A policy bundle: a policy that another run may start from, with a proof that it still acts as it did.

One sealed folder `policy/` holds the parameters (the observation normaliser among them), a description in plain JSON,
and a probe: 16 fixed observations with the actions that the policy chose for them when it was written. Loading plays
the probe again, so a normaliser that was lost or applied twice, or actions in another order, is found at once.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from headstart.errors import InputError
from headstart.run import disk, sealed
from headstart.spaces import Box, Discrete
from headstart.types import Observation, ObservationSpace, Params, Policy

KIND = "policy"
PROBES = 16
# float32 sums differ between machines by their order; a wrong normaliser differs by far more
RELATIVE, ABSOLUTE = 1e-3, 1e-4


class _Bundle(NamedTuple):
    params: Params
    obs: Observation
    action: np.ndarray


def save(folder: Path, policy: Policy, params: Params, space: ObservationSpace, description: dict[str, Any]) -> Path:
    """Writes `folder/policy`, in the place of an earlier one.

    Args:
        folder: of the run.
        policy: whose parameters these are.
        params: of the policy; all that it needs, its normaliser too.
        space: of the observations.
        description: how to build the policy again, plain JSON: its kind and fields, observation and action spaces.

    Returns:
        The bundle's folder.

    Raises:
        InputError: something cannot be stored.
        Fault: the disk refused; an earlier bundle is then still there.
    """
    obs = probe_observations(space)
    state = _Bundle(params, obs, np.asarray(_act(policy, params, obs)))
    path = Path(folder) / "policy"
    if os.path.lexists(path):
        return _replace(path, state, description)
    sealed.write(path, KIND, 0, state, description)
    return path


def describe(folder: Path) -> dict[str, Any]:
    """Reads the description of a run's policy, from which its object is built.

    Args:
        folder: of the run.

    Raises:
        InputError: there is no bundle, or it is damaged or of a newer version.
    """
    path = _find(Path(folder))
    try:
        with sealed.opened(path) as descriptor:
            return sealed.read_manifest(path, KIND, descriptor).extra
    except sealed.Broken as problem:
        raise _damaged(path, problem) from None


def is_sound(folder: Path) -> bool:
    """Returns whether a run has a policy whose description can be read."""
    try:
        describe(folder)
    except InputError:
        return False
    return True


def load(folder: Path, policy: Policy, space: ObservationSpace) -> Params:
    """Reads the parameters of a run's policy and plays the probe.

    Args:
        folder: of the run.
        policy: built from `describe(folder)`.
        space: of the observations.

    Raises:
        InputError: there is no sound bundle, its parameters do not fit the policy, or the policy does not act as it did
            when it was written.
    """
    path = _find(Path(folder))
    obs = probe_observations(space)
    params = jax.eval_shape(policy.init, jax.random.key(0))
    like = _Bundle(params, obs, jax.eval_shape(lambda p: _act(policy, p, obs), params))
    try:
        _, bundle, _ = sealed.read(path, KIND, like)
    except sealed.Broken as problem:
        raise _damaged(path, problem) from None
    found = np.asarray(_act(policy, bundle.params, bundle.obs), np.float64)
    if not np.allclose(found, np.asarray(bundle.action, np.float64), rtol=RELATIVE, atol=ABSOLUTE):
        gap = float(np.max(np.abs(found - np.asarray(bundle.action, np.float64))))
        raise InputError(
            f"{path}: this policy does not act as it did when it was saved (actions differ by {gap:.3g}); it was built "
            "with other settings, or its normaliser is lost or applied twice"
        )
    return bundle.params


def probe_observations(space: ObservationSpace) -> Observation:
    """Returns 16 fixed observations of a space: within its bounds, and within ±3 where it has none. Axis `env`."""
    boxes = jax.tree.leaves(space, is_leaf=_is_space)
    # Philox counts, so that the numbers are the same on every machine and in every version to come
    made = [_inputs(np.random.Generator(np.random.Philox(key=i)), box) for i, box in enumerate(boxes)]
    return jax.tree.unflatten(jax.tree.structure(space, is_leaf=_is_space), made)


def _inputs(generator: np.random.Generator, space: Box | Discrete) -> np.ndarray:
    if isinstance(space, Discrete):
        return (generator.random(PROBES) * space.n).astype(np.int32)
    low, high = (np.clip(bound.astype(np.float64), -3.0, 3.0) for bound in space.bounds())
    if space.dtype == "uint8":
        low, high = (bound.astype(np.float64) for bound in space.bounds())
    return (low + (high - low) * generator.random((PROBES, *space.shape))).astype(space.dtype)


def _is_space(value: Any) -> bool:
    return isinstance(value, (Box, Discrete))


def _act(policy: Policy, params: Params, obs: PyTree) -> Any:
    return policy.apply(jax.random.key(0), params, policy.start(params, PROBES), obs)[0]


def _replace(path: Path, state: _Bundle, description: dict[str, Any]) -> Path:
    """Writes the new bundle beside the old one, then swaps; the moment between two renames is all that has neither."""
    beside = path.with_name("policy.next")
    if os.path.lexists(beside):
        disk.discard_folder(beside)
    sealed.write(beside, KIND, 0, state, description)
    disk.discard_folder(path)
    os.rename(beside, path)
    disk.sync_folder(path.parent)
    return path


def _find(folder: Path) -> Path:
    """Returns the bundle's folder; after a crash between two renames that is the new one's."""
    for name in ("policy", "policy.next"):
        if os.path.isdir(folder / name):
            return folder / name
    raise InputError(f"{folder}: no policy in it; give the folder of a run that has finished training")


def _damaged(path: Path, problem: sealed.Broken) -> InputError:
    return InputError(f"{path}: the policy is damaged ({problem}); use another run, or train it again")
