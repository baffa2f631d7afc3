"""What a peer offers the harness: a session with a work prepared, ready to be timed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.works import (
    Prediction,
    Training,
    Weights,
    logistic,
    logits,
    training_loss,
)

Call = Callable[[Any], object]
"""Rows in the peer's own form to its answer, anything that NumPy can read."""

LEAST_SECONDS = 0.3
"""A round repeats a short run until this much time was measured, and takes the median run."""


class NotSupportedError(Exception):
    """The peer has no such thing; the text says what, and the table shows it."""


class Session(ABC):
    """A work that a peer has prepared. ``note`` is shown below its line in the table."""

    note: str = ""

    @abstractmethod
    def reset(self) -> None:
        """Go back to the start, outside the timing."""

    @abstractmethod
    def run(self) -> None:
        """Do the whole work once; this is what is timed."""

    @abstractmethod
    def check(self) -> float:
        """How good the last run's result is: the number that shows all did the same work."""

    def measure(self) -> float:
        """Seconds of a run: the median of a round's runs."""
        seconds = [self._timed()]
        while sum(seconds) < LEAST_SECONDS:
            seconds.append(self._timed())
        return median(seconds)

    def _timed(self) -> float:
        self.reset()
        start = perf_counter()
        self.run()
        return perf_counter() - start


class TrainingSession(Session):
    """A training, judged by the mean loss of its final weights over the training rows."""

    def __init__(self, work: Training) -> None:
        self.work = work

    @abstractmethod
    def weights(self) -> Weights:
        """The current weights as NumPy arrays, W (d, e) and b (e,), from input to output."""

    def check(self) -> float:
        return training_loss(self.work, self.weights())


class PredictionSession(Session):
    """``call(rows)`` made ``work.units`` times, judged by its largest error against float64.

    ``rows`` is the work's X in the form that the peer takes, made outside the timing.
    """

    def __init__(self, work: Prediction, call: Call, rows: object) -> None:
        self.work = work
        self._calls = range(work.units)
        self._rows = rows
        self._call = call
        self._last: object = None

    def reset(self) -> None:
        self._last = None

    def run(self) -> None:
        call, rows = self._call, self._rows
        last = None
        for _ in self._calls:
            last = call(rows)
        self._last = last

    def check(self) -> float:
        expected = logistic(logits(self.work.weights(), self.work.data[0]))[:, 0]
        answer: NDArray[np.float64] = np.asarray(self._last, dtype=np.float64)
        return float(np.abs(answer.reshape(-1)[: len(expected)] - expected).max())


def quickest(call: Call, rows: object, count: int) -> tuple[Call, str]:
    """``call`` on all rows at once, or in the chunks in which it answers ``rows`` soonest.

    A library may be far from its best when intermediate results leave the cache; a person
    who has measured would cut the rows up, so the peer gets that too. Also says what was found.
    """
    if count == 1:
        return call, ""
    ways = {count: call} | {size: _in_chunks(call, count, size) for size in (65_536, 8_192, 1_024)}
    seconds = {size: min(_seconds(way, rows) for _ in range(2)) for size, way in ways.items()}
    best = min(seconds, key=seconds.__getitem__)
    said = f"{best:,} rows a call: {seconds[best]:.3f} s; all rows in one: {seconds[count]:.3f} s"
    return ways[best], said


def _in_chunks(call: Call, count: int, size: int) -> Call:
    def predict(rows: Any) -> object:
        answer = np.empty(count, np.float32)
        for start in range(0, count, size):
            answer[start : start + size] = np.asarray(call(rows[start : start + size])).reshape(-1)
        return answer

    return predict


def _seconds(call: Call, rows: object) -> float:
    start = perf_counter()
    call(rows)
    return perf_counter() - start
