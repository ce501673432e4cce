"""What is one and the same from a start or a resume of `headstart train` to its end, and how it is left."""

import shlex
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from headstart.commands.settings import TrainSettings
from headstart.run import checkpoint
from headstart.run.metrics import Writer
from headstart.run.record import RunFolder
from headstart.run.signals import Stop
from headstart.run.train import Training

SPOKEN_SECONDS = 5.0  # between two lines of metrics on the terminal


class Sitting(NamedTuple):
    """What stays the same from a start or a resume of a run to its end.

    Attributes:
        folder: of the run.
        config: as `config.json` has it.
        training: what is trained.
        stop: whether somebody wants it to end early.
    """

    folder: RunFolder
    config: dict[str, Any]
    training: Training
    stop: Stop

    @property
    def settings(self) -> TrainSettings:
        """Returns the settings in the configuration."""
        return self.config["settings"]


def save(sitting: Sitting, standing: Any, writer: Writer) -> None:
    """Writes a checkpoint, of one seed or several, that knows how long the metrics are and which settings made it."""
    config = sitting.config
    extra = {"metrics_length": writer.sync(), "seed": config["seed"], "settings": config["settings"]}
    checkpoint.save(sitting.folder.checkpoints, int(np.max(standing.run.env_steps)), standing, extra)


def leave(sitting: Sitting, console: Console) -> None:
    """Leaves if that was asked for, with a word on how to come back."""
    if sitting.stop.requested:
        said = f"stopped; go on with: headstart resume {shlex.quote(str(sitting.folder.path))}"
        console.print(said, highlight=False, markup=False, soft_wrap=True)
        sitting.stop.leave()
