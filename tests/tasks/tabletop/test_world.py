"""Laws of the table top: physics is repeatable, and success is what stands where, not what was commanded."""

import math

import numpy as np
import pytest

from headstart.errors import Fault, InputError
from headstart.tasks.tabletop import ClearTable, Pyramid, SetTable, Standing, TableTop
from headstart.tasks.tabletop.layout import LAID, REACH, TOP, TUB
from headstart.tasks.tabletop.robot import OPEN, ROOM
from headstart.tasks.tabletop.tasks import belongs
from headstart.tasks.tabletop.things import CUP, DISHES

DOWN = (0.0, -math.pi / 2, -math.pi / 2)
FAMILY = TableTop(task=SetTable(), pixel_noise=0.0)
RED_PLATE, RED_CUP = 0, 1
REST = [("MoveHead", (-math.pi / 4, 0.0))] * 4  # time passes


def arm(lift):
    return ("MoveArm", (lift, -math.pi / 2, 0.0, -math.pi / 2, -math.pi / 2))


def run(state, *calls, family=FAMILY):
    for call in calls:
        state, _ = family.act(state, [call] * len(state.seed))
    return state


def laid():
    """A table where all dishes are where they belong."""
    state = FAMILY.reset([0])
    for index, thing in enumerate(DISHES):
        state = FAMILY.put(state, 0, index, belongs(thing))
    return state._replace(present=np.ones_like(state.present))


def taking(state, index, lift):
    """Calls that take a thing."""
    x, y, _ = FAMILY.poses(state, 0).place[index]
    return (arm(0.5), ("MoveBaseAbs", (x - REACH, y, 0.0, 1.0, 2.0)), arm(lift), ("MoveGripper", (1.0,)), arm(0.5))


class TestPhysics:
    def test_same_bits_whatever_the_batch_and_whatever_came_before(self):
        calls = (arm(0.3), ("MoveBaseAbs", (0.2, -0.1, 0.3, 1.0, 2.0)), ("MoveGripper", (1.0,)))
        alone = run(FAMILY.reset([7]), *calls)
        run(FAMILY.reset([3]), arm(0.1))
        batch = run(FAMILY.reset([5, 7, 9]), *calls)
        np.testing.assert_array_equal(alone.physics[0], batch.physics[1])
        assert (batch.physics[0] != batch.physics[1]).any()

    def test_tables_that_do_different_things_do_not_wait_for_each_other(self):
        state = FAMILY.reset([1, 2, 3])
        after, answers = FAMILY.act(state, [arm(0.5), ("LocateObject", (0, 0, 0)), ("MoveGripper", (1.0,))])
        assert FAMILY.seconds(after)[1] == 0 < FAMILY.seconds(after)[2] < FAMILY.seconds(after)[0]
        assert answers[0] == answers[2] == () and answers[1][0] > 0
        assert after.looks.tolist() == [0, 1, 0]

    def test_states_are_not_written_to(self):
        state = FAMILY.reset([4])
        before = [part.copy() for part in state]
        run(state, arm(0.3))
        for part, copy in zip(state, before, strict=True):
            np.testing.assert_array_equal(part, copy)

    def test_threads_do_not_change_a_bit(self):
        two = TableTop(task=SetTable(), pixel_noise=0.0, threads=2)
        np.testing.assert_array_equal(
            run(FAMILY.reset([1, 2, 3]), arm(0.4)).physics, run(two.reset([1, 2, 3]), arm(0.4), family=two).physics
        )

    def test_closing_around_a_cup_lifts_it_and_closing_beside_it_does_not(self):
        state = FAMILY.reset([0])
        around = run(state, *taking(state, RED_CUP, 0.32))
        assert FAMILY.poses(around, 0).place[RED_CUP, 2] > TOP + 0.2
        assert FAMILY.poses(around, 0).upright[RED_CUP] > 0.999
        calls = list(taking(state, RED_CUP, 0.32))
        calls[1] = ("MoveBaseAbs", (calls[1][1][0], calls[1][1][1] + 0.16, 0.0, 1.0, 2.0))
        beside = run(state, *calls)
        assert FAMILY.poses(beside, 0).place[RED_CUP, 2] < TOP + 0.06

    def test_a_cup_over_the_edge_falls_to_the_floor(self):
        state = FAMILY.put(laid(), 0, RED_CUP, (0.0, LAID.y - LAID.half_y - 0.01, TOP + 0.046))
        assert FAMILY.poses(run(state, *REST), 0).place[RED_CUP, 2] < 0.1


