"""The other half of `ppo_hopper.py`: a peer's PPO in its own interpreter, which trains when it is told to.

Reads a number of environment steps a line, trains for so many more, and answers with a line of JSON. Needs nothing of
ours; it is started by `ppo_hopper.py` with the interpreter of an environment that has the peer.
"""

import argparse
import importlib
import json
import platform
import sys
import time
from importlib.metadata import version

import gymnasium
import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

DISTRIBUTIONS = {"sbx": "sbx-rl", "stable_baselines3": "stable-baselines3"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", choices=DISTRIBUTIONS, required=True)
    parser.add_argument("--vectorization", choices=("dummy", "subproc"), default="dummy")
    parser.add_argument("--torch-threads", type=int, required=True)
    for name in ("envs", "steps", "epochs", "minibatch", "hidden"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.torch_threads)
    kinds = {"dummy": (DummyVecEnv, None), "subproc": (SubprocVecEnv, {"start_method": "fork"})}
    kind, how = kinds[options.vectorization]
    worlds = make_vec_env("Hopper-v5", options.envs, seed=0, vec_env_cls=kind, vec_env_kwargs=how)
    learner = importlib.import_module(options.peer).PPO(
        "MlpPolicy",
        worlds,
        n_steps=options.steps,
        batch_size=options.minibatch,
        n_epochs=options.epochs,
        policy_kwargs={"net_arch": [options.hidden, options.hidden]},
        seed=0,
        device="cpu",
    )
    names = (DISTRIBUTIONS[options.peer], "torch", "jax", "mujoco", "numpy", "gymnasium")
    say({"python": platform.python_version(), **{name: version(name) for name in names}})
    for line in sys.stdin:
        begin = time.perf_counter()
        learner.learn(int(line), reset_num_timesteps=False)
        say({"seconds": time.perf_counter() - begin})
    worlds.close()


def say(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    gymnasium.logger.min_level = gymnasium.logger.ERROR
    main()
