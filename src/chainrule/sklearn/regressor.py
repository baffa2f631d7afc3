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
from chainrule.errors import InvalidValue
from chainrule.losses import Own, Quantile
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
from chainrule.sklearn.outputs import Outputs, loss_of_numbers
from chainrule.tables import TargetEncoder
from chainrule.training.mixture import shares_of_numbers

Numbers: TypeAlias = npt.NDArray[np.float64]


@dataclass(kw_only=True, eq=False, repr=False)
class Regressor(RegressorMixin, TableEstimator):  # type: ignore[misc]
    """A regressor by several networks, for tables as they are.

    Attributes:
        loss: "squared_error" for the mean; "absolute_error" for the median, which outliers move
            little; "huber" between the two; "poisson" for counts and rates, 0 or more, as the
            exponential of what the networks give; "quantile" for several quantiles at once; or a
            function of your own (z, y) ↦ (losses, gradients): from predictions and true numbers, in
            the unit of y, (n,) or (n, targets), to the loss of each row, (n,), and its derivatives by
            z. It is called by the NumPy engine, and its gradients are checked before they are used.
        quantiles: their levels, ascending.
        oof_prediction_: for each row, what the member that did not train on it predicts, (n,) or
            (n, targets); NaN where every member did.
        oof_quantiles_: of a regressor that learned quantiles, the same for each level, (n, levels);
            else None.
        oof_score_: its R².
        networks_, encoder_, folds_, results_: the members, the table's encoder, which member left
            out which row, and how each was trained.
    """

    loss: str | Function = "squared_error"
    quantiles: Sequence[float] = (0.05, 0.5, 0.95)

    def __sklearn_tags__(self) -> Any:
        """Several targets, too, unless quantiles are learned; of a Poisson rate none below 0."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self.loss != "quantile"
        tags.target_tags.single_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
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
            y: numbers, (n,) or (n, targets); one target where quantiles are learned.
            sample_weight: of the rows, (n,), 0 or more.
            validation: rows and numbers, and perhaps weights, of your own to stop on, instead of
                folds.
            checkpoint: a file to keep the networks in while they are trained, as in `train`.
            resume: go on from the checkpoint, if there is one; data and parameters have to be the
                same.
        """
        self._fit(X, y, sample_weight, validation, checkpoint, resume)
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
        y = self._learned.decode(t.reshape(len(t), -1))
        return y[:, 0] if self._single else y

    def _encode_target(self, y: Target, weights: Weights | None, reset: bool) -> Target:
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if reset:
            if y.ndim == 2 and y.shape[1] == 1:
                y = column_or_1d(y, warn=True)
            self._single = y.ndim == 1
            loss = loss_of_numbers(self.loss, self.quantiles)
            self._learned: Outputs = Outputs.fit(loss, y.reshape(len(y), -1), weights)
            learned = self._learned.loss
            self.loss_: str | Own = learned if isinstance(learned, Own) else learned.name
        found: Target = self._learned.encode(y.reshape(len(y), -1))
        return found[:, 0] if self._single else found

    def _calibrate(self, found: OutOfFold, shares: Weights) -> None:
        if self.loss == "quantile":
            out = found.known
            each = self._learned.values(found.u[:, out])
            mixed = np.average(each, axis=0, weights=shares)
            t = found.t[out].reshape(-1, 1)
            self._learned = self._learned.fitted_to(mixed, t, found.weights[out])

    def _score_out_of_fold(self, found: OutOfFold) -> None:
        out = found.known
        z = np.average(self._numbers(found.u), axis=0, weights=self.kind_shares_)
        self.oof_prediction_ = found.spread_out(z)
        self.oof_quantiles_ = None
        if self.loss == "quantile":
            self.oof_quantiles_ = found.spread_out(self._quantiles(found.u, self.kind_shares_))
        if out.sum() > 1:
            true = self._decoded(found.t)
            self.oof_score_ = float(r2_score(true[out], z[out], sample_weight=found.weights[out]))

    def _kind_shares(self, found: OutOfFold) -> Weights:
        out, w = found.known, found.weights[found.known]
        z, t = self._learned.values(found.u[:, out]), found.t[out].reshape(out.sum(), -1)
        if self.loss_ == "squared_error":
            return shares_of_numbers(z.reshape(len(z), -1), t.ravel(), np.repeat(w, t.shape[1]))
        return self._learned.shares(z, t, w)

    def _target_encoder(self, name: str) -> TargetEncoder:
        if not self._single:
            raise InvalidValue(f"a model has one target, and here there are {self._outputs}")
        center, spread = self._learned.center[0], self._learned.scale[0]
        return TargetEncoder(name, "regression", (), float(center), float(spread))

    def _networks_that_answer(self) -> list[Network]:
        """The shifted ones: the shift is part of the last layer's b."""
        shift = np.broadcast_to(self._learned.shift, (self._outputs,))
        return [_shifted(network, shift) for network in self.networks_]

    def _groups(self, t: Target) -> None:
        return None

    @property
    def _output_names(self) -> list[str]:
        if self.loss == "quantile":
            return [f"quantile {level:g}" for level in self.quantiles]
        return ["y"] if self._single else [f"y {j}" for j in range(1, self._outputs + 1)]

    @property
    def _outputs(self) -> int:
        return self._learned.count

    def _numbers(self, u: Array) -> Numbers:
        """Predictions in the unit of y, (…, n) or (…, n, targets), from outputs (…, n, outputs)."""
        y = self._learned.decode(self._learned.values(u))
        return y[..., self._learned.middle] if self._single else y

    def predict(self, X: Any) -> Numbers:
        """The mean of the members' predictions, (n,) or (n, targets); of quantiles the one nearest to the median."""
        return np.asarray(
            np.average(self._numbers(self._member_outputs(X)), axis=0, weights=self.shares_)
        )

    def predict_quantiles(self, X: Any) -> Numbers:
        """The quantiles at the fitted levels, (n, levels).

        They never cross: those of each member are put in ascending order, and the mean of ascending
        numbers ascends.

        Raises:
            InvalidValue: the regressor was not fitted with the loss "quantile".
        """
        u = self._member_outputs(X)
        if not isinstance(self._learned.loss, Quantile):
            raise InvalidValue(
                f"quantiles are predicted under loss='quantile', and this regressor learned by"
                f" {self.loss_!r}"
            )
        return self._quantiles(u, self.shares_)

    def _quantiles(self, u: Array, shares: Weights) -> Numbers:
        """Quantiles (n, levels) from outputs (members, n, levels)."""
        each = self._learned.decode(self._learned.values(u))
        return np.asarray(np.average(each, axis=0, weights=shares))

    def predict_interval(self, X: Any) -> Numbers:
        """The first and the last of the quantiles, (n, 2): with levels 0.05 and 0.95 an interval of 90 %.

        Raises:
            InvalidValue: as `predict_quantiles`, or there is one level only.
        """
        found = self.predict_quantiles(X)
        if found.shape[1] < 2:
            raise InvalidValue("an interval lies between two quantiles, and one was fitted")
        return found[:, [0, -1]]

    def spread(self, X: Any) -> Numbers:
        """How far the members disagree: the standard deviation of their predictions, as `predict`."""
        return weighted_spread(self._numbers(self._member_outputs(X)), self.shares_)


def _shifted(network: Network, shift: Numbers) -> Network:
    *hidden, last = network.layers
    return Network([*hidden, Layer(last.W, last.b + shift.astype(last.b.dtype), last.activation)])
