"""The command line: one line for each mistake, exit status 2, never a traceback."""

import ast
import inspect
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.__main__ import main, one_line
from headstart.cli import NAMES, parse
from headstart.commands.listing import first_line
from headstart.errors import Fault, InputError, Interrupted
from headstart.options import Train, whole_numbers
from headstart.tasks.catalogue import FAMILIES, builder


def said(capsys, *words):
    status = main(words)
    captured = capsys.readouterr()
    return status, captured.err


@pytest.mark.parametrize(
    ("words", "status", "parts"),
    [
        (["trasfer"], 2, ["unknown command 'trasfer'", "'transfer'"]),
        (["transfer", "--source", "hoper"], 2, ["unknown family 'hoper'", "'hopper'"]),
        (["transfer", "--size", "tny"], 2, ["'tny'", "'tiny'"]),
        (["transfer", "--sise", "tiny"], 2, ["--sise", "--size"]),
        (["transfer", "--shots", "1,a"], 2, ["--shots '1,a'", "0,1,5,20"]),
        (["transfer", "--shots", "-1"], 2, ["--shots"]),
        (["transfer", "--seeds", "0"], 2, ["--seeds 0"]),
        (["transfer", "--target", "shifted-hoper:0"], 2, ["shifted-hoper", "shifted-hopper"]),
        (["train", "hoper"], 2, ["unknown family", "'hopper'"]),
        (["train", "hopper", "--steps", "-5"], 2, ["--steps -5", "at least 1"]),
        (["train", "hopper", "--steps", "many"], 2, ["--steps", "many"]),
        (["resume", "no/such/run"], 2, ["no/such/run", "no such run folder"]),
        (["evaluate", "no/such/run"], 2, ["no/such/run"]),
        (["report", "no/such/run"], 2, ["no/such/run"]),
        (["reproduce", "set-tabel"], 2, ["unknown claim 'set-tabel'", "'set-table'"]),
        (["reproduce", "set-table", "--source", "hopper"], 2, ["--source", "'set-table'", "--demonstrations"]),
        (["reproduce", "set-table", "--seeds", "0"], 2, ["--seeds 0"]),
        (["reproduce", "set-table", "--size", "big"], 2, ["'big'", "'tiny'"]),
        (["check", "nocolon"], 2, ["nocolon"]),
        (["check", "gym:Nothing-v7"], 2, ["Nothing"]),
    ],
)
def test_a_mistake_gets_one_line_and_its_status(words, status, parts, capsys):
    got, line = said(capsys, *words)
    assert got == status, line
    assert line.startswith("headstart: ") and line.count("\n") == 1
    for part in parts:
        assert part in line


def test_help_needs_no_simulator_and_no_arithmetic():
    script = (
        "import sys; from headstart.__main__ import main; main(['--help']); "
        "print([m for m in ('jax', 'mujoco', 'gymnasium', 'matplotlib') if m in sys.modules], file=sys.stderr)"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert child.returncode == 0
    assert child.stderr.strip() == "[]"
    assert "transfer" in child.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name, capsys):
    assert main([name, "--help"]) == 0
    assert len(capsys.readouterr().out) > 100


def test_no_two_families_are_listed_with_the_same_words():
    lines = [first_line(builder(entry)) for entry in FAMILIES.values()]
    assert all(lines) and len(set(lines)) == len(lines)


def test_an_error_of_ours_is_kept_in_a_file_and_not_shown(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def broken(options):
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("headstart.cli.run", broken)
    status, line = said(capsys, "list")
    assert status == 1 and "Traceback" not in line and line.count("\n") == 1
    [report] = tmp_path.glob("headstart-*.txt")
    assert str(report) in line and "ZeroDivisionError: of all things" in report.read_text()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("wrong"), 2),
        (Fault("broke"), 1),
        (KeyboardInterrupt(), 130),
        (Interrupted(2), 130),
        (Interrupted(15), 143),
        (OSError(28, "No space left"), 1),
    ],
)
def test_each_kind_of_error_has_its_status(error, status, capsys, monkeypatch):
    def broken(options):
        raise error

    monkeypatch.setattr("headstart.cli.run", broken)
    got, line = said(capsys, "list")
    assert got == status and line.count("\n") == 1


def test_sigterm_leaves_as_ctrl_c_does_and_the_handler_is_put_back(capsys, monkeypatch):
    monkeypatch.setattr("headstart.cli.run", lambda options: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(60))
    before = signal.getsignal(signal.SIGTERM)
    assert said(capsys, "list") == (143, "headstart: stopped by SIGTERM\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_warning_is_one_line(capsys, monkeypatch):
    def warned(options):
        warnings.simplefilter("always")
        warnings.warn("the sky\nis low", stacklevel=1)
        return 0

    monkeypatch.setattr("headstart.cli.run", warned)
    assert said(capsys, "list") == (0, "headstart: the sky is low\n")


def test_a_message_cannot_write_to_the_terminal_its_own_way():
    assert one_line("a\x1b[31m\nb\u202e") == "a\ufffd[31m b\ufffd"


def test_shots_are_read_as_a_set_in_order():
    assert whole_numbers("shots", "20, 0,5,5") == (0, 5, 20)


WORD = st.one_of(
    st.sampled_from(
        [*NAMES, "--help", "--size", "--shots", "--seeds", "--seed", "--out", "--source", "--target", "--from"]
    ),
    st.sampled_from(
        ["tiny", "hopper", "-1", "0", "1e9", "nan", "", "--", "-", "0,1", "gym:", ":", "\x00", "ü", "../.."]
    ),
    st.text(max_size=12),
)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORD, max_size=7))
def test_no_words_lead_to_a_traceback(words, capsys):
    try:
        command = parse(words)
    except InputError as error:
        assert one_line(error)
    except SystemExit as leaving:
        assert leaving.code in (0, None)
    else:
        assert type(command).__name__.lower() in NAMES
    capsys.readouterr()


@pytest.mark.parametrize("command", NAMES)
def test_a_sentence_of_help_breaks_where_the_terminal_ends_and_nowhere_else(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit):
        parse([command, "--help"])
    said = capsys.readouterr().out
    (options,) = (one for one in ast.parse(Path(inspect.getfile(Train)).read_text()).body
                  if isinstance(one, ast.ClassDef) and one.name == command.title())  # fmt: skip
    texts = [ast.literal_eval(one.value) for one in options.body[1:] if isinstance(one, ast.Expr)]
    assert len(texts) == sum(isinstance(one, ast.AnnAssign) for one in options.body), "each option has one"
    for text in texts:
        assert " ".join(text.split()) in said
