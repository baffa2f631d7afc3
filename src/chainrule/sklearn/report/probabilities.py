"""The section on probabilities: ROC curves, and how far probabilities can be believed."""

from __future__ import annotations

import numpy as np
from sklearn import metrics

from chainrule.sklearn.report.classes import one_hot
from chainrule.sklearn.report.fitted import Fitted, Numbers
from chainrule.views import words
from chainrule.views.exhibits import Chart, Look, Section, Series

CURVES = 6  # at most, in a figure
BINS = 10  # of probability
_GREY = 7
_POINTS = 300


def probability_section(fitted: Fitted) -> Section:
    """ROC curves beside a calibration curve."""
    return Section("Probabilities", [roc(fitted), calibration(fitted)])


def roc(fitted: Fitted) -> Chart:
    """The ROC curve of two classes, or of each of several against the rest."""
    w, p, true = fitted.weights[fitted.known], fitted.prediction[fitted.known], one_hot(fitted)
    some = [k for k in range(len(fitted.classes)) if 0 < true[:, k].mean() < 1]
    if len(fitted.classes) == 2 and not fitted.multilabel:
        some = some[1:]
    areas = {k: float(metrics.roc_auc_score(true[:, k], p[:, k], sample_weight=w)) for k in some}
    series = []
    for colour, k in enumerate(sorted(sorted(some, key=areas.__getitem__)[:CURVES])):
        wrong, right, _ = metrics.roc_curve(true[:, k], p[:, k], sample_weight=w)
        said = f"{fitted.classes[k]} (AUC {areas[k]:.4f})"
        series.append(Series(said, *_thinned(wrong, right), colour=colour))
    note = "Dotted: guessing."
    if len(some) > 1:
        note = f"Each against the rest. {note}"
    if len(some) > CURVES:
        note += f" Of {len(some)} the {CURVES} with the smallest area."
    name = "ROC curve" if len(some) == 1 else "ROC curves"
    return Chart(
        name, "false positive rate", "true positive rate", series, note,
        guide="y = x", limits=(-0.02, 1.02), legend="bottom right",
    )  # fmt: skip


def _thinned(x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
    """The points nearest to steps of equal length along the curve; the ends stay."""
    if len(x) <= _POINTS:
        return x, y
    way = x + y
    kept = np.unique([0, *np.searchsorted(way, np.linspace(way[0], way[-1], _POINTS)), len(x) - 1])
    kept = kept[kept < len(x)]
    return x[kept], y[kept]


def calibration(fitted: Fitted) -> Chart:
    """How often what has a probability happens; and how many rows have it."""
    found = reliability(*_judged(fitted, fitted.prediction[fitted.known]))
    series = [_line("calibrated", found, "marks", 0)]
    before = _before(fitted)
    if before is not None:
        series.append(_line("before", reliability(*_judged(fitted, before)), "dashes", _GREY))
    middles = (np.arange(BINS) + 0.5) / BINS
    return Chart(
        "Calibration curve", f"probability of {_judged_name(fitted)}", "share that is true", series,
        "On the dotted line, probabilities mean what they say. Below: how many rows have them.",
        guide="y = x", limits=(-0.02, 1.02), below=Series("rows", middles, found[2], "bars"),
    )  # fmt: skip


def _line(name: str, found: tuple[Numbers, Numbers, Numbers], look: Look, colour: int) -> Series:
    some = found[2] > 0
    x, y, weight = (each[some] for each in found)
    hints = [
        f"probability {a:.3f}, true {b:.3f}, rows {words.count(c)}"
        for a, b, c in zip(x, y, weight, strict=True)
    ]
    return Series(name, x, y, look, colour, hints)


def _before(fitted: Fitted) -> Numbers | None:
    """The known rows' probabilities before they were calibrated; None where nothing was."""
    if fitted.multilabel or fitted.estimator.calibration_.temperature == 1:
        return None
    rows = np.flatnonzero(fitted.known)
    raw = fitted.left_out(rows, calibrated=False)
    return np.asarray(raw.predict_proba(fitted.table.take(rows)))


def _judged_name(fitted: Fitted) -> str:
    if fitted.multilabel:
        return "a label"
    return fitted.said(1) if len(fitted.classes) == 2 else "the prediction"


def _judged(fitted: Fitted, p: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Whether something is true, its probability, and the weight of its row.

    Of two classes it is the second, of more the most probable one, of labels each.
    """
    w, t = fitted.weights[fitted.known], fitted.t[fitted.known]
    if fitted.multilabel:
        return t.ravel(), p.ravel(), np.repeat(w, t.shape[1])
    if p.shape[1] == 2:
        return t, p[:, 1], w
    return p.argmax(axis=1) == t, p.max(axis=1), w


def reliability(true: Numbers, p: Numbers, w: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """In each of ten bins of probability: its mean, the share that is true, NaN in empty bins; the weight."""
    bins = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    weight, mean, right = (np.bincount(bins, each, BINS) for each in (w, w * p, w * true))
    some = np.where(weight > 0, weight, np.nan)
    return mean / some, right / some, weight.astype(np.float64)
