"""A module's training by PyTorch itself: the lecture's loop, without a DataLoader where rows lie in tensors."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer as TorchOptimizer

from chainrule.engines.engine import Rates
from chainrule.errors import DivergenceError, InvalidValue
from chainrule.torch.batches import Rows, checked, device_of
from chainrule.torch.losses import batch_weight


class Stepping:
    """PyTorch's steps, one after the other, on whatever device the module is.

    Attributes:
        steps: how many updates were made.
        after_step: called after each of them.
        rows: in an epoch; 0 where that is not known.
        steps_per_epoch: None, as each step is followed by `after_step`.
    """

    name = "torch"

    def __init__(
        self,
        module: nn.Module,
        loss_fn: Any,
        optimizer: TorchOptimizer,
        data: Rows | Iterable[Any],
        after_step: Callable[[], None] | None = None,
    ) -> None:
        """Take the loop's parts; they are used as they are."""
        self._module, self._loss_fn, self._optimizer = module, loss_fn, optimizer
        self._device = device_of(module)
        self._data = data.to(self._device) if isinstance(data, Rows) else data
        self.after_step = after_step
        self.steps = 0
        self.rows = data.taken if isinstance(data, Rows) else 0
        self.steps_per_epoch = None

    def epoch(self, number: int, rates: Rates, step_losses: None = None) -> float:
        """One pass over the data; the optimizer has its rates already.

        Returns:
            The mean loss of the batches by their rows, each before its update.

        Raises:
            DivergenceError: a loss is not finite; its step is not made.
            InvalidValue: there are no batches, or one is no pair of tensors.
            DataError: a row is not finite.
        """
        total = weight = 0.0
        for step, batch in enumerate(self._data):
            X, y = batch if isinstance(self._data, Rows) else checked(batch, step + 1, self._device)
            loss = self._loss_fn(self._module(X), y)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise DivergenceError(number + 1, step + 1)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self.steps += 1
            if self.after_step:
                self.after_step()
            w = batch_weight(self._loss_fn, y)
            total, weight = total + w * value, weight + w
        if not weight:
            raise InvalidValue(
                f"the loader has no batches in epoch {number + 1}; an iterator can be read once only"
            )
        return total / weight

    def evaluate(self, X: Tensor, y: Tensor) -> float:
        """The loss over other rows, without dropout."""
        return loss_of(self._module, self._loss_fn, X.to(self._device), y.to(self._device))

    def state(self) -> Any:
        """A copy of the module's state and the optimizer's."""
        return copy.deepcopy((self._module.state_dict(), self._optimizer.state_dict()))

    def load(self, state: Any) -> None:
        """Go on from a state; the learning rates stay."""
        rates = [group["lr"] for group in self._optimizer.param_groups]
        self._module.load_state_dict(state[0])
        self._optimizer.load_state_dict(state[1])
        for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def store(self) -> None:
        """Leave no gradients behind; the rest is where it belongs."""
        self._optimizer.zero_grad()


def loss_of(module: nn.Module, loss_fn: Any, X: Tensor, y: Tensor) -> float:
    """The loss over rows in evaluation mode; every part keeps its mode."""
    with _modes_kept(module), torch.no_grad():
        module.eval()
        return float(loss_fn(module(X), y))


@contextmanager
def in_training_mode(module: nn.Module) -> Iterator[None]:
    """A while in which the module trains: all of it, if it is in evaluation mode as a whole."""
    with _modes_kept(module):
        if not module.training:
            module.train()
        yield


@contextmanager
def _modes_kept(module: nn.Module) -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
