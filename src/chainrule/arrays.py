"""The arrays of this library: float32 or float64."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import InvalidValue, OutOfMemory, unknown

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
        InvalidValue: they are something else, such as text, or rows that differ in length.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InvalidValue(f"{what} must be an array of numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise InvalidValue(f"{what} must be numbers, got an array of {array.dtype}")
    return array


def contiguous(values: npt.ArrayLike, what: str, dtype: DType) -> Array:
    """The values as a C-contiguous array of a type.

    Args:
        values: as `numbers` takes them.
        what: as `numbers` takes it.
        dtype: float32 or float64.

    Raises:
        InvalidValue: they are no numbers.
        OutOfMemory: a copy has to be made, and there is no room for it.
    """
    array = numbers(values, what)
    with (
        room_for(f"a copy of {what}, an array of shape {array.shape} in {dtype}"),
        np.errstate(over="ignore"),  # what is beyond float32 is infinite there
    ):
        return np.require(array, dtype, ["C", "A"])  # aligned, too


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """Where the system gives no more memory in here, the error says for what.

    Raises:
        OutOfMemory: it does not.
    """
    try:
        yield
    except OutOfMemory:
        raise
    except MemoryError as error:
        raise OutOfMemory(f"there is not enough memory for {what}") from error
