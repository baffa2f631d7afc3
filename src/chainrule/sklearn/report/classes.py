"""The sections on classes: which are taken for which, ROC curves, and how far probabilities can be believed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from chainrule.sklearn.report.fitted import Fitted, Numbers
from chainrule.views import words
from chainrule.views.exhibits import Cells, Chart, Exhibit, Matrix, Section, Series, Words

CLASSES = 20  # at most, in a confusion matrix
CURVES = 6  # at most, in a figure
BINS = 10  # of probability
_GREY = 7
_POINTS = 300


def confusion_section(fitted: Fitted) -> Section:
    """What was taken for what, and how well each class is found."""
    return Section("Labels" if fitted.multilabel else "Confusion", list(_confusion(fitted)))


def confusion(fitted: Fitted) -> npt.NDArray[np.float64]:
    """The weight of the rows of class i that were taken for class j, (k, k)."""
    out, k = fitted.known, len(fitted.classes)
    cells = fitted.t[out] * k + fitted.decided(fitted.prediction[out])
    return np.bincount(cells, fitted.weights[out], k * k).reshape(k, k)


def _confusion(fitted: Fitted) -> Iterator[Exhibit]:
    if not fitted.multilabel:
        counts = confusion(fitted)
        if len(counts) <= CLASSES:
            yield Words("Rows are the true classes; shares are of the row.")
            yield Matrix(fitted.classes, counts)
        else:
            yield Words(f"What is taken for what most often, of {len(counts):,} classes:")
            yield _mistakes(fitted.classes, counts)
    yield class_table(fitted)


def _mistakes(classes: list[str], counts: Numbers) -> Cells:
    wrong = counts * (1 - np.eye(len(counts)))
    worst = [each for each in np.argsort(-wrong, axis=None, kind="stable")[:20] if wrong.flat[each]]
    pairs = [divmod(int(each), len(counts)) for each in worst]
    rows = [
        [classes[i], classes[j], words.count(wrong[i, j]), f"{100 * wrong[i, j] / counts[i].sum():.1f} %"]
        for i, j in pairs
    ]  # fmt: skip
    return Cells("mistakes", ["true", "predicted", "rows", "share of the class"], rows)


def class_table(fitted: Fitted) -> Cells:
    """Precision, recall, F1 and ROC AUC of each class against the rest."""
    out = fitted.known
    w, p = fitted.weights[out], fitted.prediction[out]
    true = one_hot(fitted)
    decided = fitted.decided(p)
    chosen = decided if fitted.multilabel else np.eye(len(fitted.classes))[decided]
    found = metrics.precision_recall_fscore_support(true, chosen, sample_weight=w, average=None, zero_division=np.nan)  # fmt: skip
    rows = [
        [name, words.count(weight), *(_share(each) for each in (precision, recall, f1)), _area(true[:, k], p[:, k], w)]
        for k, (name, precision, recall, f1, weight) in enumerate(zip(fitted.classes, *found, strict=True))
    ]  # fmt: skip
    headers = ["label" if fitted.multilabel else "class", "rows", "precision", "recall", "F1"]
    return Cells("classes", [*headers, "ROC AUC"], rows)


def one_hot(fitted: Fitted) -> npt.NDArray[np.int64]:
    """1 for each class or label that a known row has, (rows, classes)."""
    t = fitted.t[fitted.known].astype(np.int64)
    return t if fitted.multilabel else np.eye(len(fitted.classes), dtype=np.int64)[t]


def _share(value: float) -> str:
    return f"{100 * value:.1f} %" if np.isfinite(value) else "–"


def _area(true: Numbers, p: Numbers, w: Numbers) -> str:
    return f"{metrics.roc_auc_score(true, p, sample_weight=w):.4f}" if 0 < true.mean() < 1 else "–"


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
    lowest = sorted(some, key=areas.__getitem__)[:CURVES]
    series = []
    for colour, k in enumerate(sorted(lowest)):
        wrong, right, _ = metrics.roc_curve(true[:, k], p[:, k], sample_weight=w)
        x, y = _thinned(wrong, right)
        series.append(Series(f"{fitted.classes[k]} (AUC {areas[k]:.4f})", x, y, "line", colour))
    what = (
        "each against the rest"
        if len(some) > 1
        else f"of {fitted.classes[some[0]]}"
        if some
        else ""
    )
    few = f"; the {CURVES} of {len(some)} with the smallest area" if len(some) > CURVES else ""
    return Chart(
        "ROC curve" if len(some) == 1 else "ROC curves",
        "false positive rate", "true positive rate", series,
        f"{what[:1].upper()}{what[1:]}{few}. Dotted: guessing.", guide="y = x",
        limits=(-0.02, 1.02), legend="bottom right",
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
    x, y, weight = reliability(*_judged(fitted, fitted.prediction[fitted.known]))
    hints = [
        f"probability {a:.3f}, true {b:.3f}, {words.count(c)} rows"
        for a, b, c in zip(x, y, weight, strict=True)
    ]
    series = [Series("calibrated", x, y, "marks", 0, hints)]
    before = _before(fitted)
    if before is not None:
        old_x, old_y, _ = reliability(*_judged(fitted, before))
        series.append(Series("before", old_x, old_y, "dashes", _GREY))
    two = len(fitted.classes) == 2 and not fitted.multilabel
    what = f"probability of {fitted.classes[1]}" if two else "probability of the prediction"
    if fitted.multilabel:
        what = "probability of a label"
    return Chart(
        "Calibration curve", what, "share that is true", series,
        "On the dotted line, probabilities mean what they say. Below: how many rows have them.",
        guide="y = x", limits=(-0.02, 1.02), below=Series("rows", x, weight, "bars"),
    )  # fmt: skip


def _before(fitted: Fitted) -> Numbers | None:
    """The known rows' probabilities before they were calibrated; None where nothing was."""
    if fitted.multilabel or fitted.estimator.calibration_.temperature == 1:  # type: ignore[attr-defined]
        return None
    rows = np.flatnonzero(fitted.known)
    raw = fitted.left_out(rows, calibrated=False)
    return np.asarray(raw.predict_proba(fitted.table.take(rows)))  # type: ignore[attr-defined]


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
    """In each of ten bins of probability: the mean probability, the share that is true, the weight."""
    bins = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    weight = np.bincount(bins, w, BINS)
    some = weight > 0
    mean = np.bincount(bins, w * p, BINS)[some] / weight[some]
    return mean, np.bincount(bins, w * true, BINS)[some] / weight[some], weight[some]
