"""How large the sensors' noise is and how much of each step the simulator cannot explain: by maximum likelihood."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.maths.state_filter import Whitener, log_likelihood, whitener

SMALLEST, LARGEST = 1e-9, 3.0  # of the noise, in typical changes of a channel in a step
ROUNDS = 25  # of Fisher scoring, at most
FREEDOM = 8.0  # of Student's t, in place of a normal distribution of each step
SURE = 4.0  # nats of likelihood before the simulator is said to miss something
SPREAD = 0.7  # how far, in logarithms, channels of one kind may differ in noise


class Noise(NamedTuple):
    """Standard deviations, in typical changes of each channel in a step.

    Attributes:
        sensor: of each channel.
        process: what no parameter explains, one number for all channels.
    """

    sensor: Float[np.ndarray, " channel"]
    process: float


def whitener_of(
    noise: Noise,
    slope: Float[np.ndarray, "chain step channel channel"],
    bend: Float[np.ndarray, "chain step channel channel"],
    present: np.ndarray,
) -> Whitener:
    """Builds the filter's matrices. What a bent step adds to the noise, 3 σ⁴ bend², counts as process noise."""
    variance = np.square(noise.sensor)
    extra = 3.0 * np.einsum("cskj,j->csk", np.square(bend), np.square(variance))
    return whitener(slope, variance, noise.process**2 + extra, present)


def fit_noise(
    residual: Float[np.ndarray, "chain step channel"],
    slope: Float[np.ndarray, "chain step channel channel"],
    bend: Float[np.ndarray, "chain step channel channel"],
    present: np.ndarray,
    start: Noise,
) -> tuple[Noise, float]:
    """Finds the noise under which residuals are likeliest; channels of a kind (first and second half) are held alike.

    Args:
        residual: at the best parameters.
        slope: of the simulator by its state.
        bend: its curvature.
        present: which steps there are.
        start: where the search begins.

    Returns:
        The noise, with the least process noise unless more is likelier by `SURE` nats; and by how many it is.
    """
    parts = residual, slope, bend, present
    alone, without = _score(parts, np.log(np.square(np.clip(start.sensor, SMALLEST, LARGEST))), None)
    process = max(start.process, 0.3 * float(np.median(np.abs(residual[present]))), 10.0 * SMALLEST)
    both, with_process = _score(parts, alone, np.log(process**2))
    if with_process - without <= SURE:
        return Noise(np.exp(0.5 * alone), SMALLEST), 0.0
    return Noise(np.exp(0.5 * both[:-1]), float(np.exp(0.5 * both[-1]))), with_process - without


def _score(parts: tuple, sensor: np.ndarray, process: float | None) -> tuple[np.ndarray, float]:
    """Fisher scoring of log-variances; of each step's covariance alone, which is a fair estimating equation."""
    residual, slope, bend, present = parts
    channels, low, high = len(sensor), 2.0 * np.log(SMALLEST), 2.0 * np.log(LARGEST)
    x = sensor.copy() if process is None else np.append(sensor, process)
    kinds = (np.arange(channels) >= channels // 2)[:, None] == np.array([False, True])
    same = np.eye(channels) - kinds @ np.diag(1.0 / kinds.sum(axis=0)) @ kinds.T  # takes off the mean of a kind
    penalty = np.zeros((len(x), len(x)))
    penalty[:channels, :channels] = same / (4.0 * SPREAD**2)  # of variances, not deviations
    best, height = x, -np.inf
    for _ in range(ROUNDS):
        noise = Noise(np.exp(0.5 * x[:channels]), float(np.exp(0.5 * x[channels])) if process is not None else SMALLEST)
        matrices = whitener_of(noise, slope, bend, present)
        white = matrices.whiten(residual[None])[0]
        value = _robust(white, matrices) - 0.5 * float(x @ penalty @ x)
        if value > height:
            best, height, last = x, value, height
            if value - last < 2e-2:
                break
        gradient, information = _information(matrices, white, noise)
        gradient, information = gradient[: len(x)] - penalty @ x, information[: len(x), : len(x)] + penalty
        step = np.linalg.solve(information + 1e-3 * np.eye(len(x)), gradient)
        x = np.clip(x + np.clip(step, -2.0, 2.0), low, high)
    return best, height


def _information(
    matrices: Whitener, white: np.ndarray, noise: Noise
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k k"]]:
    """Score and Fisher information of the log-variances: of each sensor channel, then of the process.

    Of channel c, dS = σ² (e eᵀ + b bᵀ) with b = J (1 − R S⁻¹) e of the step before; of the process, dS = q².
    """
    lower, channels = matrices.lower, white.shape[-1]
    kept = np.concatenate([np.zeros_like(matrices.gain[:, :1]), matrices.gain[:, :-1]], axis=1)
    carried = lower @ matrices.slope @ (np.eye(channels) - kept)
    sides = np.concatenate([lower * noise.sensor, carried * noise.sensor, lower * noise.process], axis=-1)
    sides = sides[matrices.present]
    white = white[matrices.present]
    weight = (FREEDOM + channels) / (FREEDOM + np.square(white).sum(axis=-1))
    along = np.square(np.einsum("tij,ti->tj", sides, white)) * weight[:, None] - np.square(sides).sum(axis=1)
    products = np.square(sides.transpose(0, 2, 1) @ sides).sum(axis=0)
    member = np.concatenate([np.eye(channels), np.eye(channels), np.zeros((channels, channels))])
    member = np.concatenate([member, np.repeat([[0.0], [0.0], [1.0]], channels, axis=0)], axis=1)
    return 0.5 * along.sum(axis=0) @ member, 0.5 * member.T @ products @ member


def _robust(white: np.ndarray, matrices: Whitener) -> float:
    """The likelihood with each step's share of squares limited, so that a few broken predictions do not set it."""
    squares, channels = np.square(white).sum(axis=-1), white.shape[-1]
    limited = student_squares(squares, channels)
    return float(log_likelihood(white, matrices)) + 0.5 * float((squares - limited)[matrices.present].sum())


def student_squares(squares: np.ndarray, channels: int) -> np.ndarray:
    """Replaces each step's χ² by that of Student's t with ν degrees of freedom: (ν + c) ln(1 + χ² / ν).

    Where χ² is what c channels should give, it grows at the rate of χ² itself; far beyond, hardly at all.
    """
    return (FREEDOM + channels) * np.log1p(squares / FREEDOM)
