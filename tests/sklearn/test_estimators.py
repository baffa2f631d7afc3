"""Classifier and Regressor: scikit-learn's own checks, tables as they are, honest scores."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    make_multilabel_classification,
)
from sklearn.exceptions import NotFittedError
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from chainrule.errors import ChainruleError, InvalidValue
from chainrule.sklearn import Classifier, Regressor

QUICK: dict[str, Any] = {"hidden": (16,), "epochs": 15, "members": 3, "random_state": 0}


def mixed(n: int = 240, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """A table of every kind of column, with gaps, and labels that hang on all of them."""
    rng = np.random.default_rng(seed)
    age, town = rng.normal(40, 10, n), rng.choice(["Ulm", "Kiel", "Trier"], n)
    member = rng.random(n) < 0.5
    day = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D")
    score = (age - 40) / 10 + (town == "Ulm") - member + rng.normal(0, 0.3, n)
    X = pd.DataFrame({"age": age, "town": town, "member": member, "day": day})
    X.loc[rng.random(n) < 0.1, "age"] = np.nan
    X.loc[rng.random(n) < 0.1, "town"] = None
    return X, np.where(score > 0, "yes", "no")


@pytest.mark.parametrize("estimator", [Classifier(), Regressor()], ids=lambda e: type(e).__name__)
def test_scikit_learns_checks_pass_with_nothing_excused(estimator: Any) -> None:
    found = check_estimator(estimator, on_skip=None, on_fail=None)
    assert [(r["check_name"], str(r["exception"])) for r in found if r["status"] == "failed"] == []
    skipped = {r["check_name"] for r in found if r["status"] == "skipped"}
    assert skipped <= {
        "check_array_api_input",  # asks for an environment variable of SciPy's
        "check_classifiers_multilabel_output_format_decision_function",  # there is none
    }
    assert sum(r["status"] == "passed" for r in found) > 50
    assert not any(r["expected_to_fail"] for r in found)


def test_a_table_of_every_kind_goes_in_as_it_is() -> None:
    X, y = mixed()
    clf = Classifier(**QUICK).fit(X, y)
    assert clf.classes_.tolist() == ["no", "yes"] and clf.n_features_in_ == 4
    assert clf.feature_names_in_.tolist() == ["age", "town", "member", "day"]
    assert clf.score(X, y) > 0.85
    strange = X.head(3).assign(town=["Bonn", None, "Ulm"])  # a category never seen, and a gap
    p = clf.predict_proba(strange)
    assert p.shape == (3, 2) and np.allclose(p.sum(axis=1), 1)


def test_frames_of_other_libraries_predict_the_same() -> None:
    X, y = mixed()
    clf = Classifier(**QUICK).fit(X, y)
    assert (clf.predict_proba(pa.Table.from_pandas(X)) == clf.predict_proba(X)).all()
    again = Classifier(**QUICK).fit(pa.Table.from_pandas(X), y)
    assert (again.predict_proba(X) == clf.predict_proba(X)).all()


def test_a_weight_of_2_is_the_row_twice_and_one_of_0_is_no_row() -> None:
    X, y = load_iris(return_X_y=True)
    w = np.random.default_rng(0).integers(0, 3, len(y))
    weighted = Classifier(**QUICK).fit(X, y, sample_weight=w)
    repeated = Classifier(**QUICK).fit(np.repeat(X, w, axis=0), np.repeat(y, w))
    assert (weighted.predict_proba(X) == repeated.predict_proba(X)).all()
    assert np.isnan(weighted.oof_prediction_[w == 0]).all()
    assert weighted.oof_scores_ == pytest.approx(repeated.oof_scores_)


def test_neither_the_order_of_the_rows_nor_the_threads_matter() -> None:
    X, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    one = Regressor(**QUICK, threads=1).fit(X, y)
    other = Regressor(**QUICK, threads=3).fit(X[order], y[order])
    assert (one.predict(X) == other.predict(X)).all()
    assert (one.oof_prediction_[order] == other.oof_prediction_).all()


def test_out_of_fold_predictions_are_by_the_member_that_left_the_row_out() -> None:
    X, y = load_diabetes(return_X_y=True)
    reg = Regressor(**QUICK).fit(X, y)
    each = np.stack([reg._numbers(z) for z in reg._member_outputs(X)])
    assert sorted(set(reg.folds_)) == [0, 1, 2] and np.bincount(reg.folds_).min() > 140
    assert (reg.oof_prediction_ == each[reg.folds_, np.arange(len(y))]).all()
    assert reg.oof_score_ == pytest.approx(r2_score(y, reg.oof_prediction_))
    assert reg.predict(X) == pytest.approx(each.mean(axis=0))
    assert reg.spread(X) == pytest.approx(each.std(axis=0))


def test_the_out_of_fold_score_is_honest() -> None:
    """On labels without any meaning it is that of guessing, while the rows trained on look learned."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 10)), rng.integers(0, 2, 400)
    clf = Classifier(hidden=(64,), epochs=60, members=4, patience=0, dropout=0.0, random_state=0).fit(X, y)  # fmt: skip
    assert clf.score(X, y) > 0.85 and 0.4 < clf.oof_score_ < 0.6


