"""A fitted estimator together with the table that it was fitted on, and what its members say of rows that they left out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import kl_div
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import compute_sample_weight

from chainrule.arrays import Array
from chainrule.errors import InvalidValue, ShapeError
from chainrule.sklearn.classifier import Classifier
from chainrule.sklearn.estimator import TableEstimator, Target
from chainrule.sklearn.regressor import Regressor
from chainrule.tables import Table
from chainrule.training import recipe
from chainrule.training.calibration import Calibration
from chainrule.training.members import out_of_fold, turns_of

Numbers: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator and its rows.

    Attributes:
        estimator: the estimator.
        table: the columns that it was fitted on.
        y: their labels or numbers, (n,) or (n, targets).
        t: the same as class numbers or as numbers, (n,) or (n, targets).
        weights: of the rows, (n,); the weights of the classes are in them.
        weighted: whether they differ.
        target: what is learned is called so.
        names: of several labels or targets; none where they have none.
    """

    estimator: TableEstimator
    table: Table
    y: Target
    t: Target
    weights: Numbers
    weighted: bool
    target: str
    names: Sequence[str]

    @classmethod
    def of(
        cls,
        estimator: TableEstimator,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        target: str | None = None,
    ) -> Self:
        """Check that these are the rows that the estimator was fitted on.

        Args:
            estimator: the estimator.
            X: the rows.
            y: their targets.
            sample_weight: their weights, (n,).
            target: what is learned; the name of y without it.

        Raises:
            ShapeError: they are not as many.
            InvalidValue: the estimator's score is not that of these rows with these weights.
        """
        target = target or str(getattr(y, "name", None) or "y")
        names = [str(name) for name in getattr(y, "columns", ())]
        table, y, weights = estimator._checked(X, y, sample_weight, reset=False)
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        if isinstance(estimator, Classifier) and estimator.class_weight is not None:
            own = compute_sample_weight(estimator.class_weight, y)
            weights = own if weights is None else own * weights
        w = np.ones(len(table)) if weights is None else weights
        classes = isinstance(estimator, Classifier)
        t = estimator._encode_target(y, w, reset=False) if classes else y.astype(np.float64)
        found = cls(estimator, table, y, t, w, bool((w != w[0]).any()), target, names)
        found._must_be_the_rows_fitted()
        return found

    def _must_be_the_rows_fitted(self) -> None:
        if len(self.prediction) != len(self.table):
            raise ShapeError(
                f"a report is about the {len(self.prediction):,} rows that were fitted,"
                f" got {len(self.table):,}"
            )
        claimed = getattr(self.estimator, "oof_score_", None)
        if claimed is None or self.known.sum() < 2:
            return
        found = self.score(self.prediction[self.known], self.known)
        if not np.isclose(found, claimed, rtol=1e-4, atol=1e-6):
            raise InvalidValue(
                "these are not the rows, targets and weights that were fitted, in their order:"
                f" the score out of fold would be {found:.4f}, and it was {claimed:.4f}"
            )

    def score(self, prediction: Numbers, which: npt.NDArray[np.bool_]) -> float:
        """Accuracy or R² of predictions for some of the rows."""
        t, w = self.t[which], self.weights[which]
        if not self.classes:
            return float(r2_score(t, prediction, sample_weight=w))
        return float(accuracy_score(t, self.decided(prediction), sample_weight=w))

    def decided(self, p: Numbers) -> npt.NDArray[np.int64]:
        """The most probable class of each row, (n,); the labels that are likely, (n, labels)."""
        return np.asarray((p > 0.5).astype(np.int64) if self.multilabel else p.argmax(axis=1))

    @property
    def classes(self) -> list[str]:
        """The names of classes or labels; none where numbers are predicted."""
        known = [str(each) for each in getattr(self.estimator, "classes_", ())]
        return list(self.names) if known and self.t.ndim == 2 and self.names else known

    def said(self, k: int) -> str:
        """A class in words."""
        name = self.classes[k]
        if self.multilabel:
            return name if self.names else f"{self.target} {name}"
        return f"{self.target} = {name}"

    @property
    def targets(self) -> list[str]:
        """The names of the numbers that are predicted."""
        if self.t.ndim == 1:
            return [self.target]
        return list(self.names) or [f"{self.target} {j}" for j in range(1, self.t.shape[1] + 1)]

    @property
    def multilabel(self) -> bool:
        """Whether a row has several labels."""
        return bool(self.classes) and self.t.ndim == 2

    @property
    def prediction(self) -> Numbers:
        """The predictions out of fold, NaN where there is none: probabilities, or numbers."""
        nothing = np.full(len(self.table), np.nan)
        return np.asarray(getattr(self.estimator, "oof_prediction_", nothing))

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """The rows that some member left out, (n,)."""
        p = self.prediction
        return np.asarray(np.isfinite(p).reshape(len(p), -1).all(axis=1))

    def losses(self, prediction: Numbers, which: Any) -> Numbers:
        """What a prediction costs for each of some rows, (rows,).

        −log of the probability of what is true, summed over labels; of a rate its Poisson deviance,
        halved; of other numbers |y − ŷ|, of several targets in their deviations and summed.
        """
        t = self.t[which]
        if self.multilabel:
            return np.asarray(-np.log(_safe(np.where(t > 0.5, prediction, 1 - prediction))).sum(1))
        if self.classes:
            return np.asarray(-np.log(_safe(prediction[np.arange(len(t)), t])))
        if self.estimator.loss_ == "poisson" and t.ndim == 1:
            return np.asarray(kl_div(t, np.maximum(prediction, 1e-300)))
        scale = self.t.std(axis=0) if t.ndim == 2 else 1.0
        return np.asarray(np.abs((t - prediction) / scale).reshape(len(t), -1).sum(axis=1))

    @property
    def blocks(self) -> dict[str, slice]:
        """Which of the columns that the networks see come from each column of the table."""
        ends = np.cumsum([0, *(len(f.names) for f in self.estimator.encoder_.features)])
        pairs = zip(self.estimator.encoder_.features, pairwise(ends.tolist()), strict=True)
        return {feature.name: slice(*ends) for feature, ends in pairs}

    def encoded(self, table: Any) -> Array:
        """The rows of a table as the networks see them, (n, d)."""
        return self.estimator.encoder_.transform(Table.of(table), self.estimator.dtype)

    def left_out(
        self, rows: Rows, encode: Callable[[Any], Array] | None = None, calibrated: bool = True
    ) -> TableEstimator:
        """The estimator as it predicts some of its rows out of fold, however their columns are changed.

        Args:
            rows: which they are; it predicts these rows, in this order.
            encode: from what it is given to predict to the rows as the networks see them; `encoded`
                without it.
            calibrated: by the temperature that was found.
        """
        fitted, encode = self.estimator, encode or self.encoded
        folds = fitted.folds_[rows]
        turns = turns_of(len(fitted.networks_), len(recipe.KINDS))
        judged = self.answering(lambda X: out_of_fold(fitted.networks_, encode(X), folds, turns))
        judged.shares_ = fitted.kind_shares_
        if not calibrated:
            judged.calibration_ = Calibration()
        return judged

    def answering(self, outputs: Callable[[Any], Array]) -> TableEstimator:
        """A copy whose members have these outputs for what it is given to predict."""
        judged = copy.copy(self.estimator)
        judged._member_outputs = outputs  # type: ignore[method-assign, assignment]
        return judged


def _safe(p: Numbers) -> Numbers:
    return np.maximum(p, np.finfo(np.float64).tiny)


def as_estimator(estimator: object) -> TableEstimator:
    """The estimator, if there can be a report on it.

    Raises:
        InvalidValue: it is neither a Classifier nor a Regressor, or was not fitted.
    """
    if not isinstance(estimator, (Classifier, Regressor)):
        raise InvalidValue(
            f"a report is about a Classifier or a Regressor, got {type(estimator).__name__}"
        )
    if not hasattr(estimator, "networks_"):
        raise InvalidValue("a report is about a fitted estimator: call fit first")
    return estimator
