"""The report: its numbers are scikit-learn's metrics of the predictions out of fold."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.base import clone
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.inspection import partial_dependence

from chainrule.errors import InvalidValue, MissingFile, ShapeError
from chainrule.sklearn import Classifier, Regressor
from chainrule.sklearn.report import Report, report
from chainrule.sklearn.report.classes import confusion
from chainrule.sklearn.report.effects import effect_of
from chainrule.sklearn.report.fitted import Fitted
from chainrule.sklearn.report.importance import importance
from chainrule.sklearn.report.probabilities import reliability
from chainrule.sklearn.report.scores import scores
from chainrule.sklearn.report.worst import worst_rows
from chainrule.tables import Table
from chainrule.views.exhibits import Bars, Cells, Chart, Matrix, Profiles, Words

QUICK: dict[str, Any] = {"hidden": (16,), "epochs": 8, "members": 3, "random_state": 0}
Kind = TypeVar("Kind")


def mixed(n: int = 240) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """A table of every kind of column, with gaps, and labels that hang on the first two."""
    rng = np.random.default_rng(0)
    age, town = rng.normal(40, 10, n), rng.choice(["Ulm", "Kiel", "Trier"], n)
    days = pd.to_timedelta(rng.integers(0, 300, n), "D")
    X = pd.DataFrame({
        "age": age,
        "town": town,
        "self": rng.random(n) < 0.5,
        "day": pd.Timestamp("2026-01-01") + days,
        "one": 1.0,
    })  # fmt: skip
    y = np.where((age - 40) / 10 + (town == "Ulm") + rng.normal(0, 0.3, n) > 0.3, "yes", "no")
    for name in ("age", "town", "day"):
        X.loc[rng.random(n) < 0.1, name] = None
    return X, pd.Series(y, name="stays")


def of(found: Report, heading: str, kind: type[Kind]) -> list[Kind]:
    """The exhibits of a kind in a section."""
    return [each for each in found[heading].exhibits if isinstance(each, kind)]


def said(found: Report, heading: str) -> str:
    return " ".join(words.text for words in of(found, heading, Words))


def score_table(found: Report) -> dict[str, list[str]]:
    table = of(found, "Scores", Cells)[0]
    return {name: values for name, *values in table.rows}


@pytest.fixture(scope="module")
def binary() -> tuple[Classifier, pd.DataFrame, Any, Report]:
    X, y = mixed()
    clf = Classifier(**QUICK).fit(X, y)
    return clf, X, y, report(clf, X, y)


# ------------------------------------------------------------------------------- scores and classes


def test_scores_are_scikit_learns_of_the_predictions_out_of_fold(binary: Any) -> None:
    clf, X, y, _ = binary
    p, t = clf.oof_prediction_, (y == "yes").to_numpy()
    found = {score.name: score for score in scores(Fitted.of(clf, X, y))}
    assert found["accuracy"].value == metrics.accuracy_score(t, p[:, 1] > 0.5) == clf.oof_score_
    assert found["log loss"].value == pytest.approx(metrics.log_loss(t, p))
    assert found["ROC AUC"].value == metrics.roc_auc_score(t, p[:, 1])
    assert found["Brier score"].value == pytest.approx(2 * metrics.brier_score_loss(t, p[:, 1]))
    assert found["balanced accuracy"].value == metrics.balanced_accuracy_score(t, p[:, 1] > 0.5)
    assert found["calibration error"].value == pytest.approx(clf.oof_scores_["calibration_error"])


def test_the_constant_is_the_share_of_each_class(binary: Any) -> None:
    clf, X, y, _ = binary
    share = np.tile((y == "yes").mean(), len(y))
    found = {score.name: score.guess for score in scores(Fitted.of(clf, X, y))}
    assert found["accuracy"] == max(share[0], 1 - share[0])
    assert found["log loss"] == pytest.approx(metrics.log_loss(y == "yes", share))
    assert (found["ROC AUC"], found["balanced accuracy"]) == (0.5, 0.5)
    assert found["calibration error"] == pytest.approx(0)


def test_calibration_is_shown_before_and_after(binary: Any) -> None:
    clf, _, _, found = binary
    _, table = of(found, "Scores", Cells)
    assert table.headers[1:] == ["before", "after"]
    assert table.rows[0][1:] == [f"{loss:.4g}" for loss in clf.calibration_.log_loss]
    assert f"temperature of {clf.calibration_.temperature:.3g}" in said(found, "Scores")


def test_the_confusion_matrix_is_scikit_learns() -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    clf = Classifier(**QUICK).fit(X, y)
    (matrix,) = of(report(clf, X, y), "Confusion", Matrix)
    p = clf.oof_prediction_.argmax(axis=1)
    assert matrix.classes == ["0", "1", "2"]
    assert (matrix.counts == metrics.confusion_matrix(y, p)).all()


def test_the_table_of_classes_is_scikit_learns() -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    clf = Classifier(**QUICK).fit(X, y)
    (table,) = of(report(clf, X, y), "Confusion", Cells)
    p = clf.oof_prediction_
    each = metrics.precision_recall_fscore_support(y, p.argmax(axis=1))
    for k, row in enumerate(table.rows):
        assert row[:2] == [str(k), "50"]
        assert row[2:5] == [f"{100 * values[k]:.1f} %" for values in each[:3]]
        assert row[5] == f"{metrics.roc_auc_score(y == k, p[:, k]):.4f}"


def test_of_many_classes_the_most_frequent_mistakes_are_listed() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), np.arange(300) % 25
    clf = Classifier(**QUICK).fit(X, y)
    found = report(clf, X, y)
    assert not of(found, "Confusion", Matrix)
    mistakes, _ = of(found, "Confusion", Cells)
    counts = metrics.confusion_matrix(y, clf.oof_prediction_.argmax(axis=1))
    np.fill_diagonal(counts, 0)
    true, predicted, worst, _ = mistakes.rows[0]
    assert int(worst) == counts.max() == counts[int(true), int(predicted)]
    assert len(of(found, "Probabilities", Chart)[0].series) == 6


# ------------------------------------------------------------------------------------- probabilities


def test_the_roc_curve_is_scikit_learns(binary: Any) -> None:
    clf, _, y, found = binary
    roc, _ = of(found, "Probabilities", Chart)
    (line,) = roc.series
    p = clf.oof_prediction_[:, 1]
    x, up, _ = metrics.roc_curve(y == "yes", p)
    assert (line.x == x).all() and (line.y == up).all()
    assert line.name == f"yes (AUC {metrics.roc_auc_score(y == 'yes', p):.4f})"


def test_a_long_roc_curve_keeps_its_area() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 2))
    y = (X[:, 0] + rng.normal(size=4000) > 0).astype(int)
    clf = Classifier(**QUICK | {"epochs": 2}).fit(X, y)
    roc, _ = of(report(clf, X, y), "Probabilities", Chart)
    (line,) = roc.series
    assert len(line.x) <= 302
    area = metrics.roc_auc_score(y, clf.oof_prediction_[:, 1])
    assert metrics.auc(line.x, line.y) == pytest.approx(area, abs=1e-3)


def test_the_calibration_curve_is_scikit_learns(binary: Any) -> None:
    clf, _, y, found = binary
    _, curve = of(found, "Probabilities", Chart)
    p = clf.oof_prediction_[:, 1]
    true, mean = calibration_curve(y == "yes", p, n_bins=10)
    assert curve.series[0].x == pytest.approx(mean)
    assert curve.series[0].y == pytest.approx(true)
    assert curve.below is not None
    assert (curve.below.y == np.histogram(p, np.linspace(0, 1, 11))[0]).all()
    assert curve.x == "probability of stays = yes"


def test_what_is_learned_can_be_given_a_name(binary: Any) -> None:
    clf, X, y, _ = binary
    found = report(clf, X, y.to_numpy(), title="A page", target="goes on")
    assert found.title == "A page" and found.lede.startswith("Classifier: goes on, one of 2")
    assert of(found, "Probabilities", Chart)[1].x == "probability of goes on = yes"


def test_before_calibration_the_curve_is_that_of_the_bare_outputs(binary: Any) -> None:
    clf, X, y, found = binary
    bare = clone(clf).set_params(calibrate=False).fit(X, y)
    _, curve = of(found, "Probabilities", Chart)
    true, mean = calibration_curve(y == "yes", bare.oof_prediction_[:, 1], n_bins=10)
    assert curve.series[1].name == "before"
    assert curve.series[1].x == pytest.approx(mean)
    assert curve.series[1].y == pytest.approx(true)


def test_a_weight_counts_as_so_many_rows() -> None:
    rng = np.random.default_rng(0)
    true, p, w = rng.random(50) < 0.5, rng.random(50), rng.integers(0, 4, 50)
    weighted = reliability(true, p, w.astype(float))
    repeated = reliability(np.repeat(true, w), np.repeat(p, w), np.ones(w.sum()))
    for one, other in zip(weighted, repeated, strict=True):
        assert one == pytest.approx(other, nan_ok=True)


# ---------------------------------------------------------------------------------- weights and gaps


def test_rows_of_weight_0_are_left_out_and_counted() -> None:
    X, y = mixed()
    w = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    clf = Classifier(**QUICK).fit(X, y, sample_weight=w)
    fitted, found = Fitted.of(clf, X, y, w), report(clf, X, y, sample_weight=w)
    used = w > 0
    p = clf.oof_prediction_[used]
    expected = metrics.confusion_matrix(
        y[used], clf.classes_[p.argmax(axis=1)], sample_weight=w[used]
    )
    assert (confusion(fitted) == expected).all()
    assert f"{(~used).sum()} rows of {len(y)}" in said(found, "Scores")
    assert "counts by its weight" in said(found, "Scores")
    assert score_table(found)["accuracy"][0] == f"{100 * clf.oof_score_:.1f} %"


def test_weights_of_classes_count_as_in_the_scores_of_the_estimator() -> None:
    X, y = mixed()
    clf = Classifier(class_weight="balanced", **QUICK).fit(X, y)
    found = {score.name: score.value for score in scores(Fitted.of(clf, X, y))}
    assert found["accuracy"] == pytest.approx(clf.oof_scores_["accuracy"])
    assert found["log loss"] == pytest.approx(clf.oof_scores_["log_loss"])


def test_other_rows_than_those_fitted_are_refused(binary: Any) -> None:
    clf, X, y, _ = binary
    with pytest.raises(ShapeError, match=r"the 240 rows that were fitted, got 239"):
        report(clf, X.iloc[1:], y.iloc[1:])
    with pytest.raises(InvalidValue, match="not the rows, targets and weights that were fitted"):
        report(clf, X, np.roll(y, 7))
    with pytest.raises(InvalidValue, match="not the rows, targets and weights that were fitted"):
        report(clf, X, y, sample_weight=np.arange(240.0))


@pytest.mark.parametrize("estimator", [Classifier(), object()])
def test_what_was_not_fitted_has_no_report(estimator: Any) -> None:
    with pytest.raises(InvalidValue, match="a report is about a"):
        report(estimator, *mixed())


def test_columns_have_their_gaps_and_their_values(binary: Any) -> None:
    _, X, _, found = binary
    (profiles,) = of(found, "Data", Profiles)
    age, town, member, day, one = profiles.columns
    assert [each.kind for each in profiles.columns] == ["number", "text", "boolean", "date", "number"]  # fmt: skip
    assert age.missing == X["age"].isna().mean() and one.missing == 0
    assert age.heights.sum() == X["age"].notna().sum()
    assert age.words == f"{X['age'].min():.4g} to {X['age'].max():.4g}, median {X['age'].median():.4g}"  # fmt: skip
    counts = X["town"].value_counts()
    assert (town.heights == counts).all()
    assert town.words.startswith(f"{counts.index[0]} {100 * counts.iloc[0] / counts.sum():.0f} %")
    assert day.words.startswith("2026-01-0") and member.heights.sum() == len(X)
    (bars,) = of(found, "Data", Bars)
    assert sorted(bars.values) == sorted(binary[2].value_counts())
    assert "Column 'one' dropped" in said(found, "Data")


# ------------------------------------------------------------------------------------------- numbers


def test_residuals_are_those_out_of_fold() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    reg = Regressor(**QUICK).fit(X, y)
    found = report(reg, X, y)
    z = reg.oof_prediction_
    scatter, residuals, bars = of(found, "Residuals", Chart)
    assert (scatter.series[0].x == z).all() and (scatter.series[0].y == y).all()
    assert (residuals.series[0].y == y - z).all()
    assert bars.series[0].y.sum() == len(y)
    table = score_table(found)
    assert table["R²"] == [f"{reg.oof_score_:.4g}", "0"]
    assert table["root mean squared error"] == [f"{np.sqrt(np.mean((y - z) ** 2)):.4g}", f"{y.std(ddof=0):.4g}"]  # fmt: skip
    assert table["mean absolute error"][1] == f"{(y - y.median()).abs().mean():.4g}"


def test_quantiles_hold_as_often_as_is_said() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    reg = Regressor(loss="quantile", quantiles=(0.1, 0.5, 0.9), **QUICK).fit(X, y)
    q = reg.oof_quantiles_
    assert q is not None
    found = report(reg, X, y)
    (table,) = of(found, "Residuals", Cells)
    shares = (y.to_numpy()[:, None] <= q).mean(axis=0)
    assert table.rows == [[f"{level} %", f"{100 * s:.1f} %"] for level, s in zip((10, 50, 90), shares, strict=True)]  # fmt: skip
    inside = ((y >= q[:, 0]) & (y <= q[:, 2])).mean()
    assert f"It holds {100 * inside:.1f} %" in said(found, "Residuals")


def test_rates_have_their_deviance() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = rng.poisson(np.exp(X[:, 0])).astype(float)
    reg = Regressor(loss="poisson", **QUICK).fit(X, y)
    expected = metrics.mean_poisson_deviance(y, reg.oof_prediction_)
    assert score_table(report(reg, X, y))["Poisson deviance"][0] == f"{expected:.4g}"


def test_several_targets_have_charts_each() -> None:
    X, y = load_diabetes(return_X_y=True)
    both = np.stack([y, X[:, 2]], axis=1)
    reg = Regressor(**QUICK).fit(X, both)
    charts = of(report(reg, X, both), "Residuals", Chart)
    assert len(charts) == 6
    assert (charts[3].series[0].x == reg.oof_prediction_[:, 1]).all()


def test_several_labels_have_scores_each() -> None:
    X, y = make_multilabel_classification(200, 5, n_classes=3, random_state=0)
    clf = Classifier(**QUICK).fit(X, y)
    found = report(clf, X, y)
    (table,) = of(found, "Labels", Cells)
    p = clf.oof_prediction_
    for k, row in enumerate(table.rows):
        assert row[1] == str(y[:, k].sum())
        assert row[2] == f"{100 * metrics.precision_score(y[:, k], p[:, k] > 0.5, zero_division=1):.1f} %"  # fmt: skip
        assert row[5] == f"{metrics.roc_auc_score(y[:, k], p[:, k]):.4f}"
    named = report(clf, X, pd.DataFrame(y, columns=["red", "round", "ripe"]))
    assert [row[0] for row in of(named, "Labels", Cells)[0].rows] == ["red", "round", "ripe"]
    assert score_table(found)["all labels right"][0] == f"{100 * clf.oof_score_:.1f} %"


# --------------------------------------------------------------------------- columns, rows, networks


def test_importance_is_the_rise_of_the_loss_on_rows_that_were_left_out(binary: Any) -> None:
    clf, X, y, found = binary
    fitted = Fitted.of(clf, X, y)
    measured = importance(fitted)
    assert measured is not None
    assert list(measured.names[:2]) == ["age", "town"] and "one" not in measured.names
    assert measured.means[0] > 0.1 > 5 * abs(measured.means[-1])
    rows = np.arange(len(X))
    same = fitted.left_out(rows).predict_proba(X)  # type: ignore[attr-defined]
    assert same == pytest.approx(clf.oof_prediction_)
    (bars,) = of(found, "Importance", Bars)
    assert (bars.values == measured.means).all()


def test_a_column_without_meaning_has_no_importance_however_well_it_was_learned_by_heart() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 6)), rng.integers(0, 2, 300)
    clf = Classifier(hidden=(64,), epochs=60, members=3, patience=0, dropout=0.0, random_state=0).fit(X, y)  # fmt: skip
    assert clf.score(X, y) > 0.8
    clf.set_params(scoring="accuracy")
    measured = importance(Fitted.of(clf, X, y))
    assert measured is not None and measured.measure == "fall of accuracy"
    assert abs(measured.means).max() < 0.08


def test_of_many_columns_those_with_the_largest_weights_are_shuffled() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 400))
    y = (X[:, 399] > 0).astype(int)
    clf = Classifier(**QUICK).fit(X, y)
    measured = importance(Fitted.of(clf, X, y))
    assert measured is not None
    assert (len(measured.names), measured.left, measured.names[0]) == (100, 300, "column_400")


def test_effects_are_scikit_learns_partial_dependence(binary: Any) -> None:
    clf, X, y, found = binary
    rows = np.arange(len(X))
    effect = effect_of(Fitted.of(clf, X, y), "age", rows)
    assert effect is not None
    expected = partial_dependence(
        clf, X, ["age"], custom_values={"age": effect.values}, method="brute", response_method="predict_proba"
    )  # fmt: skip
    assert effect.means == pytest.approx(expected["average"])
    names = [chart.name for chart in of(found, "Effects", Chart)]
    assert names[:2] == ["age", "town"] and set(names) == {"age", "town", "self", "day"}
    town = next(chart for chart in of(found, "Effects", Chart) if chart.name == "town")
    assert list(town.series[0].x) == ["Kiel", "Trier", "Ulm"]
    assert town.below is not None
    assert town.below.y.tolist() == X["town"].value_counts().sort_index().tolist()


def test_the_worst_rows_have_the_largest_losses(binary: Any) -> None:
    clf, X, y, found = binary
    true = clf.oof_prediction_[np.arange(len(y)), (y == "yes").astype(int)]
    expected = np.argsort(true, kind="stable")[:20]
    assert (worst_rows(Fitted.of(clf, X, y)) == expected).all()
    (table,) = of(found, "Worst rows", Cells)
    first, *_ = table.rows
    assert first[:3] == [f"{expected[0] + 1}", y[expected[0]], "yes" if y[expected[0]] == "no" else "no"]  # fmt: skip
    assert first[3] == f"{100 * true[expected[0]]:.1f} %"
    assert list(table.headers[5:7]) == ["age", "town"]


def test_rows_have_their_numbers_in_the_file() -> None:
    X, y = mixed()
    table = Table.of(X).take(np.arange(100, 240))
    clf = Classifier(**QUICK).fit(table, y[100:])
    found = report(clf, table, y[100:])
    worst = worst_rows(Fitted.of(clf, table, y[100:]))
    assert [row[0] for row in of(found, "Worst rows", Cells)[0].rows] == [
        str(i + 101) for i in worst
    ]


def test_networks_and_their_losses_are_all_there(binary: Any) -> None:
    clf, _, _, found = binary
    (table,) = of(found, "Networks", Cells)
    assert [row[0] for row in table.rows] == ["1", "2", "3"]
    best = clf.results_[0]
    assert table.rows[0][5:] == ["8", str(best.best_epoch), f"{best.history.validation_loss[best.best_epoch - 1]:.4g}"]  # fmt: skip
    (curves,) = of(found, "Training", Chart)
    assert [series.look for series in curves.series] == [*["faint"] * 3, "line"] * 2
    assert curves.series[0].y.tolist() == best.history.loss


@pytest.mark.parametrize("estimator", [Classifier, Regressor])
def test_one_network_has_no_honest_scores_and_says_so(estimator: Any) -> None:
    X, y = load_iris(return_X_y=True)
    alone = estimator(**QUICK | {"members": 1}).fit(X, y)
    found = report(alone, X, y)
    assert "no predictions out of fold" in said(found, "Scores")
    headings = [section.heading for section in found.sections]
    assert headings == ["Data", "Scores", "Effects", "Networks", "Training"]


def test_a_class_of_one_row_is_never_left_out() -> None:
    X, y = mixed()
    y = y.mask(np.arange(len(y)) == 5, "odd")
    clf = Classifier(**QUICK).fit(X, y)
    found = report(clf, X, y)
    assert "1 row of 240" in said(found, "Scores")
    assert "ROC AUC" not in score_table(found)


def test_a_page_is_written_whole_or_not_at_all(binary: Any, tmp_path: Any) -> None:
    *_, found = binary
    found.save(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>") and len(text) < 6_000_000
    with pytest.raises(MissingFile):
        found.save(tmp_path / "nowhere" / "page.html")
