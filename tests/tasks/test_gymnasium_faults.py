"""Environments that misbehave: each kind is found and named, nothing hangs, nobody is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from headstart.errors import Fault, InputError
from headstart.tasks.gymnasium_world import GymnasiumFamily

ALL = np.ones(4, bool)


def family(what, at=3, *, isolate=False, **fields):
    arguments = (("what", what), ("at", at))
    source = "tests.tasks.gym_worlds:misbehaving"
    return GymnasiumFamily(source=source, arguments=arguments, isolate=isolate, **fields)


def started(world, n=4):
    return world.reset(np.arange(n) + 70, world.start(n), world.task(), np.ones(n, bool))


def stepped(world, state, steps=3):
    outcome = None
    for _ in range(steps):
        outcome = world.step(None, state, np.zeros((4, 2), np.float32), ALL)
        state = outcome.state
    return outcome


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] == "Z"  # init has not come round yet


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("what", ["nan", "inf", "huge", "nan reward"])
def test_numbers_that_are_not_finite_make_their_row_invalid_and_end_it(what):
    world = family(what)
    outcome = stepped(world, started(world))
    assert not outcome.valid.any() and outcome.truncated.all() and not outcome.terminated.any()
    assert np.isfinite(outcome.reward).all() and np.isfinite(world.observe(outcome.state)).all()
    again = world.reset(np.arange(4), outcome.state, world.task(), ALL)
    assert stepped(world, again, 2).valid.all()


def test_a_first_observation_that_is_not_finite_makes_the_first_step_invalid():
    world = family("nan", at=0)
    state = started(world)
    assert np.isfinite(world.observe(state)).all()
    outcome = stepped(world, state, 1)
    assert not outcome.valid.any() and outcome.truncated.all()


SAYS = {
    "raise": r"raised ValueError: the motor is \?\[31mon fire",
    "exit": "raised SystemExit: 0",
    "shape": r"the observation has shape \(4,\), its space says \(3,\)",
    "kind": "the observation has dtype <U1, its space says float32",
    "complex": "the observation has dtype complex64, its space says float32",
    "ragged": "the observation is not an array of numbers",
    "bare": r"returned a ndarray where \(obs, reward, terminated, truncated, info\) belong",
    "four values": r"returned 4 values where \(obs, reward, terminated, truncated, info\) belong",
    "no reward": "gave the reward 'None'; it must be one number",
    "vector reward": r"gave the reward '\[1.\]'; it must be one number",
    "text flag": "gave terminated='False'; it must be True or False",
}


@pytest.mark.parametrize("what", SAYS)
def test_what_does_not_fit_is_named_in_one_line(what):
    world = family(what)
    state = started(world)
    with pytest.raises(Fault, match=SAYS[what]) as fault:
        stepped(world, state)
    assert "misbehaving" in str(fault.value) and "seed 70, step 3" in str(fault.value)
    assert str(fault.value).isprintable()


@pytest.mark.parametrize("what", ["raise", "shape", "bare"])
def test_a_reset_that_goes_wrong_is_named_too(what):
    with pytest.raises(Fault, match=r"environment 0, in process, seed 70, step 0\).*while resetting"):
        started(family(what, at=0))


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("raise", r"environment (0, worker 0|2, worker 1), process \d+, seed 7\d, step 3\) raised ValueError"),
        ("kill", "was killed by SIGKILL while stepping"),
        ("abort", r"was killed by SIGABRT while stepping \(it last said: the simulator gave up\)"),
        ("leave", "exited with status 0 while stepping"),
        ("sleep", "did not answer within 1 s while stepping"),
        ("hold the interpreter", "did not answer within 1 s while stepping"),
        ("stop", "did not answer within 1 s while stepping"),
    ],
)
def test_a_worker_that_breaks_is_named_and_all_workers_are_ended(what, says):
    world = family(what, isolate=True, timeout=1.0)
    state = started(world)
    pids = [worker.process.pid for worker in state.handle.worlds.workers]
    assert len(pids) == 2
    with pytest.raises(Fault, match=says):
        stepped(world, state)
    assert all(gone(pid) for pid in pids)
    with pytest.raises(ChildProcessError):  # reaped: no zombies either
        os.waitpid(pids[0], os.WNOHANG)
    with pytest.raises(Fault, match=r"closed|old state"):
        stepped(world, state)


def test_an_environment_that_chatters_disturbs_nothing():
    world = family("chatter", isolate=True)
    state = started(world)
    assert stepped(world, state, 4).valid.all()
    world.close(state)


@pytest.mark.parametrize("moment", range(5))
def test_a_killed_worker_is_noticed_at_any_moment(moment):
    world = family("nothing", isolate=True)
    state = started(world)
    for _ in range(moment):
        state = stepped(world, state, 1).state
    victim = state.handle.worlds.workers[moment % 2].process.pid
    os.kill(victim, signal.SIGKILL)
    with pytest.raises(Fault, match=f"worker {moment % 2}, process {victim}, .* was killed by SIGKILL"):
        stepped(world, state, 2)


def test_closing_ends_a_worker_that_does_not_listen():
    world = family("nothing", isolate=True)
    state = started(world)
    pids = [worker.process.pid for worker in state.handle.worlds.workers]
    os.kill(pids[0], signal.SIGSTOP)
    world.close(state)
    assert all(gone(pid) for pid in pids)
    world.close(state)  # twice is no harm


PARENT = """
import numpy as np, sys, threading
from headstart.tasks.gymnasium_world import GymnasiumFamily
source, arguments = "tests.tasks.gym_worlds:misbehaving", (("what", sys.argv[1]), ("at", 1))
if sys.argv[1] == "asynchronous":
    source, arguments = "tests.tasks.gym_worlds:asynchronous", (("size", 2), ("mode", "DISABLED"))
