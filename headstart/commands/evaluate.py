"""`headstart evaluate`: what a run's policy is worth, at home or elsewhere."""

import dataclasses
from typing import Any

import jax
import numpy as np
from rich.console import Console

from headstart.commands.compiled import arithmetic
from headstart.commands.settings import learner_of
from headstart.errors import InputError
from headstart.maths.statistics import bootstrap_interval
from headstart.options import Evaluate
from headstart.run import bundle
from headstart.run.evaluate import evaluate
from headstart.tasks import catalogue
from headstart.tasks.fixed import Fixed
from headstart.tasks.targets import target
from headstart.transfer.policy import require_same_spaces
from headstart.types import TaskFamily


def run(options: Evaluate) -> int:
    """Plays the episodes, prints the return and its interval."""
    arithmetic()
    if options.episodes < 1:
        raise InputError(f"--episodes {options.episodes}: at least 1 is needed")
    home, policy, params = policy_of_run(options.folder)
    world = home if options.target is None else world_of(options.target)
    require_same_spaces(home, world)
    tasks = Fixed(task=world.task()).sample(jax.random.key(0), (), options.episodes)
    greedy = dataclasses.replace(policy, deterministic=True)
    result = evaluate(jax.random.key(options.seed), world, greedy, params, tasks, options.episodes)
    console = Console()
    interval = bootstrap_interval(result.episode_return[:, None])
    console.print(
        f"{world.name}: return {np.mean(result.episode_return):,.1f}, interquartile mean {interval.value:,.1f} "
        f"[{interval.low:,.1f}, {interval.high:,.1f}], length {np.mean(result.length):,.0f}, "
        f"{options.episodes} episodes",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def policy_of_run(folder: Any) -> tuple[TaskFamily, Any, Any]:
    """Reads a run's policy: where it was learnt, the policy, its parameters."""
    description = bundle.describe(folder)
    home = catalogue.family(str(description.get("family")))
    memory = str(description.get("memory", "none"))
    learner, _ = learner_of(str(description.get("learner")), home, envs=1, memory=memory)
    params = bundle.load(folder, learner.policy, home.observation)
    return home, learner.policy, params


def world_of(name: str) -> TaskFamily:
    """Finds a world: one of our families, or a target."""
    if ":" not in name and name.replace("-", "_") in catalogue.names():
        return catalogue.family(name)
    return target(name)
