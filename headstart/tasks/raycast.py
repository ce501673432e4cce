"""Pictures without OpenGL: MuJoCo casts the rays, NumPy shades what they hit.

One ray a pixel from the camera and one from the light (its first hit tells what lies in shadow); pixels on the edge of
a geom or of a shadow are cast again with four rays. Primitives have exact normals; those of meshes and height fields
come from neighbouring hits.
"""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

import math
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int

from headstart.processors import usable
from headstart.tasks.camera import CameraPath

HORIZON, ZENITH = np.array([0.93, 0.95, 0.965], np.float32), np.array([0.66, 0.77, 0.88], np.float32)
FLOOR = np.array([[0.885, 0.905, 0.925], [0.775, 0.81, 0.845]], np.float32)
SUN = np.array([-0.45, -0.6, 1.1]) / math.sqrt(0.45**2 + 0.6**2 + 1.1**2)  # from the robot to the light
VISIBLE = np.array([1, 1, 1, 0, 0, 0], np.uint8)  # the groups of geoms that MuJoCo itself draws by default
CORNERS = np.array([[-0.375, -0.125], [0.125, -0.375], [0.375, 0.125], [-0.125, 0.375]])  # a rotated grid in a pixel
PLANE, FIELD, MESH, BOX, CAPSULE, CYLINDER, ELLIPSOID = (
    int(getattr(mujoco.mjtGeom, f"mjGEOM_{name}"))
    for name in ("PLANE", "HFIELD", "MESH", "BOX", "CAPSULE", "CYLINDER", "ELLIPSOID")
)
_TAKES_NORMALS = "normal" in (mujoco.mj_multiRay.__doc__ or "").split("->")[0]  # an argument that came after 3.3

Vectors = Float[np.ndarray, "ray 3"]


class Scene(NamedTuple):
    """What a model looks like: plain numbers for each geom, since the engine's enumerations are slow to compare."""

    model: mujoco.MjModel
    data: mujoco.MjData
    kind: Int[np.ndarray, " geom"]
    color: Float[np.ndarray, "geom 3"]


class Sample(NamedTuple):
    """What each ray saw."""

    color: Vectors
    geom: Int[np.ndarray, " ray"]
    lit: Bool[np.ndarray, " ray"]


class View(NamedTuple):
    """One frame's camera: its place, and the directions right and up of half a picture each."""

    origin: Float[np.ndarray, "3"]
    forward: Float[np.ndarray, "3"]
    right: Float[np.ndarray, "3"]
    up: Float[np.ndarray, "3"]
    light: Float[np.ndarray, "3"]
    radius: float
    pixel: float  # the angle of one pixel, in rad

    def directions(self, x: np.ndarray, y: np.ndarray) -> Vectors:
        """Returns unit directions through points of the picture, from -1 to 1 to the right and up."""
        rays = self.forward + x[:, None] * self.right + y[:, None] * self.up
        return rays / np.linalg.norm(rays, axis=1, keepdims=True)


class Pixels(NamedTuple):
    """What is the same in every frame. Axis `pixel`, row by row."""

    shape: tuple[int, int]
    x: Float[np.ndarray, " pixel"]
    y: Float[np.ndarray, " pixel"]
    rays: Float[np.ndarray, "pixel 3"]
    sky: Float[np.ndarray, "pixel 3"]


def raycast(
    model: mujoco.MjModel, qpos: Float[np.ndarray, "frame position"], path: CameraPath, *, width: int, height: int
) -> Float[np.ndarray, "frame height width 3"]:
    """Renders poses of a model, on as many processors as there are: each frame depends on its own pose alone.

    Args:
        model: what is to be seen.
        qpos: its poses.
        path: the camera's path, one target a frame.
        width: of a picture in pixels.
        height: likewise.

    Returns:
        The frames, uint8.
    """
    frames = np.empty((len(qpos), height, width, 3), np.uint8)
    x, y = (np.arange(width) + 0.5) * (2 / width) - 1, 1 - (np.arange(height) + 0.5) * (2 / height)
    columns, rows = (grid.ravel() for grid in np.meshgrid(x, y))
    rays = _view(path, path.target[0], width, height).directions(columns, rows)  # the camera never turns
    pixels = Pixels((height, width), columns, rows, rays, _sky(rays))
    workers = min(len(usable()), len(frames))

    def draw(worker: int) -> None:
        data = mujoco.MjData(model)
        scene = Scene(model, data, np.asarray(model.geom_type, np.int32), _colors(model))
        for i in range(worker, len(frames), workers):
            data.qpos[:] = qpos[i]
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            frames[i] = _picture(scene, _view(path, path.target[i], width, height), pixels)

    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(draw, range(workers)))  # so that an error comes out
    return frames


