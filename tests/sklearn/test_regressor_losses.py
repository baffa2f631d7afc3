"""The regressor's losses: quantiles and intervals, Poisson rates, and what outliers do."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_absolute_error, mean_poisson_deviance, r2_score
from sklearn.utils.estimator_checks import check_estimator

from chainrule.errors import ChainruleError
from chainrule.losses import quantile
from chainrule.sklearn import Regressor
from chainrule.sklearn.outputs import LOSSES, Outputs, loss_of_numbers

QUICK: dict[str, Any] = {"hidden": (16,), "epochs": 15, "members": 3, "random_state": 0}


def uneven(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers whose noise grows from 2 to 14 with the distance of the first input from 0."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 3))
    mean = 1000 + 30 * np.sin(2 * X[:, 0]) + 10 * X[:, 1]
    return X, mean + (2 + 6 * abs(X[:, 0])) * rng.normal(size=n)


def counts(n: int, seed: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 3))
    return X, rng.poisson(scale * np.exp(0.2 + 0.9 * X[:, 0] - 0.5 * X[:, 1] ** 2)).astype(float)


@pytest.fixture(scope="module")
def intervals() -> Regressor:
    return Regressor(loss="quantile", members=6, random_state=0).fit(*uneven(1000, 0))


def test_an_interval_of_90_percent_holds_90_percent_and_is_wide_where_the_noise_is(
    intervals: Regressor,
) -> None:
    X, y = uneven(4000, 1)
    low, high = intervals.predict_interval(X).T
    inside, calm = (low <= y) & (y <= high), abs(X[:, 0]) < 0.5
    assert 0.84 < inside.mean() < 0.96
    assert inside[calm].mean() > 0.84 and inside[~calm].mean() > 0.84
    assert (high - low)[~calm].mean() > 1.5 * (high - low)[calm].mean()
    assert r2_score(y, intervals.predict(X)) > 0.8


def test_quantiles_ascend_and_the_prediction_is_the_one_nearest_to_the_median(
    intervals: Regressor,
) -> None:
    X = uneven(300, 2)[0]
    X[:5] *= 100  # far from all that was seen
    q = intervals.predict_quantiles(X)
    assert q.shape == (300, 3) and (np.diff(q, axis=1) >= 0).all()
    assert (intervals.predict(X) == q[:, 1]).all()
    assert (intervals.predict_interval(X) == q[:, [0, 2]]).all()
    assert intervals.spread(X).shape == (300,) and (intervals.spread(X) >= 0).all()
    assert intervals.loss_ == "quantile:0.05,0.5,0.95"


def test_crossed_outputs_are_put_in_order_within_each_member() -> None:
    outputs = Outputs.fit(quantile([0.1, 0.4, 0.9]), np.array([[0.0], [1.0], [2.0]]), None)
    assert outputs.count == 3 and outputs.middle == 1
    assert outputs.values(np.array([[2.0, 1.0, 3.0]])).tolist() == [[1, 2, 3]]
    assert Outputs.fit(quantile([0.4, 0.6]), np.zeros((2, 1)), None).middle == 0


def test_levels_of_your_own() -> None:
    X, y = uneven(300, 0)
    reg = Regressor(**QUICK, loss="quantile", quantiles=[0.25, 0.75]).fit(X, y)
    assert reg.predict_quantiles(X).shape == reg.predict_interval(X).shape == (300, 2)
    one = Regressor(**QUICK, loss="quantile", quantiles=np.array([0.9])).fit(X, y)
    assert (one.predict(X) == one.predict_quantiles(X)[:, 0]).all()
    assert (y <= one.predict(X)).mean() > 0.8
    with pytest.raises(ValueError, match="an interval lies between two quantiles, and one was"):
        one.predict_interval(X)


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_poisson_beats_the_squared_error_in_poisson_deviance(scale: float) -> None:
    X, y = counts(1000, 0, scale)
    X_new, y_new = counts(4000, 1, scale)
    deviance = {}
    for loss in ("poisson", "squared_error"):
        found = Regressor(loss=loss, members=6, random_state=0).fit(X, y).predict(X_new)
        if loss == "poisson":
            assert (found > 0).all()
        deviance[loss] = mean_poisson_deviance(y_new, np.maximum(found, 1e-3 * scale))
    assert deviance["poisson"] < deviance["squared_error"]
    flat = mean_poisson_deviance(y_new, np.full(4000, y.mean()))
    assert deviance["poisson"] < 0.6 * flat


def test_a_rate_is_the_mean_of_the_members_rates() -> None:
    X, y = counts(300, 0)
    reg = Regressor(**QUICK, loss="poisson").fit(X, y)
    u = reg._member_outputs(X).astype(float)[..., 0]
    assert reg.predict(X) == pytest.approx(y.mean() * np.average(np.exp(u), axis=0, weights=reg.shares_))  # fmt: skip
    assert reg.predict(X).mean() == pytest.approx(y.mean(), rel=0.2)


def test_several_rates_and_none_at_all() -> None:
    X, y = counts(300, 0)
    both = Regressor(**QUICK, loss="poisson").fit(X, np.column_stack([y, 50 * y])).predict(X)
    assert both.shape == (300, 2) and both[:, 1].mean() == pytest.approx(50 * y.mean(), rel=0.2)
    nothing = Regressor(**QUICK, loss="poisson").fit(X, np.zeros(300)).predict(X)
    assert (nothing >= 0).all() and nothing.max() < 0.5


@pytest.mark.parametrize("size", [1e2, 1e5])
def test_outliers_move_the_median_little(size: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 3))
    f = np.sin(2 * X[:, 0]) + X[:, 1]
    y = f + 0.2 * rng.normal(size=800)
    y[::10] += size
    error = {
        loss: mean_absolute_error(
            f, Regressor(loss=loss, members=3, hidden=(64,), random_state=0).fit(X, y).predict(X)
        )
        for loss in ("absolute_error", "huber", "squared_error")
    }
    assert error["absolute_error"] < 0.15
    assert error["absolute_error"] < error["huber"] < 0.4
    assert error["squared_error"] > 0.04 * size


@pytest.mark.parametrize("loss", LOSSES)
def test_the_out_of_fold_prediction_has_the_unit_of_y(loss: str) -> None:
    X, y = load_diabetes(return_X_y=True)
    reg = Regressor(**QUICK, loss=loss).fit(X, 1000 * y)
    found = reg.oof_prediction_
    assert found.shape == (442,)
    assert found.mean() == pytest.approx(1000 * y.mean(), rel=0.15)
    assert reg.oof_score_ == pytest.approx(r2_score(1000 * y, found)) and reg.oof_score_ > 0.25
    each = reg._numbers(reg._member_outputs(X))
    assert (found == each[reg.folds_, np.arange(442)]).all()
    assert reg.spread(X).mean() > 100


@pytest.mark.parametrize("loss", LOSSES)
def test_a_weight_is_a_number_of_copies(loss: str) -> None:
    X, y = load_diabetes(return_X_y=True)
    w = np.random.default_rng(0).integers(0, 3, len(y))
    weighted = Regressor(**QUICK, loss=loss).fit(X, y, sample_weight=w)
    repeated = Regressor(**QUICK, loss=loss).fit(np.repeat(X, w, axis=0), np.repeat(y, w))
    assert weighted.predict(X) == pytest.approx(repeated.predict(X), rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_it_goes_on_stops_and_travels(loss: str) -> None:
    X, y = load_diabetes(return_X_y=True)
    settings = {**QUICK, "loss": loss, "scoring": "neg_median_absolute_error"}
    reg = Regressor(**settings).fit(X, y, validation=(X[:90], y[:90]))
    assert 20 < min(reg.results_[0].history.validation_loss) < 80  # in the unit of y
    before = reg.predict(X)
    again = pickle.loads(pickle.dumps(reg))
    assert (again.predict(X) == before).all() and (copy.deepcopy(reg).predict(X) == before).all()
    assert (reg.partial_fit(X, y).predict(X) != before).any()
    assert clone(reg).get_params() == reg.get_params()


@pytest.mark.parametrize("loss", ["quantile", "poisson"])
def test_scikit_learns_checks_pass(loss: str) -> None:
    # Of several targets it draws some below 0, whatever the tag positive_only says.
    excused = {"check_regressor_multioutput": "y < 0"} if loss == "poisson" else {}
    found = check_estimator(
        Regressor(loss=loss, hidden=(32,)),
        expected_failed_checks=excused,
        on_skip=None,
        on_fail=None,
    )
    assert [(r["check_name"], str(r["exception"])) for r in found if r["status"] == "failed"] == []
    assert sum(r["status"] == "passed" for r in found) > 45


def test_shares_are_those_of_the_lowest_loss() -> None:
    rng = np.random.default_rng(0)
    y, w = rng.gamma(2.0, size=(400, 1)), rng.uniform(0.5, 1.5, 400)
    for name in ("absolute_error", "huber", "poisson", "quantile"):
        outputs = Outputs.fit(loss_of_numbers(name, (0.2, 0.6)), y, w)
        t = outputs.encode(y)
        noise = rng.normal(0, 0.3, (3, 400, outputs.count))
        z = np.abs(t + noise + np.array([0.5, -0.5, 2.0])[:, None, None]) + 0.1
        s = outputs.shares(z, t, w)

        def cost(s: np.ndarray, z: Any = z, t: Any = t, outputs: Any = outputs) -> float:
            mixed = np.tensordot(s, z, axes=1)
            a = np.log(mixed) if outputs.loss.link else mixed
            return float(outputs.loss.value(a, np.broadcast_to(t, a.shape), w))

        assert s.sum() == pytest.approx(1) and (s >= 0).all()
        grid = [(i, j, 20 - i - j) for i in range(21) for j in range(21 - i)]
        assert cost(s) < min(cost(np.array(each) / 20) for each in grid) + 2e-3


X_3 = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Regressor(loss="quantiles").fit(X_3, [1, 2, 3]), "no loss of a regressor is called 'quantiles'; did you mean 'quantile'? (there are: squared_error,"),
        (lambda: Regressor(loss="cross_entropy").fit(X_3, [1, 2, 3]), "no loss of a regressor is called 'cross_entropy'"),
        (lambda: Regressor(loss="poisson").fit(X_3, [1, -2, 3]), "the loss 'poisson' takes counts or rates, 0 or more: y has -2 in row 2"),
        (lambda: Regressor(**QUICK, loss="poisson").fit(X_3, [1, 2, 3], validation=(X_3, [1, 2, -3])), "y has -3 in row 3"),
        (lambda: Regressor(loss="quantile").fit(X_3, np.ones((3, 2))), "quantiles are learned of one target, got 2: fit a regressor for each"),
        (lambda: Regressor(loss="quantile", quantiles=(0.5, 0.1)).fit(X_3, [1, 2, 3]), "levels of quantiles are ascending, one or more, got [0.5, 0.1]"),
        (lambda: Regressor(loss="quantile", quantiles=(5, 95)).fit(X_3, [1, 2, 3]), "a level of a quantile is a number between 0 and 1, got 5"),
        (lambda: Regressor(**QUICK).fit(X_3, [1, 2, 3]).predict_quantiles(X_3), "quantiles are predicted under loss='quantile', and this regressor learned by 'squared_error'"),
        (lambda: Regressor(**QUICK).fit(X_3, [1, 2, 3]).predict_interval(X_3), "this regressor learned by 'squared_error'"),
        (lambda: Regressor().predict_quantiles(X_3), "is not fitted yet"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_a_sentence(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        make()
    assert "fitted yet" in said or isinstance(error.value, ChainruleError)


def test_the_right_share_of_the_rows_out_of_fold_lies_below_each_quantile() -> None:
    rng = np.random.default_rng(4)
    X = rng.random((300, 2))
    y = 100 * X[:, 0] + 20 * rng.normal(size=300)
    levels = (0.1, 0.5, 0.9)
    settings: dict[str, Any] = {"epochs": 3, "hidden": (8,), "random_state": 0, "dtype": "float64"}
    model = Regressor(loss="quantile", quantiles=levels, **settings).fit(X, y)
    below = (y[:, None] <= model.oof_quantiles_).mean(axis=0)
    assert below == pytest.approx(levels, abs=0.02)  # sorting moves a few
    kept = model.to_model("y")
    np.testing.assert_allclose(kept.predict_quantiles(X), model.predict_quantiles(X), rtol=1e-12)
    np.testing.assert_allclose(kept.predict(X), model.predict(X), rtol=1e-12)
