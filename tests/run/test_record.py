"""The run folder: what is written is what is read, and what is damaged is named in one line."""

import json
import math
import os
import signal
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import headstart
from headstart.errors import Fault, InputError
from headstart.run import disk, metrics, record
from tests.run import children


def created(path):
    return record.create_run(path, "transfer", 7, {"source": "hopper", "shots": [0, 1], "rate": 3e-4})


def test_a_config_says_everything_that_a_result_depends_on(tmp_path):
    run = created(tmp_path / "a" / "run")
    config = record.read_config(run.path)
    assert config["settings"] == {"source": "hopper", "shots": [0, 1], "rate": 3e-4}
    assert (config["command"], config["seed"], config["format"]) == ("transfer", 7, 1)
    assert config["versions"]["headstart"] == headstart.__version__
    assert config["versions"]["jax"] == __import__("jax").__version__ and "python" in config["versions"]
    assert run.checkpoints == run.path / "checkpoints"


def test_a_run_is_never_written_over_another(tmp_path):
    created(tmp_path)
    with pytest.raises(InputError, match="holds a run already; `headstart resume "):
        created(tmp_path)
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InputError, match="is not a folder"):
            created(path)


def test_the_commit_is_recorded_inside_of_git_and_nothing_outside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert record.git_commit() is None
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "init", "-q"], check=True)
    (tmp_path / "file").write_text("1")
    subprocess.run(["git", "add", "file"], check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "x"], check=True)
    commit = record.git_commit()
    assert len(commit) == 40
    (tmp_path / "file").write_text("2")
    assert record.git_commit() == commit + "+"
    monkeypatch.setenv("PATH", "")
    assert record.git_commit() is None


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "no config.json in it"),
        (b"", "is empty"),
        (b"\0\0\0\0", "not valid JSON"),
        (b'{"format":1,"comm', "not valid JSON"),
        (b"[1]", "not one JSON object"),
        (b"{}", "no format number"),
        (b'{"format":1}', "'command' is missing or damaged"),
        (b'{"format":2,"versions":{"headstart":"4.0"}}', r"format 2, written by headstart 4\.0; this is headstart 0"),
        (b" " * (5 << 20), "cannot be read"),
    ],
)
def test_a_config_that_cannot_be_used_is_named_in_one_line(tmp_path, content, named):
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(InputError, match=named) as caught:
        record.read_config(tmp_path)
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(InputError, match="there is no such run folder"):
        record.read_config(tmp_path / "nowhere")


def test_metrics_come_back_and_what_is_not_finite_is_null_and_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with metrics.Writer(path) as writer:
        writer.append(1, {"train/loss": jnp.float32(0.5), "time/fps": 100, "ok": np.bool_(True)})
        writer.append(2, {"train/loss": math.nan, "rollout/ep_rew_mean": np.float64("inf"), "time/fps": 3})
    assert metrics.read_metrics(path) == metrics.Metrics(
        [
            {"step": 1, "train/loss": 0.5, "time/fps": 100, "ok": True},
            {"step": 2, "train/loss": None, "rollout/ep_rew_mean": None, "time/fps": 3,
             "faults": ["train/loss", "rollout/ep_rew_mean"]},
        ],
        torn=False,
    )  # fmt: skip


@pytest.mark.parametrize("bad", [{"step": 1}, {"faults": 1}, {"a": "text"}, {"a": np.zeros(2)}, {"a": None}, {"a": 1j}])
def test_what_is_no_metric_is_refused(tmp_path, bad):
    with metrics.Writer(tmp_path / "metrics.jsonl") as writer, pytest.raises(InputError, match="metric"):
        writer.append(1, bad)
    assert (tmp_path / "metrics.jsonl").read_bytes() == b""


