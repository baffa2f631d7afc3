"""What both PyTorch trainings share, and PyTorch's prediction."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.session import PredictionSession, TrainingSession, quickest
from benchmarks.works import HYPERPARAMETERS, Prediction, Training, Weights, Work

LOSSES: dict[str, Callable[[], nn.Module]] = {
    "binary_cross_entropy": nn.BCEWithLogitsLoss,
    "cross_entropy": nn.CrossEntropyLoss,
    "squared_error": nn.MSELoss,
}

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "momentum": torch.optim.SGD,
    "nesterov": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def module_of(work: Work, *output: nn.Module) -> nn.Sequential:
    """The work's network: Linear and ReLU in turn, then ``output`` behind the last Linear."""
    layers = [layer for d, e in pairwise(work.sizes) for layer in (nn.Linear(d, e), nn.ReLU())]
    module = nn.Sequential(*layers[:-1], *output)
    load(module, work.weights())
    return module


def linears(module: nn.Module) -> list[nn.Linear]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]


def load(module: nn.Module, weights: Weights) -> None:
    with torch.no_grad():
        for linear, (W, b) in zip(linears(module), weights, strict=True):
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))


def tensors(work: Work) -> tuple[Tensor, Tensor]:
    """X and y as PyTorch's losses take them: class numbers (n,), anything else (n, 1)."""
    X, y = (torch.from_numpy(array) for array in work.data)
    return X, y.long() if work.loss == "cross_entropy" else y.reshape(-1, 1)


class TorchTraining(TrainingSession):
    """Module, loss, optimizer and data; the loop over batches is the subclass's."""

    def __init__(self, work: Training, threads: int) -> None:
        super().__init__(work)
        torch.set_num_threads(threads)
        self.X, self.y = tensors(work)
        self.module = module_of(work)
        self.loss_fn = LOSSES[work.loss]()

    def reset(self) -> None:
        load(self.module, self.work.weights())
        settings = dict(HYPERPARAMETERS[self.work.optimizer])
        rate = settings.pop("learning_rate")
        nesterov = {"nesterov": True} if self.work.optimizer == "nesterov" else {}
        make = OPTIMIZERS[self.work.optimizer]
        self.optimizer = make(self.module.parameters(), lr=rate, **settings, **nesterov)

    def weights(self) -> Weights:
        found = [(layer.weight.detach(), layer.bias.detach()) for layer in linears(self.module)]
        return [(weight.T.numpy(), bias.numpy()) for weight, bias in found]


class InferenceSession(PredictionSession):
    """The calls are made under inference_mode, entered once a run."""

    def run(self) -> None:
        with torch.inference_mode():
            super().run()


def predict(work: Prediction, threads: int) -> InferenceSession:
    """The module in eval mode, called with a tensor."""
    torch.set_num_threads(threads)
    module = module_of(work, nn.Sigmoid()).eval()
    rows = tensors(work)[0]
    with torch.inference_mode():
        call, note = quickest(module, rows, work.rows)
    session = InferenceSession(work, call, rows)
    session.note = note
    return session
