"""chainrule's native engine, by the calls that a user writes.

How many of the processors it uses is left to the engine, as a user leaves it: a number given by
hand would be obeyed, also on networks that it slows down. It has no more than the peers have.
"""

from __future__ import annotations

from typing import Any

import chainrule
from benchmarks.session import PredictionSession, TrainingSession
from benchmarks.works import HYPERPARAMETERS, Prediction, Training, Weights, Work
from chainrule.engines.native_engine import predictor

OPTIMIZERS = {
    "sgd": "SGD",
    "momentum": "SGD",
    "nesterov": "SGD",
    "adagrad": "Adagrad",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "adamw": "AdamW",
}


def network_of(work: Work, output: str) -> Any:
    weights = work.weights()
    activations = ["relu"] * (len(weights) - 1) + [output]
    layers = zip(weights, activations, strict=True)
    return chainrule.Network([chainrule.Layer(W, b, activation) for (W, b), activation in layers])


def optimizer_of(work: Training) -> Any:
    settings: dict[str, Any] = dict(HYPERPARAMETERS[work.optimizer])
    if work.optimizer == "nesterov":
        settings["nesterov"] = True
    return getattr(chainrule, OPTIMIZERS[work.optimizer])(**settings)


class ChainruleTraining(TrainingSession):
    """One call of ``chainrule.train``, its checks of the data and its history included."""

    engine = "native"

    def __init__(self, work: Training) -> None:
        super().__init__(work)
        self.X, self.y = work.data
        if work.loss == "cross_entropy":
            self.y = self.y.astype(int)
        self.optimizer = optimizer_of(work)

    def reset(self) -> None:
        self.network = network_of(self.work, "identity")

    def run(self) -> None:
        result = chainrule.train(
            self.network,
            self.X,
            self.y,
            loss=self.work.loss,
            optimizer=self.optimizer,
            epochs=self.work.epochs,
            batch_size=self.work.batch,
            engine=self.engine,
            seed=0,
        )
        self.note = f"{result.isa}, threads used: {result.threads}"

    def weights(self) -> Weights:
        return [(layer.W, layer.b) for layer in self.network.layers]


def train(work: Training, threads: int) -> ChainruleTraining:
    return ChainruleTraining(work)


def predict(work: Prediction, threads: int) -> PredictionSession:
    """The callable that ``predictor`` returns, called with a NumPy array."""
    return PredictionSession(work, predictor(network_of(work, "logistic")), work.data[0])
