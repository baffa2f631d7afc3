"""The scores out of fold, beside those of a guess that knows nothing of the columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from chainrule.sklearn.report.fitted import Fitted, Numbers
from chainrule.training.calibration import Calibration, calibration_error, log_loss
from chainrule.views import words
from chainrule.views.exhibits import Cells, Exhibit, Fact, Section, Words

_LEAST = 1e-12  # a rate counts as no less


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
        return f"{100 * value:.1f} %" if self.share else words.amount(round(value, 12) + 0.0)


Measure: TypeAlias = Callable[[Numbers], float]


def scores(fitted: Fitted) -> list[Score]:
    """All that are known of the rows with a prediction out of fold; none without such rows."""
    out = fitted.known
    if not out.any():
        return []
    t, p, w = fitted.t[out], fitted.prediction[out], fitted.weights[out]
    if fitted.multilabel:
        return _of_labels(t, p, w)
    return _of_classes(t, p, w) if fitted.classes else _of_numbers(fitted, t, p, w)


def _score(
    name: str, measure: Measure, found: Numbers, constant: Any, share: bool = False
) -> Score:
    guess = np.broadcast_to(constant, found.shape)
    return Score(name, float(measure(found)), float(measure(guess)), share)


def _of_classes(t: npt.NDArray[np.int64], p: Numbers, w: Numbers) -> list[Score]:
    prior = np.bincount(t, w, p.shape[1]) / w.sum()
    true = np.eye(len(prior))[t]

    def accuracy(q: Numbers) -> float:
        return float(metrics.accuracy_score(t, q.argmax(axis=1), sample_weight=w))

    def balanced(q: Numbers) -> float:
        recall = metrics.recall_score(
            t, q.argmax(axis=1), labels=np.flatnonzero(prior), average="macro", sample_weight=w
        )
        return float(recall)

    def brier(q: Numbers) -> float:
        return float(np.average(((q - true) ** 2).sum(axis=1), weights=w))

    found = [
        _score("accuracy", accuracy, p, prior, share=True),
        _score("log loss", lambda q: log_loss(q, t, w), p, prior),
        _score("balanced accuracy", balanced, p, prior, share=True),
        _score("Brier score", brier, p, prior),
        _score("calibration error", lambda q: calibration_error(q, t, w), p, prior),
    ]
    if (prior > 0).all():
        found.insert(2, _score("ROC AUC", lambda q: area(t, q, w), p, prior))
    return found


def area(t: npt.NDArray[np.int64], p: Numbers, w: Numbers) -> float:
    """The area below the ROC curve; of several classes the mean of each against the rest."""
    if p.shape[1] == 2:
        return float(metrics.roc_auc_score(t, p[:, 1], sample_weight=w))
    return float(metrics.roc_auc_score(t, p, multi_class="ovr", sample_weight=w))


def _of_labels(t: Numbers, p: Numbers, w: Numbers) -> list[Score]:
    def all_right(q: Numbers) -> float:
        return float(np.average(((q > 0.5) == (t > 0.5)).all(axis=1), weights=w))

    def right(q: Numbers) -> float:
        return float(np.average(((q > 0.5) == (t > 0.5)).mean(axis=1), weights=w))

    def loss(q: Numbers) -> float:
        true = np.maximum(np.where(t > 0.5, q, 1 - q), np.finfo(np.float64).tiny)
        return float(np.average(-np.log(true).mean(axis=1), weights=w))

    prior = np.average(t, axis=0, weights=w)
    return [
        _score("all labels right", all_right, p, prior, share=True),
        _score("labels right", right, p, prior, share=True),
        _score("log loss of a label", loss, p, prior),
    ]


def _of_numbers(fitted: Fitted, t: Numbers, z: Numbers, w: Numbers) -> list[Score]:
    def squared(q: Numbers) -> float:
        return float(np.sqrt(metrics.mean_squared_error(t, q, sample_weight=w)))

    def absolute(q: Numbers) -> float:
        return float(metrics.mean_absolute_error(t, q, sample_weight=w))

    def deviance(q: Numbers) -> float:
        return float(metrics.mean_poisson_deviance(t, np.maximum(q, _LEAST), sample_weight=w))

    mean = np.average(t, axis=0, weights=w)
    middle = np.quantile(t, 0.5, axis=0, weights=w, method="inverted_cdf")
    found = [
        _score("R²", lambda q: metrics.r2_score(t, q, sample_weight=w), z, mean),
        _score("root mean squared error", squared, z, mean),
        _score("mean absolute error", absolute, z, middle),
    ]
    rates = fitted.estimator.loss_ == "poisson" and t.ndim == 1
    return [*found, _score("Poisson deviance", deviance, z, mean)] if rates else found


def facts(fitted: Fitted, found: list[Score]) -> list[Fact]:
    """The first three scores, and what was learned from."""
    rows, columns = len(fitted.table), len(fitted.table.names)
    top = [
        Fact(s.name, s.said(s.value), f"constant guess {_kept(s.said(s.guess))}") for s in found[:3]
    ]
    members = len(fitted.estimator.networks_)
    kinds = f"{len(fitted.classes):,} {'labels' if fitted.multilabel else 'classes'}"
    return [
        *top,
        Fact("rows", f"{rows:,}", kinds if fitted.classes else "a number each"),
        Fact("columns", f"{columns:,}", f"{fitted.estimator.encoder_.width:,} inputs of a network"),
        Fact("networks", f"{members:,}", "averaged" if members > 1 else "alone"),
    ]


def _kept(text: str) -> str:
    """The text in one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


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
