"""The arrays of this library: float32 or float64."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import InvalidValue, unknown

Array: TypeAlias = npt.NDArray[np.floating[Any]]
DType: TypeAlias = Literal["float32", "float64"]

DTYPES: tuple[DType, ...] = ("float32", "float64")


def dtype_named(name: object) -> DType:
    """The name of a type of numbers that networks compute in.

    Raises:
        UnknownName: it is neither float32 nor float64.
    """
    for dtype in DTYPES:
        if name == dtype:
            return dtype
    raise unknown("dtype", name, DTYPES)


def numbers(values: npt.ArrayLike, what: str) -> npt.NDArray[Any]:
    """The values as an array of booleans, integers or floats.

    Args:
        values: anything NumPy makes an array of.
        what: what they are, for the error: "the rows", "the targets".

    Raises:
        InvalidValue: they are something else, such as text.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise InvalidValue(f"{what} must be numbers, got an array of {array.dtype}")
    return array
