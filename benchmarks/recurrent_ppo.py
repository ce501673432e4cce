"""PPO on 64 hoppers: what a memory costs, beside the same training without one.

Equal settings: 64 environments × 64 steps, 4 epochs, minibatches of 512 rows, layers of 64. In every round each of them
gives the same number of updates, one after the other; compilation and first rounds do not count. Ratios are taken
within a round, so that what else the machine does cancels, and the median over the rounds is given.

python benchmarks/recurrent_ppo.py --out results/recurrent_ppo.json
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import jax

from headstart.commands.compiled import arithmetic
from headstart.learn.on_policy import on_policy
from headstart.nets.memory import MEMORIES, policy_with
from headstart.run.train import Run, Training, train
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed

ENVS, STEPS = 64, 64
GOAL = 0.4  # of the speed without memory


class Contestant:
    """One training loop."""

    def __init__(self, memory: str):
        world = family("hopper")
        learner = on_policy(policy_with(memory, world.observation, world.action), envs=ENVS)
        distribution = Fixed(task=world.task())
        self.training = Training(family=world, learner=learner, distribution=distribution, envs=ENVS, steps=STEPS)
        self.run: Run = self.training.start(jax.random.key(0))

    def seconds(self, updates: int) -> tuple[float, float]:
        """Trains on; returns how long it took, by the clock and of the processor."""
        begin, spent = time.perf_counter(), time.process_time()
        for progress in train(self.training, self.run, int(self.run.env_steps) + updates * ENVS * STEPS):
            self.run = progress.run
        jax.block_until_ready(self.run.learner)
        return time.perf_counter() - begin, time.process_time() - spent


def main() -> None:
    """Measures in turns, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="where to store the figures, as JSON")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--updates", type=int, default=4, help="of each in a round")
    parser.add_argument("--warmup", type=int, default=3, help="updates that do not count")
    options = parser.parse_args()
    arithmetic()  # as the commands do
    contestants = {memory: Contestant(memory) for memory in MEMORIES}
    for contestant in contestants.values():
        contestant.seconds(options.warmup)
    clock = {memory: [] for memory in MEMORIES}
    processor = {memory: [] for memory in MEMORIES}
    for _ in range(options.rounds):
        for memory, contestant in contestants.items():
            by_clock, by_processor = contestant.seconds(options.updates)
            clock[memory].append(by_clock)
            processor[memory].append(by_processor)
    found = {}
    for memory in MEMORIES:
        rate = options.updates * ENVS * STEPS / statistics.median(clock[memory])
        ratios = [
            statistics.median(a / b for a, b in zip(times["none"], times[memory], strict=True))
            for times in (clock, processor)
        ]
        found[memory] = {"steps_per_second": rate, "ratio": ratios[0], "ratio_of_processor_time": ratios[1]}
        verdict = "" if memory == "none" else f"  goal {GOAL}  {'met' if ratios[0] >= GOAL else 'MISSED'}"
        print(
            f"{memory:10}{rate:10,.0f} steps/s  {ratios[0]:6.3f} of none ({ratios[1]:.3f} in processor time){verdict}"
        )
    if options.out:
        result = {
            "command": " ".join(["python", "benchmarks/recurrent_ppo.py", *sys.argv[1:]]),
            "goal": GOAL,
            "found": found,
            "seconds": clock,
            "processor_seconds": processor,
            "load": os.getloadavg()[0],
            "cores": len(os.sched_getaffinity(0)),
            "versions": {"python": platform.python_version(), "jax": version("jax"), "mujoco": version("mujoco")},
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
