"""Scikit-learn's own callbacks, on versions that have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV

from chainrule.sklearn import Classifier

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has it from 1.9 on")
X, y = load_iris(return_X_y=True)
SMALL: dict[str, Any] = {"members": 4, "epochs": 3, "hidden": (8,), "random_state": 0}


class Listener:
    """Notes the tasks that end, and what the estimator then predicts."""

    def __init__(self, most: int = 99) -> None:
        self.ended: list[tuple[str, ...]] = []
        self.losses: list[float] = []
        self.most = most

    def setup(self, estimator: Any, context: Any) -> None: ...

    def teardown(self, estimator: Any, context: Any) -> None:
        self.ended.append(("teardown",))

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any, y: Any, fitted_estimator: Any
    ) -> bool:
        path = (context.task_name,)
        while context.parent is not None:
            context = context.parent
            path = (context.task_name, *path)
        self.ended.append(path)
        p = fitted_estimator.predict_proba(X)
        assert fitted_estimator is not estimator
        self.losses.append(log_loss(y, p))
        return len([one for one in self.ended if one[-1] == "epoch"]) >= self.most


def test_networks_and_epochs_are_tasks() -> None:
    listener = Listener()
    model = Classifier(threads=1, **SMALL).set_callbacks(listener).fit(X, y)
    epochs = [("fit", "network", "epoch")] * 3
    assert listener.ended == [
        *[*epochs, ("fit", "network")] * 4, ("fit",), ("teardown",),
    ]  # fmt: skip
    assert listener.losses[0] > listener.losses[2]
    assert listener.losses[-1] == pytest.approx(log_loss(y, model.predict_proba(X)))
    assert model.results_[3].epochs == 3


def test_a_callback_ends_a_networks_training() -> None:
    model = Classifier(threads=1, **SMALL).set_callbacks(Listener(most=2)).fit(X, y)
    assert [result.epochs for result in model.results_] == [2, 1, 1, 1]


def test_they_change_nothing() -> None:
    plain = Classifier(**SMALL).fit(X, y)
    heard = Classifier(**SMALL).set_callbacks(Listener()).fit(X, y)
    assert np.array_equal(plain.predict_proba(X), heard.predict_proba(X))


def test_scikit_learns_bar_and_monitor(capsys: pytest.CaptureFixture[str]) -> None:
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    search = GridSearchCV(Classifier(**SMALL).set_callbacks(monitor), {"dropout": [0.0, 0.1]}, cv=2)
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=2)).fit(X, y)
    assert "Classifier - network #3" in capsys.readouterr().out
