"""Pictures by OpenGL, always in a child process: a broken driver can hang or end the process that tries it.

`python -m headstart.tasks.opengl FOLDER` is the child. It reads a compiled model and poses from the folder and leaves
`frames.npy` there. A driver that draws in software is refused: casting rays is as good there, and faster.
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
    chosen = os.environ.get("MUJOCO_GL", "").lower()
    if chosen in NO_OPENGL:
        return ()
    names = (chosen,) if chosen else ("egl", "glfw") if os.environ.get("DISPLAY") else ("egl",)
    return tuple(name for name in names if name not in _BROKEN)


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
                [sys.executable, "-m", "headstart.tasks.opengl", name],
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


def main(folder: Path) -> int:
    """Draws what lies in the folder; the child's whole work. Returns an exit status."""
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
    with mujoco.Renderer(model, height, width) as renderer:
        if any(word in _driver().lower() for word in SOFTWARE):
            return 3
        frames = np.empty((len(qpos), height, width, 3), np.uint8)
        for frame, row, at in zip(frames, qpos, target, strict=True):
            data.qpos[:] = row
            mujoco.mj_forward(model, data)
            camera.lookat[:] = at
            renderer.update_scene(data, camera)
            renderer.render(out=frame)
    np.save(folder / "frames.npy", frames, allow_pickle=False)
    return 0


def _driver() -> str:
    from OpenGL import GL

    name = GL.glGetString(GL.GL_RENDERER)
    return name.decode("ascii", "replace") if isinstance(name, bytes) else ""


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
