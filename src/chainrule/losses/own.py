"""A loss of the user's own: a function of NumPy arrays to the losses of rows and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array
from chainrule.errors import InvalidValue
from chainrule.losses.loss import Loss, columns

Function: TypeAlias = Callable[[npt.NDArray[Any], npt.NDArray[Any]], tuple[Any, Any]]
_Called: TypeAlias = Callable[[Array, Array], tuple[Array, Array]]

ROWS, POINTS = 8, 4  # as many are tried, at as many places each
_STEP = 1e-5  # of a difference
_NEAR, _ROUNDING = (
    1e-4,
    1e-9,
)  # how far a gradient may lie from it: shares of the slope, of the loss


@dataclass(frozen=True, repr=False)
class Own(Loss):
    """A loss of the user's own.

    Attributes:
        function: (z, y) ↦ the loss of each row, (n,), and its derivatives by z, of the shape of z.
            With one output z is (n,), with several (n, k); y is (n,), or (n, k) where a row has
            several targets. With a link z are the logits, and y class numbers or labels.
    """

    function: Function

    @classmethod
    def of(
        cls,
        function: Function,
        link: str | None = None,
        center: npt.ArrayLike = 0.0,
        scale: npt.ArrayLike = 1.0,
        factor: float = 1.0,
    ) -> Self:
        """The loss by a function.

        Args:
            function: see the class.
            link: the φ_1 that it brings, if it takes logits.
            center: where the network learns (y − center)/scale: the function gets outputs and
                targets in the unit of y.
            scale: likewise.
            factor: of the loss; so that its gradients are of an ordinary size.
        """
        unit = None if link else (np.asarray(center), np.asarray(scale))
        called = partial(_called, function, unit, factor)
        slope = partial(_gradients, called)
        return cls(
            name=getattr(function, "__name__", type(function).__name__),
            link=link,
            entry=partial(_losses, called),
            slope=slope,
            output_slope=slope,
            function=function,
        )

    def _divisor(self, a: Array) -> int:
        return 1

    def _pair(self, a: Array, t: Array) -> tuple[Array, Array]:
        return columns(a), columns(t)  # class numbers beside logits are not of one shape

    def check(self, t: Array, outputs: int) -> None:
        """Hold the function's gradients against differences of its losses, near 0 in the network's terms.

        Args:
            t: targets as `targets` gives them, (n, …), of which a few are taken.
            outputs: k.

        Raises:
            InvalidValue: they differ, but at kinks; or what the function gives is not finite, of
                another shape, or depends on other rows.
        """
        rows = np.unique(np.linspace(0, len(t) - 1, ROWS).astype(np.int64))
        targets = t[rows].astype(np.float64)
        rng = np.random.default_rng(0)
        for a in rng.normal(size=(POINTS, len(rows), outputs)):
            ell, gradient = self.rows(a, targets), self.slope(a, targets)
            if not (np.isfinite(ell).all() and np.isfinite(gradient).all()):
                raise InvalidValue(f"the loss {self.name!r} or its gradient is not finite")
            self._check_alone(a, targets, ell, gradient)
            for j, step in enumerate(_STEP * np.eye(outputs)):
                before = (ell - self.rows(a - step, targets)) / _STEP
                after = (self.rows(a + step, targets) - ell) / _STEP
                allowed = _NEAR * np.abs((before + after) / 2) + _ROUNDING * np.abs(ell)
                self._compare(gradient[:, j], before, after, allowed, rows, j)

    def _check_alone(self, a: Array, t: Array, ell: Array, gradient: Array) -> None:
        half = (len(a) + 1) // 2
        alone = self.rows(a[:half], t[:half]), self.slope(a[:half], t[:half])
        for found, among in zip(alone, (ell, gradient), strict=True):
            if not np.allclose(found, among[:half], rtol=1e-6, atol=0):
                raise InvalidValue(
                    f"the loss {self.name!r} of a row depends on the other rows: it and its gradient are"
                    " to be the row's own, without a mean over rows"
                )

    def _compare(
        self,
        got: Array,
        before: Array,
        after: Array,
        allowed: Array,
        rows: npt.NDArray[np.int64],
        j: int,
    ) -> None:
        """Between the differences on both sides a gradient is right: there may be a kink."""
        low, high = np.minimum(before, after) - allowed, np.maximum(before, after) + allowed
        wrong = (got < low) | (got > high)
        if wrong.any():
            i = int(wrong.argmax())
            expected = (before[i] + after[i]) / 2
            raise InvalidValue(
                f"the gradient of the loss {self.name!r} is wrong: by output {j} in row {rows[i] + 1},"
                f" expected {expected:.6g} (by differences of the losses), got {got[i]:.6g}"
            )


def _called(
    function: Function, unit: tuple[Array, Array] | None, factor: float, a: Array, t: Array
) -> tuple[Array, Array]:
    """The losses (n,) of rows and their gradients (n, k) by a; the function gets arrays of its own.

    Raises:
        InvalidValue: they are of other shapes.
    """
    if unit is None:
        scale: Array = np.ones(())
        found = function(_plain(a.astype(np.float64)), _plain(t.astype(np.int64)))
    else:
        center, scale = unit
        found = function(_plain(a * scale + center), _plain(t * scale + center))
    if not isinstance(found, tuple) or len(found) != 2:
        raise InvalidValue(
            f"a loss of your own gives a pair, losses and gradients; got {type(found).__name__}"
        )
    ell, g = (np.asarray(part, np.float64) for part in found)
    if ell.shape != (len(a),):
        raise InvalidValue(
            f"a loss of your own gives the loss of each row, ({len(a)},), got shape {ell.shape}"
        )
    if g.shape != a.shape and g.shape != _plain(a).shape:
        raise InvalidValue(
            f"a loss of your own gives gradients of the shape of the outputs, {_plain(a).shape},"
            f" got shape {g.shape}"
        )
    return factor * ell, factor * columns(g) * scale


def _losses(called: _Called, a: Array, t: Array) -> Array:
    return columns(called(a, t)[0])


def _gradients(called: _Called, a: Array, t: Array) -> Array:
    return called(a, t)[1].astype(a.dtype)


def _plain(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, 1) as (n,); anything else as it is."""
    return a[:, 0] if a.shape[1] == 1 else a