def test_equal_rows_are_left_out_together() -> None:
    X, y = load_iris(return_X_y=True)
    clf = Classifier(**QUICK).fit(np.tile(X, (3, 1)), np.tile(y, 3))
    assert (clf.folds_.reshape(3, -1) == clf.folds_[: len(y)]).all()


def test_one_member_is_the_plain_network() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    clf = Classifier(**{**QUICK, "members": 1}).fit(X, y)
    assert len(clf.networks_) == 1 and clf.oof_scores_ == {}
    assert np.isnan(clf.oof_prediction_).all() and (clf.folds_ == -1).all()
    assert not hasattr(clf, "oof_score_")
    assert clf.score(X, y) > 0.97


def test_rows_of_your_own_to_stop_on() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    own = X[400:], y[400:]
    clf = Classifier(**QUICK, calibrate=False).fit(X[:400], y[:400], validation=own)
    watched = [result.history.validation_loss[result.kept_epoch - 1] for result in clf.results_]
    p = [clf._probabilities(u[None]) for u in clf._member_outputs(X[400:])]
    assert watched == pytest.approx([log_loss(y[400:], each) for each in p], rel=1e-4)
    assert (clf.folds_ == -1).all()
    calibrated = Classifier(**QUICK).fit(X[:400], y[:400], validation=own)
    assert calibrated.calibration_.log_loss == pytest.approx(
        (log_loss(y[400:], clf.predict_proba(own[0])), log_loss(y[400:], calibrated.predict_proba(own[0]))),
        rel=1e-6,
    )  # fmt: skip
    assert calibrated.calibration_.temperature != 1


def test_kinds_get_the_share_that_they_are_worth_on_rows_not_trained_on() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    straight, bent = X @ [1.0, -2, 0.5] + rng.normal(size=400), np.sin(3 * X[:, 0])
    settings: dict[str, Any] = {"members": 9, "hidden": (32,), "epochs": 40, "random_state": 0}
    for y, least, most in ((straight, 0.2, 1.0), (bent, 0.0, 0.1)):
        reg = Regressor(**settings).fit(X, y)
        assert reg.shares_.shape == (9,) and reg.shares_.sum() == pytest.approx(1)
        linear = [len(network.layers) == 1 for network in reg.networks_]
        assert sum(linear) == 3 and least <= reg.shares_[linear].sum() <= most
        own = Regressor(**settings).fit(X[:300], y[:300], validation=(X[300:], y[300:]))
        assert least <= own.shares_[linear].sum() <= most
    once = Regressor(**settings).partial_fit(X, bent)
    assert once.shares_.tolist() == pytest.approx([0 if flat else 1 / 6 for flat in linear])


