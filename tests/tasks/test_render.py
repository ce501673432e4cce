"""Pictures: rays that hit what is there, light and shadow where they must be, and a parent that no driver can end."""

import sys
from itertools import pairwise

import mujoco
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.tasks import opengl, raycast
from headstart.tasks.camera import follow
from headstart.tasks.mujoco.model import compiled
from headstart.tasks.render import render

BALL = """<mujoco><worldbody>
  <geom name="floor" type="plane" size="20 20 1"/>
  <body name="ball"><joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/>
    <geom type="{kind}" size="{size}" rgba="1 0 0 1" mass="1"/></body>
</worldbody></mujoco>"""


def ball(kind="sphere", size="0.5"):
    return mujoco.MjModel.from_xml_string(BALL.format(kind=kind, size=size))


def red(frames):
    return (frames[..., 0] > 1.6 * frames[..., 1]) & (frames[..., 0] > 1.6 * frames[..., 2])


def test_the_ball_is_a_red_disc_of_the_size_that_optics_says():
    model, qpos = ball(), np.array([[0.0, 0.5]])
    path = follow(model, qpos, azimuth=90.0, elevation=0.0)._replace(target=np.array([[0.0, 0.0, 0.5]]), distance=3.0)
    (frame,) = raycast.raycast(model, qpos, path, width=120, height=90)
    rows, columns = np.nonzero(red(frame))
    assert (rows.mean(), columns.mean()) == pytest.approx((44.5, 59.5), abs=0.6)
    # a sphere of radius r at distance d is seen under tan a = r / √(d² − r²); half the picture is tan 20°
    radius = 45 * 0.5 / np.sqrt(9 - 0.25) / np.tan(np.radians(20))
    assert len(rows) == pytest.approx(np.pi * radius**2, rel=0.03)


def test_the_sunny_side_is_brighter_and_a_shadow_lies_on_the_other():
    model, qpos = ball(), np.array([[0.0, 0.7]])
    path = follow(model, qpos, azimuth=90.0, elevation=-60.0)
    (frame,) = raycast.raycast(model, qpos, path, width=160, height=120)
    rows, columns = np.nonzero(red(frame))
    left, right = (frame[rows[c], columns[c]].mean() for c in (columns < columns.mean(), columns >= columns.mean()))
    assert left > right  # the sun stands at -x, which is left from here
    floor = frame.mean(axis=-1)
    right_of_ball = floor[rows.mean().astype(int) - 12 : rows.mean().astype(int) + 12, columns.max() + 2 :]
    left_of_ball = floor[rows.mean().astype(int) - 12 : rows.mean().astype(int) + 12, : columns.min() - 2]
    assert right_of_ball.min() < 0.85 * left_of_ball.min()


@pytest.mark.parametrize(
    ("kind", "size", "point", "normal"),
    [
        ("PLANE", (1, 1, 1), (0.3, 0.4, 0.0), (0, 0, 1)),
        ("SPHERE", (0.5, 0, 0), (0.3, 0.0, 0.4), (0.6, 0, 0.8)),
        ("CAPSULE", (0.5, 1.0, 0), (0.5, 0.0, 0.7), (1, 0, 0)),  # on the side
        ("CAPSULE", (0.5, 1.0, 0), (0.3, 0.0, 1.4), (0.6, 0, 0.8)),  # on the round end
        ("CYLINDER", (0.5, 1.0, 0), (0.2, 0.1, 1.0), (0, 0, 1)),
        ("CYLINDER", (0.5, 1.0, 0), (0.3, 0.4, 0.2), (0.6, 0.8, 0)),
        ("BOX", (1.0, 2.0, 3.0), (0.2, -2.0, 0.1), (0, -1, 0)),
        ("ELLIPSOID", (1.0, 2.0, 1.0), (0.0, 2.0, 0.0), (0, 1, 0)),
    ],
)
def test_normals_of_primitives_by_hand(kind, size, point, normal):
    kind = int(getattr(mujoco.mjtGeom, f"mjGEOM_{kind}"))
    (found,) = raycast._local_normals(kind, np.array(size, float), np.array([point], float))
    np.testing.assert_allclose(found / np.linalg.norm(found), normal, atol=1e-9)


def test_normals_from_neighbours_are_those_of_the_sphere():
    model, qpos = ball(), np.array([[0.0, 2.0]])
    data = mujoco.MjData(model)
    data.qpos[:] = qpos[0]
    mujoco.mj_forward(model, data)
    side = np.linspace(-0.1, 0.1, 21)
    x, z = (grid.ravel() for grid in np.meshgrid(side, -side))
    rays = np.stack([x, np.ones_like(x), z], axis=1) / np.sqrt(1 + x**2 + z**2)[:, None]
    scene = raycast.Scene(model, data, np.asarray(model.geom_type, np.int32), raycast._colors(model))
    geom, distance = raycast._multi_ray(scene, np.array([0.0, -3.0, 2.0]), rays)
    points = np.array([0.0, -3.0, 2.0]) + distance[:, None] * rays
    assert (geom == 1).all()
    exact = raycast._normals(scene, geom, points, rays)
    rough = raycast._normals_of_neighbours(points, np.arange(len(rays)), len(rays), (21, 21), rays)
    np.testing.assert_allclose(exact, (points - [0, 0, 2]) / 0.5, atol=1e-6)
    inner = np.arange(441).reshape(21, 21)[2:-2, 2:-2].ravel()
    assert np.einsum("ij,ij->i", exact, rough)[inner].min() > 0.99


