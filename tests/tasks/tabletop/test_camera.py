"""The head's camera against hand-computed projections and against MuJoCo's own camera, and what perception answers."""

import math

import mujoco
import numpy as np
import pytest

from headstart.tasks.tabletop import SetTable, TableTop
from headstart.tasks.tabletop.calibration import drive
from headstart.tasks.tabletop.camera import head_camera
from headstart.tasks.tabletop.layout import HEAD, HEIGHT, REACH, TOP, WIDTH
from headstart.tasks.tabletop.model import compiled
from headstart.tasks.tabletop.perception import NOTHING, locate
from headstart.tasks.tabletop.things import CUP, DISHES, PLATE, SHAPES

FOCAL = 514.6816609621746  # 240 / tan 25 degrees
EXACT = TableTop(task=SetTable(), pixel_noise=0.0)


def test_projection_by_hand_level():
    # the camera at (0.18, 0.13, 1.2) looks along +x; a point 2 m ahead, 0.4 m to the right, 0.3 m down:
    # x = 320 + 514.68 · 0.4 / 2 = 422.94, y = 240 + 514.68 · 0.3 / 2 = 317.20
    pixel, seen = head_camera(np.zeros(3), 0.0, 0.0).project(np.array([[2.18, -0.27, 0.9]]))
    np.testing.assert_allclose(pixel, [[320 + FOCAL * 0.2, 240 + FOCAL * 0.15]])
    assert seen.all()


def test_projection_by_hand_looking_down_with_the_robot_turned():
    # heading 90°: the head is at (-0.13, 0.18); looking 45° down, 1 m along the axis is (0, √½, -√½) away
    half = math.sqrt(0.5)
    camera = head_camera(np.array([0.0, 0.0, math.pi / 2]), 0.0, -math.pi / 4)
    ahead = np.array([-0.13, 0.18 + half, 1.2 - half])
    points = ahead + np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.1 * half, 0.1 * half]])
    pixel, seen = camera.project(points)
    np.testing.assert_allclose(pixel, [[320, 240], [320 + 0.1 * FOCAL, 240], [320, 240 - 0.1 * FOCAL]], atol=1e-9)
    assert seen.all()


def test_what_is_behind_or_beside_is_not_seen():
    camera = head_camera(np.zeros(3), 0.0, 0.0)
    edge = WIDTH / 2 / FOCAL
    x, y, z = HEAD
    points = [(x - 1, y, z), (x + 1, y + edge - 0.01, z), (x + 1, y + edge + 0.01, z), (x + 1, y, z - 0.5)]
    assert camera.project(np.array(points))[1].tolist() == [False, True, False, False]


def test_the_camera_is_mujocos():
    state, _ = EXACT.act(EXACT.reset([3]), [("MoveBaseAbs", (0.2, -0.1, 0.7, 1.0, 2.0))])
    state, _ = EXACT.act(state, [("MoveHead", (-0.5, 0.4))])
    model = compiled(EXACT.task.things)
    there = mujoco.MjData(model)
    there.qpos[:] = state.physics[0, 1 : 1 + model.nq]
    mujoco.mj_kinematics(model, there)
    mujoco.mj_camlight(model, there)
    camera = EXACT.camera(state, 0)
    np.testing.assert_allclose(camera.place, there.cam_xpos[0], atol=1e-9)
    right, up, back = there.cam_xmat[0].reshape(3, 3).T
    np.testing.assert_allclose(np.stack([camera.right, camera.up, -camera.forward]), [right, up, back], atol=1e-9)
    assert model.cam_fovy[0] == pytest.approx(2 * math.degrees(math.atan(HEIGHT / 2 / FOCAL)))


class TestLocate:
    camera = head_camera(np.zeros(3), 0.0, -math.pi / 4)
    places = np.array([(0.75 + 0.04 * i, -0.3 + 0.12 * i, TOP + 0.02) for i in range(6)])

    def ask(self, *question, noise=(0.0, 0.0), places=None):
        places = self.places if places is None else places
        return locate(self.camera, DISHES, places, question, np.array(noise))

    def test_class_colour_and_pixel_in_halves(self):
        kind, colour, x, y = self.ask(0, CUP, 2)
        pixel = self.camera.project(self.places[3:4])[0][0]
        assert (kind, colour) == (CUP, 2)
        np.testing.assert_array_equal([x, y], np.round(2 * pixel) / 2)

    def test_anything_is_the_nearest_and_near_the_gripper_is_another(self):
        # distances from the camera at (0.18, 0.13): 0.684 for the second, 0.677 for the third, 0.694 for the fourth
        assert self.ask(0, 0, 0)[:2] == (PLATE, 2)
        at = self.places.copy()
        at[4, :2] = REACH - 0.05, -0.2  # nearer to the camera than the one under the gripper
        at[0, :2] = REACH, 0.0
        assert self.ask(1, 0, 0, places=at)[:2] == (PLATE, 1)
        assert self.ask(1, CUP, 0, places=at)[0] == CUP

    def test_what_is_not_there_or_held_up_is_not_found(self):
        assert self.ask(0, PLATE, 4) == NOTHING
        high = self.places + np.array([0.0, 0.0, 0.3])
        assert self.ask(0, 0, 0, places=high) == NOTHING

    def test_noise_moves_the_pixel(self):
        exact, noisy = self.ask(0, CUP, 1), self.ask(0, CUP, 1, noise=(3.0, -2.0))
        np.testing.assert_allclose(np.subtract(noisy, exact), [0, 0, 3.0, -2.0])


def test_noise_of_looks_is_repeatable_and_as_large_as_asked():
    family = TableTop(task=SetTable(), pixel_noise=2.0)
    state, answers = family.reset([5]), []
    for _ in range(200):
        state, (answer,) = family.act(state, [("LocateObject", (0, PLATE, 1))])
        answers.append(answer[2:])
    _, (exact,) = EXACT.act(EXACT.reset([5]), [("LocateObject", (0, PLATE, 1))])
    errors = np.array(answers) - exact[2:]
    assert errors.std() == pytest.approx(2.0, rel=0.15) and abs(errors.mean()) < 0.3
    _, (again,) = family.act(family.reset([5]), [("LocateObject", (0, PLATE, 1))])
    assert again[2:] == answers[0] != answers[1]


@pytest.mark.parametrize("kind", SHAPES)
def test_the_calibration_is_exact_to_a_millimetre_at_the_gripper_and_to_a_centimetre_on_the_table(kind):
    camera = head_camera(np.zeros(3), 0.0, -math.pi / 4)
    for x, y, limit in ((REACH, 0.0, 1e-3), (REACH + 0.02, -0.02, 1e-3), (0.75, 0.3, 1e-2), (1.0, -0.3, 1e-2)):
        pixel = camera.project(np.array([[x, y, TOP + SHAPES[kind].half_height]]))[0][0]
        np.testing.assert_allclose(drive(kind, *pixel), [x - REACH, y], atol=limit)
