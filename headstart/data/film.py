"""Films: frames side by side under captions, as H.264 (or GIF where there is no encoder), small enough to embed."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from headstart.errors import Fault, InputError

LIMIT = 1_000_000  # bytes: a film is embedded in the report
QUALITIES = (23, 28, 33, 38)  # H.264 rate factors, best first
SHRINKS = (1.0, 0.75, 0.5, 0.35, 0.25)
ENCODER_SECONDS = 120.0
BAND, GAP = 30, 8  # pixels: the caption's band, and between two panels
PAPER, INK, MUTED = (255, 255, 255), (31, 35, 40), (107, 114, 128)

Frames = UInt8[np.ndarray, "frame height width 3"]


class Panel(NamedTuple):
    """One of the pictures that play side by side.

    Attributes:
        caption: such as `"zero-shot"`.
        frames: of this panel.
        returns: the return so far, at each frame.
    """

    caption: str
    frames: Frames
    returns: Float[np.ndarray, " frame"]


def side_by_side(panels: Sequence[Panel]) -> Frames:
    """Puts panels next to each other, each under its caption and the return so far.

    A panel that ends before the others stands still, paler, with its final return.

    Raises:
        InputError: if there is no panel, one is empty, or their heights differ.
    """
    if not panels or any(not len(panel.frames) for panel in panels):
        raise InputError("a film needs at least one panel, and each panel a frame")
    if len({panel.frames.shape[1] for panel in panels}) > 1:
        raise InputError("panels that play side by side must be of one height")
    length = max(len(panel.frames) for panel in panels)
    columns = [_column(panel, length) for panel in panels]
    gap = np.full((length, columns[0].shape[1], GAP, 3), 255, np.uint8)
    parts = [part for column in columns for part in (column, gap)][:-1]
    return np.concatenate(parts, axis=2)


def write_film(path: Path, frames: Frames, fps: float, *, limit: int = LIMIT) -> Path:
    """Writes a film of at most `limit` bytes: first quality gives way, then size.

    Args:
        path: of the MP4 file; where no encoder works, a GIF of the same name takes its place.
        frames: RGB.
        fps: frames a second.
        limit: bytes.

    Returns:
        The file that was written.

    Raises:
        InputError: if the frames are no pictures.
        Fault: if it cannot be made that small, or the disk does not take it.
    """
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not frames.size or fps <= 0:
        raise InputError(f"a film needs uint8 frames of axes `frame height width 3`, not {frames.dtype} {frames.shape}")
    film, path = _mp4(frames, fps, limit), Path(path)
    if film is None:
        film, path = _gif(frames, fps, limit), path.with_suffix(".gif")
    if film is None:
        raise Fault(f"{path}: {len(frames)} frames do not fit into {limit} bytes; film fewer")
    _write_whole(path, film)
    return path


def _column(panel: Panel, length: int) -> Frames:
    count, height, width, _ = panel.frames.shape
    column = np.full((length, height + BAND, width, 3), 255, np.uint8)
    column[:count, BAND:] = panel.frames
    column[count:, BAND:] = (panel.frames[-1] * 0.45 + 255 * 0.55).astype(np.uint8)
    for i in range(length):
        column[i, :BAND] = _band(panel, min(i, count - 1), width, ended=i >= count - 1 and count < length)
    return column


def _band(panel: Panel, frame: int, width: int, *, ended: bool) -> UInt8[np.ndarray, "band width 3"]:
    image = Image.new("RGB", (width, BAND), PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=15)
    said = f"{'ended, ' if ended else ''}return {panel.returns[frame]:,.0f}"
    taken = draw.textlength(said, font=font)
    caption = panel.caption
    while caption and draw.textlength(caption, font=font) > width - taken - 20:
        caption = caption[:-2].rstrip("…") + "…" if len(caption) > 2 else ""
    draw.text((4, BAND / 2), caption, fill=INK, font=font, anchor="lm")
    draw.text((width - 4, BAND / 2), said, fill=MUTED, font=font, anchor="rm")
    return np.asarray(image)


def _mp4(frames: Frames, fps: float, limit: int) -> bytes | None:
    """Encodes with the first quality that fits; None where no encoder works or nothing fits."""
    for shrink in SHRINKS:
        pictures = _resized(frames, shrink, even=True)
        for quality in QUALITIES:
            film = _encode(pictures, fps, quality)
            if film is None:
                return None
            if len(film) <= limit:
                return film
    return None


def _encode(frames: Frames, fps: float, quality: int) -> bytes | None:
    try:
        import imageio_ffmpeg

        encoder = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return None
    height, width = frames.shape[1:3]
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        command = [
            encoder, "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}",
            "-i", "-", "-an", "-c:v", "libx264", "-preset", "medium", "-crf", str(quality), "-pix_fmt", "yuv420p",
            "-movflags", "+faststart", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact",
            "-threads", "2", "-y", str(film),
        ]  # fmt: skip
        try:
            subprocess.run(command, input=frames.tobytes(), capture_output=True, timeout=ENCODER_SECONDS, check=True)
            return film.read_bytes()
        except (OSError, subprocess.SubprocessError):
            return None


def _gif(frames: Frames, fps: float, limit: int) -> bytes | None:
    for shrink, every in ((1.0, 2), (0.75, 2), (0.5, 3), (0.35, 4), (0.25, 8)):
        pictures = [Image.fromarray(picture).quantize(64) for picture in _resized(frames[::every], shrink)]
        with tempfile.TemporaryDirectory() as folder:
            film = Path(folder) / "film.gif"
            wait = max(20, round(1000 * every / fps))  # browsers slow down what asks for less than 20 ms
            pictures[0].save(film, save_all=True, append_images=pictures[1:], duration=wait, loop=0, optimize=True)
            if film.stat().st_size <= limit:
                return film.read_bytes()
    return None


def _resized(frames: Frames, shrink: float, *, even: bool = False) -> Frames:
    height, width = (max(2, round(side * shrink)) for side in frames.shape[1:3])
    if even:  # the colour planes of H.264 have half the resolution
        height, width = height - height % 2, width - width % 2
    if (height, width) == frames.shape[1:3]:
        return frames
    if shrink == 1.0:
        return np.ascontiguousarray(frames[:, :height, :width])
    size = (width, height)
    return np.stack([np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS)) for frame in frames])


def _write_whole(path: Path, film: bytes) -> None:
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(film)
            os.chmod(name, 0o644)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise Fault(f"{path}: the film could not be written ({error.strerror or error}); free some space") from error
