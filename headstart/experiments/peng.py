"""Does memory make randomized dynamics pay? Peng et al. 2018, simulator to simulator.

Four policies learn in simulation: without randomization, and with it feed-forward, with the last 8 steps, and
recurrent; their critics are told the true dynamics. Then each plays, as it is, on robots of Gymnasium's with latency,
sensor noise and other dynamics, which it has never met. The ablation fixes one group of parameters after the other at
its nominal value while the recurrent policy learns.

Source: Peng, Andrychowicz, Zaremba, Abbeel 2018 (arXiv 1710.06537), tables I to III; lecture slide "Sim2real with
domain randomization".
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from headstart.adapt.randomize import PRESETS, Uniform
from headstart.data.collect import play
from headstart.errors import unknown
from headstart.experiments.claims import Reproduced, Request, Step, Work
from headstart.experiments.head_start import key_of
from headstart.experiments.peng_table import compared, summed_up, table
from headstart.learn.recurrent_ppo import RecurrentPPO
from headstart.nets.memory import MemoryName, policy_with
from headstart.run import disk, strict_json
from headstart.run.fan_out import fan_out
from headstart.run.ledger import Ledger
from headstart.run.record import read_json
from headstart.run.target import Target
from headstart.run.train import Training, train
from headstart.spaces import ParameterSpace
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.tasks.targets import target
from headstart.types import Rollout, TaskDistribution, TaskFamily

LIMIT = 1 << 20
ROLLOUT_STEPS = 64
# equal for all arms; steps of the world are what is scarce here, so more is made of each than by the defaults
EPOCHS, MINIBATCH_SIZE, LEARNING_RATE = 8, 512, 7e-4


class Arm(NamedTuple):
    """What is learnt how: the memory, whether dynamics are randomized, and which group stays nominal."""

    memory: MemoryName
    randomized: bool = True
    fixed: str | None = None


ARMS: Mapping[str, Arm] = MappingProxyType(
    {
        "recurrent": Arm("lstm"),
        "history": Arm("history"),
        "feed-forward": Arm("none"),
        "no randomization": Arm("none", randomized=False),
    }
)


@dataclass(frozen=True, kw_only=True)
class World:
    """A robot, how far it is randomized, and what counts as a success.

    Attributes:
        family: that is learnt in.
        target: kind of the targets, whose seeds are `TARGETS`.
        share: by which power of Table I's factors dynamics vary: 1 is the table, 0 is nothing.
        groups: patterns of the parameters that are fixed together in the ablation.
        initial_std: of exploration, in half ranges. Where effort is dear, a policy that begins with wide exploration
            learns nothing but to do less.
        discount: γ.
        success: how near the object must end to the goal, in m; None where there is nothing to succeed in.
    """

    family: str
    target: str
    share: float
    groups: Mapping[str, tuple[str, ...]]
    initial_std: float
    discount: float
    success: float | None = None


COMMON = {
    "latency": ("delay:action", "jitter:delay"),
    "noise": ("noise:observation",),
    "mass": ("mass:*",),
    "damping": ("damping:*",),
    "gains": ("gear:*",),
}
WORLDS: Mapping[str, World] = MappingProxyType(
    {
        "pusher": World(
            family="pusher",
            target="shifted-pusher",
            share=0.5,
            groups={**COMMON, "object": ("mass:object", "damping:obj_slide*")},
            initial_std=0.1,
            discount=0.95,
            success=0.07,
        ),
        "hopper": World(
            family="hopper",
            target="shifted-hopper",
            share=0.3,
            groups={**COMMON, "friction": ("friction:floor",)},
            initial_std=1.0,
            discount=0.99,
        ),
    }
)
OBJECT, GOAL = slice(17, 20), slice(20, 23)  # in what the pusher sees
FACTORS = ("mass:*", "damping:*", "friction:floor", "gear:*")  # of Table I, whose powers are taken
LATENCY = (0.0, 2.0)  # control steps, drawn for each episode; their robot's own latency is not in their table
TARGETS = (0, 1, 2)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything.

    Attributes:
        seeds: independent repetitions.
        steps: environment steps of each training.
        episodes: of evaluation, on each target, and as many on the randomized simulation as on all targets.
    """

    seeds: int
    steps: int
    episodes: int


SCALES = {
    "tiny": Scale(seeds=1, steps=8_192, episodes=1),
    "small": Scale(seeds=5, steps=262_144, episodes=5),
    "full": Scale(seeds=5, steps=1_048_576, episodes=20),
}


def reproduce(request: Request) -> Work:
    """Compares the four policies; see `headstart.experiments.claims`."""
    return carried_out(request, dict.fromkeys(WORLDS, ARMS), tuple(pairwise(ARMS)))


