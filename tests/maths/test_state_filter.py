import numpy as np

from headstart.maths.state_filter import log_likelihood, whitener


def test_one_channel_by_hand():
    # J = 2, R = 1, Q = 0. S₀ = 4·1 + 1 = 5; gain R/S₀ = 1/5; P₁ = 1 − 1/5 = 4/5; S₁ = 4·4/5 + 1 = 21/5.
    # r = (5, 1): ν₀ = 5, white √5; the gap is then −1, so ν₁ = 1 + 2 = 3, white 3 / √(21/5)
    matrices = whitener(np.full((1, 2, 1, 1), 2.0), np.ones(1), np.zeros((1, 2, 1)), np.ones((1, 2), bool))
    white = matrices.whiten(np.array([[[[5.0], [1.0]]]]))
    np.testing.assert_allclose(white[0, 0, :, 0], [np.sqrt(5), 3 / np.sqrt(4.2)])
    np.testing.assert_allclose(matrices.log_determinant(), np.log(5 * 4.2))


def joint(slope, sensor, process):
    """The covariance of stacked residuals r_t = e_{t+1} + w_t − J_t e_t, written down directly."""
    steps, channels = slope.shape[:2]
    size = steps * channels
    of_errors = np.zeros((size, (steps + 1) * channels))
    for t in range(steps):
        rows = slice(t * channels, (t + 1) * channels)
        of_errors[rows, rows] = -slope[t]
        of_errors[rows, (t + 1) * channels : (t + 2) * channels] = np.eye(channels)
    return of_errors @ np.kron(np.eye(steps + 1), np.diag(sensor)) @ of_errors.T + np.diag(process.ravel())


def test_likelihood_of_chains_is_that_of_the_joint_normal_distribution():
    random = np.random.default_rng(0)
    slope, sensor = random.standard_normal((2, 4, 3, 3)), np.array([0.5, 1.0, 2.0])
    process, residual = random.uniform(0.1, 1.0, (2, 4, 3)), random.standard_normal((5, 2, 4, 3))
    present = np.ones((2, 4), bool)
    present[1, 2:] = False  # the second chain is short
    matrices = whitener(slope, sensor, process, present)
    ours = log_likelihood(matrices.whiten(residual), matrices)
    for particle in range(5):
        theirs = 0.0
        for chain, length in enumerate((4, 2)):
            covariance = joint(slope[chain, :length], sensor, process[chain, :length])
            r = residual[particle, chain, :length].ravel()
            theirs -= 0.5 * (r @ np.linalg.solve(covariance, r) + np.linalg.slogdet(covariance)[1])
            theirs -= 0.5 * len(r) * np.log(2 * np.pi)
        np.testing.assert_allclose(ours[particle], theirs, rtol=1e-9)


def test_where_states_are_seen_exactly_residuals_are_only_scaled():
    slope, residual = np.full((1, 3, 2, 2), 7.0), np.arange(6.0).reshape(1, 1, 3, 2)
    matrices = whitener(slope, np.full(2, 1e-24), np.full((1, 3, 2), 4.0), np.ones((1, 3), bool))
    np.testing.assert_allclose(matrices.whiten(residual), residual / 2.0, atol=1e-9)
    np.testing.assert_allclose(matrices.share(2.0), 1.0, atol=1e-9)
