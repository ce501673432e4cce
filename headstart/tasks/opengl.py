"""Pictures by OpenGL, always in a child process: a broken driver can hang or end the process that tries it.

`python -m headstart.tasks.opengl FOLDER` is the child. It reads a compiled model and poses from the folder and leaves
`frames.npy` there. A driver that draws in software is refused, since casting rays is as good there and faster, unless
the user has chosen the back end by MUJOCO_GL.
"""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software", "swiftshader")
START_SECONDS, FRAME_SECONDS = 20.0, 0.25
NO_OPENGL = ("off", "disable", "disabled", "0", "none")
SKY, WHITE = np.array([214, 228, 240, 255], np.uint8), np.array([225, 228, 232, 255], np.uint8)
TILE, TILES = np.array([0.62, 0.68, 0.74, 1.0], np.float32), 7
_BROKEN: set[str] = set()  # what failed once is not tried again in this process: each attempt costs seconds


def draw(
    model, qpos: Float[np.ndarray, "frame position"], path, *, width: int, height: int
) -> UInt8[np.ndarray, "frame height width 3"] | None:
    """Renders poses of a model by OpenGL, with the first back end that works.

    Args:
        model: an `MjModel`.
        qpos: its poses.
        path: the camera's, a `CameraPath`.
        width: of a picture in pixels.
        height: likewise.

    Returns:
        The frames, or None where there is no hardware that can draw them.
    """
    for backend in backends():
        frames = _in_child(backend, model, qpos, path, width, height)
        if frames is not None:
            return frames
        _BROKEN.add(backend)
    return None


def backends() -> tuple[str, ...]:
    """Lists the back ends to try: the user's own choice in MUJOCO_GL, else those that may find a graphics card."""
    if chosen() in NO_OPENGL:
        return ()
    names = (chosen(),) if chosen() else ("egl", "glfw") if os.environ.get("DISPLAY") else ("egl",)
    return tuple(name for name in names if name not in _BROKEN)


def chosen() -> str:
    """Returns the back end that the user has chosen, or nothing."""
    return os.environ.get("MUJOCO_GL", "").lower()


def _in_child(backend: str, model, qpos: np.ndarray, path, width: int, height: int) -> np.ndarray | None:
    import mujoco

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mujoco.mj_saveModel(model, str(folder / "model.mjb"), None)
        angles = np.array([path.distance, path.azimuth, path.elevation, path.fovy, width, height])
        np.savez(folder / "poses.npz", qpos=qpos, target=path.target, angles=angles)
        environment = os.environ | {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend if backend != "glfw" else ""}
        environment = {key: value for key, value in environment.items() if value}
        try:
            child = subprocess.run(
                [sys.executable, "-m", "headstart.tasks.opengl", name, *(["any"] if chosen() else [])],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=START_SECONDS + FRAME_SECONDS * len(qpos),
            )
            frames = np.load(folder / "frames.npy", allow_pickle=False) if child.returncode == 0 else None
        except (OSError, ValueError, subprocess.SubprocessError):
            return None
    sound = frames is not None and frames.shape == (len(qpos), height, width, 3) and frames.dtype == np.uint8
    return frames if sound else None


def main(folder: Path, any_driver: bool) -> int:
    """Draws what lies in the folder, by a driver in software only if that may be; returns an exit status."""
    import mujoco

    model = mujoco.MjModel.from_binary_path(str(folder / "model.mjb"))
    with np.load(folder / "poses.npz", allow_pickle=False) as poses:
        qpos, target, angles = poses["qpos"], poses["target"], poses["angles"]
    distance, azimuth, elevation, fovy = angles[:4].tolist()
    width, height = (int(side) for side in angles[4:])
    model.vis.global_.fovy = fovy
    model.vis.global_.offwidth, model.vis.global_.offheight = width, height
    data, camera = mujoco.MjData(model), mujoco.MjvCamera()
    camera.distance, camera.azimuth, camera.elevation = distance, azimuth, elevation
    tiled = brightened(model)
    with mujoco.Renderer(model, height, width) as renderer:
        if not any_driver and any(word in _driver().lower() for word in SOFTWARE):
            return 3
        frames = np.empty((len(qpos), height, width, 3), np.uint8)
        for frame, row, at in zip(frames, qpos, target, strict=True):
            data.qpos[:] = row
            mujoco.mj_forward(model, data)
            camera.lookat[:] = at
            renderer.update_scene(data, camera)
            if tiled:
                lay_tiles(renderer.scene, at)
            renderer.render(out=frame)
    np.save(folder / "frames.npy", frames, allow_pickle=False)
    return 0


def brightened(model) -> bool:
    """Paints textures that a simulation has shrunk to a pixel, or they are black; tells whether there were any."""
    import mujoco

    shrunk = model.tex_width <= 1
    for texture in np.flatnonzero(shrunk):
        sky = model.tex_type[texture] == mujoco.mjtTexture.mjTEXTURE_SKYBOX
        first, pixels = model.tex_adr[texture], model.tex_width[texture] * model.tex_height[texture]
        channels = int(model.tex_nchannel[texture])
        model.tex_data[first : first + pixels * channels] = np.tile((SKY if sky else WHITE)[:channels], pixels)
    if shrunk.any():
        model.mat_reflectance[:] = 0.0
        model.vis.headlight.ambient[:] = 0.35
    return bool(shrunk.any())


def lay_tiles(scene, at: Float[np.ndarray, "3"]) -> None:
    """Lays every second tile of a floor around a point, so that motion is seen."""
    import mujoco

    for x in range(-TILES, TILES + 1):
        for y in range(-TILES, TILES + 1):
            place = np.array([np.floor(at[0]) + x, np.floor(at[1]) + y, 0.0])
            if int(place.sum()) % 2 or scene.ngeom >= scene.maxgeom:
                continue
            geom, size = scene.geoms[scene.ngeom], np.array([0.5, 0.5, 1e-3])
            mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_BOX, size, place, np.eye(3).reshape(-1), TILE)
            scene.ngeom += 1


def _driver() -> str:
    from OpenGL import GL

    name = GL.glGetString(GL.GL_RENDERER)
    return name.decode("ascii", "replace") if isinstance(name, bytes) else ""


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:] == ["any"]))
