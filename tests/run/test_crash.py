"""A save that is killed, refused or loses power leaves the old checkpoint or the new one. The faults are real."""

import errno
import json
import os
import random
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from headstart.errors import Fault, InputError
from headstart.run import checkpoint, disk, sealed
from tests.run import children
from tests.run.faulty_disk import Disk, Recorder, Refuser, after_power_loss, materialise

HERE = Path(__file__).parent
CODES = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)


def state(step, size=100):
    return {"weights": np.full(size, step, np.float32), "step": np.asarray(step)}


def assert_loads(folder, allowed, size=100):
    found = checkpoint.load_newest(folder, state(0, size))
    assert found.step in allowed
    for name, array in state(found.step, size).items():
        assert found.state[name].tobytes() == array.tobytes()
    return found.step


def test_a_kill_at_any_call_of_a_save_leaves_the_old_or_the_new_checkpoint(quick_path):
    found = json.loads(children.run(HERE / "kill_points.py", "every", quick_path / "checkpoints"))
    assert found["problems"] == []
    assert found["kills"] >= 2 * sum(found["calls"]) >= 100


def test_kills_at_random_moments_of_a_process_that_saves_in_a_loop_lose_nothing_saved(quick_path):
    found = json.loads(children.run(HERE / "kill_points.py", "random", quick_path / "checkpoints", 40))
    assert found["problems"] == []
    assert found["saves"] > found["rounds"] == 40


@contextmanager
def through(stand_in):
    real, disk.os = disk.os, stand_in
    try:
        yield stand_in
    finally:
        disk.os = real


@pytest.fixture
def no_waiting(monkeypatch):
    waits = []
    monkeypatch.setattr(sealed, "time", SimpleNamespace(sleep=waits.append))
    return waits


def calls_of_a_save(folder):
    for step in (1, 2):
        checkpoint.save(folder, step, state(step), {})
    with through(Disk()) as counter:
        checkpoint.save(folder, 3, state(3), {})
    return counter.calls


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_a_disk_that_refuses_from_any_call_on_leaves_the_old_checkpoint_and_names_path_and_bytes(
    quick_path, no_waiting, code
):
    refused = 0
    calls = calls_of_a_save(quick_path / "count")
    for number in range(calls):
        folder = quick_path / str(number)
        for step in (1, 2):
            checkpoint.save(folder, step, state(step), {})
        with through(Refuser(number, code, sticky=True)):
            try:
                checkpoint.save(folder, 3, state(3), {})
            except Fault as error:
                refused += 1
                assert str(folder / "step_3") in str(error) and os.strerror(code) in str(error)
                assert "bytes are needed" in str(error) and "\n" not in str(error)
        assert_loads(folder, {2, 3})
        checkpoint.save(folder, 4, state(4), {})  # and when there is room again, the run goes on
        assert assert_loads(folder, {4}) == 4
    assert refused >= calls // 2
    assert no_waiting.count(0.2) == no_waiting.count(0.4) == refused  # three attempts each


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_a_disk_that_refuses_once_at_any_call_costs_nothing(quick_path, no_waiting, code):
    for number in range(calls_of_a_save(quick_path / "count")):
        folder = quick_path / str(number)
        for step in (1, 2):
            checkpoint.save(folder, step, state(step), {})
        with through(Refuser(number, code, sticky=False)):
            checkpoint.save(folder, 3, state(3), {})
        assert assert_loads(folder, {3}) == 3


def test_a_full_disk_is_seen_before_anything_is_written(tmp_path, no_waiting):
    checkpoint.save(tmp_path, 1, state(1), {})

    class Full(Disk):
        def around(self, number, name, real, arguments, options):
            return SimpleNamespace(f_bavail=10, f_frsize=4096) if name == "statvfs" else real(*arguments, **options)

    with through(Full()) as stand_in, pytest.raises(Fault, match="40960 bytes are free"):
        checkpoint.save(tmp_path, 2, state(2), {})
    assert stand_in.names.count("statvfs") == 3 and "write" not in stand_in.names
    assert_loads(tmp_path, {1})


FULL = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from headstart.errors import Fault
from headstart.run import checkpoint, disk, sealed
how, folder = sys.argv[1], Path(sys.argv[2])
sealed.time.sleep = lambda seconds: None
disk.RESERVE = 0
checkpoint.save(folder, 1, {"w": np.ones(1000)}, {})
if how == "rlimit":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
if how == "tmpfs unseen":
    disk.require_space = lambda folder, size: None
for attempt in range(2):
    try:
        checkpoint.save(folder, 2, {"w": np.zeros(1_000_000)}, {})
    except Fault as error:
        print(error)
