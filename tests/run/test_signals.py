"""Asked once, a run saves and leaves; asked twice, it leaves at once."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from headstart.errors import Interrupted
from headstart.run.signals import STOPPING, stoppable
from tests.run import children

LOOP = """
import sys, time
from headstart.errors import Interrupted
from headstart.run.signals import stoppable
try:
    with stoppable() as stop:
        print("running", flush=True)
        while not stop.requested:
            time.sleep(0.001)
        print("saving", flush=True)
        if sys.argv[1] == "slow":
            time.sleep(600)
        stop.leave()
except Interrupted as interrupted:
    print(interrupted, flush=True)
    sys.exit(interrupted.exit_code)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_one_signal_saves_and_leaves_with_its_code(number, code):
    with children.start(LOOP, "quick") as child:
        assert child.stdout.readline() == "running\n"
        child.send_signal(number)
        assert child.stdout.read() == f"saving\nstopped by {number.name}\n"
    assert child.returncode == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_leaves_at_once(number, code):
    with children.start(LOOP, "slow") as child:
        child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        assert child.stdout.readline() == "saving\n"
        child.send_signal(number)
        assert child.stdout.read() == ""
    assert child.returncode == code


def test_handlers_are_put_back_also_after_an_error():
    before = [signal.getsignal(number) for number in STOPPING]
    with pytest.raises(KeyError), stoppable():
        assert [signal.getsignal(number) for number in STOPPING] != before
        raise KeyError
    assert [signal.getsignal(number) for number in STOPPING] == before


def test_nothing_that_catches_faults_swallows_the_request():
    with pytest.raises(Interrupted) as caught, stoppable() as stop:
        stop.leave()  # nobody has asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
        try:
            stop.leave()
        except Exception:
            pytest.fail("swallowed")
    assert caught.value.exit_code == 143


def test_outside_of_the_main_thread_nothing_is_installed():
    before, seen = [signal.getsignal(number) for number in STOPPING], []

    def work():
        with stoppable() as stop:
            seen.append((stop.requested, [signal.getsignal(number) for number in STOPPING] == before))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, True)]


def test_a_thread_that_is_still_computing_does_not_change_the_exit_status(tmp_path):
    """Python's own way out would have such a thread abort the process inside XLA: status 134."""
    code = """
import sys, threading
sys.argv = ["headstart", "list"]
import jax, jax.numpy as jnp
from headstart.__main__ import script
product = jax.jit(lambda x: jnp.tanh(x @ x))
x = product(jnp.ones((300, 300)))
def compute():
    while True:
        product(x).block_until_ready()
threading.Thread(target=compute, daemon=True).start()
script()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "") and "hopper" in ended.stdout
