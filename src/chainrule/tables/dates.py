"""Dates written as text, and dates as numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError
from chainrule.tables.kinds import Column, Mask, RowNumber, missing

ISO = "ISO8601"
FORMATS = (
    ISO,
    *(
        f"{date}{time}"
        for date in ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y")
        for time in ("", " %H:%M", " %H:%M:%S")
    ),
)
_DAY = 86_400_000_000  # microseconds
_LOOKS_LIKE_A_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T].*)?")
_TRIED = 100  # values tried before the whole column is


def format_of(column: Column, formats: Sequence[str] = FORMATS) -> str | None:
    """The format in which every value of a text column is a date; None where there is none.

    Of 3/4/2024, the month is read first unless some value of the column rules that out.

    Args:
        column: the values, shape (n,).
        formats: those to try, in that order.
    """
    known = column[~missing(column)]
    if not len(known) or not all(_LOOKS_LIKE_A_DATE.fullmatch(value) for value in known[:_TRIED]):
        return None
    fits = (f for f in formats if _all_parse(known[:_TRIED], f) and _all_parse(known, f))
    return next(fits, None)


def parse(column: Column, format_: str, name: str, row: RowNumber) -> npt.NDArray[np.datetime64]:
    """A text column as dates in universal time, NaT where a value is missing.

    Raises:
        DataError: a value is not of this format.
    """
    dates, bad = read(column, format_)
    if bad.any():
        i = int(bad.argmax())
        raise DataError(f"column {name!r} holds dates, but row {row(i)} holds {column[i][:80]!r}")
    return dates


def read(column: Column, format_: str) -> tuple[npt.NDArray[np.datetime64], Mask]:
    """A text column as dates in universal time, and which of its values are none of this format."""
    dates = _parsed(column, format_)
    return dates, np.isnat(dates) & ~missing(column)


def days(dates: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    """Days since 1970-01-01, with the time of day as a fraction; NaN for NaT."""
    numbers = dates.astype("datetime64[us]").astype(np.int64) / _DAY
    numbers[np.isnat(dates)] = np.nan
    return numbers


def turns(days: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    """How far the year is by its month, the week by its day, the day by its time: in [0, 1)."""
    months = np.floor(days).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    weekdays = (np.floor(days) + 3) % 7  # 1970-01-01 was a Thursday
    return {"month": months / 12, "weekday": weekdays / 7, "time": days - np.floor(days)}


def _all_parse(known: Column, format_: str) -> bool:
    return not np.isnat(_parsed(known, format_)).any()


def _parsed(column: Column, format_: str) -> npt.NDArray[np.datetime64]:
    import pandas as pd

    dates: Any = pd.to_datetime(
        pd.Series(column, dtype=object), format=format_, utc=True, errors="coerce"
    )
    return cast(
        npt.NDArray[np.datetime64], dates.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    )
