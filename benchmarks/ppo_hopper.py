"""PPO on 64 hoppers beside sbx, Stable-Baselines3 and the bare physics, in turns, in one process tree.

Equal settings: 64 environments × 64 steps, 4 epochs, minibatches of 512, networks of 64-64, CPU. The peers train on
Gymnasium's Hopper-v5, in children of an interpreter that has them. The limit is `mujoco.rollout` alone on the same
number of threads, with our models, fed with the states and actions of our own latest rollout ("bare"), and of a policy
that acts at random ("bare, random"): how long a step takes depends on the contacts. "bare, as it comes" is
`mujoco.rollout` with Gymnasium's model and MuJoCo's stopwatch, which our worlds do without.

A round gives each of them the same number of updates, one after the other; compilation and first rounds do not count,
nor do the first seconds of each turn, in which caches still hold another contestant's work.
Ratios are taken within a round, so that what else the machine does cancels, and the median over the rounds is given.

python benchmarks/ppo_hopper.py --peer-python PEERS/bin/python --out results/ppo_hopper.json
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import jax
import mujoco
import numpy as np
from mujoco.rollout import Rollout as Physics

from headstart.commands.compiled import arithmetic
from headstart.learn.ppo import PPO
from headstart.nets.policies import GaussianPolicy
from headstart.run.train import Run, Training, train
from headstart.tasks import stopwatch
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.tasks.mujoco import MujocoFamily
from headstart.tasks.mujoco.model import specification
from headstart.types import Rollout

ENVS, STEPS, EPOCHS, MINIBATCH, HIDDEN = 64, 64, 4, 512, 64
LEAD = 1.5  # seconds at the beginning of a turn that do not count
GOALS = {"sbx": 3.0, "stable_baselines3": 4.0, "bare": 0.65}


class Ours:
    """Our training loop; remembers its latest rollout."""

    def __init__(self, world: MujocoFamily):
        policy = GaussianPolicy(observation=world.observation, action=world.action, hidden=(HIDDEN, HIDDEN))
        learner = PPO(policy=policy, envs=ENVS, epochs=EPOCHS, minibatch_size=MINIBATCH)
        distribution = Fixed(task=world.task())
        self.training = Training(family=world, learner=learner, distribution=distribution, envs=ENVS, steps=STEPS)
        self.run: Run = self.training.start(jax.random.key(0))
        self.rollout: Rollout | None = None

    def seconds(self, updates: int) -> float:
        """Trains on; returns how long it took."""
        begin = time.perf_counter()
        for progress in train(self.training, self.run, int(self.run.env_steps) + updates * ENVS * STEPS):
            self.run, self.rollout = progress.run, progress.rollout
        jax.block_until_ready(self.run.learner)
        return time.perf_counter() - begin


class Peer:
    """A child process that trains with another library."""

    def __init__(self, python: str, peer: str, vectorization: str, threads: int):
        sizes = {"envs": ENVS, "steps": STEPS, "epochs": EPOCHS, "minibatch": MINIBATCH, "hidden": HIDDEN}
        words = [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
        words += ["--peer", peer, "--vectorization", vectorization, "--torch-threads", str(threads)]
        child = [python, "-W", "ignore", str(Path(__file__).with_name("ppo_peer.py")), *words]
        self.process = subprocess.Popen(child, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.versions = self._answer()

    def seconds(self, updates: int) -> float:
        """Trains on; returns how long it took."""
        print(updates * ENVS * STEPS, file=self.process.stdin, flush=True)
        return self._answer()["seconds"]

    def close(self) -> None:
        """Ends the child."""
        self.process.communicate()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{' '.join(self.process.args)} ended with status {self.process.wait()}")
        return json.loads(line)


class Bare:
    """`mujoco.rollout` alone: recorded states and controls, stepped again, all environments in one call."""

    def __init__(self, world: MujocoFamily, as_it_comes: bool = False):
        self.frames, self.threads = world.robot.about.frame_skip, world.threads
        self.models, self.switch = world.models(world.start(ENVS)), stopwatch.stop
        if as_it_comes:
            self.models = [specification(world.robot.about.asset).compile() for _ in range(ENVS)]
            self.switch = stopwatch.start
        self.scratch = [mujoco.MjData(self.models[0]) for _ in range(max(1, self.threads))]
        self.pool = Physics(nthread=self.threads)
        self.low, self.high = world.action.bounds()

    def seconds(self, rollout: Rollout, updates: int) -> float:
        """Repeats the physics of a rollout; returns how long it took. The hopper's place along x plays no part."""
        states = np.pad(np.asarray(rollout.obs, np.float64), ((0, 0), (0, 0), (2, 0)))
        controls = np.clip(np.asarray(rollout.action, np.float64), self.low, self.high)
        controls = np.repeat(controls[:, :, None], self.frames, axis=2)
        out = np.empty((ENVS, self.frames, states.shape[-1]))
        self.switch()
        begin = time.perf_counter()
        for _ in range(updates):
            for state, control in zip(states, controls, strict=True):
                self.pool.rollout(
                    self.models, self.scratch, state, control, skip_checks=True, nstep=self.frames, state=out
                )
        took = time.perf_counter() - begin
        stopwatch.stop()
        return took


