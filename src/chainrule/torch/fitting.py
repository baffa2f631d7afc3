"""`fit`: a module, a loss and an optimizer of PyTorch, trained in the compiled engine where it can."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn
from torch.optim import Optimizer as TorchOptimizer

from chainrule.engines import Engine
from chainrule.errors import (
    ChainruleError,
    DivergenceError,
    EngineError,
    InvalidValue,
    ShapeError,
    unknown,
)
from chainrule.network import Network
from chainrule.torch.batches import Rows, as_tensors, batches, device_of
from chainrule.torch.doors import PyTorchInstead
from chainrule.torch.losses import takes_class_numbers
from chainrule.torch.native import Native
from chainrule.torch.scheduling import Scheduling
from chainrule.torch.stepping import Stepping, in_training_mode, loss_of
from chainrule.training.history import History
from chainrule.training.loop import Loop, Status
from chainrule.training.progress import Progress
from chainrule.training.stopping import Stopping

_REHEARSED = 8  # rows that the loss is tried on before anything is trained


@dataclass
class Fit:
    """What came out of `fit`; the module and the optimizer hold the rest.

    Attributes:
        engine: "native" or "torch".
        engine_reason: why it was that one.
        history: losses, learning rates and times, epoch by epoch.
        epochs: how many were completed.
        steps: how many updates were made.
        seconds: how long the epochs took, validation included.
        status: "finished", "stopped early" or "interrupted".
        best_epoch: the epoch, from 1, with the lowest validation loss (training loss without
            validation), the last of equals; 0 if there is none.
        kept_epoch: the epoch whose parameters the module has.
    """

    engine: str
    engine_reason: str
    history: History
    epochs: int
    steps: int
    seconds: float
    status: Status
    best_epoch: int
    kept_epoch: int


@dataclass(frozen=True)
class Setup:
    """What a loop of PyTorch is made of, checked.

    Attributes:
        module, loss_fn, optimizer: the user's own objects.
        scheduling: of the optimizer's learning rates.

    Raises:
        InvalidValue: nothing could train this; the text says why.
    """

    module: nn.Module
    loss_fn: Any
    optimizer: TorchOptimizer
    scheduling: Scheduling

    def __post_init__(self) -> None:
        """Check each part, and that they belong together."""
        if not isinstance(self.module, nn.Module):
            raise InvalidValue(f"a module of PyTorch is trained, got {type(self.module).__name__}")
        device_of(self.module)
        if not callable(self.loss_fn):
            raise InvalidValue(f"a loss takes outputs and targets, got {self.loss_fn!r}")
        if getattr(self.loss_fn, "reduction", "mean") == "none":
            raise InvalidValue(
                "a loss with reduction='none' gives a number for each row, where a step takes one:"
                " make it with reduction='mean'"
            )
        if not isinstance(self.optimizer, TorchOptimizer):
            kind = type(self.optimizer).__name__
            raise InvalidValue(f"an optimizer of torch.optim makes the steps, got {kind}")
        own = {id(p) for p in self.module.parameters()}
        if not any(id(p) in own for group in self.optimizer.param_groups for p in group["params"]):
            raise InvalidValue(
                "the optimizer holds none of the module's parameters: make it of module.parameters()"
            )


def fit(
    module: nn.Module,
    loss_fn: Any,
    optimizer: TorchOptimizer,
    X: Any,
    y: Any = None,
    epochs: int = 100,
    batch_size: int | None = None,
    *,
    shuffle: bool | None = None,
    scheduler: Any = None,
    scheduler_every: str = "epoch",
    validation: tuple[Any, Any] | None = None,
    stopping: int | Stopping | None = None,
    engine: str = "auto",
    threads: int | None = None,
    progress: bool = False,
) -> Fit:
    """Train a module in place; see `chainrule.torch.fit`."""
    setup = Setup(module, loss_fn, optimizer, Scheduling(optimizer, scheduler, scheduler_every))
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise InvalidValue(f"epochs is a whole number, 1 or more, got {epochs!r}")
    if engine not in ("auto", "native", "torch"):
        raise unknown("engine", engine, ["auto", "native", "torch"])
    like, classes = next(module.parameters()), takes_class_numbers(loss_fn)
    data, against = batches(X, y, batch_size, shuffle, like, classes)
    held = None if validation is None else as_tensors(*validation, like, classes)
    with in_training_mode(module):
        worker, reason = _worker(setup, data, against, engine, threads)
        return _run(setup, worker, reason, epochs, held, Stopping.of(stopping), progress)


def _worker(
    setup: Setup, data: Rows | Iterable[Any], against: str, engine: str, threads: int | None
) -> tuple[Native | Stepping, str]:
    """What runs the epochs, and why it is that."""
    first = _rehearsed(setup, data) if isinstance(data, Rows) else None
    if engine != "torch":
        try:
            native = _native(setup, data, against, first, threads)
            return native, "the fastest here" if engine == "auto" else "asked for"
        except EngineError as error:
            if engine == "native":
                raise EngineError(f"the native engine cannot train this: {error}") from error
            against = str(error)
            warnings.warn(
                f"trained in PyTorch, not natively: {against}", PyTorchInstead, stacklevel=4
            )
    stepping = Stepping(setup.module, setup.loss_fn, setup.optimizer, data)
    if setup.scheduling.by_step:
        stepping.after_step = setup.scheduling.scheduler.step
    return stepping, "asked for" if engine == "torch" else f"not native: {against}"


def _native(
    setup: Setup,
    data: Rows | Iterable[Any],
    against: str,
    first: tuple[Tensor, Tensor, float] | None,
    threads: int | None,
) -> Native:
    if not isinstance(data, Rows) or first is None:
        raise EngineError(against)
    device = device_of(setup.module)
    if device.type != "cpu" or data.X.device.type != "cpu":
        raise EngineError(f"it computes on the CPU, and the parameters are on {device}")
    setup.scheduling.check_rates_only()
    native = Native(setup.module, setup.loss_fn, setup.optimizer, data, threads)
    native.check_loss(*first)
    return native


def _rehearsed(setup: Setup, rows: Rows) -> tuple[Tensor, Tensor, float]:
    """The first rows, and PyTorch's own loss of them in evaluation mode.

    Raises:
        InvalidValue, ShapeError: the module or the loss does not take them, or takes them for
            something else.
    """
    device, parameter = device_of(setup.module), next(setup.module.parameters())
    X, y = rows.X[:_REHEARSED].to(device), rows.y[:_REHEARSED].to(device)
    if X.is_floating_point() and X.dtype != parameter.dtype:
        raise InvalidValue(
            f"X is {_type(X)} and the parameters are {_type(parameter)}: X.to({parameter.dtype})"
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Using a target size", UserWarning)
        try:
            loss = loss_of(setup.module, setup.loss_fn, X, y)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise ShapeError(f"PyTorch does not take the first rows: {_line(error)}") from error
        except UserWarning as broadcast:
            raise ShapeError(
                f"the targets have shape {tuple(rows.y.shape)} and would be compared, each with each,"
                f" with outputs of another: {_line(broadcast)}"
            ) from broadcast
    return X, y, loss


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _run(
    setup: Setup,
    worker: Native | Stepping,
    reason: str,
    epochs: int,
    validation: tuple[Tensor, Tensor] | None,
    stopping: Stopping,
    progress: bool,
) -> Fit:
    """Run the epochs, and put what was learned into the module and the optimizer."""
    history, shown = History(), Progress(worker.rows) if progress else None
    loop = Loop(
        cast(Engine, worker),  # of which the loop asks epochs, losses and states alone
        cast(Network, None),  # which no callback asks for
        setup.scheduling.rates(epochs, worker.steps_per_epoch, history),
        epochs,
        cast(Any, validation),
        stopping,
        (shown,) if shown else (),
    )
    loop.history = history
    start, before = worker.state(), worker.steps
    try:
        status = loop.run()
    except DivergenceError as error:
        worker.store()
        text = _what_happened(error, setup.optimizer)
        raise DivergenceError(error.epoch, error.step, text) from None
    except ChainruleError:
        worker.load(start)
        raise
    finally:
        if shown:
            shown.close()
    steps = worker.steps - before
    if loop.best is not None:
        worker.load(loop.best)
    worker.store()
    best = loop.watch.best_epoch
    return Fit(
        engine=worker.name,
        engine_reason=reason,
        history=history,
        epochs=len(history),
        steps=steps,
        seconds=history.rows[-1][3] if history.rows else 0.0,
        status=status,
        best_epoch=best,
        kept_epoch=len(history) if loop.best is None else best,
    )


def _what_happened(error: DivergenceError, optimizer: TorchOptimizer) -> str:
    rates = sorted({float(group["lr"]) for group in optimizer.param_groups})
    said = " and ".join(f"{rate:g}" for rate in rates)
    return (
        f"{error.message}; the module has its last finite parameters. Try a smaller learning rate"
        f" (it was {said}), or inputs and targets scaled to about −1 … 1"
    )
