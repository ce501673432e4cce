"""The peer's side of a benchmark: sbx in an environment of its own, one timed turn for each line on standard input.

Not run by hand: `sac_updates.py` and `ppo_update.py` start it with the Python of `--peer-python`, an environment with
stable-baselines3, sbx-rl and gymnasium. It answers each line `N` with the rate of N calls.
"""

import sys
import time
import warnings

import gymnasium
import jax
import numpy as np

OBS, ACTION = 11, 3  # of the hopper


class Empty(gymnasium.Env):
    """A world of the hopper's spaces in which nothing happens: no physics is timed."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (OBS,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (ACTION,), np.float32)

    def reset(self, *, seed=None, options=None):
        return np.zeros(OBS, np.float32), {}

    def step(self, action):
        return np.zeros(OBS, np.float32), 0.0, False, False, {}


def sac(gradient_steps: int):
    """Returns a call that makes `gradient_steps` updates of SAC 256-256 at batch 256, and what it waits for."""
    from sbx import SAC
    from stable_baselines3.common.logger import configure

    model = SAC("MlpPolicy", Empty(), batch_size=256, buffer_size=20_000, policy_kwargs={"net_arch": [256, 256]})
    model.set_logger(configure(None, []))
    random = np.random.default_rng(0)
    for _ in range(10_000):
        obs = random.normal(size=(2, 1, OBS)).astype(np.float32)
        action = random.uniform(-1, 1, (1, ACTION)).astype(np.float32)
        model.replay_buffer.add(obs[0], obs[1], action, random.normal(size=1), np.zeros(1), [{}])
    return lambda: model.train(gradient_steps, 256), lambda: model.policy.qf_state.params


def ppo(envs: int):
    """Returns a call that makes one update of PPO 64-64: 64 steps, 4 epochs, minibatch 512; and what it waits for."""
    import torch
    from sbx import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.logger import configure

    model = PPO("MlpPolicy", make_vec_env(Empty, envs), n_steps=64, batch_size=512, n_epochs=4)
    model.set_logger(configure(None, []))
    random, buffer = np.random.default_rng(0), model.rollout_buffer
    obs, action = random.normal(size=(64, envs, OBS)), random.normal(size=(64, envs, ACTION))
    reward, end = random.normal(size=(64, envs)), torch.zeros(envs, 1)

    def update():
        buffer.reset()
        buffer.observations[:], buffer.actions[:], buffer.rewards[:] = obs, action, reward
        buffer.log_probs[:], buffer.full = -4.0, True
        buffer.compute_returns_and_advantage(last_values=end, dones=np.zeros(envs))
        model.train()

    return update, lambda: model.policy.actor_state.params


def main() -> None:
    """Prepares one algorithm, says "ready", then answers each line with seconds per call."""
    warnings.simplefilter("ignore")
    algorithm, size = sys.argv[1], int(sys.argv[2])
    call, result = {"sac": sac, "ppo": ppo}[algorithm](size)
    call()
    call()
    print("ready", flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        for _ in range(int(line)):
            call()
        jax.block_until_ready(result())
        print((time.perf_counter() - begin) / int(line), flush=True)


if __name__ == "__main__":
    main()
