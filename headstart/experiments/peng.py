"""Does memory make randomized dynamics pay? Peng et al. 2018, simulator to simulator.

Four policies learn in simulation: without randomization, and with it feed-forward, with the last 8 steps, and
recurrent. The last three are students of one teacher, which learns by itself on the same robots and is told what they
are not: the hopper's all dynamics, the pusher's where everything is, without the sensors' noise; in the small size,
whose steps make no teacher worth learning from, all four learn by themselves, as the paper's do. Then each plays, as it
is, on robots of Gymnasium's with latency, sensor noise and other dynamics, which it has never met; and on simulated
robots drawn once and for all, some inside the randomized ranges and some outside, beside an oracle for just that robot:
the best of one that began there with nothing, one that went on from a recurrent policy, and that policy itself, which
is the seed's that is worth most in simulation. A robot with latency does not teach hopping to who begins on it: there
oracles of the first kind often stand still. The ablation fixes one group of parameters after the other at its nominal
value while teacher and recurrent student learn.

The pusher's puck has the paper's mass: the object of Gymnasium's gives way to every hand (`pusher_puck`). Whoever
learns to push it is paid more for it than Gymnasium pays; what a policy is worth is counted in Gymnasium's reward, and
in how many episodes the puck ends within 0.07 m of the goal, as the paper counts.

The paper's recurrent policy learns by itself, with a critic that is told the dynamics. That is what was done here
before; what came of it, and why it was given up, is in docs/log.md, "A teacher that is told".

Source: Peng, Andrychowicz, Zaremba, Abbeel 2018 (arXiv 1710.06537), tables I to III; lecture slide "Sim2real with
domain randomization".
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import numpy as np

from headstart.data.collect import play
from headstart.errors import unknown
from headstart.experiments.claims import Reproduced, Request, Step, Work
from headstart.experiments.peng_learning import (
    FORMAT,
    TEACHER,
    Amount,
    Job,
    alone,
    gone_on,
    learnt,
    name_of,
    teacher_of,
)
from headstart.experiments.peng_table import compared, summed_up, table
from headstart.experiments.peng_teaching import TEACHINGS
from headstart.experiments.peng_unmet import BEST, held_to_oracles, worths
from headstart.experiments.peng_worlds import ARMS, INSIDE, UNMET, WORLDS, Arm, World, distribution_of, unmet
from headstart.experiments.sources import key_of
from headstart.nets.memory import policy_with
from headstart.nets.random_actions import RandomActions
from headstart.processors import usable
from headstart.run import disk, strict_json
from headstart.run.fan_out import fan_out
from headstart.run.ledger import Ledger
from headstart.run.record import read_json
from headstart.run.target import Target
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.tasks.targets import target
from headstart.types import Params, Policy, Rollout, Task, TaskFamily

LIMIT = 1 << 20
OBJECT, GOAL = slice(17, 20), slice(20, 23)  # in what the pusher sees
TARGETS = (0, 1, 2)
ORACLE = Arm("none", randomized=False)  # the oracle that begins with nothing
ORIGIN = "recurrent"  # the arm that the other oracle goes on from


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything.

    Attributes:
        seeds: independent repetitions.
        steps: environment steps of each teacher, by world.
        taught: environment steps of each student; 0: there are no teachers, every arm learns by itself.
        alone: environment steps of an oracle that begins with nothing. One that hops by then would go on improving.
        further: environment steps for which an oracle goes on from the best recurrent policy.
        episodes: of evaluation, on each target, and as many on the randomized simulation as on all targets.
        unmet: simulated robots inside of the ranges, on each of which an oracle learns, and as many outside.
        unmet_episodes: of evaluation on each of them.
    """

    seeds: int
    steps: Mapping[str, int]
    taught: int
    alone: int
    further: int
    episodes: int
    unmet: int
    unmet_episodes: int

    def amount(self, world: str) -> Amount:
        """Returns the steps of one world's policies."""
        return Amount(self.steps[world], self.taught)


SCALES = {
    "tiny": Scale(
        seeds=1,
        steps={"hopper": 8_192, "pusher": 16_384},
        taught=8_192,
        alone=8_192,
        further=4_096,
        episodes=1,
        unmet=1,
        unmet_episodes=1,
    ),
    "small": Scale(
        seeds=5,
        steps={"hopper": 163_840, "pusher": 49_152},
        taught=0,
        alone=65_536,
        further=32_768,
        episodes=5,
        unmet=3,
        unmet_episodes=5,
    ),
    "full": Scale(
        seeds=5,
        steps={"hopper": 2_097_152, "pusher": 2_097_152},
        taught=524_288,
        alone=131_072,
        further=131_072,
        episodes=20,
        unmet=20,
        unmet_episodes=10,
    ),
}


