"""What a process may use of a machine."""

import os
import subprocess
import sys

import pytest

from headstart.processors import usable

SCRIPT = """
import os
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
from headstart.processors import usable
from headstart.tasks.catalogue import family
print(len(usable()), family("hopper").threads)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity of processes")
def test_a_process_that_was_left_one_processor_does_not_count_the_machine_s():
    child = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert child.stdout.split() == ["1", "1"]


def test_where_the_system_does_not_say_all_processors_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert usable() == list(range(os.cpu_count() or 1))
