"""Speed of checkpoints: MB/s to save and to load, and what share of a run's time saving takes.

    python benchmarks/checkpoint.py [--folder DIR] [--out results/checkpoint.json]

A PPO state is small (networks and Adam's moments), a SAC state carries a replay buffer. The floor beside it is one
plain write and fsync of the same bytes on the same disk, taken in turns, so that a busy machine slows both. CPU time is
given too: it hardly depends on what else runs.
"""

import argparse
import itertools
import json
import os
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from headstart.run import checkpoint, record

INTERVAL = 60.0  # seconds between checkpoints by default
LIMIT = 0.03  # the share of wall time that they may take


def network(sizes):
    return {
        f"layer{i}": {"w": jnp.ones(pair), "b": jnp.ones(pair[1])} for i, pair in enumerate(itertools.pairwise(sizes))
    }


def with_moments(params):
    return {"params": params, "mu": jax.tree.map(jnp.zeros_like, params), "nu": jax.tree.map(jnp.zeros_like, params)}


def ppo():
    """Returns a state for 64 hoppers: two 64-64 networks, physics and observations of each world."""
    worlds = {
        "qpos": np.zeros((64, 6)),
        "qvel": np.zeros((64, 6)),
        "act": np.zeros((64, 40)),
        "obs": np.zeros((64, 11)),
    }
    return {"actor": with_moments(network((11, 64, 64, 3))), "critic": with_moments(network((11, 64, 64, 1))),
            "key": jax.random.key(0), "worlds": worlds}  # fmt: skip


def sac(rows=1_000_000):
    """Returns a state with 256-256 networks and a full buffer of `rows` transitions of 27 floats and a flag."""
    numbers = np.random.default_rng(0)
    buffer = {name: jnp.asarray(numbers.random((rows, width), np.float32)) for name, width in
              {"obs": 11, "next_obs": 11, "action": 3, "reward": 1}.items()}  # fmt: skip
    critics = network((14, 256, 256, 1)), network((14, 256, 256, 1))
    return {"actor": with_moments(network((11, 256, 256, 6))), "critics": with_moments(critics), "target": critics,
            "buffer": buffer | {"terminated": jnp.zeros(rows, bool)}, "key": jax.random.key(0)}  # fmt: skip


def seconds(work):
    """Returns wall and CPU seconds."""
    begin, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - busy


def plain_write(path, content):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)
    os.close(descriptor)


def measure(state, folder, repeats):
    """Returns medians over `repeats` turns of save, load and the floor."""
    size = sum(np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x).nbytes
               for x in jax.tree.leaves(state))  # fmt: skip
    content = os.urandom(size)
    saves, loads, floors = [], [], []
    for step in range(repeats):
        saves.append(seconds(lambda step=step: checkpoint.save(folder, step, state, {})))
        floors.append(seconds(lambda: plain_write(folder / "floor", content)))
        loads.append(seconds(lambda: checkpoint.load_newest(folder, state)))
    (save, busy), (load, _), (floor, _) = (
        map(statistics.median, zip(*times, strict=True)) for times in (saves, loads, floors)
    )
    return {
        "megabytes": size / 1e6,
        "save_seconds": save,
        "save_cpu_seconds": busy,
        "save_megabytes_per_second": size / 1e6 / save,
        "load_megabytes_per_second": size / 1e6 / load,
        "plain_write_seconds": floor,
        "save_over_plain_write": save / floor,
        "share_of_wall_time": save / (INTERVAL + save),
        "limit": LIMIT,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--out", type=Path, default=Path("results/checkpoint.json"))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    results = {
        "command": shlex.join(["python", *sys.argv]),
        "versions": record.versions(),
        "seconds_between_checkpoints": INTERVAL,
    }
    try:
        for name, state, repeats in (("ppo", ppo(), 25), ("sac", sac(), 5)):
            results[name] = measure(state, folder / name, repeats)
            row = results[name]
            print(
                f"{name}: {row['megabytes']:.2f} MB, save {1000 * row['save_seconds']:.0f} ms "
                f"(CPU {1000 * row['save_cpu_seconds']:.0f} ms, {row['save_megabytes_per_second']:.0f} MB/s), "
                f"load {row['load_megabytes_per_second']:.0f} MB/s, "
                f"{row['save_over_plain_write']:.2f} × a plain write, "
                f"{100 * row['share_of_wall_time']:.2f} % of wall time at one a minute (limit {100 * LIMIT:.0f} %)"
            )
    finally:
        shutil.rmtree(folder)
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
