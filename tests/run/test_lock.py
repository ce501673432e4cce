"""One writer a run folder, whatever happens to writers."""

import json
import os
import signal
import subprocess

import pytest

from headstart.errors import InputError
from headstart.run import lock
from tests.run import children

HOLDER = """
import sys, time
from headstart.run import lock
with lock.hold(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""
RACER = """
import os, sys, time
from headstart.errors import InputError
from headstart.run import lock
folder, wins = sys.argv[1], 0
print("ready", flush=True)
sys.stdin.readline()
while wins < 60:
    try:
        with lock.hold(folder):
            descriptor = os.open(folder + "/writer", os.O_CREAT | os.O_EXCL)  # fails if there are two writers
            os.close(descriptor)
            os.unlink(folder + "/writer")
            wins += 1
    except InputError:
        continue
print(wins)
"""


def test_the_second_process_leaves_with_one_line_that_names_the_first(tmp_path):
    with children.start(HOLDER, tmp_path) as holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(InputError, match=f"in use by process {holder.pid} on .* since ") as caught,
            lock.hold(tmp_path),
        ):
            pass
        assert "\n" not in str(caught.value)
        holder.send_signal(signal.SIGKILL)


def test_the_lock_of_a_killed_process_is_recovered(tmp_path):
    with children.start(HOLDER, tmp_path) as holder:
        holder.stdout.readline()
        holder.send_signal(signal.SIGKILL)
    assert json.loads((tmp_path / "lock").read_bytes())["pid"] == holder.pid  # it left its file behind
    with lock.hold(tmp_path):
        assert json.loads((tmp_path / "lock").read_bytes())["pid"] == os.getpid()
    with lock.hold(tmp_path):
        pass


def test_a_lock_is_given_back_after_an_error(tmp_path):
    with pytest.raises(KeyError), lock.hold(tmp_path):
        raise KeyError
    with lock.hold(tmp_path):
        pass


def test_racing_processes_are_never_two_writers(tmp_path):
    with (
        children.start(RACER, tmp_path, stdin=subprocess.PIPE) as one,
        children.start(RACER, tmp_path, stdin=subprocess.PIPE) as two,
        children.start(RACER, tmp_path, stdin=subprocess.PIPE) as three,
    ):
        racers = (one, two, three)
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        wins = [int(racer.stdout.read()) for racer in racers]  # a second writer would have died of FileExistsError
    assert wins == [60] * 3 and [racer.returncode for racer in racers] == [0, 0, 0]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"pid":"x","host":[],"since":1}', b"[]", b"x" * 9000])
def test_a_damaged_lock_file_stops_nobody(tmp_path, content):
    (tmp_path / "lock").write_bytes(content)
    with lock.hold(tmp_path):
        with open(tmp_path / "lock", "wb") as file:
            file.write(content)
        with pytest.raises(InputError, match="in use by"), lock.hold(tmp_path):
            pass


def test_what_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "lock").symlink_to(tmp_path / "file")
    for folder in (tmp_path / "file", tmp_path / "nowhere", tmp_path):
        with pytest.raises(InputError, match="cannot be used as a run folder"), lock.hold(folder):
            pass
