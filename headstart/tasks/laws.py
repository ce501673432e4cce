"""The laws that an environment must keep if something is to be learnt in it, each as a search for what breaks it.

A law gets a function that builds the environment and a number of steps to spend; it yields what it finds.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from headstart.errors import InputError
from headstart.tasks.findings import (
    GOOD,
    Finding,
    copied,
    episodes,
    play,
    problem,
    same,
    spoil,
    trace,
    warning,
)
from headstart.tasks.gymnasium_spaces import WrongValue, action_space, leaves, read

SLOW = 0.05  # seconds: twenty steps a second are too few to learn from
Build = Callable[[], gymnasium.Env]


def spaces_are_usable(build: Build, steps: int) -> Iterator[Finding]:
    """The spaces have a fixed size, and actions have bounds."""
    del steps
    env = build()
    for refused in (lambda: leaves(env.observation_space), lambda: action_space(env.action_space)):
        try:
            refused()
        except InputError as error:
            yield problem(str(error).partition("; ")[0], "spaces", str(error).partition("; ")[2])
    acted = env.action_space
    if isinstance(acted, spaces.Box) and not (np.isfinite(acted.low).all() and np.isfinite(acted.high).all()):
        yield problem("action bounds are not finite", "action_space", "give Box finite low and high: policies use them")
    if isinstance(acted, spaces.Box) and np.any(acted.low >= acted.high):
        yield problem("an action's lower bound is not below its upper one", "action_space", "swap or widen the bounds")


def signatures_are_gymnasiums(build: Build, steps: int) -> Iterator[Finding]:
    """`reset(seed=, options=)` returns (obs, info), `step` returns five values of the right kind."""
    del steps
    env = build()
    try:
        returned: Any = env.reset(seed=0, options={})
    except TypeError as error:
        yield problem(
            f"reset does not take its arguments: {error}", "reset", "def reset(self, *, seed=None, options=None)"
        )
        return
    if not (isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], dict)):
        yield problem("reset does not return (obs, info)", "reset", "return obs, {}")
        return
    returned = env.step(env.action_space.sample())
    if not (isinstance(returned, tuple) and len(returned) == 5):
        count = len(returned) if isinstance(returned, tuple) else 1
        change = "return obs, reward, terminated, truncated, info"
        yield problem(f"step returns {count} value(s), not five", "step", change)
        return
    for name, flag in zip(("terminated", "truncated"), returned[2:4], strict=True):
        if not isinstance(flag, bool | np.bool_):
            yield problem(f"{name} is a {type(flag).__name__}", "step", f"return bool({name})")
    if not isinstance(returned[4], dict):
        yield problem(f"info is a {type(returned[4]).__name__}", "step", "return a dict, if an empty one")


def observations_fit(build: Build, steps: int) -> Iterator[Finding]:
    """Every observation is in its space: shape, kind of number, finite, within bounds."""
    env = build()
    found, seen = leaves(env.observation_space), set()

    def judge(obs: Any, where: str) -> Iterator[tuple[str, Finding]]:
        for leaf in found:
            at = "".join(f"[{key!r}]" for key in leaf.path)
            try:
                value = np.asarray(read(leaf, obs))
            except WrongValue as wrong:
                yield f"kind{at}", problem(str(wrong), where, "return what observation_space says, or change the space")
                continue
            if not np.isfinite(value).all():
                yield (
                    f"finite{at}",
                    problem(f"the observation{at} is not finite", where, "find the division or blow-up"),
                )
            elif not spaces_contain(leaf.theirs, obs, leaf.path):
                yield (
                    f"bounds{at}",
                    warning(f"the observation{at} leaves its bounds", where, "widen the space's low and high"),
                )
            raw = np.asarray(dig(obs, leaf.path))
            if isinstance(leaf.theirs, spaces.Box) and raw.dtype != leaf.theirs.dtype:
                text = f"the observation{at} has dtype {raw.dtype}, its space says {leaf.theirs.dtype}"
                yield f"dtype{at}", warning(text, where, f"return obs.astype(np.{leaf.theirs.dtype})")

    first, _ = env.reset(seed=0)
    shown = [("reset, seed 0", first)]
    for seed, recorded in episodes(env, steps):
        shown += [(f"step {t + 1}, seed {seed}", step.obs) for t, step in enumerate(recorded)]
    for where, obs in shown:
        for kind, finding in judge(obs, where):
            if kind not in seen:
                seen.add(kind)
                yield finding


def dig(obs: Any, path: tuple[Any, ...]) -> Any:
    """Takes one leaf out of an observation."""
    for key in path:
        obs = obs[key]
    return obs


def spaces_contain(space: spaces.Space, obs: Any, path: tuple[Any, ...]) -> bool:
    """Says whether one leaf is within its bounds, whatever its precision."""
    if not isinstance(space, spaces.Box):
        return True  # `read` has looked already
    value = np.asarray(dig(obs, path))
    return bool(np.all(value >= space.low) and np.all(value <= space.high))


def rewards_are_finite_numbers(build: Build, steps: int) -> Iterator[Finding]:
    """Every reward is one finite number."""
    for seed, recorded in episodes(build(), steps):
        for t, step in enumerate(recorded):
            where = f"step {t + 1}, seed {seed}"
            if not isinstance(step.reward, int | float | np.number) or isinstance(step.reward, np.ndarray):
                yield problem(f"the reward is a {type(step.reward).__name__}", where, "return float(reward)")
                return
            if not np.isfinite(float(step.reward)):
                yield problem(f"the reward is {step.reward}", where, "find the division or blow-up")
                return


def seeds_decide(build: Build, steps: int) -> Iterator[Finding]:
    """The same seed gives the same episode, another seed another one."""
    length = min(steps, 100)
    one, two, again = build(), build(), build()
    first, second = play(one, 0, length), play(two, 0, length)
    play(again, 1, length)
    third = play(again, 0, length)
    use = "draw only from self.np_random, after super().reset(seed=seed)"
    if not same(trace(first), trace(second)):
        t = next((t for t in range(min(len(first), len(second))) if not same(first[t][1:4], second[t][1:4])), 0)
        yield problem("one seed gave two different episodes", f"step {t + 1}, seed 0", use)
    elif not same(trace(first), trace(third)):
        yield problem("an episode depends on the one before it", "reset, seed 0", "put back all state in reset")
    env = build()
    starts = [copied(env.reset(seed=seed)[0]) for seed in range(4)]
    if all(same(starts[0], start) for start in starts[1:]):
        text = "every seed gives the same first observation"
        yield warning(text, "reset, seeds 0 to 3", "vary the start, or a policy learns one path by heart")


def ends_are_named_rightly(build: Build, steps: int) -> Iterator[Finding]:
    """The clock truncates, the task terminates, and episodes end at all."""
    env = build()
    clock = env.spec.max_episode_steps if env.spec else None
    played = [(seed, recorded) for seed, recorded in episodes(env, steps) if recorded]
    ended = [(seed, recorded) for seed, recorded in played if recorded[-1].terminated or recorded[-1].truncated]
    lengths = {len(recorded) for _, recorded in ended}
    say = "return truncated=True when time is up: learners must go on valuing the last state"
    for seed, recorded in ended:
        last, where = recorded[-1], f"step {len(recorded)}, seed {seed}"
        if last.terminated and isinstance(last.info, dict) and last.info.get("TimeLimit.truncated"):
            yield problem("a time limit is returned as terminated", where, say)
            return
        if last.truncated and not last.terminated and clock is not None and len(recorded) < clock:
            text = f"truncated before the time limit of {clock} steps"
            yield warning(text, where, "if the task ended here, return terminated=True")
            return
    if len(ended) > 2 and len(lengths) == 1 and max(lengths) > 2 and all(r[-1].terminated for _, r in ended):
        text = f"all {len(ended)} episodes terminated after exactly {max(lengths)} steps, as a clock does"
        yield problem(text, "step", say)
    short = [recorded[-1] for _, recorded in ended]
    if len(lengths) > 2 and clock is None and all(step.truncated and not step.terminated for step in short):
        yield warning("episodes of all lengths are truncated", "step", "where the task ended, return terminated=True")
    if not ended and clock is None:
        text = f"no episode ended within {steps} steps, and there is no time limit"
        yield warning(text, "step", "wrap it in gymnasium.wrappers.TimeLimit")


def what_is_returned_stays(build: Build, steps: int) -> Iterator[Finding]:
    """What was returned does not change later, is not the environment's own state, and actions are left alone."""
    kept: list[tuple[Any, Any]] = []
    env, length = build(), min(steps, 50)
    plain = play(env, 0, length, lambda obs: kept.append((obs, copied(obs))))
    if any(not same(obs, copy) for obs, copy in kept):
        yield problem("an observation changed after it was returned", "step", "return a copy: obs.copy()")
    spoiled = play(build(), 0, length, spoil)
    if not same(trace(plain), trace(spoiled)):
        yield problem("writing into a returned observation changes the world", "step", "return a copy: obs.copy()")
    env = build()
    env.reset(seed=0)
    env.action_space.seed(0)
    action = env.action_space.sample()
    before = copied(action)
    env.step(action)
    if not same(action, before):
        yield problem("step writes into the action that it was given", "step", "copy the action before changing it")


