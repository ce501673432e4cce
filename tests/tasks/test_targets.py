"""Targets differ from the stock robots in exactly what they say."""

import subprocess
import sys

import gymnasium
import mujoco
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.tasks import targets
from headstart.tasks.targets import RANGES, ROBOTS, ActionDelay, ObservationNoise, Shift, shift, shifted, target

WITHOUT = {"swimmer": "damping", "reacher": "friction", "pusher": "friction", "pusher_puck": "friction"}
NOT_FELT = set(WITHOUT.items())  # there is none, or nothing touches
NOMINAL = Shift(1.0, 1.0, 1.0, 1.0, 0, 0.0, 0.0)


def played(env, steps=40):
    obs, _ = env.reset(seed=11)
    seen, rewards = [obs], []
    rng = np.random.default_rng(2)
    for _ in range(steps):
        obs, reward, *_ = env.step(rng.uniform(-1, 1, env.action_space.shape).astype(np.float32))
        seen.append(obs)
        rewards.append(reward)
    return np.stack(seen), np.array(rewards)


def stock_of(robot):
    """Gymnasium's own; where a body is to weigh something else, that is written into its model by hand."""
    env = gymnasium.make(ROBOTS[robot].id)
    model = env.unwrapped.model
    for name, mass in ROBOTS[robot].masses:
        body = model.body(name).id
        model.body_inertia[body] *= mass / model.body_mass[body]
        model.body_mass[body] = mass
        mujoco.mj_setConst(model, mujoco.MjData(model))
        model.stat.meaninertia = model.dof_M0.mean()
    return env


@pytest.mark.parametrize("robot", ROBOTS)
def test_a_shift_of_nothing_is_the_stock_robot_bit_for_bit(robot):
    stock = played(stock_of(robot))
    for mine, theirs in zip(played(shifted(robot, change=NOMINAL)), stock, strict=True):
        np.testing.assert_array_equal(mine, theirs)


PARTS = ("mass", "friction", "damping", "strength", "delay", "velocity_noise")


@pytest.mark.parametrize(
    ("robot", "part"), [(robot, part) for robot in ROBOTS for part in PARTS if (robot, part) not in NOT_FELT]
)
def test_every_part_of_a_shift_changes_what_happens(robot, part):
    change = NOMINAL._replace(**{part: 1 if part == "delay" else 1.4})
    assert (played(shifted(robot, change=change))[0] != played(stock_of(robot))[0]).any()


@pytest.mark.parametrize("robot", ROBOTS)
def test_the_model_is_edited_as_said(robot):
    change = shift(robot, 5)
    model, stock = shifted(robot, 5).unwrapped.model, stock_of(robot).unwrapped.model
    body = [stock.body(name).id for name in ROBOTS[robot].bodies]
    np.testing.assert_allclose(model.body_mass[body], stock.body_mass[body] * change.mass)
    np.testing.assert_allclose(model.body_inertia[body], stock.body_inertia[body] * change.mass)
    np.testing.assert_array_equal(np.delete(model.body_mass, body), np.delete(stock.body_mass, body))
    np.testing.assert_allclose(model.dof_damping, stock.dof_damping * change.damping)
    np.testing.assert_allclose(model.actuator_gear, stock.actuator_gear * change.strength)
    np.testing.assert_allclose(model.geom_friction[:, 0], stock.geom_friction[:, 0] * change.friction)
    assert (stock.body_mass[body] > 0).all()
    derived = model.body_subtreemass[0], model.body_mass.sum()
    np.testing.assert_allclose(*derived)  # mj_setConst has followed


@pytest.mark.parametrize("robot", ROBOTS)
def test_what_follows_from_the_edits_is_what_a_fresh_compile_gives(robot):
    env = shifted(robot, 5)
    model, spec = env.unwrapped.model, mujoco.MjSpec.from_file(env.unwrapped.fullpath)
    stock = stock_of(robot).unwrapped.model
    spec.compiler.settotalmass, spec.compiler.inertiafromgeom = -1, mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_FALSE
    for body in spec.bodies[1:]:
        edited = model.body(body.name)
        body.explicitinertial = True
        body.mass, body.inertia = float(edited.mass[0]), edited.inertia
        body.ipos, body.iquat = edited.ipos, edited.iquat
    fresh = spec.compile()
    for name in ("body_subtreemass", "body_invweight0", "dof_invweight0", "dof_M0"):
        np.testing.assert_allclose(getattr(model, name), getattr(fresh, name), rtol=1e-9, err_msg=name)
    assert model.stat.meaninertia == pytest.approx(fresh.stat.meaninertia, rel=1e-9)
    assert model.stat.meaninertia != pytest.approx(stock.stat.meaninertia, rel=1e-4)


