"""The one source of chance: every random number is a function of a key and a counter.

Nothing here has a state. The seed and the place where a number is used (which epoch, which step,
which layer) make a 64-bit key, and the key and a counter make the number, so that every engine
draws the same ones in any order.

mix64 is the finalizer of splitmix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number
generators", figure 19); mix32 is Chris Wellons' low-bias 32-bit hash (2018, "Prospecting for hash
functions").
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from chainrule.errors import InvalidValue

GOLDEN = 0x9E3779B97F4A7C15  # 2⁶⁴ over the golden ratio, odd
_ALL_64 = (1 << 64) - 1
_ALL_32 = (1 << 32) - 1
_AT_ONCE = 1 << 20


class Stream(IntEnum):
    """What a key is for; the first word after the seed.

    The words that follow count from 0: ORDER takes the epoch; WEIGHTS the layer, from input to
    output; DROPOUT the epoch, the step in it, and the hidden layer whose outputs are dropped; SPLIT
    none; POINTS what of a built-in shape is drawn.
    """

    ORDER = 1
    WEIGHTS = 2
    DROPOUT = 3
    SPLIT = 4
    POINTS = 5


@overload
def mix64(x: int) -> int: ...
@overload
def mix64(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]: ...
def mix64(x: Any) -> Any:
    """A bijection of 64-bit words; every bit of x moves about half the bits of the result."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _ALL_64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _ALL_64
    return x ^ (x >> 31)


def mix32(x: Any) -> Any:
    """The same for arrays of 32-bit words."""
    x = (x ^ (x >> 16)) * 0x7FEB352D
    x = (x ^ (x >> 15)) * 0x846CA68B
    return x ^ (x >> 16)


def key(seed: int, *words: int) -> int:
    """A 64-bit key of a seed and words w, all modulo 2⁶⁴.

    k ← mix64(seed + GOLDEN), then k ← mix64((k ^ w) + GOLDEN) for each word.
    """
    k = mix64(int(seed) + GOLDEN & _ALL_64)
    for w in words:
        k = mix64((k ^ int(w)) + GOLDEN & _ALL_64)
    return k


def rounds(bits: int) -> int:
    """How often `permutation` mixes a range of 2ᵇ numbers.

    At 8 rounds the orders of more than 64 rows pass the tests in tests/ground/test_chance.py;
    shorter ones have few bits to mix with and take more.
    """
    return 24 if bits <= 6 else 8


def permutation(n: int, key: int) -> npt.NDArray[np.int64]:
    """The numbers 0 … n−1 in an order drawn by the key, shape (n,).

    A keyed bijection of [0, 2ᵇ), of which the values below n are kept in turn, so that the i-th can
    be had without storing the others. Each round is x ← (x + a)·m mod 2ᵇ with m odd,
    then x ← x ^ (x >> ⌈b/2⌉).

    Raises:
        InvalidValue: n is negative or above 2³².
    """
    if not 0 <= n <= 1 << 32:
        raise InvalidValue(f"an order has between 0 and 2**32 numbers, got {n}")
    bits = max(1, (n - 1).bit_length())
    x = _mixed(np.arange(1 << bits, dtype=np.uint32), bits, key)
    return np.asarray(x[x < n], np.int64)


def among_first(rows: npt.NDArray[np.int64], n: int, count: int, key: int) -> npt.NDArray[np.bool_]:
    """Which of some numbers stand among the first `count` of `permutation(n, key)`; shape as given.

    The bijection is run backwards, so that it takes no memory for the others.

    Args:
        rows: numbers below n.
        n: how many the permutation orders.
        count: up to n.
        key: of the permutation.
    """
    bits = max(1, (n - 1).bit_length())
    return np.asarray(_unmixed(rows.astype(np.uint32), bits, key) < _end(n, count, key))


@lru_cache(maxsize=8)
def _end(n: int, count: int, key: int) -> int:
    """Of how many numbers of [0, 2ᵇ) the bijection's values hold `count` that are below n."""
    bits = max(1, (n - 1).bit_length())
    for start in range(0, 1 << bits, _AT_ONCE):
        end = min(start + _AT_ONCE, 1 << bits)
        kept = np.flatnonzero(_mixed(np.arange(start, end, dtype=np.uint32), bits, key) < n)
        if count <= len(kept):
            return start + (int(kept[count - 1]) + 1 if count else 0)
        count -= len(kept)
    raise InvalidValue(f"an order of {n} numbers has no first {count} more")


def _mixed(x: Any, bits: int, key: int) -> Any:
    """The keyed bijection of [0, 2ᵇ), in place."""
    mask, shift = (1 << bits) - 1, (bits + 1) // 2
    for a, m in _constants(bits, key):
        x = ((x + a) * m) & mask
        x ^= x >> shift
    return x


def _unmixed(x: Any, bits: int, key: int) -> Any:
    """Its inverse: x ↦ x ^ (x >> ⌈b/2⌉) undoes itself, and m is odd."""
    mask, shift = (1 << bits) - 1, (bits + 1) // 2
    for a, m in reversed(_constants(bits, key)):
        x = x ^ (x >> shift)
        x = (x * pow(m, -1, 1 << 32) - a) & mask
    return x


def _constants(bits: int, key: int) -> list[tuple[int, int]]:
    """a and the odd m of each round."""
    words = [mix64(key + r & _ALL_64) & _ALL_32 for r in range(1, 2 * rounds(bits) + 1)]
    return [(a, m | 1) for a, m in zip(words[::2], words[1::2], strict=True)]


def uniform(n: int, key: int) -> npt.NDArray[np.float64]:
    """n numbers in [0, 1), shape (n,).

    The i-th is 2⁻⁵³ times the upper 53 bits of mix64(key + (i + 1)·GOLDEN), i counted from 0.
    """
    i = np.arange(1, n + 1, dtype=np.uint64)
    return np.asarray((mix64(i * GOLDEN + key) >> 11) * 2.0**-53)


def keep_mask(rows: int, units: int, p: float, key: int) -> npt.NDArray[np.bool_]:
    """Which outputs of a layer dropout keeps, shape (rows, units).

    Each falls out with probability p in [0, 1). The bits of entry c = row·units + unit are
    mix32(mix32(c + k₀) ^ k₁), with k₀ and k₁ the lower and upper half of the key; it is kept where
    they are at least ⌊p·2³²⌋.
    """
    c: Any = np.arange(rows * units, dtype=np.uint64).astype(np.uint32)
    bits = mix32(mix32(c + (key & _ALL_32)) ^ (key >> 32))
    return np.asarray(bits >= int(p * 2**32)).reshape(rows, units)
