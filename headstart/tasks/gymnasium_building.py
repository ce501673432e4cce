"""Finding, building and describing an environment of the user's. Runs in the worker processes: no JAX here."""

from collections.abc import Callable
from typing import Any

import gymnasium

from headstart.errors import InputError, unknown
from headstart.tasks.gymnasium_spaces import action_space, leaves, to_json
from headstart.tasks.gymnasium_vector import autoreset_mode
from headstart.tasks.named import named_function
from headstart.tasks.register import register


def load(source: str) -> Callable[..., Any]:
    """Finds what builds one environment.

    Args:
        source: `gym:ID` for a registered id, or `package.module:function`.

    Raises:
        InputError: where nothing is found there.
    """
    module, _, name = source.partition(":")
    if not module or not name:
        raise InputError(f"target {source!r}: write gym:ID, as in gym:Hopper-v5, or package.module:function")
    if module == "gym":
        register()  # so that our own families are among the ids, by which one of them can be another's target
        return lambda **arguments: gymnasium.make(name, disable_env_checker=True, **arguments)
    return named_function(source, "target")


def build(source: str, arguments: dict[str, Any]) -> gymnasium.Env | gymnasium.vector.VectorEnv:
    """Builds one environment; a function that returns a function is called twice.

    Raises:
        InputError: for an id or function that does not exist, or that returns no Gymnasium environment.
    """
    try:
        made = load(source)(**arguments)
    except (gymnasium.error.UnregisteredEnv, gymnasium.error.DeprecatedEnv) as error:
        if source.removeprefix("gym:") in gymnasium.registry:
            raise InputError(f"target {source!r}: {error}") from None
        raise unknown("Gymnasium environment", source.removeprefix("gym:"), list(gymnasium.registry)) from None
    except gymnasium.error.DependencyNotInstalled as error:
        raise InputError(f"target {source!r}: {error}") from None
    if not isinstance(made, gymnasium.Env | gymnasium.vector.VectorEnv) and callable(made):
        made = made()
    if isinstance(made, gymnasium.Env | gymnasium.vector.VectorEnv):
        return made
    if not (hasattr(made, "about") or hasattr(made, "dynamics")):
        raise InputError(f"target {source!r}: it returned a {type(made).__name__}, not a gymnasium.Env")
    from headstart.tasks.family_env import as_environment  # a simulator needs JAX, which workers do without otherwise

    return as_environment(made)


def describe(env: gymnasium.Env | gymnasium.vector.VectorEnv) -> dict[str, Any]:
    """Says in JSON what a family has to know about an environment, and nothing of its dynamics."""
    vector = isinstance(env, gymnasium.vector.VectorEnv)
    seen = env.single_observation_space if vector else env.observation_space
    acted = env.single_action_space if vector else env.action_space
    if vector:
        autoreset_mode(env)
    spec = env.spec
    return {
        "paths": [[str(key) for key in leaf.path] for leaf in leaves(seen)],
        "observation": [to_json(leaf.ours) for leaf in leaves(seen)],
        "action": to_json(action_space(acted)),
        "size": env.num_envs if vector else 1,
        "vector": vector,
        "clock": spec.max_episode_steps if spec else None,
    }
