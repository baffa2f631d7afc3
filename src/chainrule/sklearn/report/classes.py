"""The section on classes: which are taken for which, and how well each is found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from chainrule.sklearn.report.fitted import Fitted, Numbers
from chainrule.views import words
from chainrule.views.exhibits import Cells, Exhibit, Matrix, Section, Words

CLASSES = 20  # at most, in a confusion matrix


def confusion_section(fitted: Fitted) -> Section:
    """What was taken for what, and how well each class is found."""
    return Section("Labels" if fitted.multilabel else "Confusion", list(_confusion(fitted)))


def confusion(fitted: Fitted) -> npt.NDArray[np.float64]:
    """The weight of the rows of class i that were taken for class j, (k, k)."""
    out, k = fitted.known, len(fitted.classes)
    cells = fitted.t[out] * k + fitted.decided(fitted.prediction[out])
    counts = np.bincount(cells, fitted.weights[out], k * k)
    return counts.astype(np.float64).reshape(k, k)


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


def _area(true: npt.NDArray[Any], p: Numbers, w: Numbers) -> str:
    return f"{metrics.roc_auc_score(true, p, sample_weight=w):.4f}" if 0 < true.mean() < 1 else "–"
