"""`headstart evaluate --manifests` and `--replay`: a manifest of each episode, and one episode played again from it."""

from pathlib import Path
from typing import Any

from jaxtyping import Array, Key
from rich.console import Console

from headstart.adapt.manifest import Manifest, seeds_of
from headstart.errors import Fault, InputError
from headstart.options import Evaluate
from headstart.run import disk
from headstart.run.tape import digest
from headstart.types import Params, Rollout


def require_manifests(world: Any, folder: Path | None) -> None:
    """Makes the folder for manifests, before anything is played.

    Raises:
        InputError: the world's episodes cannot be played again alone, or the folder is none or has manifests already.
    """
    if folder is None:
        return
    require_host(world, "--manifests")
    try:
        disk.make_folder(folder)
    except OSError as error:
        raise InputError(f"--manifests {folder}: cannot be a folder ({error.strerror}); name another") from None
    if any(folder.glob("episode-*.json")):
        raise InputError(f"--manifests {folder}: holds manifests already; name another folder")


def require_host(world: Any, option: str) -> None:
    """Refuses a JAX world: what a step comes to there depends, in the last bit, on what is stepped beside it."""
    if world.kind != "host":
        raise InputError(f"{option}: {world.name!r} is a JAX world, whose episodes are not the same alone to the bit")


def write_manifests(
    folder: Path, key: Key[Array, ""], world: Any, params: Params, episodes: tuple[Rollout, ...]
) -> None:
    """Writes a manifest of each episode.

    Args:
        folder: where `require_manifests` has been.
        key: that `play` was given.
        world: where they were played.
        params: of the policy that played.
        episodes: all of them, in their order.

    Raises:
        Fault: the disk refused.
    """
    player = digest(params)
    try:
        for number, episode in enumerate(episodes):
            seeds = seeds_of(key, number, len(episode.reward))
            Manifest.of(world, episode, seeds, player).write(folder / f"episode-{number:04}.json")
    except OSError as error:
        raise Fault(f"{folder}: cannot be written ({error.strerror}); make room") from None


def replay(options: Evaluate, world: Any, params: Params) -> int:
    """Plays one episode again and says whether it is the same.

    Raises:
        InputError: the file is no manifest, or one of another world, or of another policy.
        Fault: the episode is not the same.
    """
    file, default = options.replay, Evaluate(folder=options.folder)
    for name in ("randomize", "episodes", "seed", "manifests"):
        if getattr(options, name) != getattr(default, name):
            raise InputError(f"--replay {file} --{name} {getattr(options, name)}: is in the manifest; leave it out")
    require_host(world, "--replay")
    manifest = Manifest.read(file)  # pyright: ignore[reportArgumentType]
    if manifest.player != digest(params):
        raise InputError(
            f"--replay {file}: another policy than that of {options.folder} played; give the run of that one"
        )
    try:
        again = manifest.replay(world)
    except InputError as error:
        raise InputError(f"--replay {file}: {error}") from None
    found = Manifest.of(world, again, manifest.seeds, manifest.player)
    said = f"{world.name}: return {found.total:,.1f} in {len(found.reward):,} steps, {found.end}"
    step = manifest.differs(again)
    if step is not None:
        raise Fault(
            f"{said}; not what {file} says, {manifest.total:,.1f} in {len(manifest.reward):,} steps, {manifest.end}: "
            f"it differs from step {step:,} on, as with another version, processor or option"
        )
    Console().print(f"{said}: bit for bit what {file} says", highlight=False, soft_wrap=True, markup=False)
    return 0
