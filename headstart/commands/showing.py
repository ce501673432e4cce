"""What a transfer run shows beside its numbers: a film, and how the source's dynamics lie to the target's."""

import dataclasses
from pathlib import Path
from typing import Any

import jax

from headstart.data.film import Panel, side_by_side, write_film
from headstart.data.filming import FPS, film
from headstart.errors import Fault, InputError
from headstart.experiments.head_start import HeadStart
from headstart.run import bundle
from headstart.run.dynamics import write_dynamics
from headstart.tasks.targets import ROBOTS, shift

SHOWN = ("zero-shot", "fine-tune", "adapted")
SAMPLES = 200  # tasks of the randomized source in the picture of its spread


def write_showing(study: HeadStart, target: str, seed: int, path: Path) -> str | None:
    """Films what one seed's policies do on the target; returns why not, where that cannot be done."""
    places = {method: path / "policies" / f"{method.replace(' ', '-')}-{seed}" for method in study.methods}
    there = [method for method, place in places.items() if method.startswith(SHOWN) and place.is_dir()]
    if not there:
        return "no policy was transferred, so there is nothing to film"
    *before, last = there  # the last source as it came, and what its episodes made of it
    first = [method for method in before if method.startswith("zero-shot")][-1:] or before[-1:]
    panels = []
    for method in (*first, last):
        family, shots = study.build_target(), bundle.describe(places[method])["shots"]
        policy = study.policy_of(method)
        params = bundle.load(places[method], policy, policy.observation)
        greedy = dataclasses.replace(policy, deterministic=True)
        try:
            clip = film(jax.random.key(0), family, greedy, params, family.task())
        except (InputError, Fault) as error:
            return f"{target} cannot be filmed: {error}"
        panels.append(Panel(f"{method}, k = {shots}" if shots else method, clip.frames, clip.returns))
    write_film(path / "video.mp4", side_by_side(panels), FPS)
    return None


def write_spread(study: HeadStart, target: str, path: Path) -> None:
    """Writes what the randomized source was sampled from and, for a target of our own making, what it was."""
    state = study.randomized.init(jax.random.key(0))
    sampled = study.randomized.sample(jax.random.key(0), state, SAMPLES)
    write_dynamics(path / "dynamics.json", study.source.dynamics, sampled.dynamics, revealed(study, target))


def revealed(study: HeadStart, target: str) -> dict[str, float] | None:
    """Names a shifted target's values as the source's parameter space does; None for a target that is not ours.

    To be called after the last target episode: nothing that learns may know them.
    """
    kind, _, seed = target.partition(":")
    robot = kind.removeprefix("shifted-").replace("-", "_")
    if not kind.startswith("shifted-") or robot not in ROBOTS:
        return None
    change, about = shift(robot, int(seed or 0)), ROBOTS[robot]
    named: dict[str, Any] = {f"mass:{body}": change.mass for body in about.bodies}
    kinds = {"friction": change.friction, "damping": change.damping, "gear": change.strength}
    named |= {name: kinds[name.partition(":")[0]] for name in study.source.dynamics if name.partition(":")[0] in kinds}
    # all geoms' friction was changed, so the floor's; a foot's own multiplies it, and its product alone is known
    named = {name: v for name, v in named.items() if not name.startswith("friction:") or name == "friction:floor"}
    named["delay:action"] = change.delay
    return {name: float(value) for name, value in named.items() if name in study.source.dynamics}
