"""A robot as a user would bring it: a model file, and the target that it is a simulator of, in Gymnasium's words."""

from dataclasses import dataclass
from pathlib import Path

import gymnasium
import mujoco
import numpy as np

from headstart.tasks.mujoco import Description

FILE = str(Path(__file__).parent / "cart.xml")
CART = Description(
    name="cart", asset=FILE, frame_skip=2, dt=0.02, horizon=100, draws=4, scale=(0.1, 0.1, 0.5, 0.5), unseen=0,
    carrier="cart", carry_at=(0.0, 0.0, 0.1), carry_most=2.0,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cart:
    """Keeps a pole upright on a cart."""

    about: Description = CART

    def initial(self, draws, rest):
        noise = 0.02 * (2.0 * draws - 1.0)
        return rest + noise[:, :2], noise[:, 2:]

    def observe(self, physics):
        xp = physics.qpos.__array_namespace__()
        return xp.concat([physics.qpos, physics.qvel], axis=1)

    def terminated(self, physics):
        return abs(physics.qpos[:, 1]) > 0.3

    def reward(self, before, after, action, asked, ended):
        return 1.0 - 0.1 * after.qpos[:, 0] ** 2 - 0.01 * action[:, 0] ** 2


class Machine(gymnasium.Env):
    """The machine that `Cart` simulates; its pole is heavier and its motor weaker than the file says."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (4,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self):
        model = mujoco.MjModel.from_xml_path(FILE)
        pole = model.body("pole").id
        model.body_mass[pole] *= 2.0
        model.body_inertia[pole] *= 2.0
        model.actuator_gear[0, 0] *= 0.7
        self._model, self._data = model, mujoco.MjData(model)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:] = self.np_random.uniform(-0.02, 0.02, 2)
        self._data.qvel[:] = self.np_random.uniform(-0.02, 0.02, 2)
        self._steps = 0
        return self._seen(), {}

    def step(self, action):
        self._data.ctrl[:] = action
        mujoco.mj_step(self._model, self._data, 2)
        self._steps += 1
        reward = 1.0 - 0.1 * self._data.qpos[0] ** 2 - 0.01 * float(action[0]) ** 2
        return self._seen(), reward, bool(abs(self._data.qpos[1]) > 0.3), self._steps >= 100, {}

    def _seen(self):
        return np.concatenate([self._data.qpos, self._data.qvel]).astype(np.float32)


class Told(Machine):
    """A machine whose author calls some things as families call others."""

    about, dynamics = "a cart", "none of yours"
