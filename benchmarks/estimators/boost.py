"""CatBoost with its defaults; columns of words are its categories."""

from __future__ import annotations

from typing import Any

import pandas as pd
from catboost import CatBoostClassifier, CatBoostRegressor

from benchmarks.datasets import Task
from benchmarks.estimators.preprocessing import words_of


def make(key: str, task: Task, seed: int, threads: int) -> Any:
    kind = CatBoostRegressor if task == "regression" else CatBoostClassifier
    return Boosted(
        kind(random_seed=seed, thread_count=threads, verbose=0, allow_writing_files=False)
    )


class Boosted:
    """CatBoost wants a word where a word is missing."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: pd.DataFrame, y: Any) -> Boosted:
        self.words = words_of(X)
        self.model.fit(self._filled(X), y, cat_features=self.words)
        return self

    @property
    def classes_(self) -> Any:
        return self.model.classes_

    def predict(self, X: pd.DataFrame) -> Any:
        return self.model.predict(self._filled(X))

    def predict_proba(self, X: pd.DataFrame) -> Any:
        return self.model.predict_proba(self._filled(X))

    def _filled(self, X: pd.DataFrame) -> pd.DataFrame:
        words = X[self.words].astype(object)
        X = X.copy()
        X[self.words] = words.where(words.notna(), "missing")
        return X
