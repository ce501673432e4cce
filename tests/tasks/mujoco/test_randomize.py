"""Writing dynamics into models: from the defaults, consistently, effectively, and back."""

import dataclasses

import mujoco
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.tasks.catalogue import family as named
from headstart.tasks.mujoco.model import specification
from headstart.tasks.mujoco.randomize import Randomizer
from tests.tasks.mujoco.playing import (
    HALF_CHEETAH,
    HOPPER,
    SWIMMER,
    WALKER2D,
    actions_of,
    all_of,
    begin,
    every_family,
    physical,
    play,
    spread,
    tasks_of,
)

SERVO = named("tests.tasks.own.servo:Servo")


def same_models(one, other):
    one, other = physical(one), physical(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@every_family
def test_the_nominal_model_is_the_compiled_one(family):
    (model,) = family.models(begin(family, tasks_of(family, 1)))
    same_models(model, family._model)


@every_family
def test_three_randomizations_are_as_good_as_the_last(family):
    state = begin(family, spread(family, 2, seed=1))
    for seed in (2, 3):
        state = family.reset(np.arange(2), state, spread(family, 2, seed=seed), all_of(2))
    once = begin(dataclasses.replace(family), spread(family, 2, seed=3))
    for one, other in zip(family.models(state), family.models(once), strict=True):
        same_models(one, other)


@every_family
def test_back_to_nominal_nothing_is_left(family):
    state = begin(family, spread(family, 2))
    state = family.reset(np.arange(2), state, tasks_of(family, 2), all_of(2))
    for model in family.models(state):
        same_models(model, family._model)
    plain = begin(dataclasses.replace(family), tasks_of(family, 2))
    actions = actions_of(family, 50, 2)
    for one, other in zip(play(family, state, actions)[1:], play(family, plain, actions)[1:], strict=True):
        np.testing.assert_array_equal(one, other)


@every_family
def test_every_parameter_is_read_back(family):
    tasks = spread(family, 4)
    for row, model in enumerate(family.models(begin(family, tasks))):
        read = family.parameters(model)
        assert set(family.dynamics) - set(read) == {"delay:action", "jitter:delay", "noise:observation"}
        for name, value in read.items():
            assert value == pytest.approx(float(tasks.dynamics[name][row]), abs=5e-4), name


@every_family
def test_every_parameter_changes_what_happens(family):
    names = list(family.dynamics)
    n = len(names) + 1
    tasks, other = tasks_of(family, n), spread(family, n)
    for row, name in enumerate(names):
        tasks.dynamics[name] = tasks.dynamics[name].copy()
        tasks.dynamics[name][row] = other.dynamics[name][row]
    state = begin(family, tasks, seeds=np.zeros(n, int))
    rng, rest = np.random.default_rng(0), family.physics(state)
    # every joint moves, so that the mass of a thing that nobody has touched matters too
    push = np.repeat(rng.normal(size=(1, rest.qvel.shape[1])), n, axis=0)
    state = family.place(state, rest.qpos, push)
    seen = play(family, state, np.repeat(actions_of(family, 60, 1), n, axis=1))[1]
    idle = [name for row, name in enumerate(names) if np.array_equal(seen[:, row], seen[:, -1])]
    assert not idle


def edited(family, edit):
    """Compiles the robot's file after an edit of its description, for the same options as the family's own model."""
    spec = specification(family.robot.about.asset)
    edit(spec)
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    return spec.compile()


def denser(body):
    def edit(spec):
        for geom in spec.body(body).geoms:
            geom.density *= 2.0

    return edit


def damped(joint, factor):
    def edit(spec):
        spec.joint(joint).damping[0] *= factor

    return edit


def heavier_rotor(joint, factor):
    def edit(spec):
        spec.joint(joint).armature *= factor

    return edit


def geared(place, factor):
    def edit(spec):
        spec.actuators[place].gear[0] *= factor

    return edit


def fallen(factor):
    def edit(spec):
        spec.option.gravity = np.array(spec.option.gravity) * factor

    return edit


def slippery(factor):
    def edit(spec):
        for geom in spec.geoms:
            geom.friction[0] *= factor

    return edit


def thick(factor):
    def edit(spec):
        spec.option.viscosity *= factor
        spec.option.density *= factor

    return edit


def braked(joint, value):
    def edit(spec):
        spec.joint(joint).damping[0] = value

    return edit


def served(factor):
    def edit(spec):
        spec.actuators[0].gainprm[0] *= factor
        spec.actuators[0].biasprm[1:3] *= factor

    return edit


def stiff_turning(factor):
    def edit(spec):
        next(joint for joint in spec.joints if joint.type == mujoco.mjtJoint.mjJNT_BALL).damping[0] *= factor

    return edit


# factors that are powers of two where a product is rounded in another order
STATIC = [
    (HOPPER, {"mass__torso": 2.0}, denser("torso")),
    (WALKER2D, {"mass__leg_left": 2.0}, denser("leg_left")),
    (HOPPER, {"friction__floor": 0.5}, slippery(0.5)),
    (WALKER2D, {"friction__floor": 0.25}, slippery(0.25)),
    (HOPPER, {"damping__leg_joint": 3.0}, damped("leg_joint", 3.0)),
    (WALKER2D, {"armature__foot_joint": 4.0}, heavier_rotor("foot_joint", 4.0)),
    (HOPPER, {"gear__foot_joint": 0.75}, geared(2, 0.75)),
    (HOPPER, {"gravity__world": 0.5}, fallen(0.5)),
    (SWIMMER, {"density__world": 0.5, "viscosity__world": 0.5}, thick(0.5)),
    (SWIMMER, {"damping__motor1_rot": 3.0}, braked("motor1_rot", 3.0)),
    (SERVO, {"gain__elbow": 2.0}, served(2.0)),
    (SERVO, {"damping__world_end_joint": 4.0}, stiff_turning(4.0)),
    (SERVO, {"friction__ground": 0.5}, slippery(0.5)),
]


@pytest.mark.parametrize(
    ("family", "dynamics", "edit"), STATIC, ids=[f"{f.name} {' '.join(d)}".replace("__", ":") for f, d, _ in STATIC]
)
def test_a_model_edited_in_place_moves_as_one_compiled_anew(family, dynamics, edit):
    state, model = begin(family, tasks_of(family, 1, **dynamics)), edited(family, edit)
    derived = ("body_subtreemass", "body_invweight0", "dof_invweight0", "dof_M0", "actuator_acc0", "stat.meaninertia")
    one, other = physical(family.models(state)[0]), physical(model)
    for name in (*derived, "body_mass", "body_inertia", "dof_damping", "dof_armature", "actuator_gear"):
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    serial, now = mujoco.MjData(model), family.physics(state)
    serial.qpos[:], serial.qvel[:] = now.qpos[0], now.qvel[0]
    for t, action in enumerate(actions_of(family, 1000, 1)):
        state = family.step(np.array([t]), state, action, all_of(1)).state
        serial.qacc_warmstart[:] = 0.0
        serial.ctrl[:] = action[0]
        mujoco.mj_step(model, serial, nstep=family.robot.about.frame_skip)
        np.testing.assert_array_equal(family.physics(state).qpos[0], serial.qpos)
        np.testing.assert_array_equal(family.physics(state).qvel[0], serial.qvel)


def test_a_payload_by_hand():
    # 2 kg at 0.2 m above the centre of a torso of mass m: centre 0.4 / (m + 2); about it, with the reduced mass
    # μ = 2 m / (m + 2), the two horizontal moments grow by μ 0.2², and the vertical one not at all
    plain, (loaded,) = HOPPER._model, HOPPER.models(begin(HOPPER, tasks_of(HOPPER, 1, payload__torso=2.0)))
    body = plain.body("torso").id
    mass = plain.body_mass[body]
    assert loaded.body_mass[body] == pytest.approx(mass + 2.0, rel=1e-12)
    np.testing.assert_allclose(loaded.body_ipos[body], [0, 0, 0.4 / (mass + 2)], atol=1e-12)
    grown = 2 * mass / (mass + 2) * 0.2**2
    # the capsule is thinnest about its own axis, which stands upright
    horizontal, vertical = plain.body_inertia[body].max(), plain.body_inertia[body].min()
    expected = sorted([horizontal + grown, horizontal + grown, vertical])
    np.testing.assert_allclose(np.sort(loaded.body_inertia[body]), expected, rtol=1e-9)
    turn = np.empty(9)
    mujoco.mju_quat2Mat(turn, loaded.body_iquat[body])
    tensor = turn.reshape(3, 3) @ np.diag(loaded.body_inertia[body]) @ turn.reshape(3, 3).T
    np.testing.assert_allclose(tensor, np.diag([horizontal + grown, horizontal + grown, vertical]), atol=1e-9)


@every_family
def test_inertia_stays_that_of_a_solid_body_whatever_is_drawn(family):
    randomizer = Randomizer(family._model, family.robot)
    n, rng = 10_000 // len(family.dynamics), np.random.default_rng(0)
    drawn = family.dynamics.from_unit(rng.uniform(size=(n, len(family.dynamics))))
    arrays = randomizer.arrays(randomizer.entries(randomizer.values(drawn, np.arange(n))))
    moments = np.sort(arrays["body_inertia"][:, 1:], axis=2)
    assert (moments > 0).all() and (arrays["body_mass"][:, 1:] > 0).all()
    assert (moments[:, :, 2] <= (moments[:, :, 0] + moments[:, :, 1]) * (1 + 1e-9)).all()
    np.testing.assert_allclose(np.linalg.norm(arrays["body_iquat"], axis=2), 1.0, rtol=1e-9)


def contacts(family, **dynamics):
    """Sliding friction of each contact with the floor, by the other geom, in a pose that lies in it."""
    state = begin(family, tasks_of(family, 1, **dynamics))
    (model,), now = family.models(state), family.physics(state)
    world, found = mujoco.MjData(model), {}
    world.qpos[:] = now.qpos[0]
    world.qpos[1] -= 0.7
    mujoco.mj_forward(model, world)
    floor = model.geom("floor").id
    for contact in world.contact:
        if floor in (contact.geom1, contact.geom2):
            other = contact.geom2 if contact.geom1 == floor else contact.geom1
            found[int(other)] = float(contact.friction[0])
    assert len(found) > 1
    return model, found


@pytest.mark.parametrize("family", [HOPPER, WALKER2D, HALF_CHEETAH], ids=lambda family: family.name)
@pytest.mark.parametrize(("floor", "foot"), [(1.0, 0.2), (0.3, 1.0), (0.3, 3.0), (2.0, 1.0), (2.0, 0.1)])
def test_the_friction_of_a_contact_is_what_was_asked(family, floor, foot):
    # MuJoCo takes the larger coefficient of two geoms: scaling only the floor of the hopper would do nothing
    name = family.robot.about.feet[0]
    plain, before = contacts(family)
    _, after = contacts(family, friction__floor=floor, **{f"friction__{name}": foot})
    mine = {geom for geom in before if plain.geom_bodyid[geom] == plain.body(name).id}
    assert mine and set(after) == set(before)
    for geom, friction in before.items():
        assert after[geom] == pytest.approx(friction * floor * (foot if geom in mine else 1.0), rel=1e-6)


def test_constants_are_derived_again_only_where_they_must_be(monkeypatch):
    settled = []
    module = "headstart.tasks.mujoco.engine.settle"
    monkeypatch.setattr(module, lambda model, scratch: settled.append(model.body_mass.sum()))
    family = dataclasses.replace(HOPPER)
    state = begin(family, tasks_of(family, 2, friction__floor=0.5, damping__leg_joint=2.0, gravity__world=0.9))
    assert not settled
    family.reset(np.arange(2), state, tasks_of(family, 2, mass__leg=[2.0, 1.0]), all_of(2))
    assert len(settled) == 1


def test_dynamics_replaced_in_mid_episode_leave_the_state_alone():
    n = 2
    state, *_ = play(HOPPER, begin(HOPPER, tasks_of(HOPPER, n)), actions_of(HOPPER, 10, n))
    heavy = begin(HOPPER, tasks_of(HOPPER, n, mass__torso=2.0))
    changed = state._replace(dynamics=heavy.dynamics)
    HOPPER.models(changed)  # writes the models
    np.testing.assert_array_equal(changed.physics, state.physics)
    (model, _), action = HOPPER.models(changed), actions_of(HOPPER, 1, n, seed=1)[0]
    serial, now = mujoco.MjData(model), HOPPER.physics(state)
    serial.qpos[:], serial.qvel[:], serial.ctrl[:] = now.qpos[0], now.qvel[0], action[0]
    mujoco.mj_step(model, serial, nstep=4)
    outcome = HOPPER.step(np.arange(n), changed, action, all_of(n))
    np.testing.assert_array_equal(HOPPER.physics(outcome.state).qpos[0], serial.qpos)


@pytest.mark.parametrize(
    ("dynamics", "words"),
    [
        ({"mass__trso": 1.0}, "did you mean 'mass:torso'"),
        ({"mass__torso": 0.0}, "'mass:torso': 0 is not in"),
        ({"friction__floor": -1.0}, "'friction:floor': -1 is not in"),
        ({"damping__leg_joint": np.nan}, "'damping:leg_joint': nan is not in"),
        ({"gear__leg_joint": np.inf}, "'gear:leg_joint': inf is not in"),
        ({"delay__action": 11.0}, "'delay:action': 11 is not in"),
    ],
)
def test_what_no_world_can_be_is_refused(dynamics, words):
    with pytest.raises(InputError, match=words):
        begin(HOPPER, tasks_of(HOPPER, 2, **dynamics))


def test_what_a_task_does_not_name_is_nominal():
    tasks = tasks_of(HOPPER, 2, mass__torso=[1.5, 2.0])
    some = tasks._replace(dynamics={"mass:torso": tasks.dynamics["mass:torso"]})
    np.testing.assert_array_equal(begin(HOPPER, some).dynamics, begin(HOPPER, tasks).dynamics)


def test_an_unknown_reward_parameter_is_refused():
    tasks = tasks_of(HOPPER, 2)
    tasks.reward["sped"] = np.zeros(2)
    with pytest.raises(InputError, match="did you mean 'speed'"):
        begin(HOPPER, tasks)
