"""A study whose target or process breaks in the middle: one line, nothing lost, and `resume` goes on."""

import json
import os
import signal
import subprocess

import jax
import pytest

from headstart.__main__ import main
from headstart.commands.settings import policy_of
from headstart.commands.transfer import Plan, settings_of
from headstart.experiments.scales import SCALES, Scale
from headstart.options import Transfer
from headstart.run import bundle
from headstart.run.summary import read_summary
from headstart.tasks import gymnasium_world
from headstart.tasks.catalogue import family
from headstart.tasks.gymnasium_world import GymnasiumFamily
from tests.run import children

SMALL = Scale(
    seeds=1,
    source_steps=4_096,
    open_steps=4_096,
    adapted_steps=1_024,
    oracle_steps=4_096,
    evaluation_episodes=3,
    experience_steps=1_024,
)
CHILD = """
import os, sys
os.environ["DEAR_PENDULUM"] = sys.argv[1]
from headstart.experiments.scales import SCALES
import tests.commands.test_transfer_faults as test
SCALES["tiny"] = test.SMALL
from headstart.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A policy to bring along, so that nothing is trained on a source."""
    folder, world = tmp_path_factory.mktemp("given") / "run", family("pendulum")
    policy = policy_of("ppo", world.observation, world.action)
    description = {"learner": "ppo", "family": "pendulum"}
    bundle.save(folder, policy, policy.init(jax.random.key(3)), policy.observation, description)
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where the target keeps its log."""
    monkeypatch.setitem(SCALES, "tiny", SMALL)
    monkeypatch.setenv("DEAR_PENDULUM", str(tmp_path))
    while gymnasium_world._idle:  # their processes know another folder
        gymnasium_world._idle.pop()[1].close()
    return tmp_path


def words(run, place):
    given = ["--from", str(run), "--target", "tests.commands.dear_pendulum:make", "--size", "tiny", "--shots", "0,3"]
    return ["transfer", *given, "--out", str(place / "study")]


def plan(place, **what):
    (place / "plan").write_text(json.dumps(what))


def asked(place):
    return (place / "log").read_text().count("\n")


def used(study):
    """Sums the ledgers up: episodes, and lost ones."""
    ledgers = [json.loads(path.read_text())["counts"] for path in study.glob("ledger-*.json")]
    episodes = sum(ledger[f"{purpose}_episodes"] for ledger in ledgers for purpose in ("adaptation", "evaluation"))
    return episodes, sum(ledger["lost_episodes"] for ledger in ledgers)


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    """A study that nothing has interrupted: its summary, and what its oracle asked for."""
    place = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SCALES, "tiny", SMALL)
        patch.setenv("DEAR_PENDULUM", str(place))
        assert main(words(run, place)) == 0
    return read_summary(place / "study" / "summary.json"), asked(place) - used(place / "study")[0]


def results(summary):
    return {(arm.method, arm.shots): (arm.per_seed, arm.adaptation_episodes, arm.target_steps) for arm in summary.arms}


def test_a_study_killed_between_episodes_asks_for_none_of_them_again(run, place, whole):
    for at in (4, 9):
        plan(place, at=at, what="kill")
        command = words(run, place) if at == 4 else ["resume", str(place / "study")]
        with children.start(CHILD, place, *command, stderr=-2) as child:
            said, _ = child.communicate(timeout=120)
        assert child.returncode == -signal.SIGKILL, said
    plan(place, at=0, what="nothing")
    assert main(["resume", str(place / "study")]) == 0
    found, (expected, oracle) = read_summary(place / "study" / "summary.json"), whole
    assert results(found) == results(expected)
    episodes, lost = used(place / "study")
    assert 2 <= lost <= 2 * 2 * 3 and found.extra["lost_episodes"] == lost and found.extra["attempts"] == 3
    assert episodes <= asked(place) - oracle <= episodes + lost  # what was charged may not have begun


@pytest.mark.parametrize(
    ("what", "said"),
    [("raise", "raised RuntimeError: motor burnt"), ("crash", "was killed by SIGABRT"), ("hang", "did not answer")],
)
def test_a_target_that_breaks_costs_one_line_and_resume_goes_on(what, said, run, place, whole, capsys, monkeypatch):
    monkeypatch.setitem(GymnasiumFamily.__init__.__kwdefaults__, "timeout", 2.0)
    plan(place, at=3, what=what)
    assert main(words(run, place)) == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and said in printed.err and "Traceback" not in printed.err, printed.err
    assert f"go on with: headstart resume {place / 'study'}" in printed.out.replace("\n", " ")
    if what != "hang":
        return  # one of them goes on, for all
    plan(place, at=0, what="nothing")
    assert main(["resume", str(place / "study")]) == 0
    assert results(read_summary(place / "study" / "summary.json")) == results(whole[0])


def test_a_step_that_is_not_finite_is_left_out_and_the_study_ends(run, place):
    plan(place, at=2, what="nan")
    assert main(words(run, place)) == 0
    summary = read_summary(place / "study" / "summary.json")
    assert all(abs(value) < 1e6 for arm in summary.arms for value in arm.per_seed)


def test_a_full_disk_costs_one_line_and_resume_goes_on(run, place, whole, capsys):
    if os.geteuid() != 0:
        pytest.skip("a file system of its own needs root")
    small = place / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=17200k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        command = [*words(run, place)[:-1], str(small / "study")]
        assert main(command) == 1
        printed = capsys.readouterr()
        assert printed.err.count("\n") == 1 and "make room" in printed.err, printed.err
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        assert main(["resume", str(small / "study")]) == 0
        assert results(read_summary(small / "study" / "summary.json")) == results(whole[0])
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_every_method_belongs_to_a_piece_of_work(run, tmp_path):
    # what belongs to none is forgotten when a study is taken up again
    for options in (
        Transfer(source="pendulum", size="tiny", from_run=run, target="gym:Pendulum-v1"),
        Transfer(source="hopper", size="tiny", adapt="posterior"),
    ):
        study = Plan.of(settings_of(options), tmp_path / "study").study
        assert {study.job_of(method) for method in study.methods} == set(study.jobs(0))
