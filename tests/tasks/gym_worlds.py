"""Gymnasium environments for tests: one that counts, and one that misbehaves in every way there is."""

import functools
import os
import signal
import sys
import time

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space


def plan(identity, episode):
    """Returns how long an episode lasts and whether it is the task that ends it."""
    word = (identity * 7919 + episode * 104729) % 10007
    return 1 + word % 7, bool(word % 2)


class Counting(gymnasium.Env):
    """Observes (who, episode, step, length); the reward is the step. Who it is, its first seed says."""

    observation_space = spaces.Box(-1.0, 2.0**24, (4,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self):
        self.identity, self.episode, self.count, self.length = None, -1, 0, 0

    def reset(self, *, seed=None, options=None):
        if self.identity is None:
            self.identity = seed % 2**20
        self.episode, self.count = self.episode + 1, 0
        self.length, self.task_ends = plan(self.identity, self.episode)
        return self.seen(), {}

    def seen(self):
        return np.array([self.identity, self.episode, self.count, self.length], np.float32)

    def step(self, action):
        assert self.count < self.length, "stepped after the end"
        self.count += 1
        ended = self.count == self.length
        info = {"is_success": self.task_ends} if ended else {}
        return self.seen(), float(self.count), ended and self.task_ends, ended and not self.task_ends, info


class Telling(Counting):
    """One whose info tells what no learner may know, at every reset and step; or tells nothing."""

    SECRET = 1.8437215

    def __init__(self, tells=True):
        super().__init__()
        told = {"mass": self.SECRET, "dynamics": {"mass:torso": self.SECRET}, "obs": np.full(4, self.SECRET)}
        self.told = told if tells else {}

    def reset(self, *, seed=None, options=None):
        obs, info = super().reset(seed=seed, options=options)
        return obs, info | self.told

    def step(self, action):
        *seen, info = super().step(action)
        return *seen, info | self.told


class Batched(VectorEnv):
    """A batch of counting environments by somebody who read Gymnasium's page on autoreset, and nothing more."""

    def __init__(self, size, mode):
        self.num_envs, self.mode = size, AutoresetMode[mode]
        self.metadata = {"autoreset_mode": self.mode}
        self.envs = [Counting() for _ in range(size)]
        self.single_observation_space, self.single_action_space = Counting.observation_space, Counting.action_space
        self.observation_space = batch_space(self.single_observation_space, size)
        self.action_space = batch_space(self.single_action_space, size)
        self.obs, self.ended = np.zeros((size, 4), np.float32), np.zeros(size, bool)

    def reset(self, *, seed=None, options=None):
        mask = (options or {}).get("reset_mask")
        assert mask is None or self.mode is AutoresetMode.DISABLED
        for i, env in enumerate(self.envs):
            if mask is None or mask[i]:
                self.obs[i], _ = env.reset(seed=None if seed is None else seed[i])
                self.ended[i] = False
        return self.obs, {}  # the same array every time: whoever keeps it must copy

    def step(self, actions):
        reward, flags, final = np.zeros(self.num_envs), np.zeros((2, self.num_envs), bool), [None] * self.num_envs
        for i, env in enumerate(self.envs):
            if self.ended[i]:
                assert self.mode is AutoresetMode.NEXT_STEP
                self.obs[i], _ = env.reset()
                self.ended[i] = False
                continue
            self.obs[i], reward[i], flags[0, i], flags[1, i], _ = env.step(actions[i])
            if flags[:, i].any() and self.mode is AutoresetMode.SAME_STEP:
                final[i] = self.obs[i].copy()
                self.obs[i], _ = env.reset()
            else:
                self.ended[i] = flags[:, i].any()
        listed = np.empty(self.num_envs, object)
        listed[:] = final
        return self.obs, reward, flags[0], flags[1], {"final_obs": listed} if any(f is not None for f in final) else {}


def counting():
    return Counting()


def telling(tells):
    return Telling(tells)


def telling_batch(tells, mode):
    return SyncVectorEnv([functools.partial(Telling, tells)] * 2, autoreset_mode=AutoresetMode[mode])


def sync(size, mode):
    return SyncVectorEnv([Counting] * size, autoreset_mode=AutoresetMode[mode])


def asynchronous(size, mode):
    return AsyncVectorEnv([Counting] * size, autoreset_mode=AutoresetMode[mode])


def foreign(size, mode):
    return Batched(size, mode)


def undeclared():
    env = Batched(2, "DISABLED")
    env.metadata = {}
    return env


class Misbehaving(gymnasium.Env):
    """Does `what` in step `at` of every episode; decent until then."""

    observation_space = spaces.Box(-10.0, 10.0, (3,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def __init__(self, what, at):
        self.what, self.at, self.count = what, at, 0

    def reset(self, *, seed=None, options=None):
        self.count = 0
        if self.at == 0:
            return self.misbehave(np.zeros(3, np.float32))
        return np.zeros(3, np.float32), {}

    def step(self, action):
        self.count += 1
        obs = np.full(3, self.count, np.float32)
        if self.count == self.at:
            return self.misbehave(obs)
        return obs, 1.0, False, False, {}

    def misbehave(self, obs):
        reward, terminated, wrong = 1.0, False, obs
        match self.what:
            case "raise":
                raise ValueError("the motor\nis \x1b[31mon fire")
            case "sleep":
                time.sleep(1000)
            case "doze":
                time.sleep(0.5)
            case "hold the interpreter":
                _ = 10**10**8
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "abort":
                print("the simulator gave up", file=sys.stderr, flush=True)
                os.abort()
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "leave":
                os._exit(0)
            case "exit":
                sys.exit(0)
            case "chatter":
                for _ in range(3000):
                    os.write(1, b"\x00\xff!?=. garbage " * 20)
            case "nan" | "inf" | "huge":
                wrong = obs + {"nan": np.nan, "inf": -np.inf, "huge": 1e38}[self.what]
            case "nan reward":
                reward = float("nan")
            case "shape":
                wrong = np.zeros(4, np.float32)
            case "kind":
                wrong = np.array(["a", "b", "c"])
            case "complex":
                wrong = obs + 1j
            case "ragged":
                wrong = [[1.0], 2.0, 3.0]
            case "bare":
                return obs
            case "four values":
                return obs, 1.0, False, {}
            case "no reward":
                reward = None
            case "vector reward":
                reward = np.ones(1)
            case "text flag":
                terminated = "False"
        return (wrong, {}) if self.at == 0 else (wrong, reward, terminated, False, {})


def misbehaving(what, at=3):
    return Misbehaving(what, at)


def raises_when_built():
    raise OSError("no robot is plugged in")


def hangs_when_built():
    time.sleep(1000)


def returns_nothing():
    return None


def a_builder():
    return counting


class Nested(gymnasium.Env):
    """Sees every kind of space there is, and takes a combined choice."""

    observation_space = spaces.Dict(
        {
            "observation": spaces.Dict(
                {"image": spaces.Box(0, 255, (2, 2, 3), np.uint8), "kind": spaces.Discrete(3, start=5)}
            ),
            "pair": spaces.Tuple((spaces.MultiBinary(2), spaces.MultiDiscrete([2, 3]))),
        }
    )
    action_space = spaces.MultiDiscrete([2, 3])

    def __init__(self):
        self.action = np.array([0, 0])

    def seen(self):
        inner = {"image": np.full((2, 2, 3), 200, np.uint8), "kind": 6}
        return {"observation": inner, "pair": (np.array([0, 1], np.int8), np.asarray(self.action))}

    def reset(self, *, seed=None, options=None):
        return self.seen(), {}

    def step(self, action):
        self.action = action
        return self.seen(), 0.0, False, False, {}


class Reaching(gymnasium.Env):
    """A goal environment: reach 3 by steps of the action's sign; success is said under the key given."""

    def __init__(self, key):
        self.key, one = key, spaces.Box(-10.0, 10.0, (1,), np.float64)
        self.observation_space = spaces.Dict({"observation": one, "achieved_goal": one, "desired_goal": one})
        self.action_space, self.place = spaces.Box(-1.0, 1.0, (1,), np.float32), 0.0

    def seen(self):
        place = np.array([self.place])
        return {"observation": place, "achieved_goal": place.copy(), "desired_goal": np.array([3.0])}

    def reset(self, *, seed=None, options=None):
        self.place = 0.0
        return self.seen(), {}

    def compute_reward(self, achieved, desired, info):
        return -np.abs(achieved - desired).sum(axis=-1)

    def step(self, action):
        self.place += float(np.sign(action[0]))
        reached, seen = self.place == 3.0, self.seen()
        reward = float(self.compute_reward(seen["achieved_goal"], seen["desired_goal"], {}))
        return seen, reward, False, reached, {self.key: np.float64(reached)}


def reaching(key="is_success"):
    return Reaching(key)


def unsized():
    env = Counting()
    env.observation_space = spaces.Text(5)
    return env


def tuple_action():
    env = Counting()
    env.action_space = spaces.Tuple((spaces.Discrete(2), spaces.Discrete(2)))
    return env


def sync_of_three():
    return sync(3, "SAME_STEP")


def foreign_of_three():
    return foreign(3, "NEXT_STEP")


class Numbered(Counting):
    """Takes 5, 6 or 7, and sees what it took."""

    action_space = spaces.Discrete(3, start=5)
    observation_space = spaces.Discrete(3, start=5)

    def seen(self):
        return 5

    def step(self, action):
        return action, 0.0, False, False, {}


def numbered():
    return Numbered()
