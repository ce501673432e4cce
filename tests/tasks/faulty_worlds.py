"""Environments with one planted defect each: what `headstart check` must find."""

import os
import time
from functools import partial

import gymnasium
import numpy as np
from gymnasium import spaces


class Faulty(gymnasium.Env):
    """A point on a line that is pushed; decent, but for the defect that it is named after."""

    def __init__(self, defect):
        self.defect = defect
        high = {"bounds": 0.01}.get(defect, 100.0)
        self.observation_space = spaces.Box(-high, high, (2,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        if defect == "unbounded action":
            self.action_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)
        if defect == "text":
            self.observation_space = spaces.Text(5)
        if defect in GOALS:
            box = spaces.Box(-100.0, 100.0, (1,), np.float32)
            members = {"observation": box, "achieved_goal": box, "desired_goal": box}
            self.observation_space = spaces.Dict(members)
        self.state, self.count, self.memory = np.zeros(2, np.float32), 0, 0.0

    def seen(self):
        place = self.state[:1].copy()
        if self.defect in GOALS:
            return {"observation": place, "achieved_goal": place.copy(), "desired_goal": np.ones(1, np.float32)}
        if self.defect == "aliased":
            return self.state
        if self.defect == "dtype":
            return self.state.astype(np.float64)
        if self.defect == "shape":
            return np.zeros(3, np.float32)
        if self.defect == "nan" and self.count == 7:
            return np.full(2, np.nan, np.float32)
        return self.state.copy()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if self.defect == "old seed":
            return self.seen(), {}
        start = 0.0 if self.defect == "same start" else self.np_random.uniform(-0.1, 0.1)
        if self.defect == "global generator":
            start = np.random.rand()  # noqa: NPY002
        if self.defect == "keeps state":
            start = start + self.memory
        self.state[:], self.count = (start, 0.0), 0
        if self.defect == "bare reset":
            return self.seen()
        return self.seen(), {}

    def compute_reward(self, achieved, desired, info):
        axis = None if self.defect == "no batch" else -1
        return -np.abs(np.asarray(achieved) - desired).sum(axis=axis)

    def step(self, action):
        match self.defect:
            case "hang" if self.count == 5:
                time.sleep(1000)
            case "abort" if self.count == 5:
                os.abort()
            case "raise" if self.count == 5:
                raise ZeroDivisionError("nothing to divide")
            case "slow":
                time.sleep(0.06)
            case "writes action":
                action *= 0.5
        self.count += 1
        self.memory += 1.0
        self.state += np.array([self.state[1], 0.1 * action[0]], np.float32)
        terminated, truncated = bool(abs(self.state[0]) > 0.6), self.count >= 30
        if self.defect == "clock terminates":
            terminated, truncated = self.count >= 12, False
        if self.defect == "task truncates":
            terminated, truncated = False, terminated
        if self.defect == "never ends":
            terminated = truncated = False
        if self.defect == "goes on after the end":
            terminated = terminated and self.count % 2 == 0
        if self.defect == "flag":
            terminated = np.array([terminated])
        reward = -abs(float(self.state[0]))
        if self.defect in GOALS:
            seen = self.seen()
            reward = float(np.sum(self.compute_reward(seen["achieved_goal"], seen["desired_goal"], {})))
        if self.defect == "reward differs":
            reward += 0.5
        if self.defect == "reward array":
            reward = np.array([reward])
        if self.defect == "reward inf" and self.count == 9:
            reward = -np.inf
        if self.defect == "four values":
            return self.seen(), reward, terminated, {}
        info = {} if self.defect == "no success" else {"is_success": terminated}
        return self.seen(), reward, terminated, truncated, info


class Forgetful(Faulty):
    """Has goals and no way to compute their reward."""

    compute_reward = None

    def __init__(self):
        super().__init__("good")
        box = spaces.Box(-100.0, 100.0, (1,), np.float32)
        self.observation_space = spaces.Dict({"observation": box, "achieved_goal": box, "desired_goal": box})

    def seen(self):
        return {name: self.state[:1].copy() for name in self.observation_space.spaces}


class OldSignature(Faulty):
    """Resets as Gym did before 0.26."""

    def __init__(self):
        super().__init__("good")

    def reset(self):
        return np.zeros(2, np.float32), {}


GOALS = ("good goals", "reward differs", "no batch", "no success")
DEFECTS = {  # defect: severity and words that the finding must have
    "text": ("problem", "Text has no fixed size"),
    "unbounded action": ("problem", "action bounds are not finite"),
    "bare reset": ("problem", "reset does not return (obs, info)"),
    "four values": ("problem", "step returns 4 value(s), not five"),
    "flag": ("problem", "terminated is a ndarray"),
    "shape": ("problem", "has shape (3,), its space says (2,)"),
    "dtype": ("warning", "has dtype float64, its space says float32"),
    "bounds": ("warning", "leaves its bounds"),
    "nan": ("problem", "the observation is not finite"),
    "reward array": ("problem", "the reward is a ndarray"),
    "reward inf": ("problem", "the reward is -inf"),
    "global generator": ("problem", "one seed gave two different episodes"),
    "keeps state": ("problem", "an episode depends on the one before it"),
    "old seed": ("problem", "a reset in the middle of an episode keeps something of it"),
    "same start": ("warning", "every seed gives the same first observation"),
    "clock terminates": ("problem", "terminated after exactly 12 steps, as a clock does"),
    "task truncates": ("warning", "episodes of all lengths are truncated"),
    "never ends": ("warning", "no episode ended within 400 steps, and there is no time limit"),
    "goes on after the end": ("warning", "a further step goes on as if nothing had happened"),
    "aliased": ("problem", "an observation changed after it was returned"),
    "writes action": ("problem", "step writes into the action"),
    "raise": ("problem", "raised ZeroDivisionError: nothing to divide"),
    "reward differs": ("problem", "compute_reward says"),
    "no batch": ("warning", "compute_reward of two goals gave"),
    "no success": ("warning", "no info says is_success or success"),
    "slow": ("warning", "a step takes 6"),
}
OTHERS = ("good", "good goals", "hang", "abort")
globals().update({name.replace(" ", "_"): partial(Faulty, name) for name in (*DEFECTS, *OTHERS)})
forgetful, old_signature = Forgetful, OldSignature
