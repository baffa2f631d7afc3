"""What encoders have to know of a column of numbers, gathered while its values pass by."""

from __future__ import annotations

import math

import numpy as np

from chainrule.tables.scaling import Numbers, Scale
from chainrule.tables.sketch import Sketch


class Range:
    """The smallest and the largest of numbers that come in pieces.

    Attributes:
        low, high: infinite without any.
    """

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf

    def add(self, x: Numbers) -> None:
        """Take more numbers, shape (n,)."""
        if len(x):
            self.low = min(self.low, float(x.min()))
            self.high = max(self.high, float(x.max()))

    @property
    def varies(self) -> bool:
        """Whether not all numbers are equal."""
        return self.low < self.high


class Summary(Range):
    """Mean, spread, median and range of numbers that come in pieces.

    Up to `hold` numbers are kept, and their scale is that of `Scale.of`, bit for bit. Of more, mean
    and spread are merged from those of the pieces, and the median is a sketch's.

    Source of the merging: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for
    computing sample variances", equation 2.1.

    Args:
        hold: how many numbers may be kept.

    Attributes:
        count: how many there were.
    """

    def __init__(self, hold: int) -> None:
        super().__init__()
        self.count = 0
        self._hold = hold
        self._held: list[Numbers] = []
        self._sketch: Sketch | None = None
        self._exponent = -1100  # mean and squares are those of x/2ᵉ, whose squares do not overflow
        self._mean = self._squares = 0.0
        self._merged = 0  # numbers that they are of

    def add(self, x: Numbers) -> None:
        """Take more numbers, finite, shape (n,)."""
        if not len(x):
            return
        super().add(x)
        self.count += len(x)
        if self._sketch is None:
            self._held.append(x)
            if self.count <= self._hold:
                return
            self._sketch, x = Sketch(), np.concatenate(self._held)
            self._held = []
        self._sketch.add(x)
        self._merge(x)

    @property
    def error(self) -> float:
        """By what share of all ranks the median can be off."""
        return self._sketch.error if self._sketch else 0.0

    def scale(self) -> Scale:
        """Mean, standard deviation and median, as of `Scale.of`."""
        if self._sketch is None:
            return Scale.of(np.concatenate(self._held))
        spread = math.ldexp(math.sqrt(self._squares / self.count), self._exponent)
        if not self.varies or spread == 0:
            return Scale(self.low, 1.0, self.low)
        return Scale(math.ldexp(self._mean, self._exponent), spread, self._sketch.quantile(0.5))

    def _merge(self, x: Numbers) -> None:
        """Mean and squares of what was merged so far and of x together."""
        exponent = math.frexp(max(abs(self.low), abs(self.high)))[1]
        down = self._exponent - exponent
        if down < 0:
            self._mean, self._squares = (
                math.ldexp(self._mean, down),
                math.ldexp(self._squares, 2 * down),
            )
            self._exponent = exponent
        unit = np.ldexp(x, -self._exponent)
        mean = float(unit.mean())
        n, m = self._merged, len(x)
        apart = mean - self._mean
        self._mean += apart * m / (n + m)
        self._squares += float(np.square(unit - mean).sum()) + apart**2 * n * m / (n + m)
        self._merged = n + m
