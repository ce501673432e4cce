"""How each policy of Peng's study learns: a teacher that knows more, and students with their memories.

What limits a policy for all robots is first to find a gait for them, and only then to find out which robot it is. A
teacher is told what its world hides, so its learning has the first difficulty alone; students have the second alone,
and all students of a seed have one teacher, so that what their memories are worth is not drowned in what its seeds
differ by.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from headstart.experiments.peng_lessons import schooled
from headstart.experiments.peng_teaching import TEACHINGS
from headstart.experiments.peng_worlds import WORLDS, Arm, distribution_of, practice_of
from headstart.experiments.sources import SOURCE, key_of, recalled
from headstart.learn.averaged import Averaged
from headstart.learn.distillation import Distillation
from headstart.learn.on_policy import pieces_for
from headstart.learn.recurrent_ppo import RecurrentPPO
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.nets.memory import MemoryName, policy_with
from headstart.nets.policies import SquashedPolicy, StochasticPolicy
from headstart.nets.unroll import MemoryPolicy
from headstart.run import sealed
from headstart.run.train import Training
from headstart.run.watched import watched
from headstart.spaces import ParameterSpace
from headstart.tasks.mujoco.informed import SEEN
from headstart.types import Learner, ObservationSpace, Params, State, TaskDistribution, TaskFamily

ROLLOUT_STEPS = 64
FORMAT = 6  # of what is kept: a number for each way in which the arms of any size have learnt
# A policy of 64-64 units that is told the dynamics is worth no more than one that is not; with these it is worth much
# more (one seed, docs/log.md). The recurrent one is the paper's: 128 units in every layer.
HIDDEN, UNITS = (256, 256), 128
# Teachers learn from replay, and so does the policy that has none: in a million steps a teacher is then worth more than
# after two million on policy (docs/log.md, "teachers from replay").
REPLAYED, REPLAYED_RATE, REPLAYED_BATCH = (128, 128), 5e-4, 128
STEPS_A_GRADIENT, CAPACITY = 8, 1 << 20
SPAN = 32  # rollouts that the mean of their parameters reaches back over
# Steps of the world are what is scarce here, so more is made of each than by the defaults.
EPOCHS, LEARNING_RATE = 8, 3e-4
# Without a memory nothing is gained by rows that follow each other. Single ones, of all robots, were better after half
# a million steps, and no better after more (docs/log.md, "Rows of PPO without memory").
ROWS: dict[str, Any] = {"minibatch_size": 256, "chunk": 1}
EXPLORATION = 0.1  # of a student, in half ranges: it is to see what lies beside its path
WARM_UP = 8  # of so many updates one: who goes on from a student has no critic yet
TEACHER = "teacher"


class Job(NamedTuple):
    """One training and its evaluation; an oracle's is on one of the unmet robots inside of the ranges, its `row`."""

    world: str
    name: str
    arm: Arm
    seed: int
    row: int | None = None


class Amount(NamedTuple):
    """Environment steps of who learns by itself, and of who learns from a teacher that did; 0: there is none."""

    steps: int
    taught: int


def name_of(job: Job) -> str:
    """Names a job, in files."""
    return f"{job.world}-{job.name.replace(' ', '-')}-{job.seed}"


def teacher_of(job: Job) -> Job:
    """Returns the job of an arm's teacher; all arms for which the same is randomized have one."""
    fixed = f" fixed {job.arm.fixed}" if job.arm.fixed else ""
    return Job(job.world, TEACHER + fixed, Arm("none", fixed=job.arm.fixed), job.seed)


