"""Rows: data as the engines take them, which rows validate, and how many batches they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule import chance
from chainrule.arrays import Array, DType, numbers, room_for
from chainrule.errors import DataError, InvalidValue, ShapeError
from chainrule.losses import targets
from chainrule.plan import Plan

Checked: TypeAlias = tuple[
    Array, Array, Array | None
]  # rows to validate on, their targets and weights


@dataclass
class Data:
    """What an engine trains on, and what it is validated on.

    Attributes:
        X: rows (n, d), C-contiguous, in the plan's dtype.
        t: targets as `losses.targets` gives them.
        weights: of the rows, (n,), or None.
        validation: rows, targets and, where they differ, weights like X, t and weights; or None.
    """

    X: Array
    t: Array
    weights: Array | None = None
    validation: Checked | None = None


def matrix(X: npt.ArrayLike, dtype: DType, name: str = "X") -> Array:
    """X as C-contiguous rows of finite numbers.

    Args:
        X: anything NumPy reads as a table of numbers (a DataFrame too), shape (n, d), n ≥ 1.
        dtype: float32 or float64.
        name: what to call it in an error.

    Raises:
        ShapeError: X is not a table, or has no rows or no columns.
        DataError: it holds something that is not a finite number of that dtype; the first one is named.
    """
    given = np.asarray(X)
    if given.ndim != 2:
        hint = "; one column is X.reshape(-1, 1)" if given.ndim == 1 else ""
        raise ShapeError(f"{name} is a table of rows, shape (n, d), got shape {given.shape}{hint}")
    if 0 in given.shape:
        lacking = "rows" if given.shape[0] == 0 else "columns"
        raise ShapeError(f"{name} has no {lacking}: its shape is {given.shape}")
    converted = _converted(given, dtype, name)
    finite = np.isfinite(converted)
    if not finite.all():
        row, column = np.argwhere(~finite)[0].tolist()
        value = float(given[row, column])
        why = f"too large for {dtype}" if np.isfinite(value) else "not a finite number"
        raise DataError(f"{name}[{row}, {column}] is {value}: {why}")
    return converted


def _converted(given: npt.NDArray[Any], dtype: DType, name: str) -> Array:
    try:
        values = given.astype(np.float64) if given.dtype == object else numbers(given, name)
        with np.errstate(over="ignore"):  # an overflow becomes inf, which the caller names
            return np.require(values, dtype, ["C", "A"])  # aligned, as the compiled engine reads it
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} holds something that is not a number: {error}") from error


def row_weights(weights: npt.ArrayLike | None, rows: int, dtype: DType) -> Array | None:
    """Row weights as an (n,) array, or None where there are none.

    Raises:
        ShapeError: there is not one weight per row.
        DataError: a weight is negative or not finite, or all are 0.
    """
    if weights is None:
        return None
    w = np.ascontiguousarray(numbers(weights, "weights"), dtype)
    if w.shape != (rows,):
        raise ShapeError(f"weights are one number per row, shape ({rows},), got shape {w.shape}")
    wrong = np.flatnonzero(~(np.isfinite(w) & (w >= 0)))
    if wrong.size:
        raise DataError(f"weights[{wrong[0]}] is {w[wrong[0]]}: weights are finite and 0 or more")
    if not w.any():
        raise DataError("every row has weight 0: there is nothing to learn from")
    return w


def split(
    rows: int, fraction: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Which rows train and which validate: round(fraction·n) rows chosen by chance validate.

    Returns:
        The row numbers of each, from 0, in the order of the data.

    Raises:
        InvalidValue: the fraction is not in (0, 1), or leaves one of the two without a row.
    """
    count = validating(rows, fraction)
    chosen = chance.permutation(rows, chance.key(seed, chance.Stream.SPLIT))[:count]
    validates = np.zeros(rows, dtype=bool)
    validates[chosen] = True
    return np.flatnonzero(~validates), np.flatnonzero(validates)


