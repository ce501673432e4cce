"""`headstart train` and what `headstart resume` goes on with: one learner, one family, checkpoints on the way."""

import time
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from headstart.commands.compiled import arithmetic
from headstart.commands.diverging import cases_before, keep_diverged, tell_diverged
from headstart.commands.folders import new_folder
from headstart.commands.settings import (
    OFF_POLICY,
    policy_description,
    read_settings,
    require_unchanged,
    settings_of,
    training_of,
)
from headstart.commands.sitting import SPOKEN_SECONDS, Sitting, leave, save
from headstart.commands.train_many import Standings, begin_many, go_on_many, seeds_of
from headstart.errors import InputError
from headstart.options import Train
from headstart.run import bundle, checkpoint, episodes, lock
from headstart.run.diverged import with_cases
from headstart.run.metrics import TensorBoard, Writer
from headstart.run.record import RunFolder, create_run, read_config, versions
from headstart.run.signals import stoppable
from headstart.run.train import Run, Training, train


class Standing(NamedTuple):
    """Everything that a checkpoint of a run holds."""

    run: Run
    episodes: episodes.Episodes


def run(options: Train) -> int:
    """Trains from the beginning and returns the exit status."""
    arithmetic(options.deterministic, updates="long" if options.learner in OFF_POLICY else "short")
    settings = settings_of(options)
    training = training_of(settings)  # refuses what cannot work before anything is written
    standing = begin(training, options.seed, settings["seeds"])
    folder = create_run(options.out or new_folder("train", options.family), "train", options.seed, dict(settings))
    with stoppable() as stop, lock.hold(folder.path):
        return go_on(Sitting(folder, read_config(folder.path), training, stop), standing, length=0)


def resume(path: Path) -> int:
    """Goes on with a run where its newest sound checkpoint stands; one without a checkpoint begins again."""
    config, folder = read_config(path), RunFolder(path=path)
    settings = read_settings(config, str(folder.config))
    with stoppable() as stop, lock.hold(path):
        saved = checkpoint.newest_extra(folder.checkpoints)
        if saved is not None:
            require_unchanged(config, saved, str(folder.config))
        tell_versions(config)
        training = training_of(settings)
        standing, length = begin(training, config["seed"], settings["seeds"]), 0
        if checkpoint.steps(folder.checkpoints):
            _, standing, extra = checkpoint.load_newest(folder.checkpoints, standing)
            length = extra["metrics_length"]
        taken = int(np.max(standing.run.env_steps))
        places = [path / "seeds" / f"seed-{seed}" for seed in seeds_of({**config, "settings": settings})]
        if taken >= settings["steps"] and all(map(bundle.is_sound, [path] if len(places) == 1 else places)):
            said = f"{path}: has finished, {taken:,} steps; nothing is left to do"
            Console().print(said, highlight=False, markup=False, soft_wrap=True)
            return 0
        return go_on(Sitting(folder, config, training, stop), standing, length)


def begin(training: Training, seed: int, seeds: int) -> Standing | Standings:
    """Returns how things stand before the first step, of one seed or of several."""
    if seeds > 1:
        return begin_many(training, [key_of(seed + i) for i in range(seeds)])
    return Standing(training.start(key_of(seed)), episodes.start(training.envs))


def go_on(sitting: Sitting, standing: Standing | Standings, length: int) -> int:
    """Trains to the end from wherever a run stands, saving on the way and when it is asked to stop."""
    if isinstance(standing, Standings):
        return go_on_many(sitting, standing, length)
    folder, settings, training, console = sitting.folder, sitting.settings, sitting.training, Console()
    leave(sitting, console)
    total, first, began = settings["steps"], int(standing.run.env_steps), time.monotonic()
    bar = Progress(
        TextColumn(f"{settings['family']} "), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    logger = closing(TensorBoard(folder.path / "tensorboard", first))  # interrupted too, or its thread stays
    with Writer(folder.metrics, length=length) as writer, bar, logger as board:
        task = bar.add_task("", total=total, note="")
        spoken, saved, cases = 0.0, first, cases_before(sitting, [standing.episodes])
        for progress in train(training, standing.run, total):
            standing = Standing(progress.run, episodes.track(standing.episodes, progress.rollout))
            cases, step = with_cases(cases, progress.rollout), int(progress.run.env_steps)
            fps = (step - first) / (time.monotonic() - began)
            row = {**episodes.metrics(standing.episodes), **numbers(progress.metrics)}
            timed = {**row, "time/fps": fps}
            writer.append(step, row if settings["deterministic"] else timed)
            board.append(step, timed)
            note = f"{note_of(standing)} · {fps:,.0f} steps/s"
            bar.update(task, completed=step, note=note)
            if not console.is_terminal and time.monotonic() - spoken > SPOKEN_SECONDS:
                spoken = time.monotonic()
                console.print(f"{step:,} of {total:,} steps, {note}", highlight=False)
            if step - saved >= settings["checkpoint_every"] or sitting.stop.requested:
                board.flush()
                save(sitting, standing, writer)
                keep_diverged(sitting, [standing.episodes], cases)
                saved = step
                leave(sitting, console)
        board.flush()
        keep_diverged(sitting, [standing.episodes], cases)
        finish(sitting, standing, writer)
    said = f"{folder.path}: {int(standing.run.env_steps):,} steps, {note_of(standing)}"
    console.print(said, highlight=False, markup=False, soft_wrap=True)
    tell_diverged(console, folder.path)
    return 0


def finish(sitting: Sitting, standing: Standing, writer: Writer) -> None:
    """Writes the last checkpoint and the policy for others."""
    folder, training, settings = sitting.folder, sitting.training, sitting.settings
    if int(standing.run.env_steps) not in checkpoint.steps(folder.checkpoints):
        save(sitting, standing, writer)
    policy = training.learner.policy
    description = policy_description(settings["learner"], settings.get("memory", "none")) | {
        "family": settings["family"]
    }
    bundle.save(
        folder.path, policy, training.learner.params(standing.run.learner), training.family.observation, description
    )


def tell_versions(config: dict[str, Any]) -> None:
    """Warns where a run goes on with other versions than it was begun with."""
    now, then = versions(), config["versions"]
    changed = [f"{name} {then[name]} → {now.get(name, 'none')}" for name in sorted(then) if now.get(name) != then[name]]
    if changed:
        warnings.warn(f"goes on with other versions ({', '.join(changed)}); the last bits can differ", stacklevel=2)


def key_of(seed: int) -> Array:
    """Returns the key of a run's randomness.

    Raises:
        InputError: the seed has more than 32 bits.
    """
    if not 0 <= seed < 1 << 32:
        raise InputError(f"--seed {seed}: must be from 0 to {(1 << 32) - 1}")
    return jax.random.key(seed)


def note_of(standing: Standing) -> str:
    """Says how the last episodes went."""
    seen = episodes.metrics(standing.episodes)
    return f"return {seen['rollout/ep_rew_mean']:,.1f}" if "rollout/ep_rew_mean" in seen else "no episode has ended"


def numbers(metrics: dict[str, Any]) -> dict[str, float]:
    """Fetches metrics from the device."""
    return {name: float(value) for name, value in jax.device_get(metrics).items()}
