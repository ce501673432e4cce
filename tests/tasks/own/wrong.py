"""Simulators that are wrong in one way each, and what is said of them."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import gymnasium
import numpy as np

from headstart.spaces import Box
from headstart.tasks.pendulum import Pendulum
from tests.tasks.own.cart import CART, FILE, Cart, Machine


def described(**changes):
    """Returns a cart that says something else of itself."""
    return Cart(about=dataclasses.replace(CART, **changes))


def written(path, old, new):
    """Returns a cart whose file says something else."""
    path.write_text(Path(FILE).read_text().replace(old, new))
    return described(asset=str(path))


@dataclass(frozen=True, kw_only=True)
class OneReward(Cart):
    """Pays the sum over the batch."""

    def reward(self, before, after, action, asked, ended):
        return super().reward(before, after, action, asked, ended).sum()


@dataclass(frozen=True, kw_only=True)
class NumberedEnds(Cart):
    """Says 0 and 1 where an episode ends."""

    def terminated(self, physics):
        return super().terminated(physics).astype(float)


@dataclass(frozen=True, kw_only=True)
class Blind(Cart):
    """Divides by nothing."""

    def observe(self, physics):
        with np.errstate(all="ignore"):
            return super().observe(physics) / 0.0


@dataclass(frozen=True, kw_only=True)
class Backwards(Cart):
    """Shows velocities first, and says that its observation is its state."""

    def observe(self, physics):
        return np.concatenate([physics.qvel, physics.qpos], axis=1)


@dataclass(frozen=True, kw_only=True)
class Forgetful(Cart):
    """Has a mistake in it."""

    def observe(self, physics):
        return physics.qposition


@dataclass(frozen=True)
class ShortSighted(Pendulum):
    """A JAX world that sees less than it says."""

    def observe(self, state, task):
        return super().observe(state, task)[:2]


@dataclass(frozen=True)
class Unbounded(Pendulum):
    """A JAX world whose actions have no bounds."""

    @property
    def action(self):
        return Box((1,))


class Mutable:
    """Has all that a family has, and can be changed."""

    def __getattr__(self, name):
        return getattr(Pendulum(), name)


WRONG = {
    "a file that is not there": (lambda path: described(asset=str(path)), "no MJCF file "),
    "another's file": (lambda path: described(asset="no_robot.xml"), "the installed gymnasium has no 'no_robot.xml'"),
    "no MJCF": (lambda path: written(path, "<worldbody>", "<wordbody>"), "raised ValueError: XML"),
    "time": (lambda path: described(dt=0.01), "about.dt is 0.01 s, but 2 steps of 0.01 s take 0.02 s"),
    "no steps": (lambda path: described(frame_skip=0, dt=0.0), "about.dt is 0 s, but 0 steps"),
    "no episode": (lambda path: described(horizon=0), "about.horizon is 0"),
    "no noise": (lambda path: described(scale=(0.1, 0.0, 0.5, 0.5)), "about.scale needs a positive number"),
    "fewer channels": (lambda path: described(scale=(0.1,) * 3), "observe returns [4] for each environment; its space"),
    "another carrier": (lambda path: described(carrier="cat"), "no body is called 'cat'; there are world, cart, pole"),
    "another floor": (lambda path: described(floor="ground"), "no geom is called 'ground'; there are rail"),
    "feet in the air": (lambda path: described(feet=("pole",)), "about.feet have a friction of their own"),
    "no bounds": (
        lambda path: written(path, 'ctrlrange="-1 1" ctrllimited="true"', ""), "actuator 'push' has no ctrlrange"
    ),
    "no motor": (
        lambda path: written(path, f"<motor{Path(FILE).read_text().partition('<motor')[2].partition('>')[0]}>", ""),
        "has no actuator",
    ),
    "muscles": (
        lambda path: written(path, '<motor name="push" joint="slide" gear="10"', '<muscle name="push" joint="slide"'),
        "actuators with activations",
    ),
    "one reward": (lambda path: OneReward(), "reward has shape [] for 2 environments"),
    "numbered ends": (lambda path: NumberedEnds(), "terminated is float64; make it bool"),
    "infinities": (lambda path: Blind(), "observe returns what is not finite"),
    "backwards": (lambda path: Backwards(), "a step from what was observed is not the step that was taken"),
    "a mistake": (lambda path: Forgetful(), "raised AttributeError: 'Physics' object has no attribute 'qposition'"),
    "an environment": (lambda path: Machine(), "the dynamics of a Gymnasium environment cannot be set; it can"),
    "no simulator": (lambda path: 3, "it returned a int, not a family"),
    "short sight": (lambda path: ShortSighted(), "observe returns [2] for each environment; its space says [3]"),
    "endless actions": (lambda path: Unbounded(), "actions need finite bounds"),
    "what changes": (lambda path: Mutable(), "a family must be a frozen dataclass"),
    "a raise": (lambda path: gymnasium.make("No-v0"), "raised NameNotFound"),
}  # fmt: skip
