"""scikit-learn's own, each with the preprocessing that its documentation asks for.

Logistic regression has its default C of 1, ridge regression an α by cross-validation. The networks
of regression learn standardised targets: on prices in dollars their defaults would not start.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.datasets import Task
from benchmarks.estimators.preprocessing import codes_of_words, numbers_only, words_of

WIDE: dict[str, Any] = {"hidden_layer_sizes": (256, 256), "early_stopping": True}


def make(key: str, task: Task, seed: int, threads: int) -> Any:
    if key == "boosting":
        return Boosting(task, seed)
    model = _regressor(key, seed) if task == "regression" else _classifier(key, seed)
    return make_pipeline(numbers_only(), model)


def _classifier(key: str, seed: int) -> BaseEstimator:
    if key == "constant":
        return DummyClassifier(strategy="prior")
    if key == "linear":
        return LogisticRegression(max_iter=1000)
    return MLPClassifier(random_state=seed, **(WIDE if key == "mlp-256" else {}))


def _regressor(key: str, seed: int) -> BaseEstimator:
    if key == "constant":
        return DummyRegressor()
    if key == "linear":
        return RidgeCV(np.logspace(-3, 3, 13))
    network = MLPRegressor(random_state=seed, **(WIDE if key == "mlp-256" else {}))
    return TransformedTargetRegressor(network, transformer=StandardScaler())


class Boosting(BaseEstimator):
    """HistGradientBoosting, told which columns are categories: it takes 255 of each, one is "rare"."""

    def __init__(self, task: Task, seed: int) -> None:
        self.task, self.seed = task, seed

    def fit(self, X: Any, y: Any) -> Boosting:
        regression = self.task == "regression"
        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        trees = kind(random_state=self.seed, categorical_features=words_of(X) or None)
        self.pipeline_ = make_pipeline(codes_of_words(most=255), trees).fit(X, y)
        return self

    @property
    def classes_(self) -> Any:
        return self.pipeline_.classes_

    def predict(self, X: Any) -> Any:
        return self.pipeline_.predict(X)

    def predict_proba(self, X: Any) -> Any:
        return self.pipeline_.predict_proba(X)
