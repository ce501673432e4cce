"""Our families through Gymnasium's own door."""

import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from headstart.errors import InputError
from headstart.tasks import catalogue
from headstart.tasks.catalogue import FAMILIES, family
from headstart.tasks.family_env import FamilyEnv, _step
from headstart.tasks.register import register

register()
OURS = (
    "half_cheetah_backward",
    "half_cheetah_run",
    "hopper_euler",
    "walker2d_euler",
    "pusher_puck",
    "ant_run",
    "ant_wide_hallway",
    "ant_narrow_hallway",
    "ant_u_maze",
)  # Gymnasium has no such worlds
ROBOTS = [name for name, entry in FAMILIES.items() if entry.module.endswith("mujoco") and name not in OURS]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_passes_gymnasiums_checker(name):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_env(gymnasium.make(FAMILIES[name].id).unwrapped)
    # positions and velocities have no bounds, in Gymnasium's own robots neither; torques are in N m
    allowed = ("is -infinity", "is infinity", "we recommend using a symmetric and normalized space")
    assert [str(w.message) for w in said if not any(text in str(w.message) for text in allowed)] == []


def test_environments_of_one_family_share_what_is_compiled():
    def played():
        env = FamilyEnv("point_maze")
        env.reset(seed=0)
        return env.step(env.action_space.sample())

    played()
    compiled = _step._cache_size()
    played()
    assert _step._cache_size() == compiled


@pytest.mark.parametrize("name", FAMILIES)
def test_the_catalogue_says_what_the_family_says(name):
    built = family(name)
    assert (built.name, built.horizon) == (name, FAMILIES[name].horizon)
    assert gymnasium.spec(FAMILIES[name].id).max_episode_steps == built.horizon


@pytest.mark.parametrize("name", ROBOTS)
def test_set_state_is_that_of_gymnasiums_own(name):
    mine = gymnasium.make(FAMILIES[name].id)
    theirs = gymnasium.make(FAMILIES[name].id.replace("headstart/", "").replace("v0", "v5"))
    mine.reset(seed=0)
    theirs.reset(seed=0)
    stock = theirs.unwrapped
    qpos, qvel = stock.init_qpos + 0.01, np.linspace(-0.1, 0.1, stock.model.nv)
    mine.unwrapped.set_state(qpos, qvel)
    stock.set_state(qpos, qvel)
    for t in range(5):
        action = np.sin(np.arange(stock.model.nu) + t).astype(np.float32)
        ours, expected = mine.step(action), theirs.step(action)
        np.testing.assert_allclose(ours[0], expected[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(ours[1], expected[1], rtol=1e-4, atol=1e-5)
        assert ours[2:4] == tuple(map(bool, expected[2:4]))


def test_set_state_refuses_what_does_not_fit():
    env = gymnasium.make("headstart/Hopper-v0").unwrapped
    env.reset(seed=0)
    with pytest.raises(InputError, match=r"shapes \(5,\), \(6,\); they must be \(\(6,\), \(6,\)\)"):
        env.set_state(np.zeros(5), np.zeros(6))
    pendulum = gymnasium.make("headstart/Pendulum-v0").unwrapped
    pendulum.reset(seed=0)
    with pytest.raises(InputError, match="pendulum has no joints"):
        pendulum.set_state(np.zeros(1), np.zeros(1))


def test_the_clock_truncates_and_does_not_terminate():
    env = gymnasium.make("headstart/Pendulum-v0", max_episode_steps=3)
    env.reset(seed=0)
    flags = [env.step(np.zeros(1, np.float32))[2:4] for _ in range(3)]
    assert flags == [(False, False), (False, False), (False, True)]


@pytest.mark.parametrize("name", ["point_maze", "point_navigation"])
def test_success_is_said_in_both_words(name):
    env = FamilyEnv(name)
    env.reset(seed=0)
    task, place = env.family.task(), env.family.observe(env._play._state, env.family.task())[:2]
    env.reset(seed=0, options={"task": task._replace(reward={"goal": np.asarray(place, np.float32)})})
    info = env.step(np.zeros(2, np.float32))[4]
    assert info == {"is_success": True, "success": True}
    env.reset(seed=0, options={"task": task._replace(reward={"goal": np.full(2, 50.0, np.float32)})})
    assert env.step(np.zeros(2, np.float32))[4] == {"is_success": False, "success": False}


def test_sampled_tasks_are_told():
    env = gymnasium.make("headstart/PointMaze-v0", sampled=True)
    told = {tuple(env.reset(seed=seed)[0]["task"].tolist()) for seed in range(5)}
    assert len(told) == 5
    assert env.observation_space.contains(env.reset(seed=0)[0])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"family": "hoper"}, "unknown family 'hoper'; did you mean 'hopper'"),
        ({"family": "hopper", "render_mode": "human"}, "draw no pictures"),
        ({"family": "pendulum", "sampled": True, "task": 1}, "either a task or sampled=True"),
    ],
)
def test_what_cannot_work_is_refused(arguments, says):
    with pytest.raises(InputError, match=says):
        FamilyEnv(**arguments)


def test_names_may_be_written_with_hyphens():
    assert family("point-maze").name == "point_maze"
    assert set(catalogue.names()) == set(FAMILIES)


@pytest.mark.parametrize(
    ("imports", "says"),
    [
        ("import gymnasium, headstart", ["True", "False", "False"]),
        ("import headstart; print('gymnasium' in sys.modules, end=' '); import gymnasium", ["False", "False"] * 2),
    ],
)
def test_importing_headstart_makes_the_ids_known_and_imports_no_world(imports, says):
    asked = "print('headstart/Hopper-v0' in gymnasium.registry, 'jax' in sys.modules, 'mujoco' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", f"import sys; {imports}; {asked}"], capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (says, "")
