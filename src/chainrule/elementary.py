"""log, cos and sin with the same bits on every machine: by +, −, ×, ÷ and √ alone, which IEEE 754 rounds in one way.

NumPy takes its own from whatever the processor is best at, and their last bits differ. What a training
begins with, and the rates that it takes, must not; elsewhere NumPy's do.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.float64]

_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")  # its product with an exponent is exact
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_LOG = [2 / (2 * k + 1) for k in range(11)]
_COS = [(-1) ** k / math.factorial(2 * k) for k in range(9)]
_SIN = [(-1) ** k / math.factorial(2 * k + 1) for k in range(9)]


def log(x: npt.ArrayLike) -> Numbers:
    """ln x for x > 0.

    x = m·2ᵉ with √½ ≤ m < √2, and ln m = 2 artanh s = 2s + 2s³/3 + 2s⁵/5 + … with s = (m − 1)/(m + 1),
    at most 0.172: what follows s²¹ is below the rounding.
    """
    m, e = np.frexp(np.asarray(x, np.float64))
    low = m < math.sqrt(0.5)
    m, e = np.where(low, 2 * m, m), np.where(low, e - 1, e).astype(np.float64)
    s = (m - 1) / (m + 1)
    return np.asarray(e * _LN2_HIGH + (s * _series(_LOG, s * s) + e * _LN2_LOW))


def cos_turns(t: npt.ArrayLike) -> Numbers:
    """cos 2πt, with t in turns.

    Whole turns and quarters are taken off exactly; for the eighth that is left, the series of cos and
    of sin end below the rounding.
    """
    turn = np.asarray(t, np.float64)
    turn = np.abs(turn - np.rint(turn))  # in [0, ½]
    past = turn > 0.25
    a = np.where(past, 0.5 - turn, turn)  # in [0, ¼], where cos is not negative
    x, y = 2 * math.pi * a, 2 * math.pi * (0.25 - a)
    near = _series(_COS, x * x)
    found = np.where(a <= 0.125, near, y * _series(_SIN, y * y))
    return np.asarray(np.where(past, -found, found))


def sin_turns(t: npt.ArrayLike) -> Numbers:
    """sin 2πt, with t in turns."""
    return cos_turns(np.asarray(t, np.float64) - 0.25)


def power(x: float, n: npt.ArrayLike) -> Numbers:
    """xⁿ for whole n ≥ 0, by squares."""
    left, square = np.asarray(n, np.int64), x
    found = np.ones(left.shape)
    while left.any():
        found *= np.where(left & 1, square, 1.0)
        left, square = left >> 1, square * square
    return found


def normal(u: Numbers) -> Numbers:
    """Half as many standard normal numbers as uniform ones in [0, 1) (Box & Muller 1958)."""
    radius, turn = np.split(u, 2)
    return np.asarray(np.sqrt(-2 * log(1 - radius)) * cos_turns(turn))


def _series(coefficients: list[float], x: Any) -> Any:
    """Σ c_k xᵏ, by Horner's rule."""
    found = coefficients[-1]
    for c in coefficients[-2::-1]:
        found = found * x + c
    return found