def reproduce(request: Request) -> Work:
    """Compares the four policies; see `headstart.experiments.claims`."""
    rows = dict.fromkeys(WORLDS, ARMS)
    return carried_out(request, SCALES[request.size], rows, tuple(pairwise(ARMS)), oracles=True)


def carried_out(
    request: Request,
    scale: Scale,
    rows: Mapping[str, Mapping[str, Arm]],
    pairs: Sequence[tuple[str, str]] | None = None,
    oracles: bool = False,
) -> Work:
    """Trains and evaluates every arm in every seed, or reads what was kept of it, and sums up.

    Args:
        request: what the user asked for; `source` names the one world that is meant.
        scale: how much of everything.
        rows: the arms of each world.
        pairs: which arm is expected to be better than which; by default the first than each of the others.
        oracles: whether an oracle learns on each unmet robot inside of the ranges, and every arm is held to it.
    """
    wanted = request.given.get("source")
    if wanted is not None and wanted not in WORLDS:
        raise unknown("world of this claim", wanted, WORLDS)
    seeds = range(request.seed, request.seed + (request.seeds or scale.seeds))
    names = [name for name in WORLDS if wanted in (None, name)]
    jobs = [Job(name, arm, rows[name][arm], seed) for seed in seeds for name in names for arm in rows[name]]
    teachers = list(dict.fromkeys(teacher_of(job) for job in jobs if job.arm.randomized and scale.taught))
    total = len(teachers) + len(jobs) + oracles * scale.unmet * len(names)
    workers = 2 * min(2, len(usable()))  # while one thinks, another's physics runs
    found: dict[Job, dict[str, Any]] = {}
    before = 0  # pieces that an interrupted run had measured

    def rounds() -> Iterator[list[Job]]:
        waiting = [job for job in jobs if job.arm.randomized and teachers]  # they have a teacher, who learns first
        yield [*teachers, *(job for job in jobs if job not in waiting)]
        yield waiting
        if oracles:  # they go on from what an arm has learnt
            yield [job for name in names for job in oracles_of(name, scale, best_seed(name, found))]

    for some in rounds():
        before += sum(found_before(job, request.folder) is not None for job in some)
        for job, piece in fan_out([partial(kept, job, scale, request.folder) for job in some], workers):
            found[job] = piece
            yield Step(len(found) / total, f"{job.world}, {job.name}, seed {job.seed}: {worth(piece):.1f}")
    found = {job: found[job] for some in rounds() for job in some}  # pieces end in any order
    about = {"seeds": list(seeds), "episodes": scale.episodes, "targets": list(TARGETS)}
    about |= {"pieces": total, "pieces_from_before": before}  # the time is of the others
    worlds = {}
    for name in names:
        mine = {job: piece for job, piece in found.items() if job.world == name}
        worlds[name] = {"share_of_table_i": WORLDS[name].share, "steps": scale.steps[name], "taught": scale.taught}
        worlds[name]["told"] = TEACHINGS[WORLDS[name].teaching].told
        worlds[name] |= of_world(name, mine, rows[name], scale, pairs, oracles)
    return Reproduced(table(worlds), {**about, "worlds": worlds})


def of_world(
    world: str,
    found: Mapping[Job, Mapping[str, Any]],
    arms: Mapping[str, Arm],
    scale: Scale,
    pairs: Sequence[tuple[str, str]] | None,
    oracles: bool,
) -> dict[str, Any]:
    """Sums up what was found in one world; for the arguments see `carried_out`."""
    pieces = {arm: [piece for job, piece in found.items() if job.name == arm] for arm in arms}
    by_arm = {arm: summed_up(those) for arm, those in pieces.items()}
    first, *others = by_arm
    pairs = pairs or [(first, other) for other in others]
    summary = {"arms": by_arm, "order": compared(by_arm, pairs)}
    if not oracles:
        robots = {"count": scale.unmet, **met_robots(pieces, pairs)}
        if WORLDS[world].success is not None:
            robots["success"] = met_robots(ends_of(pieces), pairs)
        return {**summary, "robots": robots}
    if scale.taught:
        pieces[TEACHER] = [piece for job, piece in found.items() if job.name == TEACHER]
    theirs = [found[job] for job in oracles_of(world, scale, best_seed(world, found))]
    there = held_to_oracles(pieces, theirs, scale.unmet_episodes)
    if WORLDS[world].success is not None:
        homes = [row["successes"] for row in theirs]
        there["success"] = held_to_oracles(ends_of(pieces), homes, scale.unmet_episodes)
    taken = {"from_scratch": scale.alone, "gone_on": scale.further}
    return {**summary, "unmet": {**there, "oracle_steps": taken, "order": order_inside(there["arms"], pairs)}}


