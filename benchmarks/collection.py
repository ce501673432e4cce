"""What the MuJoCo families cost beside the bare physics: steps/s of `step` and `reset` against `mujoco.rollout` alone.

Both step the same states with the same controls and the same dynamics, step by step in turns, in one process; random
actions, no policy. Medians over the steps. The overhead is the difference, and the cost of randomization is what it
adds.

Limits are judged in processor time, which other work on the machine changes less: bare physics divides its time by its
threads; what is beside it runs on one of them while the others wait. Rates by the clock are given too.

What randomization costs whoever trains is measured as well, by the clock: `collect` with policy and tasks, of a fresh
policy that falls at once and of one that has learnt to stay up, since every reset writes a model. Part of that is no
cost of randomizing: other robots than the plain one are simulated at another speed, and fall more or less often. So a
third world is timed beside the two, whose environments have random robots but keep them, without noise: what lies
between it and the randomized one is drawing tasks, writing models and the sensors' noise.

    python benchmarks/collection.py --out results/collection.json
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import mujoco
import numpy as np
from gymnasium.envs.mujoco import mujoco_env
from mujoco.rollout import Rollout

from headstart.adapt.randomize import preset
from headstart.commands.compiled import arithmetic
from headstart.data.collect import begin, collect
from headstart.learn.ppo import PPO
from headstart.nets.policies import GaussianPolicy
from headstart.run.train import Training, train
from headstart.tasks.fixed import Fixed
from headstart.tasks.mujoco import ALL, MujocoFamily
from headstart.tasks.mujoco.family import WorldState
from headstart.tasks.mujoco.parameters import NOISE
from headstart.types import Task, TaskDistribution

LEARNT = 262_144  # steps of training, of the policy that stays up
LIMITS = {"step": 0.93, "randomization": 0.05, "reset": 10.0}


def clocks() -> np.ndarray:
    """Seconds on the wall, and of the processor in all threads of this process."""
    return np.array([time.perf_counter(), time.process_time()])


class Bare:
    """`mujoco.rollout` alone, on models with the same dynamics; only its own call is timed."""

    def __init__(self, family: MujocoFamily, state: WorldState):
        """Takes over the dynamics of a state."""
        self.family, self.held, self.models = family, state.dynamics, family.models(state)
        n, model, self.frames = len(state.physics), self.models[0], family.robot.about.frame_skip
        self.scratch = [mujoco.MjData(model) for _ in range(max(1, family.threads))]
        self.pool = Rollout(nthread=family.threads)
        self.out = np.empty((n, self.frames, state.physics.shape[1]))
        self.sensors = np.empty((n, self.frames, model.nsensordata))
        self.delay = list(family.dynamics).index("delay:action")

    def seconds(self, state: WorldState, action: np.ndarray) -> np.ndarray:
        """Steps every environment; returns what the call took by each clock."""
        if state.dynamics is not self.held:
            rows = np.flatnonzero((state.dynamics != self.held).any(axis=1)).tolist()
            for row, model in zip(rows, self.family.models(state, rows), strict=True):
                self.models[row] = model
            self.held = state.dynamics
        queue = np.concatenate([action[:, None], state.queue[:, :-1]], axis=1)
        control = queue[np.arange(len(queue)), state.dynamics[:, self.delay].astype(int)]
        control = np.repeat(control[:, None], self.frames, axis=1)
        begin = clocks()
        self.pool.rollout(
            self.models,
            self.scratch,
            state.physics,
            control,
            skip_checks=True,
            nstep=self.frames,
            state=self.out,
            sensordata=self.sensors if self.sensors.size else None,
        )
        return clocks() - begin


def overhead(family: MujocoFamily, distribution: TaskDistribution, envs: int, steps: int) -> dict[str, float]:
    """Steps a batch with random actions, each step in turn with the bare physics of the same step.

    The tasks of every reset are drawn beforehand: that is the distribution's time, not the world's.
    """
    everywhere, low_high = np.ones(envs, bool), family.action.bounds()
    actions = np.random.default_rng(0).uniform(*low_high, (steps, envs, *family.action.shape)).astype(np.float32)
    pool = jax.tree.map(np.asarray, distribution.sample(jax.random.key(0), (), 64 * envs))
    state = family.reset(np.arange(envs), family.start(envs), cut(pool, 0, envs), everywhere)
    bare, age, ours, theirs, resets = Bare(family, state), np.zeros(envs, int), [], [], 0
    for t, action in enumerate(actions):
        tasks, seeds = cut(pool, t + 1, envs), np.arange(t, t + envs)
        theirs.append(bare.seconds(state, action))
        begin = clocks()
        outcome = family.step(seeds, state, action, everywhere)
        family.observe(outcome.state)
        age += 1
        ended = outcome.terminated | ~outcome.valid | (age >= family.horizon)
        if ended.any():
            age[ended] = 0
            state = family.reset(seeds, outcome.state, tasks, ended)
            family.observe(state)
        else:
            state = outcome.state
        ours.append(clocks() - begin)
        resets += int(ended.sum())
    (mine, _), (wall, processor) = np.median(ours, axis=0), np.median(theirs, axis=0)
    extra = float(np.median([one[1] - other[1] for one, other in zip(ours, theirs, strict=True)]))
    bare_seconds = processor / max(1, family.threads)
    return {
        "bare_steps_per_second": envs / wall,
        "steps_per_second": envs / mine,
        "bare_us": 1e6 * bare_seconds,
        "overhead_us": 1e6 * extra,
        "ratio": bare_seconds / (bare_seconds + extra),
        "resets_per_step": resets / steps,
    }


def collected(family: MujocoFamily, envs: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Times drawing tasks and collecting 64 steps, with plain and with random dynamics in turns."""
    policy = GaussianPolicy(observation=family.observation, action=family.action)
    spread = preset(family, "wide")
    worlds = {"plain": Fixed(task=family.task()), "kept": Kept.of(spread, envs), "randomized": spread}
    learner = PPO(policy=policy, envs=envs)
    training = Training(family=family, learner=learner, distribution=worlds["randomized"], envs=envs)
    run = training.start(jax.random.key(0))
    found = {}
    for name, learnt in (("fresh", 0), ("learnt", LEARNT)):
        for progress in train(training, run, learnt) if learnt else ():
            run = progress.run
        params, carries, seconds, resets = learner.params(run.learner), {}, {}, dict.fromkeys(worlds, 0)
        for kind, world in worlds.items():
            tasks = world.sample(jax.random.key(1), (), envs)
            carries[kind], seconds[kind] = begin(jax.random.key(2), family, policy, params, tasks, envs), []
        for i in range(-4, rounds):  # the first episodes begin all at once
            for kind, world in worlds.items():
                began = time.perf_counter()
                tasks = world.sample(jax.random.key(100 + i), (), training.pool)
                rollout, carries[kind] = collect(
                    jax.random.key(i + 10), family, policy, params, carries[kind], tasks, 64
                )
                if i >= 0:
                    seconds[kind].append(time.perf_counter() - began)
                    resets[kind] += int((rollout.terminated | rollout.truncated).sum())
        found[name] = {f"{kind}_ms": 1e3 * statistics.median(those) for kind, those in seconds.items()}
        for share, less in (("share", "plain"), ("own_share", "kept")):
            # turn by turn: a shared machine's speed drifts by more than the share is
            pairs = zip(seconds[less], seconds["randomized"], strict=True)
            low, found[name][share], high = statistics.quantiles([1 - one / other for one, other in pairs], n=4)
            found[name][f"{share}_quartiles"] = [low, high]
        found[name]["resets_per_step"] = {kind: count / 64 / rounds for kind, count in resets.items()}
    return found


