"""scikit-learn's MLPClassifier and MLPRegressor: one fit for all epochs."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.session import NotSupportedError, PredictionSession, TrainingSession
from benchmarks.works import HYPERPARAMETERS, Floats, Prediction, Training, Weights, Work

SOLVERS = {"sgd": "sgd", "momentum": "sgd", "nesterov": "sgd", "adam": "adam"}


class SklearnTraining(TrainingSession):
    """Each run continues, by warm_start, from the work's initial weights."""

    def __init__(self, work: Training) -> None:
        super().__init__(work)
        if work.optimizer not in SOLVERS:
            raise NotSupportedError(f"has no {work.optimizer}")
        self.X, self.y = work.data
        self.model = _fitted(work, self.X, self.y, **_settings(work))
        self.model.set_params(max_iter=work.epochs)

    def reset(self) -> None:
        _load(self.model, self.work.weights())
        self._epochs_before = len(self.model.loss_curve_)

    def run(self) -> None:
        self.model.fit(self.X, self.y)

    def weights(self) -> Weights:
        epochs = len(self.model.loss_curve_) - self._epochs_before
        if epochs != self.work.epochs:
            raise RuntimeError(f"scikit-learn trained {epochs} epochs, not {self.work.epochs}")
        return list(zip(self.model.coefs_, self.model.intercepts_, strict=True))


def _settings(work: Training) -> dict[str, object]:
    """scikit-learn's squared error is half of the mean, so its SGD takes twice the rate."""
    rate = work.learning_rate
    doubled = work.loss == "squared_error" and SOLVERS[work.optimizer] == "sgd"
    return {
        "solver": SOLVERS[work.optimizer],
        "learning_rate_init": 2 * rate if doubled else rate,
        "momentum": HYPERPARAMETERS[work.optimizer].get("momentum", 0.0),
        "nesterovs_momentum": work.optimizer == "nesterov",
        "batch_size": work.batch,
    }


def _fitted(work: Work, X: Floats, y: Floats, **settings: object) -> MLPClassifier | MLPRegressor:
    """An estimator after one epoch, which then holds the work's weights."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    make = MLPRegressor if work.loss == "squared_error" else MLPClassifier
    common = {"alpha": 0.0, "tol": 0.0, "n_iter_no_change": 10**9, "warm_start": True}
    model = make(
        hidden_layer_sizes=work.sizes[1:-1], max_iter=1, random_state=0, **common, **settings
    )
    model.fit(X, y)
    _load(model, work.weights())
    return model


def _load(model: MLPClassifier | MLPRegressor, weights: Weights) -> None:
    model.coefs_ = [W for W, _ in weights]
    model.intercepts_ = [b for _, b in weights]


def train(work: Training, threads: int) -> SklearnTraining:
    """``threads`` is NumPy's affair, set by the environment of the process."""
    return SklearnTraining(work)


def predict(work: Prediction, threads: int) -> PredictionSession:
    """predict_proba, whose last column is the network's output."""
    X, _ = work.data
    model = _fitted(work, np.resize(X, (4, work.sizes[0])), np.array([0, 1, 0, 1], np.float32))
    return PredictionSession(work, lambda rows: model.predict_proba(rows)[:, 1], X)
