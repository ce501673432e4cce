"""SAC, 256-256, batch 256: updates per second against sbx and against the machine's own matrix products.

    python benchmarks/sac_updates.py --peer-python PATH --out results/sac_updates.json

Both sides draw from a replay and learn; no world is stepped. sbx is timed with one update a call (as it trains with one
update a step) and with 64 a call. Ours makes 64 in one dispatch.

What was learnt on the way, with XLA on two cores:

- The update is bound by its 16 products of 256 × 256 × 256 (537 of 590 MFLOP): what is left to win is small.
- The two critics as one batched product (`vmap`) are slower than one after the other: XLA's CPU back end has no fast
  kernel for batched products.
- Losses differentiated only by what they train: the policy's gradient passes through the critics without making theirs.
"""

import argparse
import statistics
from pathlib import Path

import jax
import jax.numpy as jnp
from matrix_products import blas_products, flops, jax_products, layer_products, times, together
from side_by_side import interleaved, peer, ratio, report, timed

from headstart.commands.compiled import arithmetic
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.nets.policies import SquashedPolicy
from headstart.spaces import Box
from headstart.types import Rollout, Task

OBS, ACTION, BATCH, HIDDEN, UPDATES = 11, 3, 256, 256, 64
LIMITS = {"times_sbx_one_a_call": 1.5, "share_of_matrix_products": 0.7}


def products() -> dict[tuple[int, int, int], int]:
    """Lists the matrix products of one update."""
    actor, critic = (OBS, HIDDEN, HIDDEN, 2 * ACTION), (OBS + ACTION, HIDDEN, HIDDEN, 1)
    return together(
        layer_products(BATCH, actor, weights=False, inputs=False),  # the next action
        times(2, layer_products(BATCH, critic, weights=False, inputs=False)),  # targets
        times(2, layer_products(BATCH, critic, weights=True, inputs=False)),  # critics learn
        layer_products(BATCH, actor, weights=True, inputs=False),  # the policy learns
        times(2, layer_products(BATCH, critic, weights=False, inputs=True)),  # through the critics
    )


def ours():
    """Returns a call that adds a rollout and makes `UPDATES` updates from replay."""
    policy = SquashedPolicy(observation=Box((OBS,)), action=Box((ACTION,), -1.0, 1.0), hidden=(HIDDEN, HIDDEN))
    learner = Replayed(learner=SAC(policy=policy), capacity=20_000, updates=UPDATES, batch_size=BATCH, starts=64)
    key = jax.random.key(0)
    lead = (UPDATES, 1)
    obs, never = jax.random.normal(key, (*lead, OBS)), jnp.zeros(lead, bool)
    action = jnp.tanh(jax.random.normal(key, (*lead, ACTION)))
    rollout = Rollout(obs, action, obs[..., 0], obs, never, never, never, ~never, Task({}, {}))
    box = [learner.init(key)]

    def call():
        box[0], _ = learner.update(key, box[0], rollout)
        return box[0].learner

    return call


def main() -> None:
    """Measures in turns, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", required=True, help="Python of an environment with sbx-rl and gymnasium")
    parser.add_argument("--out", type=Path, help="where to store the figures, as JSON")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    arithmetic(updates="long")  # as `headstart train --learner sac` does
    work = products()
    with peer(arguments.peer_python, "sac", 1) as single, peer(arguments.peer_python, "sac", UPDATES) as many:
        turns = {
            "ours": (timed(ours()), 2),
            "sbx_one_a_call": (single, 2 * UPDATES),
            "sbx_64_a_call": (many, 2),
            "products_jax": (timed(jax_products(work, UPDATES)), 2),
            "products_blas": (timed(blas_products(work)), 2 * UPDATES),
        }
        seconds = interleaved(turns, arguments.rounds)
    for name in ("ours", "sbx_64_a_call", "products_jax"):
        seconds[name] = [s / UPDATES for s in seconds[name]]
    rates = {name: 1 / statistics.median(values) for name, values in seconds.items()}
    for name, rate in rates.items():
        print(f"{name:40s} {rate:7.1f} updates/s   {rate * flops(work) / 1e9:6.1f} GFLOP/s", flush=True)
    fastest = "products_jax" if rates["products_jax"] > rates["products_blas"] else "products_blas"
    result = {
        "updates_per_second": rates,
        "megaflop_an_update": flops(work) / 1e6,
        "products": {str(shape): count for shape, count in work.items()},
        "fastest_products": fastest,
        "times_sbx_one_a_call": ratio(seconds["sbx_one_a_call"], seconds["ours"]),
        "times_sbx_64_a_call": ratio(seconds["sbx_64_a_call"], seconds["ours"]),
        "share_of_matrix_products": ratio(seconds[fastest], seconds["ours"]),
    }
    print(f"{'times_sbx_64_a_call':40s} {result['times_sbx_64_a_call']:6.2f}", flush=True)
    report(result, LIMITS, arguments.out)


if __name__ == "__main__":
    main()
