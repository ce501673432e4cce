"""Whether what a model leaves over is noise: noise cannot be predicted from state and action. NumPy."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import fdtrc  # not scipy.stats, which takes a second to import

MOST_FEATURES = 12


class Misfit(NamedTuple):
    """How much of the residuals is no noise.

    Attributes:
        share: of the residuals' variance that a linear function of the features predicts, adjusted for their number.
        p_value: of the F test that it predicts nothing.
    """

    share: float
    p_value: float


def misfit(residual: Float[np.ndarray, "row channel"], features: Float[np.ndarray, "row feature"]) -> Misfit:
    """Regresses residuals on features (state and action, say) and tests whether that explains anything.

    F = (Σ ESS / c k) / (Σ RSS / c (n − k − 1)), over c channels that are independent and of one variance where the
    model is right. Of many features, the leading principal components are used, at most one for each three rows.

    Args:
        residual: whitened.
        features: of the same rows.

    Returns:
        Share 0 and p-value 1 where there are too few rows to tell.

    Source: Seber and Lee 2003, *Linear Regression Analysis*, section 4.3.
    """
    n, channels = residual.shape
    centred = features - features.mean(axis=0)
    scale = centred.std(axis=0)
    centred = centred[:, scale > 0] / scale[scale > 0]
    wanted = min(MOST_FEATURES, n // 3, centred.shape[1])
    if wanted < 1 or n - wanted - 1 < 3:
        return Misfit(0.0, 1.0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    basis = left[:, :wanted][:, values[:wanted] > 1e-9 * values[0]]
    k = basis.shape[1]
    off = residual - residual.mean(axis=0)
    explained = np.square(basis.T @ off).sum()
    total = np.square(off).sum()
    if total == 0.0:  # nothing is left over
        return Misfit(0.0, 1.0)
    left_over = max(total - explained, 1e-300)
    ratio = (explained / (channels * k)) / (left_over / (channels * (n - k - 1)))
    share = max(0.0, 1.0 - (left_over / (n - k - 1)) / (total / (n - 1)))
    return Misfit(float(share), float(fdtrc(channels * k, channels * (n - k - 1), ratio)))
