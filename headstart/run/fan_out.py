"""Several pieces of work side by side in threads, their findings in one stream.

What a piece of work spends its time in (physics, compiled arithmetic, waiting for a target) holds no interpreter lock,
so threads fill the cores, and everything that JAX has compiled is shared between them.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

LAST_SECONDS = 5.0  # that interrupted work may take to come to its next finding; it does not outlive the process


class Failure(NamedTuple):
    """A piece of work that broke."""

    error: BaseException


def heard(found: "queue.Queue[Any]", finished: object, running: int) -> Iterator[Any]:
    """Yields what is found until so many workers have said that they are finished; raises what broke one."""
    while running:
        finding = found.get()
        if finding is finished:
            running -= 1
        elif isinstance(finding, Failure):
            raise finding.error
        else:
            yield finding


def fan_out(jobs: Sequence[Callable[[], Iterable[Any]]], workers: int, first_alone: bool = False) -> Iterator[Any]:
    """Runs jobs, at most `workers` at a time, in their order, and yields whatever any of them yields.

    Args:
        jobs: each returns an iterable of findings.
        workers: how many run at a time.
        first_alone: whether the first job has the machine to itself until it has found something. Where jobs are much
            alike, and soon find something, those that begin together compile the same programs, each for itself.

    Raises:
        BaseException: what the first broken job raised; the others end at their next finding.
    """
    waiting: queue.SimpleQueue[Callable[[], Iterable[Any]]] = queue.SimpleQueue()
    found: queue.Queue[Any] = queue.Queue(maxsize=64)
    stop, finished, paved = threading.Event(), object(), threading.Event()
    if not first_alone:
        paved.set()
    for job in jobs:
        waiting.put(job)

    def report(finding: Any) -> None:
        while not stop.is_set():
            try:
                return found.put(finding, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            while not stop.is_set():
                try:
                    job = waiting.get_nowait()
                except queue.Empty:
                    return
                for finding in job():
                    report(finding)
                    paved.set()
                    if stop.is_set():
                        return
        except BaseException as error:  # whatever it is, it belongs to whoever waits for the findings
            report(Failure(error))
        finally:
            paved.set()
            report(finished)

    def follow() -> None:
        paved.wait()
        work()

    first = [threading.Thread(target=work, daemon=True)] if jobs else []
    threads = first + [threading.Thread(target=follow, daemon=True) for _ in range(1, min(workers, len(jobs)))]
    for thread in threads:
        thread.start()
    try:
        yield from heard(found, finished, len(threads))
    finally:
        stop.set()
        deadline = time.monotonic() + LAST_SECONDS
        for thread in threads:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
