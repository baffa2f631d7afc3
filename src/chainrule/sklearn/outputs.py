"""From a target to what the networks learn of it, and from their outputs back to its unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule import losses
from chainrule.activations import get as get_activation
from chainrule.arrays import Array
from chainrule.errors import InvalidValue, ShapeError, unknown
from chainrule.losses import Loss, Own, Quantile
from chainrule.losses.own import Function
from chainrule.training.mixture import on_the_simplex

Numbers: TypeAlias = npt.NDArray[np.float64]

LOSSES = ("squared_error", "absolute_error", "huber", "poisson", "quantile")
_LEAST_RATE = 1e-300
_OF_A_NORMAL = 1.4826  # its standard deviation, in median distances from its median


def loss_of_numbers(name: str | Function, quantiles: Sequence[float]) -> Loss:
    """The loss by which a regressor learns.

    Args:
        name: one of `LOSSES`, or a function of the user's own.
        quantiles: the levels, where it is "quantile".

    Raises:
        UnknownName: no regressor learns by it.
        InvalidValue: the levels are not ascending numbers between 0 and 1.
    """
    if callable(name):
        return Own.of(name)
    if name not in LOSSES:
        raise unknown("loss of a regressor", name, LOSSES)
    return losses.quantile(quantiles) if name == "quantile" else losses.get(name)


@dataclass(frozen=True)
class Outputs:
    """What the outputs of a network say of y.

    The networks learn (y − center) / scale: by mean and standard deviation under the squared error,
    else by the median and the median distance from it, which outliers do not move. Of a Poisson
    rate they learn the logarithm; center is 0 and scale the mean of y, an offset of that logarithm.

    Attributes:
        loss: by which they learn.
        center, scale: of each target, (targets,).
        shift: what is added to each output, (count,), or 0.
    """

    loss: Loss
    center: Numbers
    scale: Numbers
    shift: Numbers | float = 0.0

    @classmethod
    def fit(cls, loss: Loss, y: Numbers, weights: Numbers | None) -> Self:
        """Take centre and scale from targets (n, targets) with weights (n,).

        Raises:
            ShapeError: several targets, whose quantiles are to be learned.
        """
        if isinstance(loss, Quantile) and y.shape[1] > 1:
            raise ShapeError(
                f"quantiles are learned of one target, got {y.shape[1]}: fit a regressor for each"
            )
        mean = np.average(y, axis=0, weights=weights)
        if loss.link is not None:
            return cls(loss, np.zeros_like(mean), np.where(mean > 0, mean, 1.0))
        spread = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=weights))
        if loss.name == "squared_error":
            return cls(loss, mean, np.where(spread > 0, spread, 1.0))
        middle = _median(y, weights)
        near = _OF_A_NORMAL * _median(np.abs(y - middle), weights)
        scale = np.where(near > 0, near, np.where(spread > 0, spread, 1.0))
        if isinstance(loss, Own):
            loss = _of_size_1(loss.function, middle, scale, y, weights)
        return cls(loss, middle, scale)

    @property
    def count(self) -> int:
        """How many outputs a network has."""
        return len(self.loss.levels) if isinstance(self.loss, Quantile) else len(self.center)

    @property
    def middle(self) -> int:
        """Which output a prediction of one target is: that of the level nearest to 0.5."""
        levels = self.loss.levels if isinstance(self.loss, Quantile) else (0.5,)
        return int(np.argmin(np.abs(np.asarray(levels) - 0.5)))

    def encode(self, y: Numbers) -> Numbers:
        """What the loss takes of targets (n, targets).

        Raises:
            InvalidValue: a negative number, where a Poisson rate is learned.
        """
        if self.loss.link is not None and (y < 0).any():
            row, column = np.argwhere(y < 0)[0]
            raise InvalidValue(
                f"the loss 'poisson' takes counts or rates, 0 or more: y has {y[row, column]:g}"
                f" in row {row + 1}"
            )
        return np.asarray((y - self.center) / self.scale)

    def decode(self, t: npt.NDArray[Any]) -> Numbers:
        """The inverse of `encode`."""
        return np.asarray(t.astype(np.float64) * self.scale + self.center)

    def values(self, u: Array) -> Numbers:
        """What outputs (…, count) say, as `encode` gives it: quantiles ascending, rates not their logarithms.

        Sorting is how quantiles that cross are mended: Chernozhukov, Fernández-Val & Galichon 2010,
        Quantile and Probability Curves Without Crossing, Econometrica 78, proposition 4 (no loss
        grows by it).
        """
        z: npt.NDArray[Any] = np.asarray(u, np.float64) + self.shift
        if self.loss.link is not None:
            z = get_activation(self.loss.link).value(z)
        return np.sort(z, axis=-1) if isinstance(self.loss, Quantile) else z

    def fitted_to(self, z: Numbers, t: Numbers, weights: Numbers) -> Self:
        """The same with quantiles shifted so that of the targets of rows not trained on the right share lies below.

        Source: Romano, Patterson & Candès 2019, Conformalized Quantile Regression, with a shift for each
        level and the rows out of fold in place of a calibration set.

        Args:
            z: quantiles as `values` gives them, (n, levels).
            t: as `encode` gives them, (n, 1).
            weights: of the rows, (n,).
        """
        assert isinstance(self.loss, Quantile)
        left = [_quantile(t - z[:, [j]], weights, tau)[0] for j, tau in enumerate(self.loss.levels)]
        return replace(self, shift=self.shift + np.array(left))

    def shares(self, z: Numbers, t: Numbers, weights: Numbers) -> Numbers:
        """The shares s ≥ 0, Σs = 1, of several networks in the mixture Σ_k s_k z_k with the lowest loss.

        Args:
            z: as `values` gives them, (networks, n, count).
            t: as `encode` gives them, (n, targets).
            weights: of the rows, (n,).
        """
        t = np.broadcast_to(t, z.shape[1:])  # of quantiles, every output has the one target

        def cost(s: Numbers) -> tuple[float, Numbers]:
            mixed = np.tensordot(s, z, axes=1)
            a = np.log(np.maximum(mixed, _LEAST_RATE)) if self.loss.link is not None else mixed
            slope = self.loss.output_gradient(mixed, t, weights)
            return self.loss.value(a, t, weights), (z * slope).sum(axis=(1, 2))

        return on_the_simplex(cost, len(z))


def _of_size_1(
    function: Function, center: Numbers, scale: Numbers, y: Numbers, weights: Numbers | None
) -> Own:
    """The user's loss of numbers in y's unit, divided by how large its gradients are at the center."""
    own = Own.of(function, None, center, scale)
    t = (y - center) / scale
    slopes = np.abs(own.slope(np.zeros_like(t), t)).mean(axis=1)
    size = float(np.average(slopes, weights=weights))
    return Own.of(function, None, center, scale, 1 / size) if 0 < size < np.inf else own


def _median(y: Numbers, weights: Numbers | None) -> Numbers:
    """The weighted median of each column of (n, targets)."""
    return _quantile(y, np.ones(len(y)) if weights is None else weights, 0.5)


def _quantile(y: Numbers, weights: Numbers, tau: float) -> Numbers:
    """Of each column of (n, targets) the least number with the share τ of the weight at or below it."""
    order = np.argsort(y, axis=0)
    below = np.cumsum(weights[order], axis=0)
    at = (below >= tau * below[-1]).argmax(axis=0)
    return np.asarray(np.take_along_axis(y, np.take_along_axis(order, at[None], 0), 0)[0])