class Kept(NamedTuple):
    """Random robots, one for each environment, that each of its episodes has again; their sensors have no noise."""

    tasks: Task

    @classmethod
    def of(cls, spread: TaskDistribution, envs: int) -> "Kept":
        """Draws the robots."""
        tasks = jax.tree.map(np.asarray, spread.sample(jax.random.key(3), (), envs))
        return cls(tasks._replace(dynamics={**tasks.dynamics, NOISE: np.zeros(envs, np.float32)}))

    def sample(self, key: Any, state: Any, n: int) -> Task:
        """Returns `n` tasks, the robots round and round."""
        return jax.tree.map(lambda leaf: np.resize(leaf, (n, *leaf.shape[1:])), self.tasks)


def cut(pool: Task, turn: int, envs: int) -> Task:
    """Takes the tasks of one turn out of a pool."""
    rows = np.arange(turn * envs, (turn + 1) * envs) % (64 * envs)
    return jax.tree.map(lambda leaf: leaf[rows], pool)


def per_reset(family: MujocoFamily, envs: int, repeats: int) -> dict[str, float]:
    """Times a randomized reset of every environment against reading and compiling the model's file, for each one."""
    everywhere, state = np.ones(envs, bool), family.start(envs)
    pools = [preset(family, "wide").sample(jax.random.key(i), (), envs) for i in range(4)]
    pools = [jax.tree.map(np.asarray, pool) for pool in pools]
    path, ours, theirs = str(Path(mujoco_env.__file__).parent / "assets" / family.robot.about.asset), [], []
    for i in range(repeats):
        begin = time.perf_counter()
        state = family.reset(np.arange(envs), state, pools[i % 4], everywhere)
        ours.append((time.perf_counter() - begin) / envs)
        begin = time.perf_counter()
        mujoco.MjModel.from_xml_path(path)
        theirs.append(time.perf_counter() - begin)
    mine, other = statistics.median(ours), statistics.median(theirs)
    return {"reset_us": 1e6 * mine, "recompile_us": 1e6 * other, "ratio": other / mine}


