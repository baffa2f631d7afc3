"""Losses of the user's own: checked before use, and as good as those that have a name."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV

import chainrule
from chainrule import Network, train
from chainrule.errors import EngineError, InvalidValue
from chainrule.losses import Own, get
from chainrule.sklearn import Classifier, Regressor

A = npt.NDArray[Any]
SMALL: dict[str, Any] = {
    "members": 3, "hidden": (8,), "epochs": 5, "dropout": 0.0, "random_state": 0, "dtype": "float64",
}  # fmt: skip


def squared(z: A, y: A) -> tuple[A, A]:
    return (z - y) ** 2, 2 * (z - y)


def absolute(z: A, y: A) -> tuple[A, A]:
    return np.abs(z - y), np.sign(z - y)


def expectile(z: A, y: A) -> tuple[A, A]:
    """Its minimum over a constant is the expectile at 0.9: 0.9·E(y − z)₊ = 0.1·E(z − y)₊."""
    w = np.where(y > z, 0.9, 0.1)
    return w * (z - y) ** 2, 2 * w * (z - y)


def log_loss(u: A, y: A) -> tuple[A, A]:
    p = softmax(u, axis=1)
    rows = np.arange(len(u))
    return -np.log(p[rows, y]), p - np.eye(u.shape[1])[y]


def logistic_loss(u: A, y: A) -> tuple[A, A]:
    return np.logaddexp(0, u) - y * u, expit(u) - y


def twice_the_gradient(z: A, y: A) -> tuple[A, A]:
    return (z - y) ** 2, 4 * (z - y)


def table(name: str) -> tuple[A, A]:
    data = {"iris": load_iris, "diabetes": load_diabetes}[name](return_X_y=True)
    return data[0], data[1]


@pytest.mark.parametrize("unit", [1.0, 1e-7, 1e6])
@pytest.mark.parametrize(("own", "name"), [(absolute, "absolute_error"), (squared, None)])
def test_a_loss_with_a_twin_predicts_the_same(own: Any, name: str | None, unit: float) -> None:
    X, y = table("diabetes")
    mine = Regressor(loss=own, **SMALL).fit(X, unit * y)
    assert mine.results_[0].engine == "numpy"
    assert "not native: its loss is a function of NumPy arrays" in mine.results_[0].engine_reason
    named = Regressor(loss=name or "squared_error", **SMALL).fit(X, unit * y)
    if name is None:  # its scale is another: near, not equal
        assert mine.oof_score_ == pytest.approx(named.oof_score_, abs=0.05)
        return
    np.testing.assert_allclose(mine.predict(X), named.predict(X), rtol=1e-6)
    np.testing.assert_allclose(mine.shares_, named.shares_, atol=1e-3)


@pytest.mark.parametrize(("classes", "own"), [(3, log_loss), (2, logistic_loss)])
def test_an_own_log_loss_is_the_log_loss(classes: int, own: Any) -> None:
    X, y = table("iris")
    X, y = X[y < classes], np.array(["a", "b", "c"])[y[y < classes]]
    mine = Classifier(loss=own, **SMALL).fit(X, y)
    named = Classifier(**SMALL).fit(X, y)
    np.testing.assert_allclose(mine.predict_proba(X), named.predict_proba(X), rtol=1e-6)
    assert mine.oof_scores_ == pytest.approx(named.oof_scores_, rel=1e-6)


def test_several_labels_a_row() -> None:
    X, y = table("iris")
    Y = np.stack([y == 0, y == 1], axis=1).astype(int)

    def each(u: A, t: A) -> tuple[A, A]:
        assert t.dtype == np.int64
        return (np.logaddexp(0, u) - t * u).mean(axis=1), (expit(u) - t) / 2

    mine, named = Classifier(loss=each, **SMALL).fit(X, Y), Classifier(**SMALL).fit(X, Y)
    np.testing.assert_allclose(mine.predict_proba(X), named.predict_proba(X), rtol=1e-6)


def test_a_constant_learns_the_expectile() -> None:
    y = np.random.default_rng(0).exponential(size=4000)
    network = Network.of_sizes([1, 1], dtype="float64", seed=0)
    train(network, np.zeros((4000, 1)), y, loss=expectile, optimizer="lbfgs", epochs=50)
    z = float(network(np.zeros((1, 1)))[0, 0])
    assert 0.9 * np.maximum(y - z, 0).mean() == pytest.approx(
        0.1 * np.maximum(z - y, 0).mean(), rel=1e-5
    )


def test_a_weight_of_two_is_the_row_twice() -> None:
    X, y = table("diabetes")
    weights = np.where(np.arange(len(y)) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(len(y)), weights.astype(int))
    settings = SMALL | {"members": 1}
    weighted = Regressor(loss=expectile, **settings).fit(X, y, sample_weight=weights)
    repeated = Regressor(loss=expectile, **settings).fit(X[twice], y[twice])
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-6)


def test_a_wrong_gradient_is_shown() -> None:
    X, y = table("diabetes")
    with pytest.raises(
        InvalidValue,
        match=r"gradient of the loss 'twice_the_gradient' is wrong: by output 0 in row 1,"
        r" expected .* \(by differences of the losses\), got ",
    ) as caught:
        Regressor(loss=twice_the_gradient, **SMALL).fit(X, y)
    words = str(caught.value).split()
    expected, got = float(words[words.index("expected") + 1]), float(words[-1])
    assert got == pytest.approx(2 * expected, rel=1e-4)


@pytest.mark.parametrize(
    ("own", "says"),
    [
        (lambda z, y: (z - y) ** 2, "gives a pair, losses and gradients; got ndarray"),
        (lambda z, y: (((z - y) ** 2).mean(), 2 * (z - y)), r"loss of each row, \(8,\), got shape"),
        (lambda z, y: ((z - y) ** 2, (z - y)[:3]), r"of the shape of the outputs, \(8,\), got"),
        (
            lambda z, y: ((z - y) ** 2 / len(z), 2 * (z - y) / len(z)),
            "of a row depends on the other rows: it and its gradient are to be the row's own",
        ),
        (lambda z, y: (z * np.nan, z), "or its gradient is not finite"),
        (lambda z, y: (z**2, 2 * z * (1 + 0.001)), "is wrong: by output 0"),
    ],
)
def test_what_is_no_loss(own: Any, says: str) -> None:
    with pytest.raises(InvalidValue, match=says):
        Own.of(own).check(np.linspace(-1, 1, 40)[:, None], 1)


@pytest.mark.parametrize("name", ["absolute_error", "huber", "poisson", "squared_error"])
def test_the_check_lets_pass_what_is_right(name: str) -> None:
    loss = get(name)

    def own(z: A, y: A) -> tuple[A, A]:
        return loss.entry(z, y), loss.slope(z, y)

    Own.of(own).check(np.arange(9.0)[:, None], 1)
    Own.of(own).check(np.zeros((9, 1)), 1)


def test_it_travels_and_is_searched_over() -> None:
    X, y = table("diabetes")
    search = GridSearchCV(
        Regressor(loss=expectile, **SMALL), {"loss": [expectile, "squared_error"]}, cv=2
    )
    search.fit(X, y)
    assert search.best_params_ == {"loss": "squared_error"}
    fitted = clone(Regressor(loss=expectile, **SMALL)).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict(X), fitted.predict(X))


def test_what_cannot_be_done_with_it(tmp_path: Any) -> None:
    X, y = table("diabetes")
    fitted = Regressor(loss=expectile, **SMALL).fit(X, y)
    with pytest.raises(
        InvalidValue, match="the loss 'expectile' is a function of your own, which no"
    ):
        fitted.to_model()
    network = Network.of_sizes([X.shape[1], 1], seed=0)
    for engine in ("native", "torch"):
        with pytest.raises(EngineError, match="its loss is a function of NumPy arrays"):
            train(network, X, y, loss=expectile, engine=engine)
    result = train(network, X, y, loss=expectile, epochs=1)
    model = chainrule.Model(network, result.plan)
    with pytest.raises(InvalidValue, match="a function of your own: no file can hold it"):
        chainrule.save(model, tmp_path / "m.safetensors")
