"""The set-up under examination: private copies of the user's objects, and some of the rows."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.errors import InvalidValue
from chainrule.torch.diagnosis.watching import Pass, run


@dataclass
class Setup:
    """Copies that may be trained and broken.

    Attributes:
        module: a copy.
        loss_fn: a copy, if it is a module.
        optimizer: a copy, over the copied module's parameters.
        inputs: the arguments of the module: some rows.
        targets: of these rows.
        columns: the names of the input's columns, where it has names.
    """

    module: nn.Module
    loss_fn: Callable[..., Any]
    optimizer: torch.optim.Optimizer | None
    inputs: tuple[Any, ...]
    targets: Any
    columns: tuple[str, ...] = ()

    def fresh(self) -> tuple[nn.Module, Callable[..., Any], torch.optim.Optimizer | None]:
        """Copies of the copies, as the user handed them over, in training mode."""
        return _copied(self.module, self.loss_fn, self.optimizer)

    def copy(self) -> nn.Module:
        """The module alone."""
        return copy.deepcopy(self.module)

    def run(self, module: nn.Module | None = None, training: bool = True) -> Pass:
        """One pass of a fresh copy, or of a module."""
        module = self.copy() if module is None else module
        module.train(training)
        return run(module, self.loss_fn, self.inputs, self.targets)

    @property
    def device(self) -> torch.device:
        """Where the first parameter is."""
        return next((p.device for p in self.module.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The type of the first parameter that is a float."""
        floats = (p.dtype for p in self.module.parameters() if p.is_floating_point())
        return next(floats, torch.float32)


def copies(module: Any, loss_fn: Any, optimizer: Any) -> tuple[Any, Any, Any]:
    """Copies that share their parameters as the originals do.

    Raises:
        InvalidValue: one of them is not what it should be, or cannot be copied.
    """
    if not isinstance(module, nn.Module):
        raise InvalidValue(f"module is a torch.nn.Module, got {type(module).__name__}")
    if not callable(loss_fn):
        raise InvalidValue(f"loss_fn is called with outputs and labels; got {loss_fn!r}")
    if optimizer is not None and not isinstance(optimizer, torch.optim.Optimizer):
        raise InvalidValue(
            f"optimizer is one of torch.optim over the module's parameters, got {type(optimizer).__name__}"
        )
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in module.parameters()):
        raise InvalidValue("the module has lazy layers: send one batch through it first")
    try:
        return _copied(module, loss_fn, optimizer)
    except Exception as error:  # a copy runs code of the user's
        raise InvalidValue(
            "the check works on a copy, and copy.deepcopy of module, loss and optimizer fails: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error


def _copied(module: Any, loss_fn: Any, optimizer: Any) -> tuple[Any, Any, Any]:
    """Deep copies; what optimizers keep beside their pickled state, as L-BFGS does, comes along."""
    memo: dict[int, Any] = {}
    new = copy.deepcopy((module, loss_fn, optimizer), memo)
    for key, value in vars(optimizer).items() if optimizer is not None else ():
        if key not in vars(new[2]) and not callable(value):  # a scheduler's step stays with it
            setattr(new[2], key, copy.deepcopy(value, memo))
    return new


@contextmanager
def randomness_kept() -> Iterator[None]:
    """All global generators go on afterwards as if nothing had been drawn."""
    states = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def path(name: str) -> str:
    """A part of a module as one writes it: "layers.2.fc" is module.layers[2].fc."""
    parts = (f"[{part}]" if part.isdigit() else f".{part}" for part in name.split(".") if part)
    return "module" + "".join(parts)


def label(name: str, part: nn.Module) -> str:
    """A part by name and sizes, as "fc1 = Linear(4, 8)"."""
    sizes = _sizes(part)
    return f"{path(name)} = {type(part).__name__}({sizes})" if name else "the module itself"


def _sizes(part: nn.Module) -> str:
    for names in (("in_features", "out_features"), ("in_channels", "out_channels"),
                  ("num_embeddings", "embedding_dim"), ("num_features",), ("normalized_shape",)):  # fmt: skip
        if all(hasattr(part, each) for each in names):
            return ", ".join(str(getattr(part, each)) for each in names)
    return "…"


def shape(value: Any) -> str:
    """Of a tensor, as Python writes tuples."""
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__
