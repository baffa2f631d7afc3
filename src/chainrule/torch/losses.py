"""A loss of PyTorch under its name here, and its targets as the engines take them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chainrule.arrays import Array
from chainrule.errors import EngineError, InvalidValue

# Functions are the same as these classes with their defaults.
_FUNCTIONS: dict[Any, Callable[[], nn.Module]] = {
    F.binary_cross_entropy_with_logits: nn.BCEWithLogitsLoss,
    F.binary_cross_entropy: nn.BCELoss,
    F.cross_entropy: nn.CrossEntropyLoss,
    F.mse_loss: nn.MSELoss,
    F.l1_loss: nn.L1Loss,
    F.huber_loss: nn.HuberLoss,
    F.smooth_l1_loss: nn.SmoothL1Loss,
    F.poisson_nll_loss: nn.PoissonNLLLoss,
}
# The name here, and settings that have a twin; others are refused.
_CLASSES: dict[type[nn.Module], tuple[str, dict[str, Any]]] = {
    nn.BCEWithLogitsLoss: ("binary_cross_entropy", {"weight": None, "pos_weight": None}),
    nn.BCELoss: ("binary_cross_entropy", {"weight": None}),
    nn.CrossEntropyLoss: ("cross_entropy", {}),
    nn.MSELoss: ("squared_error", {}),
    nn.L1Loss: ("absolute_error", {}),
    nn.HuberLoss: ("huber", {"delta": 1.0}),
    nn.SmoothL1Loss: ("huber", {"beta": 1.0}),
    nn.PoissonNLLLoss: ("poisson", {"log_input": True, "full": False}),
}


@dataclass(frozen=True)
class Loss:
    """A loss of PyTorch that the engines have.

    Attributes:
        name: here.
        module: PyTorch's.
    """

    name: str
    module: nn.Module

    def check_output(self, phi: str) -> None:
        """Refuse an activation of the output layer that this loss does not go with.

        Raises:
            EngineError: a loss on logits has an activation before it, or BCELoss none.
        """
        ours = type(self.module) in (nn.BCEWithLogitsLoss, nn.CrossEntropyLoss, nn.PoissonNLLLoss)
        called = type(self.module).__name__
        if ours and phi:
            raise EngineError(
                f"{called} takes logits, and the module ends in {phi}: chainrule.torch.check says more"
            )
        if isinstance(self.module, nn.BCELoss) and phi != "logistic":
            raise EngineError(f"{called} takes what a Sigmoid gives, and the module ends in none")

    def targets(self, y: Tensor, outputs: int) -> tuple[Array, Array | None]:
        """Targets as engines take them, and weights of the rows.

        Args:
            y: as PyTorch's loss takes them.
            outputs: how many numbers the network gives for a row.

        Raises:
            InvalidValue: a target that the loss has no meaning for.
            EngineError: one that only PyTorch takes.
        """
        if isinstance(self.module, nn.CrossEntropyLoss):
            return _of_classes(self.module, y, outputs)
        if self.name == "binary_cross_entropy" and not ((y >= 0) & (y <= 1)).all():
            row = int(torch.nonzero(~((y >= 0) & (y <= 1)))[0][0])
            raise InvalidValue(f"its targets are in [0, 1]; y[{row}] is {y[row].tolist()}")
        return _numpy(y), None


def translated(loss_fn: Any) -> Loss:
    """A loss of PyTorch as one of ours.

    Raises:
        EngineError: there is no twin.
    """
    made = _FUNCTIONS.get(loss_fn)
    module = made() if made else loss_fn
    if type(module) not in _CLASSES:
        raise EngineError(f"it has no loss {_called(loss_fn)}")
    name, settings = _CLASSES[type(module)]
    if module.reduction != "mean":
        raise EngineError(f"it has no reduction {module.reduction!r}, the mean alone")
    for setting, value in settings.items():
        given = getattr(module, setting)
        if given is not value and given != value:
            raise EngineError(f"it has {_called(loss_fn)} with {setting}={value!r} only")
    return Loss(name, module)


def takes_class_numbers(loss_fn: Any) -> bool:
    """Whether the targets of a loss are class numbers."""
    classes = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss)
    return isinstance(loss_fn, classes) or loss_fn in (F.cross_entropy, F.nll_loss)


def batch_weight(loss_fn: Any, y: Tensor) -> float:
    """By what a batch's mean loss counts in that of an epoch: its rows, or their classes' weights."""
    weight = getattr(loss_fn, "weight", None)
    if isinstance(loss_fn, nn.CrossEntropyLoss) and weight is not None and y.ndim == 1:
        return float(weight[y].sum())
    return float(len(y))


def _of_classes(loss: nn.CrossEntropyLoss, y: Tensor, outputs: int) -> tuple[Array, Array | None]:
    smoothing, weight = loss.label_smoothing, loss.weight
    if y.is_floating_point():
        if weight is not None:
            raise EngineError("it has class weights for class numbers, not for probabilities")
        if (y < 0).any() or ((y.sum(dim=1) - 1).abs() > 1e-3).any():
            raise EngineError("it takes rows of probabilities that sum to 1")
        return _numpy(y * (1 - smoothing) + smoothing / outputs), None
    if (y == loss.ignore_index).any():
        raise EngineError(f"it ignores no rows, and some targets are {loss.ignore_index}")
    outside = torch.nonzero((y < 0) | (y >= outputs))
    if len(outside):
        row = int(outside[0][0])
        raise InvalidValue(
            f"targets are class numbers from 0 to {outputs - 1}; y[{row}] is {y[row]}"
        )
    if smoothing:
        if weight is not None:
            raise EngineError("it has label smoothing or class weights, not both")
        hot = F.one_hot(y, outputs).double()
        return _numpy(hot * (1 - smoothing) + smoothing / outputs), None
    return _numpy(y)[:, None], None if weight is None else _numpy(weight[y])


def _numpy(values: Tensor) -> Array:
    return np.asarray(values.detach().cpu().numpy())


def _called(loss_fn: Any) -> str:
    return str(getattr(loss_fn, "__name__", type(loss_fn).__name__))
