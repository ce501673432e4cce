"""Pendulum-v1 in other words: a dictionary of sine, cosine, speed in degrees; a torque from -1 to 1, mirrored."""

import math

import gymnasium
import numpy as np

ADAPTER = """{
 "observation": [{"from": "rod/1"}, {"from": "rod/0"}, {"from": "speed/0", "scale": 0.017453292519943295}],
 "action": [{"from": 0, "scale": -0.5}]
}"""


class OtherPendulum(gymnasium.Wrapper):
    def __init__(self, env):
        super().__init__(env)
        self.observation_space = gymnasium.spaces.Dict(
            {"rod": gymnasium.spaces.Box(-1.0, 1.0, (2,)), "speed": gymnasium.spaces.Box(-500.0, 500.0, (1,))}
        )
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))

    def seen(self, obs):
        return {"rod": obs[[1, 0]], "speed": np.rad2deg(obs[2:]).astype(np.float32)}

    def reset(self, *, seed=None, options=None):
        obs, info = self.env.reset(seed=seed, options=options)
        return self.seen(obs), info

    def step(self, action):
        obs, *rest = self.env.step(np.array(-2.0 * action, np.float32))
        return self.seen(obs), *rest


def make():
    assert math.isclose(np.deg2rad(1.0), 0.017453292519943295)
    return OtherPendulum(gymnasium.make("Pendulum-v1"))