checkpoint.save(folder, 3, {"w": np.full(1000, 3.0)}, {})
found = checkpoint.load_newest(folder, {"w": np.zeros(1000)})
print(found.step, found.state["w"][0], checkpoint.steps(folder))
"""
IN_TMPFS = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"')


def full_disks():
    """Returns the ways to a full disk that this machine has: a real small one if we may mount, a limit always."""
    with tempfile.TemporaryDirectory() as folder:
        may_mount = shutil.which("unshare") and subprocess.run([*IN_TMPFS, folder, "true"], capture_output=True)
    return ["rlimit", *(["tmpfs", "tmpfs unseen"] if may_mount and may_mount.returncode == 0 else [])]


@pytest.mark.parametrize("how", full_disks())
def test_a_disk_that_is_really_full_leaves_the_old_checkpoint_and_says_so_in_one_line(tmp_path, how):
    before = () if how == "rlimit" else (*IN_TMPFS, str(tmp_path))
    message, again, found = children.run(FULL, how, tmp_path, before=before).splitlines()
    assert message == again and "step_2" in message and "bytes are needed" in message
    assert (
        "File too large" if how == "rlimit" else "No space left on device"
    ) in message or "bytes are free" in message
    assert found == "3 3.0 [1, 3]"


def test_after_a_loss_of_power_every_save_that_returned_is_there(tmp_path):
    """Every prefix of the operations of four saves, with any part of what was not synced lost or half done."""
    root = tmp_path / "recorded"
    root.mkdir()
    folder = root / "run" / "checkpoints"
    returned = {}
    with through(Recorder(root)) as recorder:
        for step in (1, 2, 3, 4):
            checkpoint.save(folder, step, state(step), {"step": step})
            returned[len(recorder.operations)] = step
    generator, states = random.Random(0), 0
    for end in range(len(recorder.operations) + 1):
        safe = max((step for count, step in returned.items() if count <= end), default=0)
        for chance in (0.0, 1.0, 0.3, 0.5, 0.7):
            platter = tmp_path / f"{states}"
            materialise(after_power_loss(recorder.operations[:end], chance, generator), platter)
            states += 1
            for step in checkpoint.steps(platter / "run" / "checkpoints"):  # what is called a checkpoint is a whole one
                sealed.read(platter / "run" / "checkpoints" / f"step_{step}", checkpoint.KIND, state(0))
            if safe or checkpoint.steps(platter / "run" / "checkpoints"):
                assert_loads(platter / "run" / "checkpoints", {max(safe, 1), safe + 1})
    assert states >= 300


def test_the_model_of_power_loss_sees_a_save_that_does_not_sync(tmp_path, monkeypatch):
    """The probe of the probe: without fsync, the same replay must find states that lost what was saved."""
    monkeypatch.setattr(disk, "sync_folder", lambda folder: None)
    root = tmp_path / "recorded"
    root.mkdir()
    with through(Recorder(root)) as recorder:
        checkpoint.save(root / "checkpoints", 1, state(1), {})
    platter = tmp_path / "platter"
    materialise(after_power_loss(recorder.operations, 0.0, random.Random(0)), platter)
    with pytest.raises(InputError, match="there is no checkpoint"):
        checkpoint.load_newest(platter / "checkpoints", state(0))


def mutations(generator, folder, other):
    """Yields a name and a function that damages one file, for each kind of damage that disks and people do."""
    files = ("state.safetensors", "manifest.json")
    sizes = {name: (folder / name).stat().st_size for name in files}
    for i in range(300):
        name = files[i % 2]
        at, bit = generator.randrange(sizes[name]), generator.randrange(8)
        yield f"bit {bit} of byte {at} of {name}", name, lambda b, at=at, bit=bit: flip(b, at, bit)
    for name in files:
        for size in range(0, sizes[name], 512):
            yield f"{name} cut to {size}", name, lambda b, size=size: b[:size]
            yield (
                f"{name} zeroed at {size}",
                name,
                lambda b, size=size: b[:size] + bytes(len(b[size:][:512])) + b[size + 512 :],
            )
        yield f"{name} of another run", name, lambda b, name=name: (other / name).read_bytes()
        yield f"{name} missing", name, lambda b: None
        yield f"{name} with a byte more", name, lambda b: b + b"\0"
        yield f"{name} with a space more", name, lambda b: b + b" "
    manifest = (folder / "manifest.json").read_bytes()
    yield "a key twice", "manifest.json", lambda b: b.replace(b'"step":2', b'"step":2,"step":2')
    yield "another format", "manifest.json", lambda b: b.replace(b'"format":1', b'"format":2')
    yield "another step", "manifest.json", lambda b: b.replace(b'"step":2', b'"step":3')
    yield "pretty", "manifest.json", lambda b: json.dumps(json.loads(manifest), indent=1).encode()
    yield "other order", "manifest.json", lambda b: json.dumps(dict(reversed(json.loads(manifest).items()))).encode()
    for old, new in ((2, 1), (2, 0), (2, -2), (2, 2.0), (2, "2"), (2, None)):
        facts = json.loads(manifest) | {"step": new}
        yield f"resealed with step {old} as {new!r}", "manifest.json", lambda b, facts=facts: sealed.stamp(facts)


def flip(content, at, bit):
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


def test_every_damage_is_seen_before_a_byte_is_used(quick_path):
    folder, other = quick_path / "run", quick_path / "other"
    for step in (1, 2):
        checkpoint.save(folder, step, state(step), {"seed": 0})
        checkpoint.save(other, step, state(step + 5), {"seed": 1})
    seen = 0
    for what, name, damage in mutations(random.Random(0), folder / "step_2", other / "step_2"):
        path = folder / "step_2" / name
        before = path.read_bytes()
        after = damage(before)
        assert after != before, what
        if after is None:
            path.unlink()
        else:
            path.write_bytes(after)
        with pytest.warns(RuntimeWarning, match="damaged and passed over: step_2"):
            assert_loads(folder, {1})
        path.write_bytes(before)
        seen += 1
    assert seen >= 320
    assert_loads(folder, {2})
