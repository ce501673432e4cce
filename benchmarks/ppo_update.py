"""PPO, 64-64, 64 environments × 64 steps, 4 epochs, minibatch 512: seconds of one update, against sbx.

python benchmarks/ppo_update.py --peer-python PATH --out results/ppo_update.json

Both sides compute advantages and learn; no world is stepped. What was learnt on the way: one dispatch for the whole
update instead of one for each of its 32 steps is where the factor comes from.
"""

import argparse
import statistics
from pathlib import Path

import jax
import jax.numpy as jnp
from side_by_side import interleaved, peer, ratio, report, timed

from headstart.learn.ppo import PPO
from headstart.nets.policies import GaussianPolicy
from headstart.spaces import Box
from headstart.types import Rollout, Task

OBS, ACTION, ENVS, STEPS = 11, 3, 64, 64
LIMITS = {"times_sbx": 3.0}


def ours():
    """Returns a call that makes one update."""
    policy = GaussianPolicy(observation=Box((OBS,)), action=Box((ACTION,), -1.0, 1.0))
    learner = PPO(policy=policy, envs=ENVS)
    key = jax.random.key(0)
    lead = (STEPS, ENVS)
    obs, never = jax.random.normal(key, (*lead, OBS)), jnp.zeros(lead, bool)
    action = jax.random.normal(key, (*lead, ACTION))
    rollout = Rollout(obs, action, obs[..., 0], obs, never, never, never, ~never, Task({}, {}))
    box = [learner.init(key)]

    def call():
        box[0], _ = learner.update(key, box[0], rollout)
        return box[0]

    return call


def main() -> None:
    """Measures in turns, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", required=True, help="Python of an environment with sbx-rl and gymnasium")
    parser.add_argument("--out", type=Path, help="where to store the figures, as JSON")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with peer(arguments.peer_python, "ppo", ENVS) as sbx:
        seconds = interleaved({"ours": (timed(ours()), 10), "sbx": (sbx, 3)}, arguments.rounds)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in medians.items():
        print(f"{name:40s} {1e3 * value:7.1f} ms an update", flush=True)
    result = {"seconds_an_update": medians, "times_sbx": ratio(seconds["sbx"], seconds["ours"])}
    report(result, LIMITS, arguments.out)


if __name__ == "__main__":
    main()
