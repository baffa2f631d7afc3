"""The estimators that are compared: a file each, imported only in the process that fits it.

A module has ``make(key, task, seed, threads)``: an unfitted scikit-learn estimator that takes a
table with text and gaps as it is.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from benchmarks.datasets import Task


class Fitted(Protocol):
    """What a competitor has after ``fit``, ``classes_`` and ``predict_proba`` if it classifies."""

    classes_: Any

    def fit(self, X: Any, y: Any) -> Any: ...
    def predict(self, X: Any) -> Any: ...
    def predict_proba(self, X: Any) -> Any: ...


@dataclass(frozen=True)
class Estimator:
    """``module`` lies in this package, ``needs`` is imported there, pip calls that ``package``."""

    key: str
    name: str
    module: str
    needs: str
    package: str

    @property
    def version(self) -> str | None:
        """That of its package; None where it is not installed."""
        try:
            if importlib.util.find_spec(self.needs) is None:
                return None
        except ModuleNotFoundError:  # the package above it
            return None
        try:
            return version(self.package)
        except PackageNotFoundError:  # on the path without having been installed
            return str(importlib.import_module(self.package).__version__)

    def make(self, task: Task, seed: int, threads: int) -> Fitted:
        module = importlib.import_module(f"benchmarks.estimators.{self.module}")
        made: Fitted = module.make(self.key, task, seed, threads)
        return made


SKLEARN = ("scikit", "sklearn", "scikit-learn")
PYTABKIT = ("tabkit", "pytabkit", "pytabkit")

ESTIMATORS: Mapping[str, Estimator] = {
    estimator.key: estimator
    for estimator in (
        Estimator("chainrule", "chainrule", "ours", "chainrule.sklearn", "chainrule"),
        Estimator("constant", "constant guess", *SKLEARN),
        Estimator("linear", "logistic or ridge regression", *SKLEARN),
        Estimator("mlp", "scikit-learn MLP, default", *SKLEARN),
        Estimator("mlp-256", "scikit-learn MLP, 256-256, early stopping", *SKLEARN),
        Estimator("boosting", "scikit-learn HistGradientBoosting", *SKLEARN),
        Estimator("catboost", "CatBoost", "boost", "catboost", "catboost"),
        Estimator("realmlp-td-s", "RealMLP TD-S", *PYTABKIT),
        Estimator("realmlp-td", "RealMLP TD", *PYTABKIT),
        Estimator("tabm", "TabM", *PYTABKIT),
        Estimator("masamlp", "masaMLP", "masa", "masamlp", "masamlp"),
    )
}
