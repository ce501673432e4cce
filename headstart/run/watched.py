"""Training that says where its simulator diverged, for studies that keep nothing else of how it went."""

from collections.abc import Iterator
from pathlib import Path

from headstart.run import episodes
from headstart.run.diverged import Cases, ranges_of, with_cases, write_diverged
from headstart.run.train import Progress, Run, Training, train


def watched(training: Training, run: Run, env_steps: int, *, path: Path, source: str, seed: int) -> Iterator[Progress]:
    """Yields what `train` does, and writes in the end what `write_diverged` says, if there is anything.

    Args:
        training: what is trained.
        run: where it begins.
        env_steps: when it is over.
        path: of the file.
        source: who learns.
        seed: which repetition.

    Raises:
        Fault: the disk refused.
    """
    seen, cases = episodes.start(training.envs), Cases()
    for progress in train(training, run, env_steps):
        seen, cases = episodes.track(seen, progress.rollout), with_cases(cases, progress.rollout)
        yield progress
    write_diverged(path, [seen], cases, training.family.dynamics, ranges_of(training.distribution), source, seed)
