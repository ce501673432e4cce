"""Films: panels side by side, small files, an encoder that may be missing."""

import re
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from headstart.data import film
from headstart.data.film import BAND, GAP, Panel, side_by_side, write_film
from headstart.errors import Fault, InputError


def frames(n=8, height=60, width=80, seed=None):
    if seed is not None:
        return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), np.uint8)
    return np.full((n, height, width, 3), 20 * np.arange(n)[:, None, None, None], np.uint8)


def panel(caption="zero-shot", n=8, **size):
    return Panel(caption, frames(n, **size), np.arange(n, dtype=float))


def decoded(path):
    """Returns what the encoder's own decoder says of a film, and its frames."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    played = subprocess.run(command, capture_output=True, check=True)
    stream = next(line for line in played.stderr.decode().splitlines() if "Video: h264" in line)
    width, height = map(int, re.search(r", (\d+)x(\d+)", stream).groups())
    return stream, np.frombuffer(played.stdout, np.uint8).reshape(-1, height, width, 3)


def test_panels_stand_side_by_side_and_the_short_one_waits_paler():
    film = side_by_side([panel(n=3), panel("fine-tuned", n=5, width=100)])
    assert film.shape == (5, 60 + BAND, 80 + GAP + 100, 3)
    assert (film[2, BAND:, :80] == 40).all() and (film[4, BAND:, 80 + GAP :] == 80).all()
    assert (film[4, BAND:, :80] == int(40 * 0.45 + 255 * 0.55)).all()
    assert (film[:, :, 80 : 80 + GAP] == 255).all()


def test_captions_are_drawn_and_change_with_the_return():
    film = side_by_side([panel(width=200)])
    band = film[:, :BAND]
    assert band.min() < 80 and not (band[0] == band[5]).all()


def test_a_caption_that_is_too_long_is_cut_and_stays_left_of_the_return():
    long, short = (side_by_side([panel(text, width=160)])[0, :BAND] for text in ("fine-tuned " * 20, "fine"))
    np.testing.assert_array_equal(long[:, 110:], short[:, 110:])


@pytest.mark.parametrize("panels", [[], [Panel("x", frames(0), np.zeros(0))], [panel(), panel(height=40)]])
def test_panels_that_do_not_fit_are_refused(panels):
    with pytest.raises(InputError):
        side_by_side(panels)


def test_the_film_plays_and_has_every_frame(tmp_path):
    path = write_film(tmp_path / "video.mp4", frames(20, 61, 83), 25)  # odd sides lose a row and a column
    stream, shown = decoded(path)
    assert shown.shape == (20, 60, 82, 3) and "yuv420p" in stream and "25 fps" in stream
    assert np.abs(shown[:13].mean(axis=(1, 2, 3)) - 20 * np.arange(13)).max() < 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["video.mp4"]


def test_same_frames_same_file(tmp_path):
    one, two = (write_film(tmp_path / name, frames(), 25).read_bytes() for name in ("a.mp4", "b.mp4"))
    assert one == two


def test_quality_and_then_size_give_way_until_it_fits(tmp_path):
    noise = frames(30, 120, 160, seed=0)
    free = write_film(tmp_path / "free.mp4", noise, 25)
    tight = write_film(tmp_path / "tight.mp4", noise, 25, limit=60_000)
    assert free.stat().st_size > 60_000 >= tight.stat().st_size
    assert len(decoded(tight)[1]) == 30


def test_without_an_encoder_it_is_a_gif(tmp_path, monkeypatch):
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "/nowhere/ffmpeg")
    path = write_film(tmp_path / "video.mp4", frames(), 25)
    assert path.name == "video.gif"
    with Image.open(path) as image:
        assert image.n_frames > 1


def test_what_cannot_be_made_small_is_a_fault(tmp_path):
    with pytest.raises(Fault, match="do not fit"):
        write_film(tmp_path / "video.mp4", frames(20, 40, 40, seed=1), 25, limit=100)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(film.os, "replace", full)
    with pytest.raises(Fault, match="No space left"):
        write_film(tmp_path / "video.mp4", frames(), 25)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 4, 4, 3)), np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4, 4, 3), np.uint8)]
)
def test_what_are_no_pictures_is_refused(tmp_path, wrong):
    with pytest.raises(InputError, match="uint8 frames"):
        write_film(tmp_path / "video.mp4", wrong, 25)
