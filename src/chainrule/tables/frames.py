"""Frames of other libraries, mappings and arrays, taken apart into columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from chainrule.errors import DataError, ShapeError
from chainrule.tables.kinds import Column, as_text, column_of


def columns_of(data: object) -> dict[str, Column]:
    """The columns of a pandas frame, another library's frame, a mapping of sequences, or a 2-D
    array.

    An array's columns are called column_1, column_2, …

    Raises:
        DataError: two columns have the same name, or a column holds what no table holds.
        ShapeError: it is none of these things, or the columns differ in length.
    """
    if isinstance(data, Mapping):
        named = [
            (str(name), column_of(_values(values, str(name)), str(name)))
            for name, values in data.items()
        ]
    elif _is_pandas(data):
        named = _from_pandas(data)
    elif hasattr(data, "columns") or hasattr(data, "column_names"):
        named = _from_pandas(_to_pandas(data))
    else:
        named = _from_array(np.asarray(data))
    unique_names([name for name, _ in named])
    return dict(named)


def unique_names(names: Iterable[str], where: str = "") -> None:
    """Refuse names that stand twice.

    Raises:
        DataError: with the name and the numbers of the two columns.
    """
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if name in seen:
            raise DataError(
                f"{where}column name {name!r} stands twice (columns {seen[name]} and {number})"
            )
        seen[name] = number


def _is_pandas(data: object) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns")


def _to_pandas(data: object) -> Any:
    import narwhals as nw

    return nw.from_native(data, eager_only=True).to_pandas()  # type: ignore[call-overload]


def _from_array(array: Column) -> list[tuple[str, Column]]:
    if array.ndim != 2:
        raise ShapeError(f"a table has rows and columns, got an array of shape {array.shape}")
    return [
        (f"column_{j + 1}", column_of(array[:, j], f"column_{j + 1}"))
        for j in range(array.shape[1])
    ]


def _from_pandas(frame: Any) -> list[tuple[str, Column]]:
    names = [str(name) for name in frame.columns]
    return [
        (name, column_of(_values(frame.iloc[:, j], name), name)) for j, name in enumerate(names)
    ]


def _values(series: Any, name: str) -> Any:
    """A pandas series as a NumPy array that `column_of` understands; anything else as it is."""
    if not hasattr(series, "to_numpy") or not hasattr(series, "dtype"):
        return series
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return series.to_numpy()
    if getattr(dtype, "tz", None) is not None:
        return series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    if dtype.kind in "iuf":
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if str(dtype) == "category":
        return np.array(as_text(column_of(series.astype(object).to_numpy(), name)), dtype=object)
    if str(dtype).startswith("period"):
        return series.dt.to_timestamp().to_numpy()
    return series.to_numpy(dtype=object, na_value=None)