class TestSuccess:
    def test_a_laid_table_is_right_and_stays_so(self):
        assert FAMILY.success(laid())[0]
        assert FAMILY.success(run(laid(), *REST))[0]

    @pytest.mark.parametrize(("off", "right"), [(0.02, True), (0.04, False)])
    def test_two_centimetres_off_is_right_and_four_are_not(self, off, right):
        x, y, z = belongs(DISHES[RED_CUP])
        state = run(FAMILY.put(laid(), 0, RED_CUP, (x - off, y, z)), *REST)
        assert FAMILY.success(state)[0] == right
        assert FAMILY.right(state)[0].tolist() == [True, right, True, True, True, True]

    def test_a_tipped_cup_fails(self):
        x, y, _ = belongs(DISHES[RED_CUP])
        state = run(FAMILY.put(laid(), 0, RED_CUP, (x, y, TOP + 0.036), tilt=math.pi / 2), *REST)
        assert abs(FAMILY.poses(state, 0).upright[RED_CUP]) < 0.1
        assert not FAMILY.success(state)[0]

    def test_a_cup_that_leans_falls_over_and_fails(self):
        x, y, _ = belongs(DISHES[RED_CUP])
        state = FAMILY.put(laid(), 0, RED_CUP, (x, y, TOP + 0.055), tilt=0.9)
        assert not FAMILY.success(run(state, *REST))[0]

    def test_a_cup_upside_down_fails(self):
        state = FAMILY.put(laid(), 0, RED_CUP, belongs(DISHES[RED_CUP]), tilt=math.pi)
        assert not FAMILY.success(state)[0]

    def test_a_plate_that_is_held_over_its_place_is_not_there(self):
        x, y, z = belongs(DISHES[RED_PLATE])
        assert not FAMILY.success(FAMILY.put(laid(), 0, RED_PLATE, (x, y, z + 0.04)))[0]

    def test_a_plate_that_the_gripper_drops_beside_its_place_fails_and_in_its_place_does_not(self):
        start = FAMILY.reset([0])
        x, y, _ = belongs(DISHES[RED_PLATE])
        for beside, right in ((0.0, True), (0.06, False)):
            put = ("MoveBaseAbs", (x + beside, y - REACH, math.pi / 2, 1.0, 2.0))
            state = run(start, *taking(start, RED_PLATE, 0.29), put, arm(0.30), ("MoveGripper", (0.0,)), arm(0.5))
            assert FAMILY.right(state)[0][RED_PLATE] == right

    def test_what_a_task_goes_without_counts_as_right(self):
        seed = next(seed for seed in range(50) if not FAMILY.reset([seed]).present.all())
        state = FAMILY.reset([seed])
        assert FAMILY.right(state)[0].tolist() == (~state.present[0]).tolist()

    def test_in_the_tub_is_inside_its_walls_and_below_its_rim(self):
        family = TableTop(task=ClearTable())
        state = family.reset([0])
        for place, right in (((0.0, TUB.y, 0.2), True), ((0.0, TUB.y, 0.7), False), ((0.25, TUB.y, 0.2), False)):
            assert family.right(family.put(state, 0, 0, place))[0][0] == (right or not state.present[0, 0])

    def test_glasses_are_alike_and_a_missing_one_is_missed(self):
        family = TableTop(task=Pyramid(levels=2))
        state = family.reset([0])
        for glass, place in zip((2, 0, 1), Pyramid(levels=2).places(), strict=True):
            state = family.put(state, 0, glass, tuple(place))
        assert family.success(run(state, *REST, family=family))[0]
        x, y, z = Pyramid(levels=2).places()[0]
        pulled = run(family.put(state, 0, 2, (x, y - 0.12, z)), *REST, family=family)
        assert family.right(pulled)[0].tolist() == [False, True, False]  # what stood on it came down


