"""A pendulum whose simulation diverges where the rod is heavy, and a target that diverges in every episode."""

from dataclasses import dataclass

import gymnasium

from headstart.tasks.pendulum import Pendulum

TOO_HEAVY = 1.5  # kg


@dataclass(frozen=True, kw_only=True)
class Fragile(Pendulum):
    name = "fragile"

    def step(self, key, state, action, task):
        outcome = super().step(key, state, action, task)
        return outcome._replace(valid=task.dynamics["mass:rod"] < TOO_HEAVY)


class Breaking(gymnasium.Wrapper):
    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return self.env.reset(seed=seed, options=options)

    def step(self, action):
        self.steps += 1
        obs, *rest = self.env.step(action)
        return obs * float("nan") if self.steps == 7 else obs, *rest


def breaking():
    return Breaking(gymnasium.make("Pendulum-v1"))
