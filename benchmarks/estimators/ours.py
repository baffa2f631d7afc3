"""chainrule's estimators with their defaults."""

from __future__ import annotations

from typing import Any

from benchmarks.datasets import Task
from chainrule.sklearn import Classifier, Regressor


def make(key: str, task: Task, seed: int, threads: int) -> Any:
    kind = Regressor if task == "regression" else Classifier
    return kind(random_state=seed, threads=threads)
