"""L-BFGS: against a known optimum, SciPy driven by PyTorch's autograd, and the loop's own promises."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize as scipy_minimize
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from chainrule import LBFGS, Network, train
from chainrule.errors import DivergenceError, InvalidValue
from chainrule.training import TrainingDiverged, TrainingInterrupted
from chainrule.training.lbfgs import minimize


def clouds(rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(rows, 3))
    return X, (X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=rows) > 0).astype(int)


def small(dtype: Any = "float64", seed: int = 0) -> Network:
    return Network.of_sizes([3, 8, 1], "tanh", "logistic", seed=seed, dtype=dtype)


@pytest.mark.parametrize("engine", ["native", "numpy", "torch"])
def test_one_logistic_layer_is_logistic_regression(engine: str) -> None:
    data = load_breast_cancer()
    X = StandardScaler().fit_transform(data.data[:, :4])
    network = Network.of_sizes([4, 1], output="logistic", dtype="float64")
    result = train(network, X, data.target, optimizer="lbfgs", epochs=200, engine=engine)
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(X, data.target)
    np.testing.assert_allclose(network.layers[0].W[:, 0], peer.coef_[0], rtol=2e-4)
    np.testing.assert_allclose(network.layers[0].b, peer.intercept_, rtol=2e-4)
    assert result.status == "finished" and 5 < result.epochs < 100
    assert result.steps == result.epochs == result.state.step


def test_it_is_scipys_on_the_gradient_of_pytorch() -> None:
    """30 iterations from the same weights reach the same weights."""
    X, y = clouds()
    network = small()
    start = np.concatenate([a.ravel() for layer in network.layers for a in (layer.W, layer.b)])
    x, t = torch.tensor(X), torch.tensor(y, dtype=torch.float64)

    def f(theta: np.ndarray) -> tuple[float, np.ndarray]:
        p = torch.tensor(theta, requires_grad=True)
        z = torch.tanh(x @ p[:24].reshape(3, 8) + p[24:32])
        u = z @ p[32:40] + p[40]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(u, t)
        loss.backward()
        assert p.grad is not None
        return loss.item(), p.grad.numpy()

    options = {"maxiter": 30, "maxcor": 10, "gtol": 1e-8, "ftol": 2.3e-16}
    theirs = scipy_minimize(f, start, jac=True, method="L-BFGS-B", options=options)
    result = train(network, X, y, optimizer=LBFGS(), epochs=30)
    ours = np.concatenate([a.ravel() for layer in network.layers for a in (layer.W, layer.b)])
    assert result.epochs == theirs.nit == 30
    np.testing.assert_allclose(ours, theirs.x, rtol=1e-6, atol=1e-6)
    assert result.history.loss[-1] == pytest.approx(theirs.fun, rel=1e-9)


def test_the_loss_falls_with_every_iteration_in_float32_too() -> None:
    X, y = clouds()
    weights = np.linspace(0.1, 2, len(X))
    result = train(small("float32"), X, y, optimizer="lbfgs", epochs=60, weights=weights)
    losses = result.history.loss
    assert all(after <= before for before, after in zip(losses, losses[1:], strict=False))
    assert losses[-1] < 0.8 * losses[0]
    assert np.isnan(result.history.learning_rate).all()


def test_many_rows_are_taken_in_pieces() -> None:
    X, y = clouds(5000)
    one, other = small(), small()
    for network, engine in ((one, "native"), (other, "numpy")):
        train(network, X, y, optimizer="lbfgs", epochs=5, engine=engine)
    np.testing.assert_allclose(one.layers[0].W, other.layers[0].W, rtol=1e-9)


def test_validation_patience_and_callbacks_are_the_loops() -> None:
    X, y = clouds(40)
    epochs: list[int] = []
    result = train(
        small(), X, y, optimizer="lbfgs", epochs=500, validation=0.4, stopping=5,
        callbacks=[lambda event: epochs.append(event.epoch)],
    )  # fmt: skip
    assert result.status == "stopped early"
    assert epochs == result.history.epoch
    assert result.kept_epoch == result.best_epoch == result.epochs - 5
    best = min(result.history.validation_loss)
    assert result.history.validation_loss[result.kept_epoch - 1] == best

    told = train(small(), X, y, optimizer="lbfgs", epochs=50, callbacks=[lambda e: e.epoch == 3])
    assert told.status == "stopped early" and told.epochs == 3


def test_ctrl_c_leaves_what_the_last_iteration_reached() -> None:
    X, y = clouds()

    def press(event: Any) -> None:
        if event.epoch == 4:
            raise KeyboardInterrupt

    network, other = small(), small()
    with pytest.warns(TrainingInterrupted, match="after 4 of 50 epochs"):
        result = train(network, X, y, optimizer="lbfgs", epochs=50, callbacks=[press])
    assert result.status == "interrupted"
    train(other, X, y, optimizer="lbfgs", epochs=4)
    assert network.layers[0].W.tobytes() == other.layers[0].W.tobytes()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch_size": 32}, "lbfgs takes all 200 rows at every step, and was given batches of 32"),
        ({"dropout": 0.1}, "no dropout and no schedule"),
        ({"schedule": "cosine"}, "no dropout and no schedule"),
        ({"batch_size": 10, "optimizer": "backtracking"}, "backtracking takes all 200 rows"),
    ],
)
def test_what_does_not_go_with_it_is_refused(settings: dict[str, Any], words: str) -> None:
    X, y = clouds()
    with pytest.raises(InvalidValue, match=words):
        train(small(), X, y, **{"optimizer": "lbfgs", **settings})


@pytest.mark.parametrize("optimizer", ["lbfgs", "backtracking"])
def test_all_rows_are_taken_without_being_asked_for(optimizer: str) -> None:
    X, y = clouds()
    result = train(small(), X, y, optimizer=optimizer, epochs=3, validation=0.25)
    assert result.plan.batch_size == 150 and result.steps == 3
    assert train(small(), X, y, optimizer=optimizer, epochs=1, batch_size=200).steps == 1
    assert train(small(), X, y, epochs=1).plan.batch_size == 32


def test_a_loss_that_is_not_finite_from_the_start() -> None:
    X, y = clouds()
    network = Network.of_sizes([3, 8, 1], "relu", "identity", dtype="float32")
    with pytest.raises(TrainingDiverged, match="at step 1 of epoch 1") as caught:
        train(network, X * 1e30, y, optimizer="lbfgs")
    assert caught.value.result is not None and caught.value.result.epochs == 0


def test_a_line_search_comes_back_from_where_the_function_is_not_finite() -> None:
    """−log x + x beyond 0 is not a number; the minimum is at 1."""
    path: list[float] = []

    def f(theta: np.ndarray) -> tuple[float, np.ndarray]:
        with np.errstate(all="ignore"):
            return float(np.sum(theta - np.log(theta))), 1 - 1 / theta

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        minimize(f, np.array([3.0]), LBFGS(), 50, lambda theta, value: path.append(theta[0]))
    assert path[-1] == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(DivergenceError):
        minimize(f, np.array([-1.0]), LBFGS(), 50, lambda *_: None)
