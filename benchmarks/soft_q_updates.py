"""Soft Q-learning with 16 particles beside SAC, both ours, 256-256, batch 256: time of an update, in units of SAC's.

    python benchmarks/soft_q_updates.py --out results/soft_q_updates.json

Both draw from a replay and make 64 updates in one dispatch; no world is stepped. 16 particles are 8 updated and 8
fixed, and 16 actions estimate the value of a state, as in the authors' code.

What was learnt on the way: with noise and actions beside the observation at the first layer, an update needs 67
products of a batch with a hidden layer where SAC needs 16, and took 6 times as long. They enter at the last hidden
layer now (`nets/late.py`): 8 such products, and the rest is passes over memory, thin products and random numbers.
"""

import argparse
import shlex
import statistics
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
from side_by_side import interleaved, ratio, report, timed

from headstart.learn.replayed import OffPolicyLearner, Replayed
from headstart.learn.sac import SAC
from headstart.learn.soft_q import SoftQ
from headstart.nets.policies import SquashedPolicy
from headstart.nets.sampler import SamplingPolicy
from headstart.spaces import Box
from headstart.types import Rollout, Task

OBS, ACTION, BATCH, HIDDEN, UPDATES = 11, 3, 256, 256, 64
UPDATED, FIXED, SAMPLES = 8, 8, 16
SPACES = {"observation": Box((OBS,)), "action": Box((ACTION,), -1.0, 1.0), "hidden": (HIDDEN, HIDDEN)}
LIMITS = {"share_of_sac_speed": 1 / 3}  # at most 3 times the time


def learners() -> dict[str, OffPolicyLearner]:
    """Returns both, at equal network size."""
    soft_q = SoftQ(
        policy=SamplingPolicy(**SPACES),
        critic_hidden=(HIDDEN, HIDDEN),
        updated_particles=UPDATED,
        fixed_particles=FIXED,
        value_samples=SAMPLES,
    )
    return {"sac": SAC(policy=SquashedPolicy(**SPACES)), "soft_q": soft_q}


def learning(inner: OffPolicyLearner):
    """Returns a call that adds a rollout and makes `UPDATES` updates from replay."""
    learner = Replayed(learner=inner, capacity=20_000, updates=UPDATES, batch_size=BATCH, starts=64)
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
    parser.add_argument("--out", type=Path, help="where to store the figures, as JSON")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    turns = {name: (timed(learning(inner)), 1) for name, inner in learners().items()}
    measured = interleaved(turns, arguments.rounds)
    seconds = {name: [s / UPDATES for s in each] for name, each in measured.items()}
    for name, each in seconds.items():
        print(f"{name:40s} {1e3 * statistics.median(each):7.2f} ms an update", flush=True)
    result = {
        "command": shlex.join(["python", *sys.argv]),
        "seconds_an_update": {name: statistics.median(each) for name, each in seconds.items()},
        "times_sac": ratio(seconds["soft_q"], seconds["sac"]),
        "share_of_sac_speed": ratio(seconds["sac"], seconds["soft_q"]),
    }
    print(f"{'times_sac':40s} {result['times_sac']:6.2f}", flush=True)
    report(result, LIMITS, arguments.out)


if __name__ == "__main__":
    main()
