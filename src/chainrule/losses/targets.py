"""Labels and numbers as a loss takes them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array, DType, numbers
from chainrule.errors import InvalidValue, ShapeError
from chainrule.losses.choice import get
from chainrule.losses.loss import CrossEntropy, Loss, columns
from chainrule.losses.own import Own
from chainrule.losses.quantiles import Quantile, one_output_a_level


def targets(y: npt.ArrayLike, loss: str | Loss, outputs: int, dtype: DType) -> Array:
    """The labels or numbers y as the loss takes them.

    (n,) and (n, 1) mean the same. `binary_cross_entropy` takes booleans, 0/1 or −1/+1 and gets 0/1;
    `cross_entropy` takes class numbers or rows of probabilities; `poisson` takes counts or rates. Of
    the quantiles each output gets the row's one number; where that is done already, it stays.

    Args:
        y: (n,), (n, 1) or (n, outputs).
        loss: the loss or its name.
        outputs: how many numbers the network gives for a row.
        dtype: the type of the result.

    Returns:
        (n, outputs), or (n, 1) of class numbers; C-contiguous.

    Raises:
        ShapeError: y has not one row of `outputs` numbers for each row, or the levels of quantiles
            are not as many as the outputs.
        InvalidValue: a target is not a number, not finite, or not one that the loss knows.
    """
    loss = get(loss)
    t = columns(numbers(y, "targets"))
    alone = (takes_class_numbers(loss) or isinstance(loss, Quantile)) and t.shape[1:] == (1,)
    if t.ndim != 2 or (t.shape[1] != outputs and not alone):
        raise ShapeError(_wrong_targets(np.shape(y), loss, outputs))
    t = t.astype(np.float64)
    _refuse(~np.isfinite(t), t, "targets must be finite")
    if isinstance(loss, Quantile):
        t = _one_for_all(loss, t, outputs)
    elif alone:
        _refuse((t < 0) | (t >= outputs) | (t != np.floor(t)), t, _class_numbers(outputs))
    elif loss.name in _CODINGS:
        t = _CODINGS[loss.name](t)
    with np.errstate(over="ignore"):
        coded = np.ascontiguousarray(t, dtype=dtype)
    _refuse(~np.isfinite(coded), t, f"targets must be finite in {dtype}")
    return coded


def takes_class_numbers(loss: str | Loss) -> bool:
    """Whether targets may be class numbers, (n, 1), where there are several outputs."""
    loss = get(loss)
    return isinstance(loss, CrossEntropy) or (isinstance(loss, Own) and loss.link == "softmax")


def _one_for_all(loss: Quantile, t: Array, outputs: int) -> Array:
    one_output_a_level(loss, outputs)
    _refuse(t != t[:, :1], t, "the quantiles of a row are those of one number")
    return np.repeat(t[:, :1], outputs, axis=1)


def _class_numbers(outputs: int) -> str:
    return f"cross_entropy over {outputs} outputs takes class numbers 0 to {outputs - 1}"


def _binary(t: Array) -> Array:
    plus_minus = (t == -1).any()
    wrong = (t != 1) & (t != -1 if plus_minus else t != 0)
    _refuse(wrong, t, "binary_cross_entropy takes labels 0 and 1, or −1 and +1")
    return np.asarray(t > 0, dtype=t.dtype)


def _probabilities(t: Array) -> Array:
    _refuse(t < 0, t, "rows of class probabilities are not negative")
    with np.errstate(over="ignore"):  # an infinite sum is not 1
        sums = t.sum(axis=1, keepdims=True)
    _refuse(np.abs(sums - 1) > 1e-3, sums, "rows of class probabilities sum to 1")
    return t


def _counts(t: Array) -> Array:
    _refuse(t < 0, t, "poisson takes counts or rates, 0 or more")
    return t


_CODINGS: dict[str, Callable[[Array], Array]] = {
    "binary_cross_entropy": _binary,
    "cross_entropy": _probabilities,
    "poisson": _counts,
}


def _refuse(wrong: npt.NDArray[np.bool_], t: Array, rule: str) -> None:
    """Raise with the rule and the first row that breaks it."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InvalidValue(f"{rule}; row {row} has {t[row, column]:g}")


def _wrong_targets(shape: tuple[int, ...], loss: Loss, outputs: int) -> str:
    one = "(n,) or (n, 1)"
    wanted = one if outputs == 1 or isinstance(loss, Quantile) else f"(n, {outputs})"
    if loss.name == "cross_entropy":
        wanted = f"class numbers {one} or probabilities (n, {outputs})"
    return f"targets have shape {shape}; {loss.name} over {outputs} outputs takes {wanted}"