def test_resuming_cuts_the_file_back_to_what_the_checkpoint_knew(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with metrics.Writer(path) as writer:
        writer.append(1, {"a": 1})
        length = writer.sync()
        writer.append(2, {"a": 2})
    with metrics.Writer(path, length=length) as writer:
        writer.append(3, {"a": 3})
    assert [row["step"] for row in metrics.read_metrics(path).rows] == [1, 3]
    with pytest.raises(InputError, match="the checkpoint knew 100000"):
        metrics.Writer(path, length=100_000)


def test_a_torn_last_line_is_left_out_and_a_damaged_line_before_it_is_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step":1}\n{"step":2,"a":0.5}\n{"step":3,"a"')
    assert metrics.read_metrics(path) == metrics.Metrics([{"step": 1}, {"step": 2, "a": 0.5}], torn=True)
    for damaged in (b'{"step":2,"a"', b"\0\0\0", b'{"a":1}', b'{"step":"2"}', b'{"step":2,"a":"x"}', b""):
        path.write_bytes(b'{"step":1}\n' + damaged + b'\n{"step":3}\n')
        with pytest.raises(InputError, match="line 2"):
            metrics.read_metrics(path)
    path.write_bytes(b"")
    assert metrics.read_metrics(path) == metrics.Metrics([], torn=False)
    with pytest.raises(InputError, match="there is no metrics file"):
        metrics.read_metrics(tmp_path / "nowhere.jsonl")


APPENDER = """
import sys
from headstart.run import metrics
writer = metrics.Writer(sys.argv[1])
for step in range(10**9):
    writer.append(step, {"a": step / 3, "b": float("nan")})
    print(step, flush=True)
"""


def test_a_killed_process_loses_no_line_that_it_wrote(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with children.start(APPENDER, path) as child:
        for _ in range(50):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        said = [line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    last = int(said[-1]) if said else 49
    found = metrics.read_metrics(path)
    assert [row["step"] for row in found.rows] in (list(range(last + 1)), list(range(last + 2)))
    assert not found.torn


def test_lines_wait_in_memory_while_the_disk_is_full_and_are_written_when_there_is_room(tmp_path, monkeypatch):
    path, full = tmp_path / "metrics.jsonl", []

    def write(descriptor, content):
        if full:
            raise OSError(28, "No space left on device")
        return os.write(descriptor, bytes(content[:7]))  # and a disk may take only a part at a time

    monkeypatch.setattr(metrics, "os", SimpleNamespace(**vars(os) | {"write": write}))
    writer = metrics.Writer(path)
    writer.append(1, {"a": 1})
    full.append(True)
    writer.append(2, {"a": 2})
    with pytest.raises(Fault, match=r"No space left on device\), 17 bytes wait"):
        writer.sync()
    full.clear()
    writer.append(3, {"a": 3})
    assert writer.sync() == path.stat().st_size
    assert [row["step"] for row in metrics.read_metrics(path).rows] == [1, 2, 3]
    full.append(True)
    monkeypatch.setattr(metrics, "PENDING_LIMIT", 100)
    with pytest.raises(Fault, match="make room and resume"):
        for step in range(4, 20):
            writer.append(step, {"a": 1})
    full.clear()
    writer.close()


def test_metrics_are_synced_by_the_clock_and_not_by_every_line(tmp_path, monkeypatch):
    synced, now = [], [0.0]
    monkeypatch.setattr(metrics, "os", SimpleNamespace(**vars(os) | {"fsync": synced.append}))
    writer = metrics.Writer(tmp_path / "metrics.jsonl", sync_seconds=5.0, clock=lambda: now[0])
    for now[0] in (0.0, 1.0, 4.9, 5.0, 6.0, 9.9, 10.0):
        writer.append(int(now[0]), {"a": 1})
    assert len(synced) == 2
    writer.close()


def test_a_logger_that_is_missing_or_breaks_never_stops_a_run(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    logger = metrics.TensorBoard(tmp_path)
    logger.append(1, {"a": 1.0})
    logger.close()
    points = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            points.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            points.append((name, value, step))
            if value > 1:
                raise OSError("disk full")

        def close(self):
            points.append("closed")

    module = ModuleType("tensorboardX")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    logger = metrics.TensorBoard(tmp_path, step=50)
    logger.append(60, {"a": jnp.float32(0.5)})
    logger.append(70, {"a": 2.0})
    logger.append(80, {"a": 0.0})
    logger.close()
    assert points == [(str(tmp_path), 51), ("a", 0.5, 60), ("a", 2.0, 70)]


def test_tensorboard_reads_what_the_real_library_wrote(tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra [tensorboard] is not installed")
    from tensorboardX.proto.event_pb2 import Event

    logger = metrics.TensorBoard(tmp_path)
    for step in (64, 128):
        logger.append(step, {"rollout/ep_rew_mean": step / 3, "train/loss": jnp.float32(0.5)})
    logger.close()
    (file,) = tmp_path.iterdir()
    content, found = file.read_bytes(), []
    while content:  # a record: its length, a checksum, the event, a checksum
        size = int.from_bytes(content[:8], "little")
        event, content = Event.FromString(content[12 : 12 + size]), content[16 + size :]
        found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
    assert sorted(found) == [
        ("rollout/ep_rew_mean", 64, pytest.approx(64 / 3)),
        ("rollout/ep_rew_mean", 128, pytest.approx(128 / 3)),
        ("train/loss", 64, 0.5),
        ("train/loss", 128, 0.5),
    ]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file.json"
    disk.replace_file(path, b"old")
    fsync = os.fsync

    def refuse(descriptor):
        fsync(descriptor)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(disk, "os", SimpleNamespace(**vars(os) | {"fsync": refuse}))
    with pytest.raises(OSError):
        disk.replace_file(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    disk.replace_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_reading_a_run_does_not_load_jax():
    program = """
import sys
from headstart.run import disk, ledger, lock, metrics, record, signals, strict_json, summary
assert "jax" not in sys.modules
"""
    children.run(program)


def test_the_readable_name_of_a_row_is_json(tmp_path):
    with metrics.Writer(tmp_path / "metrics.jsonl") as writer:
        writer.append(np.int64(5), {"a": np.float32(0.1)})
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"step": 5, "a": float(np.float32(0.1))}
