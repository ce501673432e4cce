"""Files that were made to do harm: nothing is executed, nothing outside is touched, and the refusal is one line."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from headstart.errors import InputError
from headstart.run import checkpoint, disk
from tests.run import children

HERE = Path(__file__).parent


def test_nothing_in_the_corpus_is_executed_accepted_or_ends_in_anything_but_one_line(quick_path):
    found = json.loads(children.run(HERE / "hostile.py", quick_path))
    assert found["problems"] == []
    assert found["seen"] == [] and not found["executed"]
    assert found["count"] >= 900
    assert found["grown_kib"] < 128 << 10  # the largest file that a reader accepts has 64 MiB


def test_the_watch_sees_an_execution_and_a_look_outside(tmp_path):
    """The probe of the probe."""
    program = """
import json, pickle, sys
from pathlib import Path
import corpus, hostile
watch = hostile.Watch(Path(sys.argv[1]))
raw = pickle.dumps(corpus.Bomb(Path(sys.argv[1]) / "canary"))
hostile.attempt(lambda: pickle.loads(raw), watch)
hostile.attempt(lambda: open("/etc/hostname").read(), watch)
print(json.dumps(watch.seen))
"""
    program = f"import sys; sys.path.insert(0, {str(HERE)!r})\n" + program
    seen = json.loads(children.run(program, tmp_path))
    assert any(line.startswith("os.system") for line in seen) and "open /etc/hostname" in seen
    assert (tmp_path / "canary").exists()


def like(value=0.0):
    return {"w": np.full(1000, value)}


@pytest.mark.parametrize("what", ["the arrays", "the folder"])
def test_a_file_swapped_between_check_and_use_is_never_mixed_in(tmp_path, monkeypatch, what):
    checkpoint.save(tmp_path / "run", 1, like(1.0), {"run": "mine"})
    checkpoint.save(tmp_path / "other", 1, like(2.0), {"run": "other"})
    step, swapped = tmp_path / "run" / "step_1", []
    read_file = disk.read_file

    def read_and_swap(path, limit, folder=None):
        content = read_file(path, limit, folder)
        if path == "manifest.json" and not swapped:
            swapped.append(path)
            if what == "the arrays":
                os.replace(tmp_path / "other" / "step_1" / "state.safetensors", step / "state.safetensors")
            else:
                shutil.move(step, tmp_path / "aside")
                shutil.move(tmp_path / "other" / "step_1", step)
        return content

    monkeypatch.setattr(disk, "read_file", read_and_swap)
    if what == "the arrays":
        with pytest.raises(InputError, match="does not match its checksum"):
            checkpoint.load_newest(tmp_path / "run", like())
    else:  # the folder was opened once: what is read is the old one, whole
        found = checkpoint.load_newest(tmp_path / "run", like())
        assert found.extra == {"run": "mine"} and (found.state["w"] == 1.0).all()
    assert swapped


def test_a_pipe_or_device_never_makes_a_reader_wait(tmp_path):
    checkpoint.save(tmp_path, 1, like(), {})
    path = tmp_path / "step_1" / "state.safetensors"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="not a plain file"):
        checkpoint.load_newest(tmp_path, like())