def alternate(contestants: dict[str, Callable[[int], float]], rounds: int, updates: int) -> Iterator[dict]:
    """Lets each take its turn in every round; yields the environment steps/s of all rounds so far, and the load."""
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    load = []
    for i in range(rounds):
        for name, seconds in contestants.items():
            begin = time.perf_counter()
            while time.perf_counter() - begin < LEAD:
                seconds(1)
            rates[name].append(updates * ENVS * STEPS / seconds(updates))
        load.append(os.getloadavg()[0])
        print(f"round {i + 1}: " + "  ".join(f"{name} {rate[-1]:,.0f}" for name, rate in rates.items()), flush=True)
        yield {"rates": rates, "load": load}


def compare(rates: dict[str, list[float]]) -> dict[str, dict]:
    """Returns medians and the ratios of ours to each; prints them beside the goals."""
    found = {"ours": {"steps_per_second": statistics.median(rates["ours"])}}
    print(f"{'ours':20}{found['ours']['steps_per_second']:10,.0f} steps/s")
    for name, theirs in rates.items():
        if name == "ours":
            continue
        ratios = [ours / other for ours, other in zip(rates["ours"], theirs, strict=True)]
        ratio, goal = statistics.median(ratios), GOALS.get(name)
        found[name] = {"steps_per_second": statistics.median(theirs), "ratio": ratio, "goal": goal}
        verdict = "" if goal is None else f"  goal {goal:g}  {'met' if ratio >= goal else 'MISSED'}"
        print(f"{name:20}{found[name]['steps_per_second']:10,.0f} steps/s  ours / it {ratio:6.3f}{verdict}")
    return found


def main() -> None:
    """Measures in turns and stores the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer-python", help="an interpreter with stable-baselines3 and sbx-rl; without it, no peers")
    parser.add_argument("--out", type=Path, help="where to store the figures, as JSON")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--updates", type=int, default=8, help="of each in a round")
    parser.add_argument("--warmup", type=int, default=4, help="updates that do not count")
    parser.add_argument("--vectorization", choices=("dummy", "subproc"), default="dummy", help="of the peers' worlds")
    parser.add_argument("--torch-threads", type=int, default=1, help="of the peers")
    options = parser.parse_args()
    arithmetic()  # as the commands do
    world = family("hopper")
    ours, bare, stock, peers = Ours(world), Bare(world), Bare(world, as_it_comes=True), {}
    if options.peer_python:
        words = (options.vectorization, options.torch_threads)
        peers = {name: Peer(options.peer_python, name, *words) for name in ("sbx", "stable_baselines3")}
    first = ours.training.advance(ours.run).rollout  # of a policy that knows nothing yet
    for contestant in (ours, *peers.values()):
        contestant.seconds(options.warmup)
    contestants = {
        "ours": ours.seconds,
        "bare": lambda updates: bare.seconds(ours.rollout, updates),
        "bare, random": lambda updates: bare.seconds(first, updates),
        "bare, as it comes": lambda updates: stock.seconds(ours.rollout, updates),
        **{name: peer.seconds for name, peer in peers.items()},
    }
    peer_versions = {name: peer.versions for name, peer in peers.items()}
    far = {}
    for far in alternate(contestants, options.rounds, options.updates):
        if options.out:  # after each round: what was measured is kept, whatever comes
            store(options, {"peers": peer_versions, "physics_threads": world.threads, **far})
    found = compare(far["rates"])
    for peer in peers.values():
        peer.close()
    if options.out:
        store(options, {"peers": peer_versions, "physics_threads": world.threads, **far, "found": found})


def store(options: argparse.Namespace, measured: dict) -> None:
    """Writes the figures beside what they were measured with."""
    names = ("jax", "mujoco", "numpy", "gymnasium")
    sizes = {"envs": ENVS, "steps": STEPS, "epochs": EPOCHS, "minibatch": MINIBATCH, "hidden": HIDDEN}
    settings = {name: getattr(options, name) for name in ("rounds", "updates", "vectorization", "torch_threads")}
    result = {
        "command": " ".join(["python", "benchmarks/ppo_hopper.py", *given(sys.argv[1:])]),
        "settings": sizes | settings,
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in names}},
        **measured,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")


def given(words: list[str]) -> list[str]:
    """Returns the command line without where things lie on this machine."""
    places = [i + 1 for i, word in enumerate(words) if word == "--peer-python"]
    return [f"PEERS/bin/{Path(word).name}" if i in places else word for i, word in enumerate(words)]


if __name__ == "__main__":
    main()