def ends_of(pieces: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Returns pieces that say how often there was success on each unmet robot where the others say its mean return."""
    return {arm: [{"unmet": piece["unmet_successes"]} for piece in those] for arm, those in pieces.items()}


def met_robots(pieces: Mapping[str, Sequence[Mapping[str, Any]]], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Returns what each arm is worth on the unmet robots, where there are no oracles, and how arms compare inside."""
    met = {arm: worths(those) for arm, those in pieces.items()}
    return {"arms": met, "order": order_inside(met, pairs)}


def order_inside(arms: Mapping[str, Mapping[str, Any]], pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Compares pairs of arms on the robots inside of the ranges."""
    return compared({arm: {"target": row[INSIDE]} for arm, row in arms.items()}, pairs)


def best_seed(world: str, found: Mapping[Job, Mapping[str, Any]]) -> int:
    """Returns the seed whose policy, of the arm that oracles go on from, is worth most in its own simulation."""
    origins = {job.seed: np.mean(piece["home"]) for job, piece in found.items() if job[:2] == (world, ORIGIN)}
    return max(sorted(origins), key=lambda seed: origins[seed])


def oracles_of(world: str, scale: Scale, seed: int) -> list[Job]:
    """Lists an oracle for each unmet robot of a world inside of the ranges; `seed` is of the arm it goes on from."""
    return [Job(world, f"oracle {INSIDE} {row}", ORACLE, seed, row) for row in range(scale.unmet)]


def piece_of(job: Job, folder: Path) -> Path:
    """Names the file of what a job found."""
    return folder / f"piece-{name_of(job)}.json"


def found_before(job: Job, folder: Path) -> dict[str, Any] | None:
    """Reads what a job found in an interrupted study; None where it did not come to it, or learnt in another way."""
    path = piece_of(job, folder)
    piece = read_json(path, LIMIT, path.name) if path.exists() else {}
    return piece if piece.get("format") == FORMAT else None


def worth(piece: Mapping[str, Any]) -> float:
    """Returns the mean return on what a policy was made for, or where it was sent."""
    if "unmet" not in piece:
        return float(piece["oracle"])
    return float(np.mean(piece["target"] if "target" in piece else piece["unmet"][INSIDE]))


def kept(job: Job, scale: Scale, folder: Path) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yields what a job found, from the disk where it was done before."""
    if (before := found_before(job, folder)) is not None:
        yield job, before
        return
    if job.row is not None:
        piece = measured_oracle(job, scale, folder)
    else:
        piece = (measured_teacher if job == teacher_of(job) else measured)(job, scale, folder)
    piece = {"format": FORMAT, **piece}
    disk.replace_file(piece_of(job, folder), strict_json.encode(piece) + b"\n")
    yield job, piece


def measured(job: Job, scale: Scale, folder: Path) -> dict[str, Any]:
    """Trains one policy and says what it is worth at home and, as it is, on the targets and the unmet robots."""
    world, home = WORLDS[job.world], family(WORLDS[job.world].family)
    greedy, params = played_by(*learnt(job, home, scale.amount(job.world), folder))
    key_home = key_of(job.seed, "evaluation")
    everywhere = distribution_of(home, world, Arm("none"))
    tasks = everywhere.sample(key_home, everywhere.init(key_home), scale.episodes * len(TARGETS))
    played = play(key_home, home, greedy, params, tasks, scale.episodes * len(TARGETS))
    met, ledger = [], Ledger(path=folder / f"ledger-{name_of(job)}.json", budget=0)
    for seed in TARGETS:
        there = Target(partial(target, f"{world.target}:{seed}"), ledger, play)
        met.extend(there.run(key_home, greedy, params, scale.episodes, "evaluation"))
    return {
        "home": returns(played),
        "target": returns(met),
        "home_successes": successes(world, played),
        "target_successes": successes(world, met),
        **on_unmet(job, home, greedy, params, scale),
    }


def measured_teacher(job: Job, scale: Scale, folder: Path) -> dict[str, Any]:
    """Trains a teacher and says what it is worth on the unmet robots, being told there what it was told."""
    world, home = WORLDS[job.world], family(WORLDS[job.world].family)
    greedy, params = played_by(*learnt(job, home, scale.amount(job.world), folder))
    return on_unmet(job, TEACHINGS[world.teaching].known(family=home), greedy, params, scale)


def measured_oracle(job: Job, scale: Scale, folder: Path) -> dict[str, Any]:
    """Lets two learn on one unmet robot; says what they are worth there, and what is who has learnt nothing on it.

    That is the policy from which the second goes on, random actions and none. The first of these counts as an oracle
    too: what has learnt on many robots may be beyond what one of them teaches in so few steps.
    """
    world, home = WORLDS[job.world], family(WORLDS[job.world].family)
    robot = jax.tree.map(lambda leaf: leaf[job.row], unmet(home, world, scale.unmet)[INSIDE])
    tasks, one = Fixed(task=robot), jax.tree.map(lambda leaf: leaf[None], robot)
    policy, brought = learnt(Job(job.world, ORIGIN, ARMS[ORIGIN], job.seed), home, scale.amount(job.world), folder)
    further = gone_on(job._replace(arm=ARMS[ORIGIN]), home, scale.further, tasks, brought, folder)
    nobody = RandomActions(action=home.action)
    still: Any = dataclasses.replace(policy_with("none", home.observation, home.action), deterministic=True)
    zeros = jax.tree.map(np.zeros_like, still.init(key_of(job.seed, "still")))  # a network of zeros asks for nothing
    players: dict[str, tuple[Policy, Params]] = {
        "from_scratch": played_by(*alone(job, home, scale.alone, tasks, folder)),
        "gone_on": played_by(*further),
        "brought": played_by(policy, brought),
        "random": (nobody, {}),
        "still": (still, zeros),
    }
    met = {name: on_each(job, home, who, params, one, scale) for name, (who, params) in players.items()}
    worths = with_oracle({name: of_all[0] for name, (of_all, _) in met.items()})
    ends = {name: of_all[0] for name, (_, of_all) in met.items() if of_all is not None}
    return {**worths, "successes": with_oracle(ends) if ends else None}


def with_oracle(worths: Mapping[str, float]) -> dict[str, float]:
    """Adds the oracle of a robot, who is the best there."""
    return {"oracle": max(worths[name] for name in BEST), **worths}


def played_by(policy: Any, params: Params) -> tuple[Policy, Params]:
    """Returns who plays what was learnt, without exploration."""
    return dataclasses.replace(policy, deterministic=True), params


def on_unmet(job: Job, home: TaskFamily, policy: Any, params: Params, scale: Scale) -> dict[str, Any]:
    """Returns what a policy is worth on each unmet robot, by part, and how often it succeeds there, or None."""
    robots = unmet(home, WORLDS[job.world], scale.unmet)
    met = {part: on_each(job, home, policy, params, robots[part], scale) for part in UNMET}
    ends = {part: shares for part, (_, shares) in met.items() if shares is not None}
    return {"unmet": {part: worths for part, (worths, _) in met.items()}, "unmet_successes": ends or None}


def on_each(
    job: Job, home: TaskFamily, policy: Any, params: Params, robots: Task, scale: Scale
) -> tuple[list[float], list[float] | None]:
    """Returns the mean return on each of some robots, and the share of episodes that succeed where there is such.

    Every policy of a seed meets the same episodes.
    """
    count = len(jax.tree.leaves(robots)[0])
    episodes = play(key_of(job.seed, "unmet"), home, policy, params, robots, count * scale.unmet_episodes)
    ends = succeeded(WORLDS[job.world], episodes)

    def each(values: Sequence[float]) -> list[float]:
        return np.reshape(values, (scale.unmet_episodes, count)).mean(axis=0).tolist()

    return each(returns(episodes)), None if ends is None else each(ends)


def returns(episodes: Sequence[Rollout]) -> list[float]:
    """Returns the undiscounted return of each episode."""
    return [float(episode.reward.sum(dtype=np.float64)) for episode in episodes]


def succeeded(world: World, episodes: Sequence[Rollout]) -> list[bool] | None:
    """Returns whether the object ended near the goal, of each episode, as its last observation has them."""
    if world.success is None:
        return None
    ends = np.array([np.asarray(episode.next_obs)[-1, 0] for episode in episodes])
    return (np.linalg.norm(ends[:, OBJECT] - ends[:, GOAL], axis=1) < world.success).tolist()


def successes(world: World, episodes: Sequence[Rollout]) -> int | None:
    """Returns in how many episodes the object ended near the goal."""
    ends = succeeded(world, episodes)
    return None if ends is None else sum(ends)