def validating(rows: int, fraction: float) -> int:
    """round(fraction·n), how many rows validate.

    Raises:
        InvalidValue: the fraction is not in (0, 1), or leaves no row to train or to validate on.
    """
    if not 0 < fraction < 1:
        raise InvalidValue(f"validation as a fraction lies in (0, 1), got {fraction}")
    count = round(fraction * rows)
    if not 0 < count < rows:
        raise InvalidValue(
            f"a validation share of {fraction} of {rows} rows leaves"
            f" {rows - count} to train on and {count} to validate on"
        )
    return count


def validates(
    rows: int, fraction: float, seed: int
) -> Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]]:
    """What `split` sets aside, as a test of the numbers of rows, which takes no memory for the others.

    Raises:
        InvalidValue: as `split`.
    """
    count, key = validating(rows, fraction), chance.key(seed, chance.Stream.SPLIT)
    return lambda which: chance.among_first(which, rows, count, key)


def prepare(
    plan: Plan,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    weights: npt.ArrayLike | None,
    validation: tuple[npt.ArrayLike, ...] | float | None,
) -> Data:
    """Check the data against the plan and bring them to the form that engines take.

    Args:
        plan: what is to be trained.
        X: rows, (n, d).
        y: targets, (n,) or (n, outputs).
        weights: of the rows, (n,), or None.
        validation: rows, targets and perhaps weights; or the share of the rows to set aside; or None.

    Raises:
        ShapeError, DataError, InvalidValue: something does not fit; the text says what.
        OutOfMemory: there is no room for them.
    """
    with room_for(f"the rows and targets as arrays of {plan.dtype}"):
        return _prepared(plan, X, y, weights, validation)


def _prepared(
    plan: Plan,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    weights: npt.ArrayLike | None,
    validation: tuple[npt.ArrayLike, ...] | float | None,
) -> Data:
    data = Data(*_pair(plan, X, y, "X", "y"))
    data.weights = row_weights(weights, len(data.X), plan.dtype)
    if validation is None:
        return data
    if not isinstance(validation, (int, float)):
        data.validation = _validation(plan, *validation)
        return data
    trains, validates = split(len(data.X), validation, plan.seed)
    w = None if data.weights is None else data.weights[trains]
    return Data(data.X[trains], data.t[trains], w, (data.X[validates], data.t[validates], None))


def _validation(
    plan: Plan, X: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Checked:
    rows, t = _pair(plan, X, y, "validation X", "validation y")
    return rows, t, row_weights(weights, len(rows), plan.dtype)


def _pair(
    plan: Plan, X: npt.ArrayLike, y: npt.ArrayLike, X_name: str, y_name: str
) -> tuple[Array, Array]:
    inputs, outputs = plan.layer_sizes[0], plan.layer_sizes[-1]
    rows = matrix(X, plan.dtype, X_name)
    if rows.shape[1] != inputs:
        layer = len(plan.activations)
        raise ShapeError(
            f"layer {layer} takes rows of {inputs} numbers, {X_name} has {rows.shape[1]}"
        )
    t = targets(y, plan.loss, outputs, plan.dtype)
    if len(t) != len(rows):
        raise ShapeError(f"{X_name} has {len(rows)} rows, {y_name} has {len(t)}")
    return rows, t


def whole(plan: Plan, rows: int, batch_size: int | None) -> Plan:
    """The plan with all rows as its batch, where its optimizer takes them all.

    Args:
        plan: what is to be trained.
        rows: how many there are to train on.
        batch_size: what was asked for; None where nothing was.

    Raises:
        InvalidValue: mini-batches were asked for.
    """
    if not plan.optimizer.takes_all_rows:
        return plan
    if batch_size is not None and batch_size < rows:
        raise InvalidValue(
            f"{plan.optimizer.name} takes all {rows} rows at every step, and was given batches of"
            f" {batch_size}: leave the batch size out"
        )
    return replace(plan, batch_size=rows)


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """⌈rows / batch_size⌉: the last batch may be short."""
    return -(-rows // batch_size)
