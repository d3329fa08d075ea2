"""Data that the tests share."""
import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")


@pytest.fixture
def hinge():
    """|x| with noise: two lines."""
    rng = np.random.default_rng(20240501)
    x = rng.uniform(-3, 3, (400, 1))
    return x, np.abs(x[:, 0]) + 0.1 * rng.normal(size=400)


@pytest.fixture
def plane():
    """Three inputs, the second constant, and two targets."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(300, 3))
    x[:, 1] = 4
    y = np.column_stack([np.tanh(2 * x[:, 0]) + x[:, 2], x[:, 0] - x[:, 2]])
    return x, y + 0.05 * rng.normal(size=y.shape)
