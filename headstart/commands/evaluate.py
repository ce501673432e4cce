"""`headstart evaluate`: what a run's policy is worth, at home or elsewhere."""

import dataclasses
from typing import Any

import jax
import numpy as np
from rich.console import Console

from headstart.adapt.ranges import read_ranges
from headstart.commands.compiled import arithmetic
from headstart.commands.diagnosing import diagnosis_lines
from headstart.commands.diverging import broken_line
from headstart.commands.replaying import replay, require_manifests, write_manifests
from headstart.commands.settings import distribution_of, learner_of, policy_of
from headstart.data.collect import play
from headstart.errors import InputError
from headstart.maths.statistics import bootstrap_interval
from headstart.options import Evaluate
from headstart.run import bundle, strict_json
from headstart.run.diverged import ranges_of
from headstart.run.evaluate import Evaluation, require_plain
from headstart.tasks import catalogue
from headstart.tasks.gymnasium_world import GymnasiumFamily
from headstart.tasks.own_randomness import changing_dynamics
from headstart.tasks.targets import target
from headstart.transfer.adapters import adapted, read_adapter
from headstart.transfer.policy import require_same_spaces
from headstart.types import Task, TaskFamily


def run(options: Evaluate) -> int:
    """Plays the episodes, prints the return and its interval; or plays one episode of a manifest again."""
    arithmetic()
    if options.episodes < 1:
        raise InputError(f"--episodes {options.episodes}: at least 1 is needed")
    home, policy, params = policy_of_run(options.folder, "--family", options.family)
    world: Any = home if options.target is None else world_of(options.target)
    own = world
    if options.adapter is not None and world.kind == "host":
        world = adapted(world, home, read_adapter(options.adapter))
    require_same_spaces(home, world)
    greedy = dataclasses.replace(policy, deterministic=True)
    if options.replay is not None:
        return replay(options, world, greedy, params)
    randomize = read_ranges(options.randomize, ("none", "own"))
    tasks = tasks_of(options, randomize, own)
    if randomize == "none":
        require_plain(world, tasks)
    require_manifests(options.manifests)
    key, console = jax.random.key(options.seed), Console()
    played = play(key, world, greedy, params, tasks, options.episodes)
    result = Evaluation.of(played)
    if options.manifests is not None:
        write_manifests(options.manifests, key, world, params, tasks, played)
    interval = bootstrap_interval(result.episode_return[:, None])
    console.print(
        f"{world.name}: return {np.mean(result.episode_return):,.1f}, interquartile mean {interval.value:,.1f} "
        f"[{interval.low:,.1f}, {interval.high:,.1f}], length {np.mean(result.length):,.0f}, "
        f"{options.episodes} episodes",
        highlight=False,
        soft_wrap=True,
    )
    if result.broke:
        ranges = ranges_of(distribution_of(randomize, own)) if tasks.dynamics else {}
        said = broken_line(result, tasks, own.dynamics, ranges)
        console.print(said, highlight=False, soft_wrap=True, markup=False)
    for line in diagnosis_lines(jax.random.key(options.seed), home, policy, params):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    return 0


def tasks_of(options: Evaluate, randomize: str, world: Any) -> Task:
    """Returns what is played: the plain world, unless something else was asked for.

    Raises:
        InputError: a target changes its dynamics by itself and nobody asked for it, or they cannot be changed.
    """
    if isinstance(world, GymnasiumFamily):
        if randomize not in ("none", "own"):
            raise InputError(f"--randomize {options.randomize}: the dynamics of {world.name!r} cannot be set")
        if randomize == "none":
            require_constant(world, f"--target {options.target}", ", or ask for it by --randomize own")
        return world.task()
    if randomize == "own":
        raise InputError(f"--randomize own: {world.name!r} has no randomization of its own; name a preset")
    distribution: Any = distribution_of(randomize, world)
    key = jax.random.key(options.seed)
    return distribution.sample(key, distribution.init(key), options.episodes)


def require_constant(world: GymnasiumFamily, option: str, otherwise: str = "") -> None:
    """Refuses a target that changes its own dynamics from episode to episode.

    Args:
        world: the target.
        option: by which it was named.
        otherwise: what else can be done than to turn that off.

    Raises:
        InputError: it does; with the names of what changes.
    """
    changing = changing_dynamics(world.source, dict(world.arguments))
    if changing:
        named = ", ".join(changing[:4])
        raise InputError(
            f"{option}: changes its own dynamics from episode to episode ({named}); turn that off in it{otherwise}"
        )


def policy_of_run(folder: Any, option: str, said: str | None) -> tuple[TaskFamily, Any, Any]:
    """Reads a run's policy: where it was learnt, the policy, its parameters.

    Args:
        folder: of the run.
        option: by which the user may say where it was learnt.
        said: what the user says. Code that a file names is not run: the user must name it too.

    Raises:
        InputError: it was learnt in code of the user's, and the user does not say in which.
    """
    description = bundle.describe(folder)
    words = str(description.get("family"))
    if ":" in words and said != words:
        shown = strict_json.printable(words)
        raise InputError(f"{folder}: was learnt in code, which is run only where you name it: {option} {shown}")
    home = catalogue.family(words)
    name, memory = str(description.get("learner")), str(description.get("memory", "none"))
    if name == "off-policy":
        policy: Any = policy_of(name, home.observation, home.action)
    else:
        policy = learner_of(name, home, envs=1, memory=memory)[0].policy
    return home, policy, bundle.load(folder, policy, home.observation)


def world_of(name: str) -> TaskFamily:
    """Finds a world: one of our families, or a target."""
    if ":" not in name and name.replace("-", "_") in catalogue.names():
        return catalogue.family(name)
    return target(name)