def test_the_camera_goes_along_and_does_not_shake():
    model = ball()
    there = np.linspace(0, 30, 60)
    shaking = there + 0.05 * (-1.0) ** np.arange(60)
    path = follow(model, np.stack([shaking, np.full(60, 0.5)], axis=1))
    assert np.abs(path.target[:, 0] - there).max() < 0.3
    assert np.abs(np.diff(path.target[5:-5, 0], 2)).max() < 0.1 * np.abs(np.diff(shaking, 2)).max()
    frames = raycast.raycast(
        model, np.array([[0.0, 0.5], [30.0, 0.5]]), path._replace(target=path.target[[0, -1]]), width=80, height=60
    )
    for frame in frames:
        assert abs(np.nonzero(red(frame))[1].mean() - 39.5) < 8


def test_same_poses_same_pixels_and_the_model_is_left_alone():
    model, qpos = ball("box", "0.3 0.4 0.5"), np.array([[0.0, 0.5]])
    before = model.geom_rgba.copy()
    one, two = (render(model, qpos, width=64, height=48, by="rays") for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(model.geom_rgba, before)
    assert one.shape == (1, 48, 64, 3) and one.dtype == np.uint8


def test_same_pixels_on_one_processor_and_on_several(monkeypatch):
    poses = np.array([[x, 0.5 + x / 10] for x in range(5)])
    pictures = []
    for processors in ([0], [0, 1, 2]):
        monkeypatch.setattr(raycast, "usable", lambda: processors)  # noqa: B023
        pictures.append(render(ball(), poses, width=64, height=48, by="rays"))
    np.testing.assert_array_equal(*pictures)
    assert all((one != other).any() for one, other in pairwise(pictures[0]))


@pytest.mark.parametrize("qpos", [np.zeros((0, 2)), np.zeros(2), np.zeros((3, 5)), np.full((1, 2), np.nan)])
def test_poses_that_are_none_are_refused(qpos):
    with pytest.raises(InputError, match="pose"):
        render(ball(), qpos)


@pytest.mark.parametrize(
    "program", ["raise SystemExit(1)", "import os; os.kill(os.getpid(), 11)", "import time; time.sleep(60)"]
)
def test_a_driver_that_fails_dies_or_hangs_costs_the_film_nothing(tmp_path, monkeypatch, program):
    child = tmp_path / "python"
    child.write_text(f"#!{sys.executable}\n{program}\n")
    child.chmod(0o755)
    monkeypatch.setattr(opengl.sys, "executable", str(child))
    monkeypatch.setattr(opengl, "START_SECONDS", 1.0)
    monkeypatch.setattr(opengl, "_BROKEN", set())
    monkeypatch.setenv("MUJOCO_GL", "egl")
    frames = render(ball(), np.array([[0.0, 0.5]]), width=64, height=48)
    np.testing.assert_array_equal(frames, render(ball(), np.array([[0.0, 0.5]]), width=64, height=48, by="rays"))
    assert opengl.backends() == ()  # and it is not asked again


def test_opengl_can_be_switched_off_and_is_missed_only_by_name(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "off")
    assert opengl.backends() == ()
    with pytest.raises(InputError, match="no OpenGL"):
        render(ball(), np.array([[0.0, 0.5]]), width=64, height=48, by="opengl")


@pytest.mark.parametrize("backend", ["egl", "osmesa"])
def test_a_simulation_s_model_is_drawn_by_the_back_end_that_the_user_chose(backend, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", backend)
    monkeypatch.setattr(opengl, "_BROKEN", set())
    model = compiled("hopper.xml")  # its textures have shrunk to a pixel
    poses = np.tile(model.qpos0, (2, 1))
    poses[1, 0] = 0.5
    frames = opengl.draw(model, poses, follow(model, poses), width=64, height=48)
    if frames is None:
        pytest.skip(f"no OpenGL by {backend} on this machine")
    assert frames.mean() > 120 and frames.std() > 15  # not black, and something is to be seen
    assert (frames[0] != frames[1]).any()


def test_only_textures_of_a_pixel_are_painted():
    shrunk, whole = (mujoco.MjModel.from_xml_string(TEXTURED.format(size=size)) for size in (1, 8))
    before = whole.tex_data.copy()
    assert opengl.brightened(shrunk) and not opengl.brightened(whole)
    assert shrunk.tex_data.mean() > 200 and np.array_equal(whole.tex_data, before)


TEXTURED = """<mujoco><asset><texture name="floor" type="2d" builtin="flat" width="{size}" height="{size}"/>
<material name="floor" texture="floor"/></asset>
<worldbody><geom type="plane" size="1 1 1" material="floor"/></worldbody></mujoco>"""