world = GymnasiumFamily(source=source, arguments=arguments, timeout=1.0)
state = world.reset(np.arange(2), world.start(2), world.task(), np.ones(2, bool))
print(*(worker.process.pid for worker in state.handle.worlds.workers), flush=True)
if sys.argv[1] == "nothing":
    sys.exit()
world.step(None, state, np.zeros((2, 2), np.float32), np.ones(2, bool))
world.close(state)
"""


@pytest.mark.parametrize("what", ["hold the interpreter", "sleep"])
def test_workers_die_with_a_parent_that_is_killed(what):
    with subprocess.Popen([sys.executable, "-c", PARENT, what], stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(word) for word in parent.stdout.readline().split()]
        time.sleep(0.3)  # now both are busy, and would be for ever
        parent.kill()
    assert len(pids) == 2
    wait_until(lambda: all(gone(pid) for pid in pids))


def test_a_stop_of_everybody_is_no_hang():
    """Ctrl-Z and `fg`, or a container that is paused: nobody worked meanwhile, so nobody was slow."""
    with subprocess.Popen([sys.executable, "-c", PARENT, "doze"], stdout=subprocess.PIPE, text=True) as parent:
        everybody = [parent.pid, *map(int, parent.stdout.readline().split())]
        time.sleep(0.2)  # now the workers doze
        for signum, pause in ((signal.SIGSTOP, 2.0), (signal.SIGCONT, 0.0)):
            for pid in everybody if signum == signal.SIGSTOP else everybody[::-1]:
                os.kill(pid, signum)
            time.sleep(pause)
        assert parent.wait(timeout=30) == 0


def test_a_parent_that_forgets_to_close_leaves_nobody_behind():
    done = subprocess.run([sys.executable, "-c", PARENT, "nothing"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(gone(int(word)) for word in done.stdout.split())


@pytest.mark.parametrize("isolate", [True, False])
def test_an_environment_that_cannot_be_built_says_why(isolate):
    world = GymnasiumFamily(source="tests.tasks.gym_worlds:raises_when_built", isolate=isolate)
    with pytest.raises(Fault, match="raised OSError: no robot is plugged in while being built"):
        world.start(1)


def test_an_environment_that_never_gets_built_is_given_up():
    world = GymnasiumFamily(source="tests.tasks.gym_worlds:hangs_when_built", start_timeout=2.0)
    with pytest.raises(Fault, match="did not answer within 2 s while being built"):
        world.start(1)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("Hopper-v5", "write gym:ID, as in gym:Hopper-v5"),
        ("gym:Hoper-v5", "unknown Gymnasium environment 'Hoper-v5'; did you mean 'Hopper-v5'"),
        ("gym:Hopper-v99", "unknown Gymnasium environment 'Hopper-v99'; did you mean 'Hopper-v"),
        ("no_such_module_here:make", "no module named 'no_such_module_here'"),
        (
            "tests.tasks.gym_worlds:countin",
            "unknown function of tests.tasks.gym_worlds 'countin'; did you mean 'counting'",
        ),
        ("tests.tasks.gym_worlds:returns_nothing", "it returned a NoneType, not a gymnasium.Env"),
        ("tests.tasks.gym_worlds:unsized", "observation space: Text has no fixed size"),
        ("tests.tasks.gym_worlds:tuple_action", "wrap the environment so that it takes a Box or a Discrete"),
        ("tests.tasks.gym_worlds:undeclared", r"declares metadata\['autoreset_mode'\] = None"),
    ],
)
@pytest.mark.parametrize("isolate", [False, True])
def test_a_source_that_cannot_work_is_refused_in_one_line(source, says, isolate):
    if isolate and "undeclared" not in source and "Hoper" not in source:
        isolate = False  # the same code runs in the worker: two sources show that its words arrive
    with pytest.raises(InputError, match=says) as error:
        GymnasiumFamily(source=source, isolate=isolate).start(1)
    assert "\n" not in str(error.value)


def test_an_action_that_is_not_finite_never_reaches_the_world():
    world = family("nothing")
    state = started(world)
    action = np.zeros((4, 2), np.float32)
    action[2, 1] = np.nan
    with pytest.raises(Fault, match=r"environment 2\): the policy's action is not finite"):
        world.step(None, state, action, ALL)


def test_an_old_state_is_refused():
    world = family("nothing")
    state = started(world)
    stepped(world, state, 1)
    with pytest.raises(Fault, match="an old state was used"):
        stepped(world, state, 1)


@pytest.mark.parametrize("field", ["workers", "timeout", "horizon"])
def test_fields_that_cannot_work_are_refused(field):
    with pytest.raises(InputError, match=f"{field} is -1"):
        family("nothing", **{field: -1})