def learnt(job: Job, home: TaskFamily, amount: Amount, folder: Path) -> tuple[StochasticPolicy, Params]:
    """Returns the policy that an arm ends in, and its parameters, from the disk where it was learnt before.

    Without randomization there is nothing to be told: that policy learns as a teacher does, for as many steps as a
    teacher and its student together. Where there are no teachers every policy learns by itself, on its own rollouts.
    """
    world, teacher = WORLDS[job.world], teacher_of(job)
    tasks, practice = distribution_of(home, world, job.arm), practice_of(home, world)
    teaching = TEACHINGS[world.teaching]
    if not amount.taught:
        learner = reinforced(job, home, amount.steps)
        learn = partial(practised, job, practice, learner, tasks, amount.steps, folder)
        return learner.policy, kept_params(job, learner, amount.steps, folder, lambda: learner.params(learn()))
    if not job.arm.randomized:
        return well_learnt(job, home, practice, tasks, amount.steps + amount.taught, folder)
    if job == teacher:
        know = teaching.known
        return well_learnt(job, know(family=home), know(family=practice), tasks, amount.steps, folder)
    expert, params = learnt(teacher, home, amount, folder)
    student = dataclasses.replace(policy_of(job.arm.memory, home.observation, home), initial_std=EXPLORATION)
    updates = -(-amount.taught // (Distillation.envs * ROLLOUT_STEPS))
    lessons = Distillation(student=student, teacher=expert, entry=SEEN, asked=teaching.asked, decay=updates)
    fresh = lessons.init(key_of(job.seed, job.name))._replace(teacher=params)
    learn = partial(practised, job, teaching.shown(family=home), lessons, tasks, amount.taught, folder, fresh)
    return student, kept_params(job, lessons, amount.taught, folder, lambda: lessons.params(learn()))


def well_learnt(
    job: Job, home: Any, practice: Any, tasks: TaskDistribution, steps: int, folder: Path
) -> tuple[StochasticPolicy, Params]:
    """Learns as a teacher of its world does, from replay or in lessons: who teaches, and who has no teacher."""
    if WORLDS[job.world].teaching == "replay":
        learner = from_replay(job, practice, steps)
        return learner.policy, kept_params(
            job, learner, steps, folder, lambda: learner.mean(practised(job, practice, learner, tasks, steps, folder))
        )
    pupil = reinforced(job, practice, steps)
    first, second = (partial(watched, **diverging(job, folder, part)) for part in ("first lesson", ""))
    learn = partial(schooled, key_of(job.seed, job.name), home, practice, pupil, tasks, steps, (first, second))
    return pupil.policy, kept_params(job, pupil, steps, folder, learn)


def gone_on(
    job: Job, home: TaskFamily, steps: int, tasks: TaskDistribution, params: Params, folder: Path
) -> tuple[StochasticPolicy, Params]:
    """Lets what was learnt go on by itself in other tasks; its critic, which it has none of, learns ahead of it."""
    learner = reinforced(job, home, steps)
    learner = dataclasses.replace(learner, critic_warmup=(learner.decay or 0) // WARM_UP)
    fresh = learner.init(key_of(job.seed, job.name))._replace(params=params)
    practice = practice_of(home, WORLDS[job.world])
    return learner.policy, learner.params(practised(job, practice, learner, tasks, steps, folder, fresh, "gone on"))


def alone(
    job: Job, home: TaskFamily, steps: int, tasks: TaskDistribution, folder: Path
) -> tuple[StochasticPolicy, Params]:
    """Lets a policy learn by itself from nothing."""
    learner = reinforced(job, home, steps)
    practice = practice_of(home, WORLDS[job.world])
    return learner.policy, learner.params(practised(job, practice, learner, tasks, steps, folder))


def reinforced(job: Job, home: TaskFamily, steps: int) -> RecurrentPPO:
    """Returns how a policy learns by itself in so many environment steps; its critic is told the dynamics."""
    world = WORLDS[job.world]
    policy = policy_of(job.arm.memory, home.observation, home)
    return RecurrentPPO(
        policy=dataclasses.replace(policy, initial_std=world.initial_std),
        discount=world.discount,
        epochs=EPOCHS,
        **(pieces_for(policy) if isinstance(policy, MemoryPolicy) else ROWS),
        learning_rate=LEARNING_RATE,
        decay=-(-steps // (RecurrentPPO.envs * ROLLOUT_STEPS)),
        value_hidden=HIDDEN,
        privileged=ParameterSpace((*home.dynamics.values(), *home.rewards.values())),
    )


def from_replay(job: Job, world: Any, steps: int) -> Averaged:
    """Returns how a policy without memory learns in so many environment steps from those that it remembers."""
    policy = SquashedPolicy(observation=world.observation, action=world.action, hidden=REPLAYED)
    learner = SAC(
        policy=policy, discount=WORLDS[job.world].discount, learning_rate=REPLAYED_RATE, critic_hidden=REPLAYED
    )
    rows = Training.envs * ROLLOUT_STEPS
    replayed = Replayed(
        learner=learner,
        capacity=max(min(CAPACITY, steps), 2 * rows),
        updates=rows // STEPS_A_GRADIENT,
        batch_size=REPLAYED_BATCH,
        starts=rows + 1,
    )
    return Averaged(learner=replayed, span=SPAN)


def policy_of(memory: MemoryName, observation: ObservationSpace, home: TaskFamily) -> Any:
    """Returns a policy with as many units as gaits for all robots need."""
    policy = policy_with(memory, observation, home.action)
    if memory in ("none", "history"):
        return dataclasses.replace(policy, hidden=HIDDEN)
    return dataclasses.replace(policy, memory=UNITS, branch=UNITS, hidden=(UNITS,))


def kept_params(job: Job, learner: Any, steps: int, folder: Path, learn: Callable[[], Params]) -> Params:
    """Returns the parameters that a policy ends with, from the disk where it ended before, else as it learns them."""
    place = folder / f"learners-{FORMAT}" / name_of(job)
    params = recalled(place, lambda key: learner.params(learner.init(key)))
    if params is None:
        params = learn()
        sealed.write(place, SOURCE, steps, params, {})
    return params


def practised(
    job: Job,
    home: TaskFamily,
    learner: Learner,
    tasks: TaskDistribution,
    steps: int,
    folder: Path,
    fresh: State | None = None,
    part: str = "",
) -> Any:
    """Trains for so many environment steps, from a state where there is one; says where the simulator diverged."""
    training = Training(family=home, learner=learner, distribution=tasks, steps=ROLLOUT_STEPS, split=False)
    run = training.start(key_of(job.seed, job.name), fresh)
    for progress in watched(training, run, steps, **diverging(job, folder, part)):
        run = progress.run
    return run.learner


def diverging(job: Job, folder: Path, part: str) -> dict[str, Any]:
    """Names the file on where the simulator diverged in a job, or in a part of it, and whom it is of."""
    file = f"diverged-{name_of(job)}{f'-{part}' if part else ''}.json".replace(" ", "-")
    return {"path": folder / file, "source": f"{job.world}, {job.name}", "seed": job.seed}