@pytest.mark.parametrize("robot", ROBOTS)
def test_velocities_are_where_the_table_says(robot):
    env = gymnasium.make(ROBOTS[robot].id).unwrapped
    env.reset(seed=0)
    env.set_state(env.data.qpos.copy(), np.linspace(0.1, 0.2, env.model.nv))
    moving = env._get_obs()
    env.set_state(env.data.qpos.copy(), np.zeros(env.model.nv))
    first, last = ROBOTS[robot].velocities
    differs = np.flatnonzero(moving != env._get_obs())
    np.testing.assert_array_equal(differs, np.arange(first, last))


def test_a_delayed_action_is_done_one_step_later_and_forgotten_at_reset():
    class Echo(gymnasium.Env):
        action_space = observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

        def reset(self, *, seed=None, options=None):
            return np.zeros(1, np.float32), {}

        def step(self, action):
            return np.array(action), 0.0, False, False, {}

    env = ActionDelay(Echo(), 2)
    for _ in range(2):
        env.reset()
        reused = np.zeros(1, np.float32)  # as callers do
        done = []
        for value in (0.1, 0.2, 0.3, 0.4):
            reused[:] = value
            done.append(float(env.step(reused)[0][0]))
        np.testing.assert_allclose(done, [0.0, 0.0, 0.1, 0.2], rtol=1e-6)


def test_noise_has_the_deviation_that_was_asked_for_and_leaves_the_state_alone():
    stock = gymnasium.make("Swimmer-v5")
    noisy = ObservationNoise(gymnasium.make("Swimmer-v5"), np.array([0.1] * 3 + [0.5] * 5))
    difference = played(noisy, 400)[0] - played(stock, 400)[0]
    np.testing.assert_allclose(difference.std(axis=0), [0.1] * 3 + [0.5] * 5, rtol=0.15)
    assert np.abs(difference.mean(axis=0)).max() < 0.1
    np.testing.assert_array_equal(played(noisy, 400)[1], played(stock, 400)[1])


def test_seeds_give_different_shifts_inside_the_ranges():
    drawn = {robot: [shift(robot, seed) for seed in range(20)] for robot in ROBOTS}
    assert len({change for those in drawn.values() for change in those}) == 20 * len(drawn)
    for robot, those in drawn.items():
        for name, (low, high) in {**RANGES, "delay": ROBOTS[robot].delay}.items():
            assert all(low <= getattr(change, name) <= high for change in those)
    assert {change.delay for change in drawn["pusher_puck"]} == {1, 2}
    assert shift("hopper", 3) == shift("hopper", 3)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("shifted-hoper:1", "unknown target 'shifted-hoper'; did you mean 'shifted-hopper'"),
        ("shifted-hopper:-1", "its seed is '-1'; write a whole number, as in shifted-hopper:0"),
        ("shifted-hopper:1.5", "its seed is '1.5'"),
        ("hopper", "unknown target 'hopper'; did you mean 'shifted-hopper'"),
    ],
)
def test_a_wrong_name_is_refused(name, says):
    with pytest.raises(InputError, match=says):
        target(name)


def test_a_target_is_a_name_or_any_source():
    assert target("shifted-walker2d:7").arguments == (("seed", 7),)
    assert target("shifted-half-cheetah").source == "headstart.tasks.targets:shifted_half_cheetah"
    assert target("gym:Ant-v5").source == "gym:Ant-v5"
    assert all(hasattr(targets, name.replace("-", "_")) for name in targets.names())


def test_physics_that_diverges_is_not_hidden_by_mujoco():
    from headstart.tasks.gymnasium_stepping import divergence

    env = gymnasium.make("Hopper-v5")
    env.reset(seed=0)
    diverged = divergence(env)
    assert not diverged()
    env.unwrapped.data.qvel[:] = 1e12
    mujoco.mj_step(env.unwrapped.model, env.unwrapped.data)
    assert diverged()
    assert np.abs(env.unwrapped.data.qvel).max() > 1.0  # and MuJoCo has not put the model back as if nothing were
    env.reset(seed=0)
    assert not diverged()


def test_the_workers_of_our_targets_do_without_jax():
    """Each of them would hold a tenth of a gigabyte more, and take longer to start."""
    code = (
        "import sys\n"
        "from headstart.tasks import targets\n"
        "from headstart.tasks.gymnasium_building import build\n"
        "for name in [name for name in dir(targets) if name.startswith('shifted_')]:\n"
        "    build(f'headstart.tasks.targets:{name}', {'seed': 0}).reset(seed=0)\n"
        "print('jax' in sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
