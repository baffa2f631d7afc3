"""What a loss is: the cost of a row, and its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array
from chainrule.errors import ShapeError

Entries = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Loss:
    """A loss whose outputs count one by one.

    In what follows a is what the loss stands on: the logits if it has a link, else the outputs z_1;
    shape (n, k), as the targets t.

    Attributes:
        name: the name that `get` knows it by.
        link: the name of the φ_1 that it brings, or None.
        entry: (a, t) ↦ the cost of each entry, (n, k).
        slope: (a, t) ↦ the derivative of that by a, (n, k).
        output_slope: (z, t) ↦ the derivative by the output z_1, (n, k).
    """

    name: str
    link: str | None
    entry: Entries
    slope: Entries
    output_slope: Entries

    def rows(self, a: Array, t: Array) -> Array:
        """The loss ℓ of each row, shape (n,).

        Raises:
            ShapeError: a and t do not have the same shape; nothing broadcasts.
        """
        a, t = self._pair(a, t)
        return np.asarray(self.entry(a, t).sum(axis=1) / self._divisor(a))

    def value(self, a: Array, t: Array, weights: Array | None = None) -> float:
        """L = Σ wᵢ ℓᵢ / Σ wᵢ, summed in float64."""
        ell = self.rows(a, t).astype(np.float64)
        return float(_shares(len(ell), weights) @ ell)

    def gradient(self, a: Array, t: Array, weights: Array | None = None) -> Array:
        """∂L/∂a, shape (n, k)."""
        return self._weighted(self.slope, a, t, weights)

    def output_gradient(self, z: Array, t: Array, weights: Array | None = None) -> Array:
        """∂L/∂z_1, shape (n, k), the first factor of the lecture's chain.

        For binary labels −1/z_1 where t = 1 and 1/(1 − z_1) where t = 0. It is infinite where z_1
        is 0 or 1 on the wrong side; training uses `gradient`, which never is.
        """
        return self._weighted(self.output_slope, z, t, weights)

    def _weighted(self, slope: Entries, a: Array, t: Array, weights: Array | None) -> Array:
        a, t = self._pair(a, t)
        scale = _shares(len(a), weights) / self._divisor(a)
        return np.asarray(scale.astype(a.dtype)[:, None] * slope(a, t))

    def _divisor(self, a: Array) -> int:
        return int(a.shape[1])

    def _pair(self, a: Array, t: Array) -> tuple[Array, Array]:
        a, t = columns(a), columns(t)
        if a.shape != t.shape:
            raise ShapeError(f"{len(a)} rows of {a.shape[1]} outputs, targets of shape {t.shape}")
        return a, t

    def __repr__(self) -> str:
        """The name, in brackets."""
        return f"<loss {self.name}>"


class CrossEntropy(Loss):
    """The loss over classes; targets are class numbers (n, 1) or rows of probabilities (n, k)."""

    def _divisor(self, a: Array) -> int:
        return 1

    def _pair(self, a: Array, t: Array) -> tuple[Array, Array]:
        a, t = columns(a), columns(t)
        if t.shape == (len(a), 1) and a.shape[1] > 1:
            e = np.eye(a.shape[1], dtype=a.dtype)
            t = e[t[:, 0].astype(np.int64)]  # class c becomes the row e_c
        return super()._pair(a, t)


def columns(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n,) as (n, 1); anything else as it is."""
    return a.reshape(-1, 1) if a.ndim == 1 else a


def _shares(n: int, weights: Array | None) -> npt.NDArray[np.float64]:
    """wᵢ / Σ w in float64, shape (n,); zeros where the weights sum to 0."""
    if weights is not None and weights.shape != (n,):
        raise ShapeError(f"{n} rows, weights of shape {weights.shape}")
    w = np.ones(n) if weights is None else weights.astype(np.float64)
    total = w.sum()
    return np.asarray(w / total if total > 0 else np.zeros(n))
