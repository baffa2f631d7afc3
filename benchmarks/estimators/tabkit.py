"""RealMLP and TabM of pytabkit with their defaults, which refuse missing numbers: those are imputed."""

from __future__ import annotations

from typing import Any

import pytabkit
from sklearn.pipeline import make_pipeline

from benchmarks.datasets import Task
from benchmarks.estimators.preprocessing import without_gaps

NAMES = {"realmlp-td": "RealMLP_TD", "realmlp-td-s": "RealMLP_TD_S", "tabm": "TabM_D"}


def make(key: str, task: Task, seed: int, threads: int) -> Any:
    kind = "Regressor" if task == "regression" else "Classifier"
    network = getattr(pytabkit, f"{NAMES[key]}_{kind}")
    return make_pipeline(
        without_gaps(), network(device="cpu", random_state=seed, n_threads=threads)
    )
