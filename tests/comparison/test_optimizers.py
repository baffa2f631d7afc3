"""Every optimizer on problems whose answer is known, from one table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from chainrule import Network, train
from chainrule.comparison.surfaces import FUNCTIONS, Function, descend
from chainrule.optimizers import OPTIMIZERS, BatchOptimizer, make

CENTRE = np.array([1.0, -2.0, 0.5])
A = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 0.5]])


def _quadratic(theta: np.ndarray) -> tuple[float, np.ndarray]:
    g = A @ (theta - CENTRE)
    return float((theta - CENTRE) @ g / 2), g


QUADRATIC = Function(
    "quadratic", "½(θ − c)A(θ − c)ᵀ", _quadratic, (0.0, 0.0, 0.0), tuple(CENTRE), ((0, 1), (0, 1))
)

# For each optimizer: the rate and the steps on the quadratic, on Rosenbrock's function, in logistic regression (epochs),
# and what is asked of its distance from the minimum, of the value, of the loss above the optimum.
TABLE: dict[
    str, tuple[tuple[float, int, float], tuple[float, int, float], tuple[float, int, float]]
] = {
    "sgd": ((0.4, 300, 1e-9), (1.5e-3, 20_000, 1e-4), (1.0, 600, 1e-4)),
    "heavy-ball": ((0.1, 300, 1e-5), (2e-4, 20_000, 1e-4), (0.1, 600, 1e-4)),
    "nesterov": ((0.1, 300, 1e-5), (2e-4, 20_000, 1e-4), (0.1, 600, 1e-4)),
    "momentum": ((1.0, 300, 1e-5), (2e-3, 20_000, 1e-4), (1.0, 600, 1e-4)),
    "adagrad": ((1.0, 300, 1e-6), (1.0, 20_000, 1e-4), (0.5, 600, 1e-4)),
    "lecture-adagrad": ((1.0, 300, 1e-6), (1.0, 20_000, 1e-4), (0.5, 600, 1e-4)),
    "rmsprop": ((1e-3, 5000, 2e-3), (1e-4, 40_000, 1e-3), (1e-3, 3000, 1e-4)),
    "adadelta": ((0.3, 5000, 1e-9), (0.02, 20_000, 2e-3), (1.0, 2000, 1e-9)),
    "adam": ((0.1, 1000, 1e-6), (0.02, 20_000, 1e-4), (0.05, 600, 1e-4)),
    "adamw": ((0.1, 1000, 2e-2), (0.02, 20_000, 1e-2), (0.05, 600, 1e-3)),
    "amsgrad": ((0.1, 1000, 1e-6), (0.02, 20_000, 1e-4), (0.05, 600, 1e-4)),
    "nadam": ((0.03, 2000, 1e-9), (0.001, 20_000, 1e-5), (0.05, 600, 1e-4)),
    "lion": ((1e-3, 5000, 2e-3), (1e-4, 40_000, 1e-3), (1e-3, 3000, 1e-4)),
    "backtracking": ((1.0, 300, 1e-9), (1.0, 20_000, 1e-4), (10.0, 600, 1e-4)),
    "sls": ((1.0, 300, 1e-9), (1.0, 40_000, 1e-4), (10.0, 600, 1e-4)),
    "lbfgs": ((0.0, 50, 1e-7), (0.0, 100, 1e-10), (0.0, 100, 1e-9)),
}


def rated(name: str, rate: float) -> Any:
    optimizer = OPTIMIZERS[name]
    return make(optimizer, rate) if isinstance(optimizer, BatchOptimizer) else optimizer


def test_every_optimizer_has_a_line() -> None:
    assert set(TABLE) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", TABLE)
def test_a_quadratic_with_a_known_minimum(name: str) -> None:
    rate, steps, distance = TABLE[name][0]
    points, values = descend(rated(name, rate), QUADRATIC, steps)
    assert np.abs(points[-1] - CENTRE).max() < distance
    assert values[-1] == pytest.approx(_quadratic(points[-1])[0])
    assert points[0].tolist() == [0, 0, 0] and len(points) == len(values) == steps + 1


@pytest.mark.parametrize("name", TABLE)
def test_rosenbrocks_function(name: str) -> None:
    rate, steps, value = TABLE[name][1]
    _, values = descend(rated(name, rate), FUNCTIONS["rosenbrock"], steps)
    assert values[0] == pytest.approx(24.2)
    assert 0 <= values[-1] < value


@pytest.mark.parametrize("name", TABLE)
def test_logistic_regression_with_the_known_optimum(name: str) -> None:
    """On all rows, against scikit-learn's without a penalty."""
    rate, epochs, excess = TABLE[name][2]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = (X @ [1.0, -0.5, 0.25] + 0.3 + rng.logistic(size=120) > 0).astype(int)
    peer = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(X, y)
    p = peer.predict_proba(X)[np.arange(120), y]
    optimum = float(-np.log(p).mean())
    network = Network.of_sizes([3, 1], output="logistic", dtype="float64")
    train(network, X, y, optimizer=rated(name, rate), epochs=epochs, batch_size=120)
    z = network(X)[:, 0]
    reached = float(-np.log(np.where(y == 1, z, 1 - z)).mean())
    assert -1e-12 < reached - optimum < excess


def test_a_walk_that_diverges_says_where() -> None:
    points, values = descend(make("sgd", 10.0), FUNCTIONS["valley"], 200)
    end = int(np.flatnonzero(np.isnan(values))[0])
    assert 3 < end < 50 and np.isnan(points[end:]).all() and np.isfinite(points[:end]).all()


def test_each_step_of_a_search_on_a_function_meets_the_condition() -> None:
    search = OPTIMIZERS["sls"]
    points, values = descend(search, FUNCTIONS["rosenbrock"], 200)
    for k in range(200):
        g = FUNCTIONS["rosenbrock"].f(points[k])[1]
        step = points[k] - points[k + 1]
        eta = float(step @ g / (g @ g))
        np.testing.assert_allclose(step, eta * g, rtol=1e-9, atol=1e-15)
        assert values[k + 1] <= values[k] - 0.1 * eta * float(g @ g) + 1e-15


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_the_functions(name: str) -> None:
    function = FUNCTIONS[name]
    assert function.f(np.array(function.minimum))[0] == 0
    for theta in np.random.default_rng(1).uniform(-2, 2, (20, 2)):
        central = [
            (function.f(theta + h)[0] - function.f(theta - h)[0]) / 2e-5 for h in np.eye(2) * 1e-5
        ]
        np.testing.assert_allclose(function.f(theta)[1], central, rtol=1e-6, atol=1e-6)


def test_the_valley_is_30_times_as_steep_across() -> None:
    f, c = FUNCTIONS["valley"].f, np.array(FUNCTIONS["valley"].minimum)
    hessian = np.stack([f(c + e)[1] for e in np.eye(2)])
    assert np.linalg.cond(hessian) == pytest.approx(30)
