"""masaMLP with its defaults; it takes words and gaps as they are."""

from __future__ import annotations

from typing import Any

from masamlp import MasaClassifier, MasaRegressor

from benchmarks.datasets import Task


def make(key: str, task: Task, seed: int, threads: int) -> Any:
    kind = MasaRegressor if task == "regression" else MasaClassifier
    return kind(device="cpu", random_state=seed, n_threads=threads)