def resets_work_at_any_time(build: Build, steps: int) -> Iterator[Finding]:
    """An episode can be given up in its middle, and what comes after an end is no step of it."""
    env = build()
    play(env, 0, 3)
    first = copied(env.reset(seed=5)[0])
    if not same(first, build().reset(seed=5)[0]):
        yield problem(
            "a reset in the middle of an episode keeps something of it", "reset, seed 5", "put back all state"
        )
    for seed, recorded in episodes(env, min(steps, 500)):
        if not recorded or not recorded[-1].terminated:
            continue
        try:
            after: Any = env.step(env.action_space.sample())
        except Exception:
            return  # refusing is right
        if isinstance(after, tuple) and len(after) == 5 and not (after[2] or after[3]):
            where = f"step {len(recorded) + 1}, seed {seed}"
            text = "after terminating, a further step goes on as if nothing had happened"
            yield warning(text, where, "keep returning terminated=True, or raise; callers must reset")
        return


def goals_explain_rewards(build: Build, steps: int) -> Iterator[Finding]:
    """In a goal environment, the reward is `compute_reward` of the goals, also for a batch."""
    env = build()
    seen = env.observation_space
    if not (isinstance(seen, spaces.Dict) and {"achieved_goal", "desired_goal"} <= set(seen.spaces)):
        return
    compute = getattr(env.unwrapped, "compute_reward", None)
    if compute is None:
        yield problem(
            "there are goals, and no compute_reward", "class", "def compute_reward(self, achieved, desired, info)"
        )
        return
    said, last = False, None
    for seed, recorded in episodes(env, steps):
        for t, step in enumerate(recorded):
            last, said = step, said or bool({"is_success", "success"} & set(step.info))
            value = compute(step.obs["achieved_goal"], step.obs["desired_goal"], step.info)
            if not np.isclose(float(np.asarray(value)), float(step.reward), rtol=1e-6, atol=1e-9):
                text = f"the reward is {step.reward}, compute_reward says {value}"
                yield problem(
                    text, f"step {t + 1}, seed {seed}", "return compute_reward of the new observation's goals"
                )
                return
    if last is not None:
        goals = [np.stack([last.obs[name]] * 2) for name in ("achieved_goal", "desired_goal")]
        try:
            shape = np.shape(compute(*goals, np.array([last.info, last.info])))
        except Exception as error:
            shape = type(error).__name__
        if shape != (2,):
            text = f"compute_reward of two goals gave {shape}, not two rewards"
            yield warning(text, "compute_reward", "reduce over the last axis only: axis=-1")
    if not said:
        yield warning("no info says is_success or success", "step", "info['is_success'] = reached")