def carried_out(
    request: Request, rows: Mapping[str, Mapping[str, Arm]], pairs: Sequence[tuple[str, str]] | None = None
) -> Work:
    """Trains and evaluates every arm in every seed, or reads what was kept of it, and sums up.

    Args:
        request: what the user asked for; `source` names the one world that is meant.
        rows: the arms of each world.
        pairs: which arm is expected to be better than which; by default the first than each of the others.
    """
    wanted = request.given.get("source")
    if wanted is not None and wanted not in WORLDS:
        raise unknown("world of this claim", wanted, WORLDS)
    scale = SCALES[request.size]
    seeds = range(request.seed, request.seed + (request.seeds or scale.seeds))
    names = [name for name in WORLDS if wanted in (None, name)]
    jobs = [Job(name, arm, rows[name][arm], seed) for seed in seeds for name in names for arm in rows[name]]
    workers = min(2, len(os.sched_getaffinity(0)))
    before = sum(piece_of(job, request.folder).exists() for job in jobs)  # what an interrupted run had measured
    found: dict[Job, dict[str, Any]] = {}
    for job, piece in fan_out([partial(kept, job, scale, request.folder) for job in jobs], workers):
        found[job] = piece
        yield Step(len(found) / len(jobs), f"{job.world}, {job.name}, seed {job.seed}: {np.mean(piece['target']):.1f}")
    result = {
        name: {arm: summed_up([found[job] for job in jobs if job[:2] == (name, arm)]) for arm in rows[name]}
        for name in names
    }
    about = {"steps": scale.steps, "seeds": list(seeds), "episodes": scale.episodes, "targets": list(TARGETS)}
    about |= {"pieces": len(jobs), "pieces_from_before": before}  # the time is of the others
    worlds = {}
    for name, arms in result.items():
        first, *others = arms
        order = compared(arms, pairs or [(first, other) for other in others])
        worlds[name] = {"share_of_table_i": WORLDS[name].share, "arms": arms, "order": order}
    return Reproduced(table(worlds), {**about, "worlds": worlds})


class Job(NamedTuple):
    """One training and its evaluation."""

    world: str
    name: str
    arm: Arm
    seed: int


def piece_of(job: Job, folder: Path) -> Path:
    """Names the file of what a job found."""
    return folder / f"piece-{job.world}-{job.name.replace(' ', '-')}-{job.seed}.json"


def kept(job: Job, scale: Scale, folder: Path) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yields what a job found, from the disk where it was done before."""
    path = piece_of(job, folder)
    if path.exists():
        piece = read_json(path, LIMIT, path.name)
    else:
        piece = measured(job, scale, Ledger(path=path.with_name(path.name.replace("piece", "ledger")), budget=0))
        disk.replace_file(path, strict_json.encode(piece) + b"\n")
    yield job, piece


def measured(job: Job, scale: Scale, ledger: Ledger) -> dict[str, Any]:
    """Trains one policy and says what it is worth at home and, as it is, on the targets."""
    world, key = WORLDS[job.world], key_of(job.seed, job.name)
    home = family(world.family)
    policy = policy_with(job.arm.memory, home.observation, home.action)
    learner = RecurrentPPO(
        policy=dataclasses.replace(policy, initial_std=world.initial_std),
        discount=world.discount,
        epochs=EPOCHS,
        minibatch_size=MINIBATCH_SIZE,
        learning_rate=LEARNING_RATE,
        privileged=ParameterSpace((*home.dynamics.values(), *home.rewards.values())),
    )
    distribution = distribution_of(home, world, job.arm)
    training = Training(family=home, learner=learner, distribution=distribution, steps=ROLLOUT_STEPS)
    run = training.start(key)
    for progress in train(training, run, scale.steps):
        run = progress.run
    greedy = dataclasses.replace(learner.policy, deterministic=True)  # pyright: ignore[reportArgumentType]
    params, key_home = learner.params(run.learner), key_of(job.seed, "evaluation")
    everywhere = distribution_of(home, world, Arm("none"))
    tasks = everywhere.sample(key_home, everywhere.init(key_home), scale.episodes * len(TARGETS))
    played = play(key_home, home, greedy, params, tasks, scale.episodes * len(TARGETS))
    met = []
    for seed in TARGETS:
        there = Target(partial(target, f"{world.target}:{seed}"), ledger, play)
        met.extend(there.run(key_home, greedy, params, scale.episodes, "evaluation"))
    return {
        "home": returns(played),
        "target": returns(met),
        "home_successes": successes(world, played),
        "target_successes": successes(world, met),
    }


def distribution_of(home: TaskFamily, world: World, arm: Arm) -> TaskDistribution:
    """Returns where an arm's tasks come from."""
    if not arm.randomized:
        return Fixed(task=home.task())
    ranges = ranges_of(world, home.dynamics)
    fixed = matching(home.dynamics, world.groups[arm.fixed]) if arm.fixed else ()
    ranges |= {name: (home.dynamics[name].nominal, home.dynamics[name].nominal) for name in fixed}
    return Uniform(space=home.dynamics, ranges=ranges, base=home.task())


def ranges_of(world: World, space: ParameterSpace) -> dict[str, tuple[float, float]]:
    """Returns the ranges of a world: powers of Table I's factors; its noise and its jitter as they are."""
    legal = {name: (parameter.low, parameter.high) for name, parameter in space.items()}
    ranges = {}
    for pattern in FACTORS:
        low, high = (factor**world.share for factor in PRESETS["peng"][pattern])
        for name in matching(space, (pattern,)):
            nominal = space[name].nominal  # 0 where a joint has no damping of its own: then there is nothing to vary
            ranges[name] = max(nominal * low, legal[name][0]), min(nominal * high, legal[name][1])
    timing = {name: PRESETS["peng"][name] for name in ("jitter:delay", "noise:observation")}
    return ranges | timing | {"delay:action": LATENCY}


def matching(space: ParameterSpace, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the names that match any of some patterns, in the order of the space."""
    return tuple(name for name in space if any(fnmatchcase(name, pattern) for pattern in patterns))


def returns(episodes: Sequence[Rollout]) -> list[float]:
    """Returns the undiscounted return of each episode."""
    return [float(episode.reward.sum(dtype=np.float64)) for episode in episodes]


def successes(world: World, episodes: Sequence[Rollout]) -> int | None:
    """Returns in how many episodes the object ended near the goal, as the last observation has them."""
    if world.success is None:
        return None
    ends = np.array([np.asarray(episode.next_obs)[-1, 0] for episode in episodes])
    return int((np.linalg.norm(ends[:, OBJECT] - ends[:, GOAL], axis=1) < world.success).sum())
