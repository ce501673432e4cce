"""`headstart train` and what `headstart resume` goes on with: one learner, one family, checkpoints on the way."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import jax
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from headstart.commands.compiled import arithmetic
from headstart.commands.folders import new_folder
from headstart.commands.settings import TrainSettings, policy_description, training_of
from headstart.options import Train
from headstart.run import bundle, checkpoint, episodes, lock
from headstart.run.metrics import TensorBoard, Writer
from headstart.run.record import RunFolder, create_run, read_config
from headstart.run.signals import Stop, stoppable
from headstart.run.train import Run, Training, train

SPOKEN_SECONDS = 5.0  # between two lines of metrics on the terminal


class Standing(NamedTuple):
    """Everything that a checkpoint of a run holds."""

    run: Run
    episodes: episodes.Episodes


def run(options: Train) -> int:
    """Trains from the beginning and returns the exit status."""
    arithmetic(options.deterministic)
    fields = asdict(options)
    settings: Any = {name: fields[name] for name in TrainSettings.__annotations__}
    training = training_of(settings)  # refuses what cannot work before anything is written
    path = options.out or new_folder(f"train-{options.family}")
    folder = create_run(path, "train", options.seed, settings)
    with lock.hold(folder.path):
        standing = Standing(training.start(jax.random.key(options.seed)), episodes.start(training.envs))
        return go_on(folder, settings, training, standing, length=0)


def resume(path: Path) -> int:
    """Goes on with a run where its newest sound checkpoint stands; one without a checkpoint begins again."""
    config = read_config(path)
    settings: Any = config["settings"]
    folder, training = RunFolder(path=path), training_of(settings)
    with lock.hold(folder.path):
        standing = Standing(training.start(jax.random.key(config["seed"])), episodes.start(training.envs))
        length = 0
        if checkpoint.steps(folder.checkpoints):
            _, standing, extra = checkpoint.load_newest(folder.checkpoints, standing)
            length = extra["metrics_length"]
        return go_on(folder, settings, training, standing, length)


def go_on(folder: RunFolder, settings: TrainSettings, training: Training, standing: Standing, length: int) -> int:
    """Trains to the end from wherever a run stands, saving on the way and when it is asked to stop."""
    console, total = Console(), settings["steps"]
    bar = Progress(
        TextColumn(f"{settings['family']} "), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    writer, board = Writer(folder.metrics, length=length), TensorBoard(folder.path / "tensorboard")
    with writer, stoppable() as stop, bar:
        task = bar.add_task("", total=total, note="")
        spoken = saved = 0.0
        saved, began, first = int(standing.run.env_steps), time.monotonic(), int(standing.run.env_steps)
        for progress in train(training, standing.run, total):
            standing = Standing(progress.run, episodes.track(standing.episodes, progress.rollout))
            step = int(progress.run.env_steps)
            fps = (step - first) / (time.monotonic() - began)
            row = {**episodes.metrics(standing.episodes), **numbers(progress.metrics)}
            writer.append(step, row if settings["deterministic"] else {**row, "time/fps": fps})
            board.append(step, row)
            note = f"return {row.get('rollout/ep_rew_mean', float('nan')):,.1f} · {fps:,.0f} steps/s"
            bar.update(task, completed=step, note=note)
            if not console.is_terminal and time.monotonic() - spoken > SPOKEN_SECONDS:
                spoken = time.monotonic()
                console.print(f"{step:,} of {total:,} steps, {note}", highlight=False)
            if step - saved >= settings["checkpoint_every"] or stop.requested:
                save(folder, standing, writer)
                saved = step
                leave(stop, folder, console)
        finish(folder, settings, training, standing, writer)
    board.close()
    console.print(f"{folder.path}: {total:,} steps, {note_of(standing)}", highlight=False, soft_wrap=True)
    return 0


def save(folder: RunFolder, standing: Standing, writer: Writer) -> None:
    """Writes a checkpoint that knows how long the metrics are."""
    checkpoint.save(folder.checkpoints, int(standing.run.env_steps), standing, {"metrics_length": writer.sync()})


def leave(stop: Stop, folder: RunFolder, console: Console) -> None:
    """Leaves if that was asked for, with a word on how to come back."""
    if stop.requested:
        console.print(f"saved; go on with: headstart resume {folder.path}", highlight=False, soft_wrap=True)
        stop.leave()


def finish(folder: RunFolder, settings: TrainSettings, training: Training, standing: Standing, writer: Writer) -> None:
    """Writes the last checkpoint and the policy for others."""
    if int(standing.run.env_steps) not in checkpoint.steps(folder.checkpoints):
        save(folder, standing, writer)
    policy = training.learner.policy
    description = policy_description(settings["learner"]) | {"family": settings["family"]}
    bundle.save(
        folder.path, policy, training.learner.params(standing.run.learner), training.family.observation, description
    )


def note_of(standing: Standing) -> str:
    """Says how the last episodes went."""
    seen = episodes.metrics(standing.episodes)
    return f"return {seen['rollout/ep_rew_mean']:,.1f}" if "rollout/ep_rew_mean" in seen else "no episode has ended"


def numbers(metrics: dict[str, Any]) -> dict[str, float]:
    """Fetches metrics from the device."""
    return {name: float(value) for name, value in jax.device_get(metrics).items()}
