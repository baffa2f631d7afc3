"""Not a peer but the yardstick: how quickly NumPy multiplies float32 matrices here."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from benchmarks.session import Session
from benchmarks.works import Prediction, Training

SIZES = {128: 200, 256: 50, 512: 10, 1024: 3, 2048: 1}
"""Sides of the square matrices, and how many products of each a round times one by one."""


def rate() -> float:
    """GFLOP/s of the best product: 2n³ operations over the least seconds, the best of all n."""
    return max(2 * n**3 / _least_seconds(n, count) for n, count in SIZES.items()) / 1e9


def _least_seconds(n: int, count: int) -> float:
    rng = np.random.default_rng(n)
    A, B = (rng.random((n, n), dtype=np.float32) for _ in range(2))
    C = A @ B
    seconds = []
    for _ in range(count):
        start = perf_counter()
        np.matmul(A, B, out=C)
        seconds.append(perf_counter() - start)
    return min(seconds)


class Sgemm(Session):
    """In the rounds among the peers; its seconds are those of 10⁹ operations."""

    def reset(self) -> None:
        """Nothing to go back to."""

    def run(self) -> None:
        """``measure`` does its own timing, product by product."""

    def check(self) -> float:
        return 0.0

    def measure(self) -> float:
        return 1 / rate()


def train(work: Training, threads: int) -> Sgemm:
    return Sgemm()


def predict(work: Prediction, threads: int) -> Sgemm:
    return Sgemm()
