"""Tests that naming the pairs that can touch changes no bit of the motion, and leaves no contact out."""

import mujoco
import numpy as np
import pytest

from headstart.tasks import catalogue
from headstart.tasks.mujoco import model as models
from headstart.tasks.mujoco.family import MujocoFamily
from headstart.tasks.mujoco.touching import margins_add, touching, with_pairs
from tests.tasks.mujoco.playing import ALL, ANT, HALF_CHEETAH, HOPPER, WALKER2D, actions_of, begin, play, spread

named = pytest.mark.parametrize("family", [HOPPER, WALKER2D, HALF_CHEETAH, ANT], ids=lambda family: family.name)
TWO = """<mujoco><worldbody><geom name="floor" type="plane" size="1 1 1" {floor}/>
<body pos="0 0 1"><freejoint/><geom name="ball" size="0.1" {ball}/></body></worldbody></mujoco>"""


def searching(family):
    """The same world with a model that names no pairs, as Gymnasium's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "with_pairs", lambda spec, model: model)
        models.compiled.cache_clear()
        world = MujocoFamily(robot=family.robot, threads=0)
        assert not world._model.npair
    models.compiled.cache_clear()
    return world


@named
def test_no_bit_changes(family):
    plain, n = searching(family), 8
    assert family._model.npair
    tasks, actions = spread(family, n), actions_of(family, 60, n)
    ours, *seen = play(family, begin(family, tasks), actions)
    theirs, *said = play(plain, begin(plain, tasks), actions)
    np.testing.assert_array_equal(ours.physics, theirs.physics)
    np.testing.assert_array_equal(ours.forces, theirs.forces)
    for one, other in zip(seen, said, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_no_contact_is_left_out(family):
    model, chance = searching(family)._model, np.random.default_rng(0)
    listed, found, data = set(touching(model)), set(), mujoco.MjData(model)
    for _ in range(300):  # heaps, in the floor and in themselves
        data.qpos[:] = model.qpos0 + chance.normal(0.0, 1.0, model.nq)
        mujoco.mj_forward(model, data)
        found |= {(int(contact.geom1), int(contact.geom2)) for contact in data.contact}
    assert {tuple(sorted(pair)) for pair in found} <= listed
    assert bool(found) == bool(listed)


def compiled(**attributes):
    spec = mujoco.MjSpec.from_string(TWO.format(**{"floor": "", "ball": ""} | attributes))
    return with_pairs(spec, spec.compile())


def test_a_pair_has_what_its_geoms_would_have_had():
    model = compiled(floor='friction="0.3" condim="4" margin="0.01"', ball='friction="0.7" margin="0.02"')
    assert (model.npair, model.pair_dim[0], model.pair_friction[0, 0]) == (1, 4, 0.7)
    assert model.pair_margin[0] == pytest.approx(0.03 if margins_add() else 0.02)
    assert not model.geom_contype.any() and not model.geom_conaffinity.any()


@pytest.mark.parametrize("ball", ['priority="1"', 'solmix="2"', 'gap="0.01" margin="0.02"'])
def test_geoms_that_are_mixed_in_another_way_are_left_to_the_search(ball):
    model = compiled(ball=ball)
    assert not model.npair and model.geom_contype.all()


@pytest.mark.parametrize("name", ["pusher", "ant_narrow_hallway", "ant_wide_hallway", "ant_u_maze"])
def test_several_trees_and_many_pairs_are_left_to_the_search(name):
    model = catalogue.family(name)._model
    assert not model.npair and model.geom_contype.any()
