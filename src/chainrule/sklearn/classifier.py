"""The classifier: log loss, several networks, calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from chainrule.activations import logistic
from chainrule.arrays import Array
from chainrule.errors import InvalidValue
from chainrule.losses import Own
from chainrule.losses.own import Function
from chainrule.network import Layer, Network
from chainrule.sklearn.callbacks import with_callbacks
from chainrule.sklearn.estimator import (
    Kept,
    OutOfFold,
    TableEstimator,
    Target,
    Weights,
    weighted_spread,
)
from chainrule.tables import TargetEncoder
from chainrule.training import recipe
from chainrule.training.calibration import (
    Calibration,
    averaged,
    calibrate,
    calibration_error,
    log_loss,
)
from chainrule.training.mixture import shares_of_probabilities

Probabilities: TypeAlias = npt.NDArray[np.float64]
_MULTILABEL = "multilabel-indicator"


@dataclass(kw_only=True, eq=False, repr=False)
class Classifier(ClassifierMixin, TableEstimator):  # type: ignore[misc]
    """A classifier by several networks, for tables as they are.

    Attributes:
        loss: None for the log loss; or a function of your own (u, y) ↦ (losses, gradients): from
            logits (n, classes), or (n,) of the second of two classes, and class numbers (n,), or 0 and
            1 for each of several labels, to the loss of each row, (n,), and its derivatives by u. It
            is called by the NumPy engine, and its gradients are checked before they are used.
        classes_: the labels, sorted; where a row has several labels, their numbers.
        calibration_: the temperature that the probabilities are calibrated with, and what it
            changed; one of 1 without `calibrate`, and for several labels a row.
        oof_prediction_: for each row, the probabilities by the member that did not train on it,
            (n, classes); NaN where every member did.
        oof_score_: their accuracy.
        oof_scores_: accuracy, log_loss and calibration_error of them.
        networks_, encoder_, folds_, results_: the members, the table's encoder, which member left
            out which row, and how each was trained.
    """

    loss: Function | None = None
    calibrate: bool = True
    class_weight: Mapping[Any, float] | str | None = None

    def __sklearn_tags__(self) -> Any:
        """Several labels a row, too."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: Sequence[Any] | None = None,
        checkpoint: Kept | None = None,
        resume: bool = False,
    ) -> Self:
        """Fit the networks.

        Args:
            X: a frame of pandas, polars or pyarrow, or an array, (n, d); with gaps, text, booleans
                and dates.
            y: labels, (n,), or 0 and 1 for each of several labels, (n, labels).
            sample_weight: of the rows, (n,), 0 or more.
            validation: rows and labels, and perhaps weights, of your own to stop on, instead of
                folds.
            checkpoint: a file to keep the networks in while they are trained, as in `train`.
            resume: go on from the checkpoint, if there is one; data and parameters have to be the
                same.
        """
        self.calibration_ = Calibration()
        if self.class_weight is not None and y is not None:
            own = compute_sample_weight(self.class_weight, y)
            sample_weight = own if sample_weight is None else own * np.asarray(sample_weight)
        self._fit(X, y, sample_weight, validation, checkpoint, resume)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go on for one epoch over these rows; the first call fits the encoder on its own.

        The optimizers keep their state. Nothing is left out: there are no out-of-fold predictions,
        and calibration stays what it was.

        Args:
            X: rows, as in `fit`.
            y: their labels.
            classes: all labels there will be; needed at the first call, unless y has them all.
            sample_weight: of the rows, (n,).
        """
        if not hasattr(self, "calibration_"):
            self.calibration_ = Calibration()
        self._go_on(X, y, sample_weight, classes)
        return self

    def _calibrate(self, found: OutOfFold, shares: Weights) -> None:
        if self.calibrate and self._task != _MULTILABEL:
            out = found.known
            self.calibration_ = calibrate(found.u[:, out], found.t[out], found.weights[out], shares)

    def _score_out_of_fold(self, found: OutOfFold) -> None:
        out, t, w = found.known, found.t[found.known], found.weights[found.known]
        self.oof_scores_: dict[str, float] = {}
        p = self._probabilities(found.u, self.kind_shares_)
        self.oof_prediction_ = found.spread_out(p)
        if not out.any():
            return
        p = p[out]
        if self._task == _MULTILABEL:
            right = ((p > 0.5) == (t > 0.5)).all(axis=1)
        else:
            right = p.argmax(axis=1) == t
            self.oof_scores_ = {
                "log_loss": log_loss(p, t, w),
                "calibration_error": calibration_error(p, t, w),
            }
        self.oof_score_ = float(np.average(right, weights=w))
        self.oof_scores_ = {"accuracy": self.oof_score_, **self.oof_scores_}

    def _encode_target(self, y: Target, weights: Weights | None, reset: bool) -> Target:
        check_classification_targets(y)
        if reset:
            self._task = type_of_target(y, input_name="y")
            if self._task == _MULTILABEL:
                self.classes_: Target = np.arange(y.shape[1])
            else:
                y = column_or_1d(y, warn=True)
                used = y if weights is None else y[weights > 0]
                self.classes_ = np.unique(used)
                if len(self.classes_) < 2:
                    raise ValueError(
                        f"y has 1 class only, {self.classes_.tolist()[0]!r}: a classifier takes two"
                        " or more"
                    )
            k = len(self.classes_)
            several = k > 2 and self._task != _MULTILABEL
            self.loss_: str | Own = "cross_entropy" if several else "binary_cross_entropy"
            if self.loss is not None:
                self.loss_ = Own.of(self.loss, "softmax" if several else "logistic")
        if self._task == _MULTILABEL:
            return y.astype(self.dtype)
        found = np.searchsorted(self.classes_, y)
        found[found == len(self.classes_)] = 0
        unknown = self.classes_[found] != y
        if weights is not None:
            unknown &= weights > 0
        if unknown.any():
            label = y[unknown][:1].tolist()[0]
            raise ValueError(f"the label {label!r} is not among those that were fitted")
        return found

    def _decoded(self, t: Target) -> Target:
        return t.astype(np.int64) if self._task == _MULTILABEL else self.classes_[t]

    def _target_encoder(self, name: str) -> TargetEncoder:
        if self._task == _MULTILABEL:
            raise InvalidValue("a model has one target, and here a row has several labels")
        return TargetEncoder(name, "classification", tuple(self.classes_.tolist()))

    def _networks_that_answer(self) -> list[Network]:
        """The calibrated ones: u/T is what a last layer with W/T and b/T gives."""
        return [_divided(network, self.calibration_.temperature) for network in self.networks_]

    def _summary(self) -> dict[str, Any]:
        return super()._summary() | {"temperature": self.calibration_.temperature}

    def _groups(self, t: Target) -> npt.NDArray[np.int64] | None:
        return t if t.ndim == 1 else None

    @property
    def _output_names(self) -> list[str]:
        return [str(label) for label in self.classes_[-self._outputs :]]

    @property
    def _outputs(self) -> int:
        k = len(self.classes_)
        return 1 if k == 2 and self._task != _MULTILABEL else k

    def _kind_shares(self, found: OutOfFold) -> Weights:
        out, t, w = found.known, found.t[found.known], found.weights[found.known]
        prior = np.array([kind.prior for kind in recipe.KINDS[: len(found.u)]])
        if self._task == _MULTILABEL:
            p = logistic(found.u[:, out].astype(np.float64))
            true = np.where(t > 0.5, p, 1 - p).reshape(len(p), -1)
            return shares_of_probabilities(true, np.repeat(w, t.shape[1]), prior)
        true = np.stack([averaged(u[None, out])[np.arange(len(t)), t] for u in found.u])
        return shares_of_probabilities(true, w, prior)

    def _probabilities(self, u: Array, shares: Weights | None = None) -> Probabilities:
        """The mean of calibrated probabilities by members or kinds, (n, classes).

        Args:
            u: logits, (members, n, outputs).
            shares: of each in the mean, (members,); equal ones without it.
        """
        if self._task == _MULTILABEL:
            return np.asarray(np.average(logistic(u.astype(np.float64)), axis=0, weights=shares))
        return averaged(u, self.calibration_.temperature, shares)

    def predict_proba(self, X: Any) -> Probabilities:
        """The probability of each class, (n, classes); of each label where a row has several."""
        return self._probabilities(self._member_outputs(X), self.shares_)

    def predict(self, X: Any) -> Target:
        """The most probable label, (n,); or 0 and 1 for each of several, (n, labels)."""
        p = self.predict_proba(X)
        if self._task == _MULTILABEL:
            return (p > 0.5).astype(np.int64)
        return np.asarray(self.classes_[p.argmax(axis=1)])

    def spread(self, X: Any) -> Probabilities:
        """How far the members disagree: the standard deviation of their probabilities, (n, classes)."""
        return weighted_spread(
            np.stack([self._probabilities(u[None]) for u in self._member_outputs(X)]), self.shares_
        )


def _divided(network: Network, temperature: float) -> Network:
    *hidden, last = network.layers
    return Network([*hidden, Layer(last.W / temperature, last.b / temperature, last.activation)])
