"""Schedules: by what factor the learning rate is multiplied at each step.

Let k = 0, 1, 2, … count the updates of a training of K updates, S of them to an epoch. A schedule is a function k ↦ s_k,
and update k is made with the rate s_k·α, where α is the optimizer's own learning rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.elementary import cos_turns, log, power
from chainrule.errors import InvalidValue, unknown

Factors: TypeAlias = NDArray[np.float64]
Rates: TypeAlias = float | Factors

_CHUNK = 8192  # factors computed at a time: a tiny network's epochs share one NumPy call


class Schedule(Protocol):
    """What the loop asks of a schedule."""

    def factors(self, k: Factors, total: int, per_epoch: int) -> Factors:
        """The factors s_k.

        Args:
            k: numbers of updates, from 0, shape (m,).
            total: K, the updates of the whole training.
            per_epoch: S, the updates of an epoch.

        Returns:
            s_k, shape (m,), each finite and not negative.
        """
        ...


@dataclass(frozen=True)
class Constant:
    """s_k = 1."""

    def factors(self, k: Factors, total: int, per_epoch: int) -> Factors:
        """s_k; see `Schedule.factors`."""
        return np.ones_like(k)


CONSTANT = Constant()


@dataclass(frozen=True)
class StepDecay:
    """s_k = factor^⌊epoch / every⌋, the epoch counted from 0 (PyTorch's StepLR).

    Args:
        every: epochs between two reductions, at least 1.
        factor: what a reduction multiplies the rate by, in (0, 1].
    """

    every: int = 30
    factor: float = 0.1

    def __post_init__(self) -> None:
        _check(self.every >= 1, f"every is a number of epochs, at least 1, got {self.every}")
        _check(0 < self.factor <= 1, f"factor lies in (0, 1], got {self.factor}")

    def factors(self, k: Factors, total: int, per_epoch: int) -> Factors:
        """s_k; see `Schedule.factors`."""
        return np.asarray(power(self.factor, k // per_epoch // self.every))


@dataclass(frozen=True)
class Cosine:
    """s_k = m + (1 − m)(1 + cos(πk/K))/2: from 1 down to the minimum m (Loshchilov & Hutter 2017, eq. 5, no restarts).

    Args:
        minimum: m, the factor towards which the rate falls, in [0, 1].
    """

    minimum: float = 0.0

    def __post_init__(self) -> None:
        _check(0 <= self.minimum <= 1, f"minimum lies in [0, 1], got {self.minimum}")

    def factors(self, k: Factors, total: int, per_epoch: int) -> Factors:
        """s_k; see `Schedule.factors`."""
        return _cosine(1.0, self.minimum, k / total)


@dataclass(frozen=True)
class CosLog:
    """s_k = ½(1 − cos(2π log₂(1 + (2ⁿ − 1)k/K))): n waves from 0 to 1 and back, each twice as long as the last.

    Source: Holzmüller, Grinsztajn & Steinwart 2024, "Better by default", section 3.3, with n = 4.

    Args:
        waves: n, at least 1.
    """

    waves: int = 4

    def __post_init__(self) -> None:
        _check(self.waves >= 1, f"waves is a number, at least 1, got {self.waves}")

    def factors(self, k: Factors, total: int, per_epoch: int) -> Factors:
        """s_k; see `Schedule.factors`."""
        turns = log(1 + (2**self.waves - 1) * k / total) / log(2)
        return np.asarray((1 - cos_turns(turns)) / 2)


@dataclass(frozen=True)
class OneCycle:
    """Up to the full rate over a first part of the training, then down to almost nothing (Smith & Topin 2017).

    From s_0 = 1/divide to 1 at step `rise·K − 1`, then to s_{K−1} = 1/(divide·final_divide), both halves cosines. These
    are the rates of PyTorch's OneCycleLR with `max_lr` = α; the momentum stays as it is (there, `cycle_momentum=False`).

    Args:
        rise: share of the steps that go up, in (0, 1).
        divide: full rate over first rate, at least 1.
        final_divide: first rate over last rate, at least 1.
    """

    rise: float = 0.3
    divide: float = 25.0
    final_divide: float = 1e4

    def __post_init__(self) -> None:
        _check(0 < self.rise < 1, f"rise is a share of the steps in (0, 1), got {self.rise}")
        _check(self.divide >= 1, f"divide is at least 1, got {self.divide}")
        _check(self.final_divide >= 1, f"final_divide is at least 1, got {self.final_divide}")

    def factors(self, k: Factors, total: int, per_epoch: int) -> Factors:
        """s_k; see `Schedule.factors`."""
        first, last = 1 / self.divide, 1 / (self.divide * self.final_divide)
        top = max(self.rise * total - 1, 0.0)
        up = _cosine(first, 1.0, k / max(top, 1.0))
        down = _cosine(1.0, last, (k - top) / max(total - 1 - top, 1.0))
        return np.where(k <= top, up, down)


@dataclass(frozen=True)
class Warmup:
    """s_k = (k + 1)/n for the first n steps; after them, another schedule over the steps that remain.

    Args:
        steps: n as a number of updates, or
        fraction: n as a share of all updates, in (0, 1]; used where `steps` is None.
        then: the schedule that follows; it counts its steps from 0.
    """

    steps: int | None = None
    fraction: float = 0.05
    then: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        _check(self.steps is None or self.steps >= 1, f"steps is at least 1, got {self.steps}")
        _check(0 < self.fraction <= 1, f"fraction lies in (0, 1], got {self.fraction}")

    def factors(self, k: Factors, total: int, per_epoch: int) -> Factors:
        """s_k; see `Schedule.factors`."""
        n = self.steps if self.steps is not None else max(1, round(self.fraction * total))
        after = self.then.factors(np.maximum(k - n, 0), max(total - n, 1), per_epoch)
        return np.where(k < n, (k + 1) / n, after)


SCHEDULES: dict[str, type[Constant | StepDecay | Cosine | CosLog | OneCycle | Warmup]] = {
    "constant": Constant,
    "step": StepDecay,
    "cosine": Cosine,
    "coslog": CosLog,
    "one-cycle": OneCycle,
    "warm-up": Warmup,
}


def get(schedule: str | Schedule) -> Schedule:
    """The schedule of that name with its default settings; a schedule is returned as it is.

    Raises:
        UnknownName: no schedule is called so.
    """
    if not isinstance(schedule, str):
        return schedule
    if schedule not in SCHEDULES:
        raise unknown("schedule", schedule, SCHEDULES)
    return SCHEDULES[schedule]()


def by_epoch(
    schedule: Schedule, learning_rate: float, epochs: int, per_epoch: int
) -> Iterator[tuple[Rates, float]]:
    """For each epoch, the rates that its engine takes and the rate of its last step.

    A constant rate is passed as one number, any other as an array, one rate per step, shape (per_epoch,).
    """
    if isinstance(schedule, Constant):
        for _ in range(epochs):
            yield learning_rate, learning_rate
        return
    at_once = max(1, _CHUNK // per_epoch)
    for first in range(0, epochs, at_once):
        last = min(first + at_once, epochs)
        k = np.arange(first * per_epoch, last * per_epoch, dtype=np.float64)
        s = schedule.factors(k, epochs * per_epoch, per_epoch)
        rates = (learning_rate * s).reshape(last - first, per_epoch)
        yield from zip(rates, rates[:, -1].tolist(), strict=True)


def _cosine(start: float, end: float, progress: Factors) -> Factors:
    """From start at 0 to end at 1 along half a wave."""
    return np.asarray(end + (start - end) * (1 + cos_turns(progress / 2)) / 2)


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise InvalidValue(otherwise)
