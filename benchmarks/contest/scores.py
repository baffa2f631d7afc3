"""What predictions are worth on rows that were not learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.datasets import Task

SMALLEST = 1e-15
"""The least probability: where an estimator was sure and wrong, the loss stays finite."""


def scores(model: Any, X: pd.DataFrame, y: pd.Series, task: Task) -> dict[str, float]:
    """Log loss and accuracy, or R² and the root of the mean squared error."""
    if task == "regression":
        return of_numbers(y.to_numpy(dtype=float), np.ravel(model.predict(X)).astype(float))
    probability = np.asarray(model.predict_proba(X), dtype=np.float64)
    return of_classes(y.to_numpy(), probability, np.asarray(model.classes_))


def of_numbers(y: NDArray[Any], guess: NDArray[Any]) -> dict[str, float]:
    error = np.mean((y - guess) ** 2)
    return {"r2": float(1 - error / np.var(y)), "rmse": float(np.sqrt(error))}


def of_classes(
    y: NDArray[Any], probability: NDArray[np.float64], classes: NDArray[Any]
) -> dict[str, float]:
    """Of ``probability`` (n, k), a column for each of the k ``classes`` that were learned.

    A row of another class had a probability of ``SMALLEST``.
    """
    known = {label: j for j, label in enumerate(classes.tolist())}
    column = np.array([known.get(label, -1) for label in y.tolist()])
    given = np.where(column < 0, 0.0, probability[np.arange(len(y)), column])
    hit = column == probability.argmax(axis=1)
    loss = -np.mean(np.log(np.clip(given, SMALLEST, 1 - SMALLEST)))
    return {"log_loss": float(loss), "accuracy": float(np.mean(hit))}
