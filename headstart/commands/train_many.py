"""`headstart train --seeds N`: several seeds in one program, a line of metrics and a policy for each."""

import time
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array
from rich.console import Console

from headstart.commands.diverging import cases_before, keep_diverged, tell_diverged
from headstart.commands.settings import policy_description
from headstart.commands.sitting import SPOKEN_SECONDS, Sitting, leave, save
from headstart.maths.statistics import bootstrap_interval
from headstart.run import bundle, checkpoint, episodes
from headstart.run.diverged import with_cases
from headstart.run.many import seed_of, start_many, train_many
from headstart.run.metrics import Writer
from headstart.run.train import Run, Training


class Standings(NamedTuple):
    """Everything that a checkpoint of several seeds holds.

    Attributes:
        run: of all seeds, axis `seed` in front.
        episodes: of each seed.
    """

    run: Run
    episodes: tuple[episodes.Episodes, ...]


def begin_many(training: Training, keys: list[Array]) -> Standings:
    """Returns how things stand before the first step."""
    return Standings(start_many(training, keys), tuple(episodes.start(training.envs) for _ in keys))


def go_on_many(sitting: Sitting, standing: Standings, length: int) -> int:
    """Trains to the end from wherever the seeds stand; the counterpart of `train.go_on`.

    Args:
        sitting: of this run.
        standing: of all seeds.
        length: of the metrics file at that point, in bytes.
    """
    folder, settings, console = sitting.folder, sitting.settings, Console()
    leave(sitting, console)
    total, first, began, spoken = settings["steps"], int(standing.run.env_steps[0]), time.monotonic(), 0.0
    seeds, saved, cases = seeds_of(sitting.config), first, cases_before(sitting, standing.episodes)
    with Writer(folder.metrics, length=length) as writer:
        for progress in train_many(sitting.training, standing.run, total):
            rollouts, metrics = jax.device_get((progress.rollout, progress.metrics))
            seen = tuple(episodes.track(old, seed_of(rollouts, i)) for i, old in enumerate(standing.episodes))
            standing, step = Standings(progress.run, seen), int(progress.run.env_steps[0])
            fps = len(seeds) * (step - first) / (time.monotonic() - began)
            for i, seed in enumerate(seeds):
                cases = with_cases(cases, seed_of(rollouts, i))
                row = {"seed": seed, **episodes.metrics(seen[i]), **seed_of(metrics, i)}
                writer.append(step, row if settings["deterministic"] else {**row, "time/fps": fps})
            if time.monotonic() - spoken > SPOKEN_SECONDS:
                spoken = time.monotonic()
                note = f"{step:,} of {total:,} steps, {note_of(standing)} · {fps:,.0f} steps/s of all seeds"
                console.print(note, highlight=False)
            if step - saved >= settings["checkpoint_every"] or sitting.stop.requested:
                save(sitting, standing, writer)
                keep_diverged(sitting, standing.episodes, cases)
                saved = step
                leave(sitting, console)
        if int(standing.run.env_steps[0]) not in checkpoint.steps(folder.checkpoints):
            save(sitting, standing, writer)
        keep_diverged(sitting, standing.episodes, cases)
    description = policy_description(settings["learner"]) | {"family": settings["family"]}
    learner = sitting.training.learner
    for i, seed in enumerate(seeds):
        params = learner.params(seed_of(standing.run.learner, i))
        place = folder.path / "seeds" / f"seed-{seed}"
        place.mkdir(parents=True, exist_ok=True)
        bundle.save(place, learner.policy, params, sitting.training.family.observation, description)
    said = f"{folder.path}: {len(seeds)} seeds, {int(standing.run.env_steps[0]):,} steps each, {note_of(standing)}"
    console.print(said, highlight=False, markup=False, soft_wrap=True)
    tell_diverged(console, folder.path)
    return 0


def seeds_of(config: dict[str, Any]) -> list[int]:
    """Returns the seeds of a run, the first of which is the run's."""
    return list(range(config["seed"], config["seed"] + config["settings"]["seeds"]))


def note_of(standing: Standings) -> str:
    """Says how the last episodes went, over the seeds."""
    seen = [episodes.metrics(each).get("rollout/ep_rew_mean") for each in standing.episodes]
    if any(value is None for value in seen):
        return "no episode has ended in every seed"
    spread = bootstrap_interval(np.array(seen, np.float64)[:, None], resamples=1_000)
    return f"return {spread.value:,.1f} [{spread.low:,.1f}, {spread.high:,.1f}]"