def steps_are_quick(build: Build, steps: int) -> Iterator[Finding]:
    """A step takes less than 50 ms. Says how long in any case."""
    env, spent = build(), []
    env.reset(seed=0)
    for _ in range(min(steps, 200)):
        start = time.perf_counter()
        step = env.step(env.action_space.sample())
        spent.append(time.perf_counter() - start)
        if step[2] or step[3]:
            env.reset()
    typical, worst = float(np.median(spent)), max(spent)
    text = f"a step takes {1e3 * typical:.3g} ms, the slowest {1e3 * worst:.3g} ms"
    if typical > SLOW:
        yield warning(text, "step", "expect long runs: profile the environment, or collect with more workers")
    else:
        yield Finding(GOOD, text)


LAWS: dict[str, Callable[[Build, int], Iterator[Finding]]] = {
    "spaces are usable": spaces_are_usable,
    "reset and step have Gymnasium's signatures": signatures_are_gymnasiums,
    "observations fit their space": observations_fit,
    "rewards are finite numbers": rewards_are_finite_numbers,
    "seeds decide what happens": seeds_decide,
    "ends are named rightly": ends_are_named_rightly,
    "what was returned stays as it was": what_is_returned_stays,
    "resets work at any time": resets_work_at_any_time,
    "goals explain rewards": goals_explain_rewards,
    "steps are quick": steps_are_quick,
}
GATES = ("spaces are usable", "reset and step have Gymnasium's signatures")  # without them the others mean nothing
