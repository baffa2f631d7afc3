"""The scores out of fold, beside those of a guess that knows nothing of the columns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn import metrics

from chainrule.sklearn.report.fitted import Fitted, Numbers
from chainrule.training.calibration import Calibration, calibration_error
from chainrule.views import words
from chainrule.views.exhibits import Cells, Exhibit, Fact, Section, Words


@dataclass(frozen=True)
class Score:
    """A measure of predictions.

    Attributes:
        name: of the measure.
        value: of the predictions out of fold.
        guess: of the constant that is best by this measure.
        share: whether it is shown as a percentage.
    """

    name: str
    value: float
    guess: float
    share: bool = False

    def said(self, value: float) -> str:
        """A value in words."""
        if not math.isfinite(value):
            return "–"
        return f"{100 * value:.1f} %" if self.share else f"{value:.4g}"


def scores(fitted: Fitted) -> list[Score]:
    """All that are known of the rows with a prediction out of fold; none without such rows."""
    out = fitted.known
    if not out.any():
        return []
    t, p, w = fitted.t[out], fitted.prediction[out], fitted.weights[out]
    if fitted.multilabel:
        return _of_labels(t, p, w)
    return _of_classes(t, p, w) if fitted.classes else _of_numbers(fitted, t, p, w)


def _of_classes(t: Numbers, p: Numbers, w: Numbers) -> list[Score]:
    prior = np.bincount(t.astype(np.int64), w, p.shape[1]) / w.sum()
    some = prior[prior > 0]
    each = range(p.shape[1])
    decided = p.argmax(axis=1)
    kept = [
        Score("accuracy", metrics.accuracy_score(t, decided, sample_weight=w), prior.max(), True),
        Score("log loss", metrics.log_loss(t, p, sample_weight=w, labels=each), -float(some @ np.log(some))),
    ]  # fmt: skip
    if len(some) == p.shape[1]:
        kept.append(Score("ROC AUC", area(t, p, w), 0.5))
    one_hot = np.eye(p.shape[1])[t]
    brier = float(np.average(((p - one_hot) ** 2).sum(axis=1), weights=w))
    return [
        *kept,
        Score("balanced accuracy", metrics.balanced_accuracy_score(t, decided, sample_weight=w), 1 / len(some), True),
        Score("Brier score", brier, 1 - float(prior @ prior)),
        Score("calibration error", calibration_error(p, t.astype(np.int64), w), 0.0),
    ]  # fmt: skip


def area(t: Numbers, p: Numbers, w: Numbers) -> float:
    """The area below the ROC curve; of several classes the mean of each against the rest."""
    if p.shape[1] == 2:
        return float(metrics.roc_auc_score(t, p[:, 1], sample_weight=w))
    return float(metrics.roc_auc_score(t, p, multi_class="ovr", sample_weight=w))


def _of_labels(t: Numbers, p: Numbers, w: Numbers) -> list[Score]:
    prior = np.average(t, axis=0, weights=w)
    some = np.clip(prior, 1e-12, 1 - 1e-12)
    guess = -(prior * np.log(some) + (1 - prior) * np.log(1 - some)).mean()
    truth = np.maximum(np.where(t > 0.5, p, 1 - p), np.finfo(np.float64).tiny)
    right, most = (p > 0.5) == (t > 0.5), (prior > 0.5) == (t > 0.5)
    return [
        Score("all labels right", float(np.average(right.all(axis=1), weights=w)), float(np.average(most.all(axis=1), weights=w)), True),
        Score("labels right", float(np.average(right.mean(axis=1), weights=w)), float(np.average(most.mean(axis=1), weights=w)), True),
        Score("log loss of a label", float(np.average(-np.log(truth).mean(axis=1), weights=w)), float(guess)),
    ]  # fmt: skip


def _of_numbers(fitted: Fitted, t: Numbers, z: Numbers, w: Numbers) -> list[Score]:
    mean = np.average(t, axis=0, weights=w)
    middle = np.median(np.repeat(t, 1, axis=0), axis=0)
    squared = float(np.sqrt(metrics.mean_squared_error(t, z, sample_weight=w)))
    absolute = float(metrics.mean_absolute_error(t, z, sample_weight=w))
    constant = {"mean": np.broadcast_to(mean, t.shape), "middle": np.broadcast_to(middle, t.shape)}
    found = [
        Score("R²", metrics.r2_score(t, z, sample_weight=w), 0.0),
        Score("root mean squared error", squared, float(np.sqrt(metrics.mean_squared_error(t, constant["mean"], sample_weight=w)))),
        Score("mean absolute error", absolute, float(metrics.mean_absolute_error(t, constant["middle"], sample_weight=w))),
    ]  # fmt: skip
    if fitted.estimator.loss_ == "poisson" and t.ndim == 1 and mean > 0:
        deviance = metrics.mean_poisson_deviance(t, np.maximum(z, 1e-12), sample_weight=w)
        guess = metrics.mean_poisson_deviance(t, constant["mean"], sample_weight=w)
        found.append(Score("Poisson deviance", float(deviance), float(guess)))
    return found


def facts(fitted: Fitted, found: list[Score]) -> list[Fact]:
    """The first three scores, and what was learned from."""
    rows, columns = len(fitted.table), len(fitted.table.names)
    top = [Fact(s.name, s.said(s.value), f"constant guess {s.said(s.guess)}") for s in found[:3]]
    members = len(fitted.estimator.networks_)
    kinds = f"{len(fitted.classes):,} {'labels' if fitted.multilabel else 'classes'}"
    return [
        *top,
        Fact("rows", f"{rows:,}", kinds if fitted.classes else "a number each"),
        Fact("columns", f"{columns:,}", f"{fitted.estimator.encoder_.width:,} inputs of a network"),
        Fact("networks", f"{members:,}", "averaged" if members > 1 else "alone"),
    ]


def scores_section(fitted: Fitted, found: list[Score]) -> Section:
    """A table of scores, and how honest they are."""
    return Section("Scores", list(_scores(fitted, found)))


def _scores(fitted: Fitted, found: list[Score]) -> Iterator[Exhibit]:
    if not found:
        yield Words(
            "Every network trained on every row: there are no predictions out of fold, and so no"
            " honest scores, no errors and no curves of them. Fit with members=3 or more, and"
            " without rows of your own to validate on, to have them."
        )
        return
    yield Words(f"{_how(fitted)}{_temperature(fitted)}")
    yield Cells(
        "scores",
        ["score", "out of fold", "best constant"],
        [[s.name, s.said(s.value), s.said(s.guess)] for s in found],
    )
    yield from _calibration(fitted)


def _how(fitted: Fitted) -> str:
    absent = int((~fitted.known).sum())
    said = "Each row is predicted by the networks that did not train on it."
    if absent:
        said += f" {words.many(absent, 'row')} of {len(fitted.known):,} without such a network, or of weight 0, do not count here."
    if fitted.weighted:
        said += " A row counts by its weight, here and in all that follows."
    return said


def _temperature(fitted: Fitted) -> str:
    found = getattr(fitted.estimator, "calibration_", Calibration())
    if not math.isfinite(found.log_loss[0]):
        return ""
    return f" The probabilities were calibrated by a temperature of {found.temperature:.3g}, found on these rows."


def _calibration(fitted: Fitted) -> Iterator[Exhibit]:
    found = getattr(fitted.estimator, "calibration_", Calibration())
    if math.isfinite(found.log_loss[0]):
        (loss, new_loss), (error, new_error) = found.log_loss, found.error
        rows = [
            ["log loss", f"{loss:.4g}", f"{new_loss:.4g}"],
            ["calibration error", f"{error:.4g}", f"{new_error:.4g}"],
        ]
        yield Cells("calibration", ["calibration", "before", "after"], rows)
