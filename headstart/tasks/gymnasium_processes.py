"""The parent's side of the worker processes: starting them, waiting with a time-out, naming what broke, ending them."""

import contextlib
import json
import mmap
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headstart.errors import Fault, InputError
from headstart.tasks.gymnasium_board import Board, board_on, board_size
from headstart.tasks.gymnasium_worker import BAD_INPUT, BROKEN, CLOSE, FINE, STEP, receive, send

PATIENCE = 2.0  # seconds that a worker has to close its environments by itself
SLICE = 0.25  # s, of waiting for an answer
TAIL = 4096  # bytes kept of what a worker printed


@dataclass
class Worker:
    """One child process and the files that reach it."""

    process: subprocess.Popen
    commands: int
    replies: int
    lifeline: int
    printed: int
    rows: slice
    tail: bytearray = field(default_factory=bytearray)

    def drain(self) -> None:
        """Takes what it printed off its hands, so that it cannot block on a full pipe; keeps the end."""
        try:
            while part := os.read(self.printed, 65536):
                self.tail[:] = (self.tail + part)[-TAIL:]
        except BlockingIOError:
            pass

    def last_words(self) -> str:
        """Returns the last line that it printed, made safe for a terminal."""
        self.drain()
        lines = [line for line in self.tail.decode(errors="replace").splitlines() if line.strip()]
        return "".join(c for c in lines[-1].strip() if c.isprintable())[:200] if lines else ""


def spawn(memory: int, rows: slice) -> Worker:
    """Starts a worker with an environment of its own: no fork of this process, none of its open files."""
    command_out, command_in = os.pipe()
    reply_out, reply_in = os.pipe()
    life_out, life_in = os.pipe()
    print_out, print_in = os.pipe()
    os.set_blocking(print_out, False)
    theirs = (command_out, reply_in, memory, life_out)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "headstart.tasks.gymnasium_worker", *map(str, theirs)],
        stdin=subprocess.DEVNULL,
        stdout=print_in,
        stderr=print_in,
        pass_fds=theirs,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([entry for entry in sys.path if entry] + [os.getcwd()])},
        start_new_session=True,  # Ctrl-C is for the parent, and a whole family can be killed at once
    )
    for file in (command_out, reply_in, life_out, print_in):
        os.close(file)
    return Worker(process, command_in, reply_out, life_in, print_out, rows)


def end(workers: Sequence[Worker]) -> None:
    """Ends processes: politely, then not; reaps them and closes every file. At most a few seconds."""
    for worker in workers:
        with contextlib.suppress(OSError):
            os.write(worker.commands, CLOSE)
        os.close(worker.commands)
    deadline = time.monotonic() + PATIENCE
    for worker in workers:
        try:
            while worker.process.poll() is None and time.monotonic() < deadline:
                worker.drain()
                time.sleep(0.002)
        finally:
            kill(worker)
            for file in (worker.replies, worker.lifeline, worker.printed):
                os.close(file)


def kill(worker: Worker) -> None:
    """Kills a worker and whatever it started itself, and leaves no zombie."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.process.pid, signal.SIGKILL)
    worker.process.wait()


def _close(workers: list[Worker], memory: int) -> None:
    end(workers)
    workers.clear()
    os.close(memory)


def anonymous_memory(size: int) -> int:
    """Returns a file of this size that has no name and is gone with its last user."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("headstart", 0)
    else:
        with tempfile.TemporaryFile() as file:
            memory = os.dup(file.fileno())
    os.ftruncate(memory, size)
    return memory


