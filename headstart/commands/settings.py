"""What a run's settings build: plain JSON in; worlds, policies and learners out, the same again on resume."""

from typing import Any, TypedDict

from headstart.adapt.randomize import preset
from headstart.errors import InputError
from headstart.learn.ppo import PPO
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.nets.policies import CategoricalPolicy, GaussianPolicy, SquashedPolicy
from headstart.run.train import Training
from headstart.spaces import Discrete
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.types import Learner, TaskDistribution, TaskFamily

ROLLOUT_STEPS = 64  # of each environment, for PPO
REPLAY_STEPS = 8  # likewise, for SAC: it learns more often


class TrainSettings(TypedDict):
    """The settings of `headstart train`, as `config.json` keeps them."""

    family: str
    learner: str
    steps: int
    randomize: str
    envs: int
    checkpoint_every: int
    deterministic: bool


def training_of(settings: TrainSettings) -> Training:
    """Builds what is trained.

    Raises:
        InputError: for a setting that cannot work.
    """
    for name in ("steps", "envs", "checkpoint_every"):
        if settings[name] < 1:
            raise InputError(f"--{name.replace('_', '-')} {settings[name]}: must be at least 1")
    world = family(settings["family"])
    learner, steps = learner_of(settings["learner"], world, settings["envs"])
    distribution = distribution_of(settings["randomize"], world)
    return Training(family=world, learner=learner, distribution=distribution, envs=settings["envs"], steps=steps)


def learner_of(name: str, world: TaskFamily, envs: int) -> tuple[Learner, int]:
    """Builds a learner, and says how many steps of each environment it wants at a time."""
    if name == "ppo":
        return PPO(policy=policy_of(name, world.observation, world.action), envs=envs), ROLLOUT_STEPS
    if isinstance(world.action, Discrete):
        raise InputError(f"--learner sac: {world.name!r} has discrete actions; use --learner ppo")
    sac = SAC(policy=policy_of(name, world.observation, world.action))
    return Replayed(learner=sac, updates=envs * REPLAY_STEPS, capacity=1_000_000), REPLAY_STEPS


def policy_of(learner: str, observation: Any, action: Any) -> Any:
    """Builds the policy that a learner wants in given spaces."""
    if learner == "sac":
        return SquashedPolicy(observation=observation, action=action)
    kind = CategoricalPolicy if isinstance(action, Discrete) else GaussianPolicy
    return kind(observation=observation, action=action)


def distribution_of(randomize: str, world: TaskFamily) -> TaskDistribution:
    """Builds where tasks come from: the nominal one, or a spread of dynamics."""
    return Fixed(task=world.task()) if randomize == "none" else preset(world, randomize)


def policy_description(learner: str) -> dict[str, Any]:
    """Says in plain JSON how to build a policy again, for its bundle."""
    return {"learner": learner}