class TestActions:
    def test_relative_motion_is_in_the_robots_own_frame(self):
        start = run(FAMILY.reset([0]), ("MoveBaseAbs", (0.1, 0.2, math.pi / 2, 1.0, 2.0)))
        state = run(start, ("MoveBaseRel", (0.1, 0.05, 0.0, 1.0, 2.0)))
        np.testing.assert_allclose(FAMILY.base(start)[0], [0.1, 0.2, math.pi / 2], atol=2e-3)
        np.testing.assert_allclose(FAMILY.base(state)[0] - FAMILY.base(start)[0], [-0.05, 0.1, 0.0], atol=2e-3)

    def test_joints_stop_at_their_limits(self):
        state = run(FAMILY.reset([0]), ("MoveBaseAbs", (-9.0, 0.0, 0.0, 1.0, 2.0)), arm(5.0), ("MoveHead", (-9.0, 9.0)))
        assert state.command[0, 0] == -ROOM and state.command[0, 3] == 0.75
        assert abs(state.command[0, 8:10]).max() == math.pi / 2 and state.command[0, 10] == OPEN

    @pytest.mark.parametrize(
        ("call", "error", "said"),
        [
            (("MoveArms", ()), InputError, "unknown action 'MoveArms'; did you mean 'MoveArm'"),
            (("MoveArm", (0.1,)), Fault, "MoveArm takes 5 finite numbers, not"),
            (("MoveGripper", (math.nan,)), Fault, "MoveGripper takes 1 finite numbers"),
        ],
    )
    def test_what_cannot_be_done_is_said_in_one_line(self, call, error, said):
        with pytest.raises(error, match=said) as caught:
            FAMILY.act(FAMILY.reset([0]), [call])
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "bad",
        [
            lambda: TableTop(task=SetTable(), pixel_noise=-1.0),
            lambda: TableTop(task=SetTable(), threads=0),
            lambda: FAMILY.reset([]),
            lambda: FAMILY.reset([-1]),
            lambda: Pyramid(levels=5),
            lambda: FAMILY.act(FAMILY.reset([0, 1]), [arm(0.4)]),
        ],
    )
    def test_bad_input_is_refused_in_one_line(self, bad):
        with pytest.raises(InputError) as caught:
            bad()
        assert "\n" not in str(caught.value)


def test_things_stand_apart_upright_and_in_sight():
    state = FAMILY.reset(range(40))
    places = np.array([FAMILY.poses(state, row).place for row in range(40)])
    assert len(np.unique(places[:, 0], axis=0)) == 40
    for row in range(40):
        there = state.present[row]
        _, seen = FAMILY.camera(state, row).project(places[row][there])
        assert seen.all()
        spots = places[row][there][:, :2]
        distances = np.linalg.norm(spots[:, None] - spots[None], axis=-1)
        assert distances[np.triu_indices(len(spots), 1)].min() >= 0.15
    settled = run(FAMILY.reset([0]), *REST)
    np.testing.assert_allclose(FAMILY.poses(settled, 0).place, places[0], atol=1e-3)


def test_a_standing_table_remembers_and_films():
    world = Standing(FAMILY, 0, every=25)
    kind, colour, x, y = world.act("LocateObject", (0.0, float(CUP), 1.0))
    assert (kind, colour) == (CUP, 1) and 0 <= x <= 640 and 0 <= y <= 480
    world.act(*arm(0.5))
    assert len(world.poses[0]) == 0 and len(world.poses[1]) == round(FAMILY.seconds(world.state)[0] / 0.1)
    assert not world.success