class Processes:
    """Environments in worker processes, behind one board.

    Args:
        name: of the environment, for messages.
        order: `source` and `arguments`, as JSON.
        description: what a worker said about the environment, see `describe`; None asks it and starts nothing.
        n: how many environments.
        workers: how many processes, at most.
        timeout: seconds for one command, before a worker counts as hung.
        start_timeout: seconds for building the environments.
    """

    def __init__(
        self,
        name: str,
        order: dict[str, Any],
        description: dict[str, Any] | None,
        n: int,
        workers: int,
        timeout: float,
        start_timeout: float,
    ):
        self.name, self.timeout, self.turn = name, timeout, 0
        size = description["size"] if description else 1
        units = n // size
        workers = max(1, min(workers, units))
        memory = anonymous_memory(board_size(description, n, workers) if description else 1)
        self.workers: list[Worker] = []
        self.close = weakref.finalize(self, _close, self.workers, memory)
        try:
            for index in range(workers):
                first, last = units * index // workers, units * (index + 1) // workers
                self.workers.append(spawn(memory, slice(first * size, last * size)))
                share = {"build": max(1, last - first), "first": first * size}
                self._send(index, {**order, **share, "n": n, "workers": workers, "worker": index})
            self.poll = select.poll()
            for worker in self.workers:
                self.poll.register(worker.replies, select.POLLIN)
                self.poll.register(worker.printed, select.POLLIN)
            if description:
                self.board: Board = board_on(mmap.mmap(memory, 0), description, n, workers)
                self.board.lost[:] = True
            answers = self._gather(range(workers), start_timeout, "being built")
        except BaseException:
            self.close()
            raise
        self.description = answers[0]
        if description and any(answer != description for answer in answers):
            self.close()
            raise Fault(f"target {name}: its spaces differ from one building to the next")

    def _send(self, index: int, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # it is dead already: waiting for its answer finds out why
            send(self.workers[index].commands, message, b"")

    def command(self, byte: bytes, rows: np.ndarray) -> None:
        """Has the workers with marked rows obey one command, and waits for all of them.

        Raises:
            Fault: where an environment raised, hung, died or gave what does not fit; all workers are ended then.
        """
        if not self.workers:
            raise Fault(f"target {self.name}: its workers are closed")
        called = [i for i, worker in enumerate(self.workers) if rows[worker.rows].any()]
        try:
            for index in called:
                with contextlib.suppress(OSError):  # as above
                    os.write(self.workers[index].commands, byte)
            self._gather(called, self.timeout, "stepping" if byte == STEP else "resetting")
        except BaseException:
            self.close()
            raise
        self.turn += 1

    def _gather(self, called: Sequence[int], timeout: float, doing: str) -> list[Any]:
        """Waits for one answer of each called worker; returns the messages among them."""
        waiting = {self.workers[index].replies: index for index in called}
        printing = {worker.printed: worker for worker in self.workers}
        answers: dict[int, Any] = {}
        left = timeout
        while waiting:
            if left <= 0:
                index = min(waiting.values())
                kill(self.workers[index])
                raise self._fault(index, None, f"did not answer within {timeout:g} s while {doing}")
            asked, began = min(left, SLICE), time.monotonic()
            ready = self.poll.poll(asked * 1000)
            # whoever was stopped together with the workers (Ctrl-Z, a paused container) has not waited meanwhile
            left -= min(time.monotonic() - began, asked)
            for file, _ in ready:
                if file in waiting:
                    index = waiting.pop(file)
                    answers[index] = self._answer(index, doing)
                elif file in printing:
                    printing[file].drain()
        return [answers[index] for index in sorted(answers)]

    def _answer(self, index: int, doing: str) -> Any:
        """Reads one answer; raises what it reports."""
        worker = self.workers[index]
        mark = os.read(worker.replies, 1)
        if mark == FINE:
            return None
        if mark == b"":
            raise self._died(index, doing)
        try:
            message = receive(worker.replies)
        except (EOFError, json.JSONDecodeError):
            raise self._died(index, doing) from None
        if mark == BAD_INPUT:
            raise InputError(message)
        if mark == BROKEN:
            row = message.get("row") if isinstance(message, dict) else None
            what = message["what"] if isinstance(message, dict) else message
            raise self._fault(index, row, f"{what} while {doing}")
        return message

    def _died(self, index: int, doing: str) -> Fault:
        worker = self.workers[index]
        try:
            status = worker.process.wait(1.0)
        except subprocess.TimeoutExpired:
            kill(worker)
            status = worker.process.returncode
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"
        words = worker.last_words()
        return self._fault(index, None, f"{how} while {doing}" + (f" (it last said: {words})" if words else ""))

    def _fault(self, index: int, row: int | None, what: str) -> Fault:
        """Names the environment, its worker, its seed and its step."""
        worker = self.workers[index]
        place = f"worker {index}, process {worker.process.pid}"
        if hasattr(self, "board"):
            row = int(self.board.at[index]) if row is None else row
            place = f"environment {row}, {place}, seed {self.board.seed[row]}, step {self.board.steps[row]}"
        return Fault(f"target {self.name} ({place}) {what}")