def test_log_loss_chooses_the_epoch_on_rare_positives() -> None:
    """4.4 % positives: scikit-learn's early stopping, by accuracy, gives 0.43 at the first epoch's weights."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8000, 10))
    bayes = 1 / (1 + np.exp(-(X @ np.linspace(1.2, 0, 10) - 4.85)))
    y = (rng.random(8000) < bayes).astype(int)
    assert 0.04 < y.mean() < 0.05
    clf = Classifier(random_state=0).fit(X[:4000], y[:4000])
    best = log_loss(y[4000:], bayes[4000:])
    assert best == pytest.approx(0.11, abs=0.01)
    assert log_loss(y[4000:], clf.predict_proba(X[4000:])) < 0.125


def test_calibration_says_what_it_changed() -> None:
    X, y = mixed(600)
    sure = {"hidden": (64,), "epochs": 60, "members": 4, "patience": 0, "dropout": 0.0, "random_state": 0}  # fmt: skip
    clf, plain = (Classifier(**sure, calibrate=on).fit(X, y) for on in (True, False))
    found = clf.calibration_
    assert found.temperature > 1.2 and plain.calibration_.temperature == 1
    assert found.log_loss[1] < found.log_loss[0] and found.error[1] < found.error[0]
    assert found.log_loss == pytest.approx(
        (plain.oof_scores_["log_loss"], clf.oof_scores_["log_loss"]), rel=1e-4
    )
    assert log_loss(y, clf.oof_prediction_) == pytest.approx(clf.oof_scores_["log_loss"])


def test_several_labels_a_row() -> None:
    X, Y = make_multilabel_classification(300, 10, n_classes=4, random_state=0)
    clf = Classifier(**{**QUICK, "epochs": 60}).fit(X, Y)
    assert clf.predict_proba(X).shape == (300, 4) and clf.predict(X).shape == (300, 4)
    assert set(np.unique(clf.predict(X))) == {0, 1}
    assert accuracy_score(Y.ravel(), clf.predict(X).ravel()) > 0.8


def test_several_targets_a_row() -> None:
    X, y = load_diabetes(return_X_y=True)
    Y = np.column_stack([y, 1000 - 3 * y, X[:, 2]])
    reg = Regressor(**QUICK).fit(X, Y)
    assert reg.predict(X).shape == reg.oof_prediction_.shape == (442, 3)
    alone = r2_score(Y, reg.predict(X), multioutput="raw_values")
    assert (alone > 0.4).all()


def test_class_weights_are_sample_weights() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    named = Classifier(**QUICK, class_weight={0: 2, 1: 1}).fit(X, y)
    given = Classifier(**QUICK).fit(X, y, sample_weight=np.where(y == 0, 2, 1))
    assert (named.predict_proba(X) == given.predict_proba(X)).all()


def test_scikit_learns_tools() -> None:
    X, y = mixed()
    search = GridSearchCV(Classifier(**QUICK), {"hidden": [(8,), (16, 16)]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.8
    numbers = load_breast_cancer()
    pipe = make_pipeline(StandardScaler(), Classifier(**QUICK))
    assert cross_val_score(pipe, numbers.data, numbers.target, cv=3).min() > 0.93
    clf = search.best_estimator_
    importance = permutation_importance(clf, X, y, n_repeats=3, random_state=0)["importances_mean"]
    assert importance.argmax() == 0  # the age
    effect = partial_dependence(clf, X.dropna(), ["age"], grid_resolution=5)["average"][0]
    assert (np.diff(effect) > 0).all()
    again = pickle.loads(pickle.dumps(clf))
    assert (again.predict_proba(X) == clf.predict_proba(X)).all()
    assert clone(clf).get_params() == clf.get_params()


def test_sample_weight_is_routed_through_a_pipeline() -> None:
    X, y = load_iris(return_X_y=True)
    w = np.where(y == 2, 5.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = Classifier(**QUICK).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, clf).fit(X, y, sample_weight=w)
    scaled = StandardScaler().fit_transform(X)
    direct = Classifier(**QUICK).fit(scaled, y, sample_weight=w)
    assert (pipe.predict_proba(X) == direct.predict_proba(scaled)).all()


X_3, Y_3 = np.arange(6.0).reshape(3, 2), np.array([0, 1, 0])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Classifier(members=4).fit(X_3, Y_3), "members is a number from 1 to the 3 different rows, got 4"),
        (lambda: Classifier(members=0).fit(X_3, Y_3), "members is a number from 1 to the 3"),
        (lambda: Classifier().fit(X_3, Y_3, sample_weight=[0, 0, 0]), "Sample weights must contain at least one non-zero number"),
        (lambda: Classifier().fit(X_3, Y_3, sample_weight=[1, -1, 1]), "Negative values in data passed to `sample_weight`"),
        (lambda: Classifier().fit(X_3, [1, 1, 1]), "y has 1 class only, 1: a classifier takes two or more"),
        (lambda: Classifier(hidden="big").fit(X_3, [0, 1, 1]), "hidden is the sizes of the hidden layers, got 'big'"),
        (lambda: Classifier(hidden=2.5).fit(X_3, [0, 1, 1]), "hidden is the sizes of the hidden layers, got 2.5"),
        (lambda: Classifier(members="many").fit(X_3, [0, 1, 1]), "members is a number from 1 to the 3 different rows, got 'many'"),
        (lambda: Classifier().fit(X_3, [1, 2]), "Found input variables with inconsistent numbers of samples"),
        (lambda: Classifier().fit(X_3, [0.5, 1.5, 2.5]), "Unknown label type"),
        (lambda: Regressor().fit(X_3, [1.0, np.nan, 2.0]), "Input y contains NaN"),
        (lambda: Regressor().fit(X_3, None), "requires y to be passed"),
        (lambda: Regressor().fit(np.full((4, 2), np.nan), [1, 2, 3, 4]), "no column is left to learn from"),
        (lambda: Regressor().fit(pd.DataFrame({"a": [1.0]}), [1.0]), "Found array with 1 sample"),
        (lambda: Regressor().fit(X_3, [1.0, 2, 3]).predict(np.ones((2, 3))), "X has 3 features, but Regressor is expecting 2"),
        (lambda: Classifier(**QUICK).fit(X_3, Y_3, validation=(X_3, [0, 1, 7])), "the label "),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_a_sentence(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        make()


def test_what_is_not_fitted_says_so() -> None:
    with pytest.raises(NotFittedError):
        Classifier().predict(X_3)
    with pytest.raises(InvalidValue) as error:
        Classifier(members=99).fit(X_3, Y_3)
    assert isinstance(error.value, ChainruleError)


def test_a_class_with_a_single_row_is_never_left_out() -> None:
    X, y = load_iris(return_X_y=True)
    y = np.where(np.arange(len(y)) == 7, 9, y)
    clf = Classifier(**QUICK).fit(X, y)
    assert clf.classes_.tolist() == [0, 1, 2, 9]
    assert clf.folds_[7] == -1 and np.isnan(clf.oof_prediction_[7]).all()
    assert (np.delete(clf.folds_, 7) >= 0).all() and clf.oof_score_ > 0.9


def test_a_column_of_as_many_texts_as_rows_and_an_empty_one_are_left_aside() -> None:
    X, y = mixed()
    wide = X.assign(name=[f"person {i}" for i in range(len(X))], nothing=np.nan)
    clf, plain = (Classifier(**QUICK).fit(table, y) for table in (wide, X))
    assert "240 different texts in 240 rows" in " ".join(clf.encoder_.notes)
    assert clf.encoder_.feature_names == plain.encoder_.feature_names


def test_partial_fit_goes_on_with_the_optimizers_state() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    clf = Classifier(**QUICK)
    losses = []
    for epoch in range(12):
        part = slice(None) if epoch % 2 else slice(100, None)
        clf.partial_fit(X[part], y[part])
        losses.append(log_loss(y, clf.predict_proba(X)))
    steps = [result.state.step for result in clf.results_]
    assert steps == [6 * -(-469 // 32) + 6 * -(-569 // 32)] * 3  # counted over all calls
    assert losses[-1] < 0.1 < losses[0]
    assert clf.calibration_.temperature == 1 and not hasattr(clf, "oof_prediction_")


def test_partial_fit_takes_the_classes_that_come_later() -> None:
    X, y = load_iris(return_X_y=True)
    clf = Classifier(**QUICK).partial_fit(X[:100], y[:100], classes=[0, 1, 2])
    for _ in range(25):
        clf.partial_fit(X, y)
    assert clf.score(X, y) > 0.9
    with pytest.raises(ValueError, match="the label 7 is not among those"):
        clf.partial_fit(X[:2], [0, 7])
    with pytest.raises(InvalidValue, match="lbfgs takes all rows at every step"):
        Classifier(optimizer="lbfgs", members=1).partial_fit(X, y)


def test_warm_start_goes_on_from_where_fit_was() -> None:
    X, y = load_diabetes(return_X_y=True)
    settings = {**QUICK, "optimizer": "adam", "patience": 0, "epochs": 4}
    warm = Regressor(**settings, warm_start=True).fit(X, y)
    first = warm.oof_score_
    encoder = warm.encoder_
    warm.fit(X, y)
    assert warm.encoder_ is encoder and warm.oof_score_ > first
    assert warm.results_[0].state.step == 2 * 4 * -(-295 // 32)
    whole = Regressor(**{**settings, "epochs": 8}).fit(X, y)
    assert warm.results_[0].state.step == whole.results_[0].state.step
    assert Regressor(**settings).fit(X, y).fit(X, y).oof_score_ == first


def test_any_scorer_decides_when_to_stop() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    for scoring in ("roc_auc", "neg_log_loss", lambda e, X, y: e.score(X, y)):
        clf = Classifier(**QUICK, scoring=scoring).fit(X, y)
        for member, result in enumerate(clf.results_):
            watched = result.history.validation_loss
            assert min(watched) == watched[result.kept_epoch - 1]
            if scoring == "roc_auc":
                out = clf.folds_ == member
                p = clf._probabilities(clf._member_outputs(X[out])[member][None])
                assert -min(watched) == pytest.approx(roc_auc_score(y[out], p[:, 1]))
    reg = Regressor(**QUICK, scoring="neg_mean_absolute_error").fit(*load_diabetes(return_X_y=True))
    assert 30 < min(reg.results_[0].history.validation_loss) < 70  # in the unit of y


def test_a_notebook_shows_the_box_and_the_network() -> None:
    X, y = load_iris(return_X_y=True)
    clf = Classifier(**QUICK)
    assert "<svg" not in clf._repr_html_()[-2000:]
    table = pd.DataFrame(X, columns=["sepal length", "sepal width", "petal length", "petal width"])
    shown = clf.fit(table, np.array(["setosa", "versicolor", "virginica"])[y])._repr_html_()
    assert all(name in shown for name in ("sepal length", "petal width", "setosa", "virginica"))
    assert "3 networks, of which the first:" in shown and "<svg" in shown.split("of which the first:")[1]  # fmt: skip
    assert "of which the first:" in clf._repr_mimebundle_()["text/html"]


def test_a_search_along_lines_drops_nothing_unless_it_is_asked_to() -> None:
    X, y = load_iris(return_X_y=True)
    lbfgs = Classifier(members=3, epochs=3, hidden=8, optimizer="lbfgs").fit(X, y)
    assert lbfgs.results_[0].plan.dropout == (0.0,)
    adamw = Classifier(members=3, epochs=3, hidden=8).fit(X, y)
    assert adamw.results_[0].plan.dropout == (0.1,)
    with pytest.raises(ValueError, match="it takes no dropout"):
        Classifier(members=3, dropout=0.2, optimizer="lbfgs").fit(X, y)