def _view(path: CameraPath, target: np.ndarray, width: int, height: int) -> View:
    forward, right, up = path.axes()
    half = math.tan(math.radians(path.fovy) / 2)
    return View(
        target - path.distance * forward,
        forward,
        half * width / height * right,
        half * up,
        target + 14.0 * path.radius * SUN,
        path.radius,
        2 * half / height,
    )


def _picture(scene: Scene, view: View, pixels: Pixels) -> np.ndarray:
    first = _cast(scene, view, pixels.rays, pixels.sky, pixels.shape)
    color = first.color
    again = np.flatnonzero(_edges(first.geom, first.lit, pixels.shape))
    if again.size:
        step = CORNERS * np.array([2 / pixels.shape[1], 2 / pixels.shape[0]])
        x, y = ((place[again, None] + step[:, i]).ravel() for i, place in enumerate((pixels.x, pixels.y)))
        rays = view.directions(x, y)
        color[again] = _cast(scene, view, rays, _sky(rays), None).color.reshape(-1, len(CORNERS), 3).mean(axis=1)
    return (np.clip(color, 0, 1) * 255 + 0.5).astype(np.uint8).reshape(*pixels.shape, 3)


def _cast(scene: Scene, view: View, rays: Vectors, sky: np.ndarray, grid: tuple[int, int] | None) -> Sample:
    geom, distance = _multi_ray(scene, view.origin, rays)
    color, lit = sky.copy(), np.ones(len(rays), bool)
    seen = np.flatnonzero(geom >= 0)
    if not seen.size:
        return Sample(color, geom, lit)
    hit, ray, far = geom[seen], rays[seen], distance[seen]
    kind, points = scene.kind[hit], view.origin + far[:, None] * ray
    lit[seen] = light = _lit(scene, view, points)
    shaded = np.empty((len(seen), 3), np.float32)
    floor, body = np.flatnonzero(kind == PLANE), np.flatnonzero(kind != PLANE)
    shaded[floor] = _floor(scene, view, hit[floor], points[floor], far[floor], ray[floor])
    shaded[floor] *= np.where(light[floor], np.float32(1.0), np.float32(0.74))[:, None]
    if body.size:
        normals = _normals(scene, hit[body], points[body], ray[body])
        rough = (kind[body] == MESH) | (kind[body] == FIELD)
        if rough.any():
            normals[rough] = _normals_of_neighbours(points, seen, len(rays), grid, ray)[body[rough]]
        shaded[body] = _shade(scene.color[hit[body]], normals, ray[body], light[body])
    haze = np.clip((far - 6 * view.radius) / (22 * view.radius), 0, 1).astype(np.float32)[:, None]
    color[seen] += (shaded - color[seen]) * (1 - haze)
    return Sample(color, geom, lit)


def _multi_ray(
    scene: Scene, origin: np.ndarray, rays: Vectors
) -> tuple[Int[np.ndarray, " ray"], Float[np.ndarray, " ray"]]:
    geom, distance = np.full(len(rays), -1, np.int32), np.zeros(len(rays))
    arguments = {
        "m": scene.model, "d": scene.data, "pnt": origin, "vec": np.ascontiguousarray(rays, np.float64).ravel(),
        "geomgroup": VISIBLE, "flg_static": True, "bodyexclude": -1, "geomid": geom, "dist": distance,
        "nray": len(rays), "cutoff": mujoco.mjMAXVAL,
    }  # fmt: skip
    mujoco.mj_multiRay(**arguments, **({"normal": None} if _TAKES_NORMALS else {}))
    return geom, distance


def _lit(scene: Scene, view: View, points: Vectors) -> Bool[np.ndarray, " ray"]:
    rays = points - view.light
    length = np.linalg.norm(rays, axis=1)
    geom, distance = _multi_ray(scene, view.light, rays / length[:, None])
    return (geom < 0) | (distance > length - 0.015 * view.radius)


def _normals(scene: Scene, geom: np.ndarray, points: Vectors, rays: Vectors) -> Vectors:
    normals = np.empty_like(points)
    for g in np.flatnonzero(np.bincount(geom)).tolist():
        mine = np.flatnonzero(geom == g)
        frame = scene.data.geom_xmat[g].reshape(3, 3)
        local = (points[mine] - scene.data.geom_xpos[g]) @ frame
        normals[mine] = _local_normals(scene.kind[g], scene.model.geom_size[g], local) @ frame.T
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    facing = np.einsum("ij,ij->i", normals, rays) > 0
    normals[facing] *= -1
    return normals


def _local_normals(kind: int, size: np.ndarray, p: Vectors) -> Vectors:
    if kind == CAPSULE:
        return p - np.clip(p * [0, 0, 1], -size[1], size[1])
    if kind == ELLIPSOID:
        return p / size**2
    if kind == CYLINDER:
        cap = np.abs(p[:, 2]) > 0.999 * size[1]
        return np.where(cap[:, None], p * [0, 0, 1], p * [1, 1, 0])
    if kind == BOX:
        part = p / size
        return np.where(np.abs(part) >= np.abs(part).max(axis=1, keepdims=True), part, 0.0)
    if kind == PLANE:
        return np.broadcast_to([0.0, 0.0, 1.0], p.shape)
    return p  # a sphere; meshes and height fields are done from their neighbours


