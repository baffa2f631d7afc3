"""The regressor: numbers by several networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array, column_or_1d

from chainrule.arrays import Array
from chainrule.sklearn.estimator import (
    OutOfFold,
    TableEstimator,
    Target,
    Weights,
    weighted_spread,
)
from chainrule.training.mixture import shares_of_numbers

Numbers: TypeAlias = npt.NDArray[np.float64]


@dataclass(kw_only=True, eq=False, repr=False)
class Regressor(RegressorMixin, TableEstimator):  # type: ignore[misc]
    """A regressor by several networks, for tables as they are.

    Attributes:
        oof_prediction_: for each row, what the member that did not train on it predicts, (n,) or
            (n, targets); NaN where every member did.
        oof_score_: its R².
        networks_, encoder_, folds_, results_: the members, the table's encoder, which member left
            out which row, and how each was trained.
    """

    loss: str = "squared_error"

    def __sklearn_tags__(self) -> Any:
        """Several targets, too."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, validation: Sequence[Any] | None = None
    ) -> Self:
        """Fit the networks.

        Args:
            X: a frame of pandas, polars or pyarrow, or an array, (n, d); with gaps, text, booleans
                and dates.
            y: numbers, (n,) or (n, targets).
            sample_weight: of the rows, (n,), 0 or more.
            validation: rows and numbers, and perhaps weights, of your own to stop on, instead of
                folds.
        """
        found = self._fit(X, y, sample_weight, validation)
        z = self._numbers(np.average(found.u, axis=0, weights=self.kind_shares_))
        self.oof_prediction_ = found.spread_out(z)
        out = found.known
        if out.sum() > 1:
            true = self._numbers(found.t.reshape(len(found.t), -1))
            self.oof_score_ = float(r2_score(true[out], z[out], sample_weight=found.weights[out]))
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go on for one epoch over these rows; the first call fits the encoder and the scale of y on its own.

        The optimizers keep their state. Nothing is left out: there are no out-of-fold predictions.

        Args:
            X: rows, as in `fit`.
            y: their numbers.
            sample_weight: of the rows, (n,).
        """
        self._go_on(X, y, sample_weight)
        return self

    def _decoded(self, t: Target) -> Target:
        return self._numbers(t.reshape(len(t), -1))

    def _encode_target(self, y: Target, weights: Weights | None, reset: bool) -> Target:
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if reset:
            if y.ndim == 2 and y.shape[1] == 1:
                y = column_or_1d(y, warn=True)
            self._single = y.ndim == 1
            self.loss_ = self.loss
            columns = y.reshape(len(y), -1)
            self._center = np.average(columns, axis=0, weights=weights)
            spread = np.sqrt(np.average((columns - self._center) ** 2, axis=0, weights=weights))
            self._scale = np.where(spread > 0, spread, 1.0)
        found: Target = (y.reshape(len(y), -1) - self._center) / self._scale
        return found[:, 0] if self._single else found

    def _kind_shares(self, found: OutOfFold) -> Weights:
        out = found.known
        t = found.t[out].reshape(out.sum(), -1)
        w = np.repeat(found.weights[out], t.shape[1])
        z = found.u[:, out].reshape(len(found.u), -1).astype(np.float64)
        return shares_of_numbers(z, t.ravel(), w)

    def _groups(self, t: Target) -> None:
        return None

    @property
    def _outputs(self) -> int:
        return len(self._center)

    def _numbers(self, z: Array) -> Numbers:
        """Standardised outputs (n, targets) in their own unit, (n,) or (n, targets)."""
        y: Numbers = z.astype(np.float64) * self._scale + self._center
        return y[:, 0] if self._single else y

    def predict(self, X: Any) -> Numbers:
        """The mean of the members' predictions, (n,) or (n, targets)."""
        return self._numbers(np.average(self._member_outputs(X), axis=0, weights=self.shares_))

    def spread(self, X: Any) -> Numbers:
        """How far the members disagree: the standard deviation of their predictions, as `predict`."""
        each = np.stack([self._numbers(z) for z in self._member_outputs(X)])
        return weighted_spread(each, self.shares_)
