"""`headstart evaluate --manifests` and `--replay`: a manifest of each episode, and one episode played again from it."""

from pathlib import Path
from typing import Any

import jax
from jaxtyping import Array, Key
from rich.console import Console

from headstart.adapt.manifest import Manifest, seeds_of
from headstart.adapt.placed import PlacedManifest, place_of
from headstart.adapt.recorded import described
from headstart.errors import Fault, InputError
from headstart.options import Evaluate
from headstart.run import disk
from headstart.run.tape import digest
from headstart.types import Params, Policy, Rollout, Task


def require_manifests(folder: Path | None) -> None:
    """Makes the folder for manifests, before anything is played.

    Raises:
        InputError: the folder is none, or has manifests already.
    """
    if folder is None:
        return
    try:
        disk.make_folder(folder)
    except OSError as error:
        raise InputError(f"--manifests {folder}: cannot be a folder ({error.strerror}); name another") from None
    if any(folder.glob("episode-*.json")):
        raise InputError(f"--manifests {folder}: holds manifests already; name another folder")


def write_manifests(
    folder: Path, key: Key[Array, ""], world: Any, params: Params, tasks: Task, episodes: tuple[Rollout, ...]
) -> None:
    """Writes a manifest of each episode.

    Args:
        folder: where `require_manifests` has been.
        key: that `play` was given.
        world: where they were played.
        params: of the policy that played.
        tasks: that `play` was given.
        episodes: all of them, in their order.

    Raises:
        Fault: the disk refused.
    """
    player, pool = digest(params), max((len(leaf) for leaf in jax.tree.leaves(tasks)), default=1)
    try:
        for number, episode in enumerate(episodes):
            if world.kind == "host":
                manifest = Manifest.of(world, episode, seeds_of(key, number, len(episode.reward)), player)
            else:
                manifest = PlacedManifest.of(world, episode, place_of(key, number, pool), player)
            manifest.write(folder / f"episode-{number:04}.json")
    except OSError as error:
        raise Fault(f"{folder}: cannot be written ({error.strerror}); make room") from None


def replay(options: Evaluate, world: Any, policy: Policy, params: Params) -> int:
    """Plays one episode again and says whether it is the same.

    Args:
        options: of the command.
        world: where it is played.
        policy: who played it.
        params: of the policy.

    Raises:
        InputError: the file is no manifest, or one of another world, or of another policy.
        Fault: the episode is not the same.
    """
    file, default = options.replay, Evaluate(folder=options.folder)
    for name in ("randomize", "episodes", "seed", "manifests"):
        if getattr(options, name) != getattr(default, name):
            raise InputError(f"--replay {file} --{name} {getattr(options, name)}: is in the manifest; leave it out")
    placed = world.kind != "host"
    manifest = (PlacedManifest if placed else Manifest).read(file)  # pyright: ignore[reportArgumentType]
    if manifest.player != digest(params):
        raise InputError(
            f"--replay {file}: another policy than that of {options.folder} played; give the run of that one"
        )
    try:
        with_whom = (policy, params) if isinstance(manifest, PlacedManifest) else ()
        again = manifest.replay(world, *with_whom)
    except InputError as error:
        raise InputError(f"--replay {file}: {error}") from None
    found = described(world, again, manifest.player)
    total, steps = found["reward"].sum(dtype=float), len(found["reward"])
    said = f"{world.name}: return {total:,.1f} in {steps:,} steps, {found['end']}"
    step = manifest.differs(again)
    if step is not None:
        raise Fault(
            f"{said}; not what {file} says, {manifest.total:,.1f} in {len(manifest.reward):,} steps, {manifest.end}: "
            f"it differs from step {step:,} on, as with another version, processor or option"
        )
    Console().print(f"{said}: bit for bit what {file} says", highlight=False, soft_wrap=True, markup=False)
    return 0