def _normals_of_neighbours(
    points: Vectors, seen: np.ndarray, n: int, grid: tuple[int, int] | None, rays: Vectors
) -> Vectors:
    if grid is None:  # scattered rays have no neighbours: the surface is taken to face the camera
        return -rays
    place = np.full((n, 3), np.nan)
    place[seen] = points
    picture = place.reshape(*grid, 3)
    across, down = np.gradient(picture, axis=1), np.gradient(picture, axis=0)
    normals = np.cross(across, down).reshape(n, 3)[seen]
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(np.isfinite(length) & (length > 0), normals / np.where(length > 0, length, 1), -rays)
    return np.where(np.einsum("ij,ij->i", normals, rays)[:, None] > 0, -normals, normals)


def _colors(model: mujoco.MjModel) -> Float[np.ndarray, "geom 3"]:
    """Reads each geom's colour: its own, or its material's times the mean of that one's texture."""
    color, material = model.geom_rgba[:, :3].astype(np.float32), model.geom_matid
    for g in np.flatnonzero(material >= 0).tolist():
        color[g] = model.mat_rgba[material[g], :3]
        texture = int(model.mat_texid[material[g]].max())
        if texture >= 0:
            shape = (model.tex_height[texture], model.tex_width[texture], model.tex_nchannel[texture])
            start = model.tex_adr[texture]
            pixels = model.tex_data[start : start + math.prod(map(int, shape))].reshape(shape)
            if shape[2] >= 3:
                color[g] *= pixels[..., :3].mean(axis=(0, 1)) / 255
    return color


def _floor(
    scene: Scene, view: View, geom: np.ndarray, points: Vectors, distance: np.ndarray, rays: Vectors
) -> Float[np.ndarray, "ray 3"]:
    normal = scene.data.geom_xmat[geom].reshape(-1, 3, 3)[:, :, 2]
    slant = np.maximum(np.abs(np.einsum("ij,ij->i", normal, rays)), 1e-3)
    side = _tile(view.radius)
    return _checker(points[:, :2] / side, distance * view.pixel / slant / side)


def _tile(radius: float) -> float:
    """Returns the side of a floor tile: a round number of metres near half the robot's size."""
    return min((0.1, 0.2, 0.5, 1.0, 2.0, 5.0), key=lambda side: abs(math.log(side / (0.8 * radius))))


def _checker(place: Float[np.ndarray, "ray 2"], blur: Float[np.ndarray, " ray"]) -> Vectors:
    """A checkerboard averaged over the width of a pixel, so that it fades to grey afar (Quilez 2017)."""
    width = np.maximum(blur, 1e-3)[:, None]

    def wave(at: np.ndarray) -> np.ndarray:
        return np.abs((at * 0.5) % 1.0 - 0.5)

    stripes = 2.0 * (wave(place - 0.5 * width) - wave(place + 0.5 * width)) / width
    share = (0.5 - 0.5 * stripes[:, 0] * stripes[:, 1]).astype(np.float32)[:, None]
    return FLOOR[0] * share + FLOOR[1] * (1 - share)


def _shade(base: np.ndarray, normals: Vectors, rays: Vectors, lit: np.ndarray) -> np.ndarray:
    normal, ray = normals.astype(np.float32), rays.astype(np.float32)
    sun = SUN.astype(np.float32)
    diffuse = np.maximum(normal @ sun, 0) * lit
    sky = 0.5 + 0.5 * normal[:, 2]  # light from above is whole, from below half
    halfway = sun - ray
    halfway /= np.linalg.norm(halfway, axis=1, keepdims=True)
    gloss = np.maximum(np.einsum("ij,ij->i", normal, halfway), 0) ** 40 * lit
    rim = (1 - np.abs(np.einsum("ij,ij->i", normal, ray))) ** 3
    return base * (0.34 + 0.26 * sky + 0.62 * diffuse)[:, None] + (0.22 * gloss + 0.10 * rim)[:, None]


def _sky(rays: Vectors) -> Float[np.ndarray, "ray 3"]:
    height = np.clip(rays[:, 2:].astype(np.float32) * 2.2, 0, 1)
    return HORIZON * (1 - height) + ZENITH * height


def _edges(geom: np.ndarray, lit: np.ndarray, shape: tuple[int, int]) -> Bool[np.ndarray, " pixel"]:
    kind = (2 * geom + lit).reshape(shape)
    edge = np.zeros(shape, bool)
    across, down = kind[:, 1:] != kind[:, :-1], kind[1:] != kind[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge.ravel()
