"""Five times two halves: each is learned from once and judged by once (Dietterich, 1998)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold

from benchmarks.datasets import Task

SPLITS = 10
"""Splits 2r and 2r + 1 are the two halves of repetition r, drawn with the seed r."""

Rows = NDArray[np.intp]


def halves(y: pd.Series, task: Task, split: int) -> tuple[Rows, Rows]:
    """The rows to learn from and the rows to be judged by; with the classes' shares kept."""
    repetition, half = divmod(split, 2)
    kind = KFold if task == "regression" else StratifiedKFold
    folds = kind(2, shuffle=True, random_state=repetition).split(np.zeros(len(y)), y)
    learned, judged = list(folds)[half]
    return learned, judged