def measure(family: MujocoFamily, envs: int, steps: int) -> dict[str, dict[str, Any]]:
    """Measures one family and prints what was found."""
    plain = overhead(family, Fixed(task=family.task()), envs, steps)
    spread = overhead(family, preset(family, "wide"), envs, steps)
    extra = spread["overhead_us"] - plain["overhead_us"]
    cost, again = {"share": extra / (spread["bare_us"] + spread["overhead_us"])}, per_reset(family, envs, 20)
    trained = collected(family, envs, 24)
    for name, ratio, limit, good in (
        ("step / bare", plain["ratio"], LIMITS["step"], plain["ratio"] >= LIMITS["step"]),
        ("cost of randomization", cost["share"], LIMITS["randomization"], cost["share"] <= LIMITS["randomization"]),
        *(
            (f"{said}, {name} policy", one[share], LIMITS["randomization"], one[share] <= LIMITS["randomization"])
            for name, one in trained.items()
            for said, share in (("cost", "own_share"), ("with other robots", "share"))
        ),
        ("recompile / reset", again["ratio"], LIMITS["reset"], again["ratio"] >= LIMITS["reset"]),
    ):
        print(f"{family.name:14}{name:32}{ratio:8.3f}  limit {limit:g}  {'met' if good else 'MISSED'}")
    for name, figures in (("plain", plain), ("randomized", spread)):
        text = "  ".join(f"{key} {value:,.2f}" for key, value in figures.items())
        print(f"{'':14}{name}: {text}", flush=True)
    for name, one in trained.items():
        text = "  ".join(f"{key} {value:,.3f}" for key, value in one.items() if isinstance(value, float))
        print(f"{'':14}{name}: {text}", flush=True)
    return {"plain": plain, "randomized": spread, "randomization": cost, "collect": trained, "reset": again}


def main() -> None:
    """Measures every family, or one, and stores the figures."""
    parser = argparse.ArgumentParser(description="The MuJoCo families beside mujoco.rollout alone.")
    parser.add_argument("--out", type=Path, help="where to store the figures, as JSON")
    parser.add_argument("--family", help="only this one")
    parser.add_argument("--envs", type=int, default=64)
    parser.add_argument("--steps", type=int, default=1000)
    arguments = parser.parse_args()
    arithmetic()  # as the commands do
    found = {
        family.name: measure(family, arguments.envs, arguments.steps)
        for family in ALL
        if arguments.family in (None, family.name)
    }
    if arguments.out:
        versions = {"python": platform.python_version(), "mujoco": mujoco.__version__, "numpy": np.__version__}
        result = {"limits": LIMITS, "envs": arguments.envs, "steps": arguments.steps, "cores": os.cpu_count()}
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        made = {"command": shlex.join(["python", *sys.argv]), **result}
        arguments.out.write_text(json.dumps({**made, "versions": versions, "families": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
