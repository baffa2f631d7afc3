"""The four kinds of columns, each a NumPy array of one type.

kind      array                                        a missing value
number    float64                                      NaN
text      object: str or None                          None
boolean   bool; object (True, False, None) with gaps   None
date      datetime64, in universal time                NaT
"""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Callable, Collection
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError, ShapeError

Kind: TypeAlias = Literal["number", "text", "boolean", "date"]
Column: TypeAlias = npt.NDArray[Any]
Mask: TypeAlias = npt.NDArray[np.bool_]
RowNumber: TypeAlias = Callable[
    [int], int
]  # from a value's index to the number of its row in the file

_KINDS: dict[str, Kind] = {"f": "number", "b": "boolean", "M": "date"}
_NUMBERS = (int, float, np.integer, np.floating, decimal.Decimal)
_LARGEST = int(np.finfo(np.float64).max)
_BOOLEANS = (bool, np.bool_)
_DATES = (datetime.date, np.datetime64)


def kind_of(column: Column) -> Kind:
    """The kind of a column that `column_of` made."""
    if column.dtype.kind != "O":
        return _KINDS[column.dtype.kind]
    known = next((value for value in column if value is not None), "")
    return "boolean" if isinstance(known, bool) else "text"


def missing(column: Column) -> Mask:
    """Which values are missing, shape (n,)."""
    if column.dtype.kind == "f":
        return cast(Mask, np.isnan(column))
    if column.dtype.kind == "M":
        return cast(Mask, np.isnat(column))
    if column.dtype.kind == "b":
        return np.zeros(len(column), dtype=bool)
    return cast(Mask, column == None)  # noqa: E711 (four times as fast as `is None` of each)


def column_of(values: object, name: str) -> Column:
    """Values as a column of one of the four kinds.

    Booleans, numbers and dates stay what they are; text mixed with numbers becomes text; None and
    NaN are missing values; times with a zone become universal time, durations seconds.

    Args:
        values: an array or a sequence, shape (n,).
        name: the column's name, for errors.

    Raises:
        ShapeError: the values have more than one dimension.
        DataError: they are of a type that no column holds, such as lists.
    """
    array = np.asarray(values if isinstance(values, np.ndarray) else _objects(values))
    if array.ndim != 1:
        raise ShapeError(f"column {name!r} must have one dimension, got shape {array.shape}")
    if array.dtype.kind in "iuf":
        return array.astype(np.float64, copy=False)
    if array.dtype.kind in "bM":
        return array
    if array.dtype.kind == "m":
        return cast(Column, array / np.timedelta64(1, "s"))
    if array.dtype.kind not in "OUST":
        raise DataError(f"column {name!r} holds values of type {array.dtype}, not a table's values")
    return _of_objects(array.astype(object), name)


def as_text(column: Column) -> list[str | None]:
    """The values as text, None where one is missing; whole numbers without a decimal point."""
    if column.dtype.kind == "O":
        return [
            value if value is None or isinstance(value, str) else str(value)
            for value in column.tolist()
        ]
    if column.dtype.kind == "f":
        return [None if math.isnan(value) else _spell(value) for value in column.tolist()]
    gaps = missing(column)
    return [None if gap else str(value) for value, gap in zip(column, gaps, strict=True)]


def without(values: list[Any], na: Collection[str]) -> list[Any]:
    """The values with None for each that is spelt like one of `na`."""
    return (
        [None if value in na or str(value) in na else value for value in values] if na else values
    )


def _objects(values: object) -> Column:
    items = list(cast(Collection[Any], values))
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _of_objects(array: Column, name: str) -> Column:
    plain = set(map(type, array.tolist())) - {type(None)}
    if plain == {str}:
        return array
    if plain and plain <= {float, int}:
        return _floats(array.tolist())
    items = [None if _is_gap(value) else value for value in array.tolist()]
    types = {type(value) for value in items} - {type(None)}
    if not types:
        return np.full(len(items), np.nan)
    if all(issubclass(t, _BOOLEANS) for t in types):
        return _objects(items) if None in items else np.array(items, dtype=bool)
    if all(issubclass(t, _NUMBERS) for t in types):
        return _floats(items)
    if all(issubclass(t, _DATES) for t in types):
        return np.array([_instant(value) for value in items], dtype="datetime64[us]")
    odd = [t.__name__ for t in types if not issubclass(t, (str, *_NUMBERS, *_BOOLEANS))]
    if odd:
        what = f"column {name!r} holds values of type {min(odd)}"
        raise DataError(f"{what}, not numbers, text, booleans or dates")
    return _objects([value if value is None else _spell(value) for value in items])


def _is_gap(value: object) -> bool:
    """None, NaN, NaT and pandas' NA."""
    if value is None or isinstance(value, str):
        return value is None
    return type(value).__name__ in ("NAType", "NaTType") or _is_nan(value)


def _is_nan(value: object) -> bool:
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return isinstance(value, (float, np.floating, decimal.Decimal)) and math.isnan(value)


def _floats(items: list[Any]) -> Column:
    """Numbers and None as floats; infinite beyond the largest one, which encoders refuse by row."""
    try:
        return np.array(items, dtype=np.float64)
    except OverflowError:
        return np.array([_clipped(value) for value in items], dtype=np.float64)


def _clipped(value: Any) -> Any:
    if isinstance(value, int) and abs(value) > _LARGEST:
        return math.inf if value > 0 else -math.inf
    return value


def _instant(value: Any) -> np.datetime64:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.datetime64("NaT" if value is None else value, "us")


def _spell(value: Any) -> str:
    if (
        isinstance(value, (float, np.floating))
        and float(value).is_integer()
        and abs(float(value)) < 2**63
    ):
        return str(int(value))
    return str(value)
