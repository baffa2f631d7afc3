"""The loss of several quantiles at once.

Source: Koenker & Bassett 1978, Regression Quantiles, Econometrica 46, equation 1.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from chainrule.arrays import Array
from chainrule.errors import InvalidValue, ShapeError
from chainrule.losses.loss import Loss

QUANTILE = "quantile"


@dataclass(frozen=True, repr=False)
class Quantile(Loss):
    """The loss of quantiles; targets are (n, k), the same number in each column: see `targets`.

    Attributes:
        levels: τ of each output, ascending, in (0, 1).
    """

    levels: tuple[float, ...]

    def _pair(self, a: Array, t: Array) -> tuple[Array, Array]:
        a, t = super()._pair(a, t)
        one_output_a_level(self, a.shape[1])
        return a, t


def _quantile(z: Array, t: Array, levels: tuple[float, ...]) -> Array:
    tau = np.asarray(levels, z.dtype)
    return np.maximum(tau * (t - z), (tau - 1) * (t - z))


def _quantile_slope(z: Array, t: Array, levels: tuple[float, ...]) -> Array:
    half = z.dtype.type(0.5)
    return np.asarray(half * np.sign(z - t) + (half - np.asarray(levels, z.dtype)))


def quantile(levels: Sequence[float]) -> Quantile:
    """The loss of the quantiles at these levels, one output for each.

    Raises:
        InvalidValue: they are not ascending numbers between 0 and 1.
    """
    found = tuple(map(_level, levels))
    if not found or any(b <= a for a, b in zip(found, found[1:], strict=False)):
        raise InvalidValue(f"levels of quantiles are ascending, one or more, got {list(found)}")
    return Quantile(
        name=f"{QUANTILE}:{','.join(map(repr, found))}",
        link=None,
        entry=partial(_quantile, levels=found),
        slope=partial(_quantile_slope, levels=found),
        output_slope=partial(_quantile_slope, levels=found),
        levels=found,
    )


def _level(value: Any) -> float:
    try:
        tau = float(value)
    except (TypeError, ValueError):
        tau = np.nan
    if not 0 < tau < 1:
        raise InvalidValue(f"a level of a quantile is a number between 0 and 1, got {value!r}")
    return tau


@lru_cache
def quantile_named(name: str) -> Quantile:
    """The loss of a name as "quantile:0.05,0.95".

    Raises:
        InvalidValue: there are no levels in it, or they are not ascending numbers between 0 and 1.
    """
    _, colon, levels = name.partition(":")
    if not colon:
        raise InvalidValue(f"the quantile loss carries its levels, as '{QUANTILE}:0.05,0.5,0.95'")
    return quantile([_level(level) for level in levels.split(",")])


def one_output_a_level(loss: Quantile, outputs: int) -> None:
    """Refuse another number of outputs than of levels.

    Raises:
        ShapeError: it is another.
    """
    if outputs != len(loss.levels):
        k = len(loss.levels)
        raise ShapeError(f"{loss.name} takes {k} outputs, one for each level, not {outputs}")
