"""What a run's settings build: plain JSON in; worlds, policies and learners out, the same again on resume."""

from typing import Any, TypedDict

from headstart.adapt.ranges import randomization, read_ranges
from headstart.errors import InputError, unknown
from headstart.learn.on_policy import on_policy
from headstart.learn.recurrent_ppo import NOTHING
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.learn.soft_q import SoftQ
from headstart.nets.memory import policy_with
from headstart.nets.policies import SquashedPolicy
from headstart.nets.sampler import SamplingPolicy
from headstart.options import Train
from headstart.run.strict_json import printable
from headstart.run.train import Training
from headstart.spaces import Discrete, ParameterSpace
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.transfer.hand_off import squashed
from headstart.types import Learner, TaskDistribution, TaskFamily

ROLLOUT_STEPS = 64  # of each environment, for PPO
REPLAY_STEPS = 8  # likewise, for learners of single transitions: they learn more often
OFF_POLICY = ("sac", "soft-q")
LEARNERS = ("ppo", *OFF_POLICY)
CRITICS = ("plain", "privileged")
REPLAY_LEAST, REPLAY_MOST = 1 << 10, 1_000_000  # transitions kept
EARLIER = {"memory": "none", "seeds": 1, "critic": "plain"}  # what runs were made with that do not say
CHANGEABLE = ("steps", "checkpoint_every")  # between two sittings of one run; all else would make it another run


class TrainSettings(TypedDict):
    """The settings of `headstart train`, as `config.json` keeps them."""

    family: str
    learner: str
    steps: int
    randomize: str
    envs: int
    checkpoint_every: int
    deterministic: bool
    replay: int
    seeds: int
    memory: str
    critic: str


def settings_of(options: Train) -> TrainSettings:
    """Resolves the words of the command line.

    The replay has room for the whole run and no more: every checkpoint holds it.
    """
    replay = min(max(1 << (max(options.steps, 1) - 1).bit_length(), REPLAY_LEAST), REPLAY_MOST)
    return TrainSettings(
        family=options.family,
        learner=options.learner,
        steps=options.steps,
        randomize=read_ranges(options.randomize, ("none",)),
        envs=options.envs,
        checkpoint_every=options.checkpoint_every,
        deterministic=options.deterministic,
        replay=replay,
        seeds=options.seeds,
        memory=options.memory,
        critic=options.critic,
    )


def read_settings(config: dict[str, Any], where: str) -> TrainSettings:
    """Reads the settings that `config.json` keeps.

    Raises:
        InputError: one is missing, unknown or of the wrong kind; a hand has been at the file.
    """
    kept = EARLIER | config["settings"]
    for name in sorted(kept.keys() | TrainSettings.__annotations__.keys()):
        if type(kept.get(name)) is not TrainSettings.__annotations__.get(name):
            raise InputError(
                f"{where}: the setting {printable(name)!r} is missing, unknown or damaged; restore the file"
            )
    return kept


def require_unchanged(config: dict[str, Any], saved: dict[str, Any], where: str) -> None:
    """Refuses to go on with other settings than a checkpoint was made with.

    Args:
        config: of the run, as `config.json` has it now.
        saved: the checkpoint's `extra`.
        where: the file's name, for the message.

    Raises:
        InputError: seed or settings differ in more than how long to go on and how often to save; each is named.
    """
    if type(saved.get("settings")) is not dict or type(saved.get("metrics_length")) is not int:
        raise InputError(f"{where}: the checkpoints beside it are not of `headstart train`; they cannot be resumed")
    now, then = (EARLIER | facts["settings"] | {"seed": facts.get("seed")} for facts in (config, saved))
    changed = [name for name in sorted(now.keys() | then.keys()) if now.get(name) != then.get(name)]
    refused = [
        f"{printable(name)} {then.get(name)!r} → {now.get(name)!r}" for name in changed if name not in CHANGEABLE
    ]
    if refused:
        raise InputError(
            f"{where}: changed since the last checkpoint: {'; '.join(refused)}; put back what was there, or begin a "
            f"new run (only {' and '.join(CHANGEABLE)} may change)"
        )


def training_of(settings: TrainSettings) -> Training:
    """Builds what is trained.

    Raises:
        InputError: for a setting that cannot work.
    """
    for name in ("steps", "envs", "checkpoint_every", "replay", "seeds"):
        if settings[name] < 1:
            raise InputError(f"--{name.replace('_', '-')} {settings[name]}: must be at least 1")
    world = family(settings["family"])
    memory, critic = settings["memory"], settings["critic"]
    told = privileged_of(critic, memory, world, settings["randomize"] != "none")
    learner, steps = learner_of(settings["learner"], world, settings["envs"], settings["replay"], memory, told)
    distribution = distribution_of(settings["randomize"], world)
    return Training(family=world, learner=learner, distribution=distribution, envs=settings["envs"], steps=steps)


def learner_of(
    name: str,
    world: TaskFamily,
    envs: int,
    replay: int = REPLAY_MOST,
    memory: str = "none",
    privileged: ParameterSpace = NOTHING,
) -> tuple[Learner, int]:
    """Builds a learner, and says how many steps of each environment it wants at a time."""
    if name not in LEARNERS:
        raise unknown("learner", name, LEARNERS)
    if name == "ppo":
        policy = policy_of(name, world.observation, world.action, memory)
        return on_policy(policy, privileged, envs=envs), ROLLOUT_STEPS
    if memory != "none":
        raise InputError(f"--memory {memory}: --learner {name} learns from single steps; use --learner ppo")
    if isinstance(world.action, Discrete):
        raise InputError(f"--learner {name}: {world.name!r} has discrete actions; use --learner ppo")
    kind = SAC if name == "sac" else SoftQ
    learner = kind(policy=policy_of(name, world.observation, world.action))
    return Replayed(learner=learner, updates=envs * REPLAY_STEPS, capacity=replay), REPLAY_STEPS


def privileged_of(critic: str, memory: str, world: TaskFamily, randomized: bool) -> ParameterSpace:
    """Returns what a critic is told of tasks beside what the policy sees.

    Raises:
        InputError: there is no such critic, or nothing that it could be told to any use.
    """
    if critic not in CRITICS:
        raise unknown("critic", critic, CRITICS)
    if critic == "plain":
        return NOTHING
    if memory == "none":
        raise InputError("--critic privileged: is for a policy that can find out where it is; add --memory gru")
    if not randomized:
        raise InputError("--critic privileged: without --randomize all dynamics are the same; add it")
    return world.dynamics


def policy_of(learner: str, observation: Any, action: Any, memory: str = "none") -> Any:
    """Builds the policy that a learner wants in given spaces."""
    if learner == "off-policy":  # SAC that has taken the policy of a source over
        return squashed(policy_of("ppo", observation, action))
    if learner in OFF_POLICY:
        kind = SquashedPolicy if learner == "sac" else SamplingPolicy
        return kind(observation=observation, action=action)
    return policy_with(memory, observation, action)  # pyright: ignore[reportArgumentType]


def distribution_of(randomize: str, world: TaskFamily) -> TaskDistribution:
    """Builds where tasks come from: the nominal one, or a spread of dynamics."""
    return Fixed(task=world.task()) if randomize == "none" else randomization(world, randomize)


def policy_description(learner: str, memory: str = "none") -> dict[str, Any]:
    """Says in plain JSON how to build a policy again, for its bundle."""
    return {"learner": learner, "memory": memory}
