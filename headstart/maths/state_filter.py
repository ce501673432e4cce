"""How likely one-step predictions are where every state was seen through noise: a linearised Kalman filter. NumPy.

A simulator that is put into an *observed* state starts beside the true one. Let dₜ = sₜ − oₜ be that gap. With the
simulator's step f, its slope Jₜ at oₜ and the residual rₜ = oₜ₊₁ − f(oₜ),

    sₜ₊₁ ≈ f(oₜ) + Jₜ dₜ + wₜ,  w ~ N(0, Qₜ),      oₜ = sₜ + eₜ,  e ~ N(0, R),

so that the innovations νₜ = rₜ − Jₜ E[dₜ] are independent, with covariance Sₜ = Jₜ Pₜ Jₜᵀ + Qₜ + R and
E[dₜ₊₁] = −R Sₜ⁻¹ νₜ,  Pₜ₊₁ = R − R Sₜ⁻¹ R. None of S, P depends on the simulator's parameters beyond J, so that
they are computed once, and residuals under many parameters are whitened by the same matrices.

Source: Kalman 1960; Anderson and Moore 1979, *Optimal Filtering*, section 8.2 (the extended filter).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

RIDGE = 1e-13  # of the largest variance, on the others: against rounding in nearly singular covariances


@dataclass(frozen=True)
class Whitener:
    """Turns residuals of chains of steps into independent standard normal ones.

    Attributes:
        slope: Jₜ; chains of one length, step by step.
        lower: lower triangular, lower Sₜ lowerᵀ = 1.
        gain: R Sₜ⁻¹.
        present: which steps there are; the others fill up short chains.
    """

    slope: Float[np.ndarray, "chain step channel channel"]
    lower: Float[np.ndarray, "chain step channel channel"]
    gain: Float[np.ndarray, "chain step channel channel"]
    present: Bool[np.ndarray, "chain step"]

    def whiten(
        self, residual: Float[np.ndarray, "particle chain step channel"]
    ) -> Float[np.ndarray, "particle chain step channel"]:
        """Returns S^−½ ν of each step, 0 where there is none."""
        white = np.zeros_like(residual)
        gap = np.zeros((*residual.shape[:2], residual.shape[3]))
        for step in range(residual.shape[2]):
            innovation = (residual[:, :, step] - _apply(self.slope[:, step], gap)) * self.present[:, step, None]
            white[:, :, step] = _apply(self.lower[:, step], innovation)
            gap = -_apply(self.gain[:, step], innovation)
        return white

    def log_determinant(self) -> float:
        """Returns Σ ln det Sₜ over the steps that there are."""
        diagonal = np.diagonal(self.lower, axis1=2, axis2=3)
        return float((-2.0 * np.log(diagonal).sum(axis=2) * self.present).sum())

    def share(self, process: float) -> Float[np.ndarray, "chain step"]:
        """Returns what share of each step's variance a process noise of this deviation is, over channels."""
        inverse = self.lower.transpose(0, 1, 3, 2) @ self.lower
        spread = np.diagonal(np.linalg.inv(inverse), axis1=2, axis2=3)
        return (process**2 / spread).mean(axis=2)


def whitener(
    slope: Float[np.ndarray, "chain step channel channel"],
    sensor: Float[np.ndarray, " channel"],
    process: Float[np.ndarray, "chain step channel"],
    present: Bool[np.ndarray, "chain step"],
) -> Whitener:
    """Runs the covariances of the filter along each chain.

    Args:
        slope: Jₜ.
        sensor: variances of R, all above 0 or those of `process` are.
        process: variances of Qₜ.
        present: which steps there are: from the first of each chain on, without gaps.
    """
    chains, steps, channels, _ = slope.shape
    noise, same = np.diag(sensor), np.eye(channels)
    gap = np.broadcast_to(noise, (chains, channels, channels))
    lower, gain = np.empty_like(slope), np.empty_like(slope)
    for step in range(steps):
        along = slope[:, step]
        spread = along @ gap @ along.transpose(0, 2, 1) + noise
        diagonal = np.einsum("cii->ci", spread)  # a view
        diagonal += process[:, step]
        diagonal += RIDGE * diagonal.max(axis=1)[:, None]
        spread[~present[:, step]] = same
        lower[:, step] = np.linalg.inv(np.linalg.cholesky(spread))
        gain[:, step] = noise @ (lower[:, step].transpose(0, 2, 1) @ lower[:, step])
        gap = noise - gain[:, step] @ noise
    return Whitener(slope, lower, gain, present)


def log_likelihood(white: Float[np.ndarray, "*particle chain step channel"], whitener: Whitener) -> np.ndarray:
    """Returns the Gaussian log-likelihood of whitened residuals."""
    count = float(whitener.present.sum()) * white.shape[-1]
    squares = np.square(white).sum(axis=(-3, -2, -1))
    return -0.5 * (squares + whitener.log_determinant() + count * np.log(2.0 * np.pi))


def _apply(
    matrix: Float[np.ndarray, "chain i j"], vector: Float[np.ndarray, "particle chain j"]
) -> Float[np.ndarray, "particle chain i"]:
    return np.matmul(matrix, vector.transpose(1, 2, 0)).transpose(2, 0, 1)
