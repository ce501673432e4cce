"""Our own Adam beside optax's: the 32 steps of one PPO update on its two 64-64 networks, and their compilation.

    python benchmarks/adam.py --out results/adam.json

Both take the same gradients inside one scan, as a learner does. Seconds are the processor's own.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import jax
import optax

from headstart.maths.adam import adam_init, adam_step
from headstart.nets.mlp import MLP
from headstart.run.record import versions

STEPS = 32


def own(weights, gradients):
    """Takes the steps by `maths/adam.py`."""

    def step(carry, gradient):
        return adam_step(gradient, carry[1], carry[0], 3e-4, epsilon=1e-5), None

    return jax.lax.scan(step, (weights, adam_init(weights)), gradients)[0][0]


def by_optax(weights, gradients):
    """Takes the steps by optax."""
    optimizer = optax.adam(3e-4, eps=1e-5)

    def step(carry, gradient):
        change, state = optimizer.update(gradient, carry[1], carry[0])
        return (optax.apply_updates(carry[0], change), state), None

    return jax.lax.scan(step, (weights, optimizer.init(weights)), gradients)[0][0]


def main() -> None:
    """Measures in turns, prints and stores."""
    parser = argparse.ArgumentParser(description="Our own Adam beside optax's.")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    nets = {"actor": MLP(inputs=11, hidden=(64, 64), outputs=3), "critic": MLP(inputs=11, hidden=(64, 64), outputs=1)}
    weights = {name: net.init(jax.random.key(i)) for i, (name, net) in enumerate(nets.items())}
    gradients = jax.tree.map(lambda w: jax.random.normal(jax.random.key(2), (STEPS, *w.shape)), weights)
    compiled, compiling, spent = {}, {}, {"own": [], "optax": []}
    for name, steps in (("own", own), ("optax", by_optax)):
        began = time.process_time()
        compiled[name] = jax.jit(steps).lower(weights, gradients).compile()
        compiling[name] = time.process_time() - began
    gaps = jax.tree.map(lambda a, b: float(abs(a - b).max()), *(run(weights, gradients) for run in compiled.values()))
    for _ in range(options.rounds):
        for name, run in compiled.items():
            began = time.process_time()
            for _ in range(20):
                jax.block_until_ready(run(weights, gradients))
            spent[name].append((time.process_time() - began) / 20)
    found = {
        "command": " ".join(["python", *sys.argv]),
        "versions": versions(),
        "steps": STEPS,
        "processor_seconds_of_an_update": {name: statistics.median(values) for name, values in spent.items()},
        "processor_seconds_of_compilation": compiling,
        "largest_difference": max(jax.tree.leaves(gaps)),
    }
    print(json.dumps(found, indent=1))
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
