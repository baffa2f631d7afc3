"""The functions of this room, which ask for PyTorch when they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chainrule.activations import Activation
from chainrule.errors import MissingExtra
from chainrule.network import Network

if TYPE_CHECKING:
    from torch import nn

    from chainrule.torch.diagnosis import Findings
    from chainrule.torch.fitting import Fit
    from chainrule.training.stopping import Stopping


class PyTorchInstead(UserWarning):
    """The compiled engine cannot train this, and PyTorch does; the text says why."""


def from_torch(module: nn.Module, output: str | Activation | None = None) -> Network:
    """A network with a module's layers and exact copies of its weights: see `Network.from_torch`."""
    with _pytorch():
        from chainrule.torch.reading import network_of
    return network_of(module, output)


def to_torch(network: Network) -> Any:
    """A module with a network's layers and copies of its weights: see `Network.to_torch`."""
    with _pytorch():
        from chainrule.torch.module import NetworkModule
    return NetworkModule(network)


def to_torch_source(network: Network, weights: str | None = None) -> str:
    """The same module as a script: see `Network.to_torch_source`; PyTorch is not needed for it."""
    from chainrule.torch.source import source

    return source(network, weights)


def fit(
    module: nn.Module,
    loss_fn: Any,
    optimizer: Any,
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
    """Train a module of yours in place, with your loss and your optimizer.

    The compiled engine does it where it can do the same as PyTorch; else PyTorch does, and a
    `PyTorchInstead` warning says why. Afterwards the parameters are in the module, and moments and
    numbers of steps in the optimizer, so that you can go on by hand. Batches are those that a
    `DataLoader(TensorDataset(X, y), batch_size, shuffle)` would give at the same seed of PyTorch.

    Args:
        module: a module; its parts train as if it were in training mode, if it is not.
        loss_fn: a loss of torch.nn, or a function of outputs and targets that gives one number.
        optimizer: of torch.optim, over the module's parameters.
        X: rows (n, d) as a tensor or an array; or a Dataset; or a DataLoader or any iterable of
            (rows, targets), which is consumed as it is unless it lies over a TensorDataset.
        y: targets of rows, as the loss takes them. Arrays are brought to the parameters' type,
            tensors have to have it.
        epochs: passes over the data.
        batch_size: rows in a step; 32 without it. A loader has its own.
        shuffle: whether each epoch takes the rows in an order of its own; it does without it.
        scheduler: of torch.optim.lr_scheduler.
        scheduler_every: when it is stepped, after each "epoch" or after each "step".
        validation: rows and targets whose loss is noted after each epoch.
        stopping: epochs without a gain before training stops and the best epoch's parameters and
            moments are taken, or a `Stopping`; 0 or None trains to the end.
        engine: auto, native, or torch.
        threads: how many the compiled engine may use; None lets it choose.
        progress: show it on standard error.

    Returns:
        A `Fit`: the engine and why it was that, the history, how many epochs and steps.

    Raises:
        DivergenceError: a loss is not finite; the module has its last finite parameters.
        EngineError: "native" was asked for and cannot do it.
        ShapeError, DataError, InvalidValue, UnknownName: something does not fit; the text says
            what, and the module is left as it was.
        MissingExtra: PyTorch is not installed.
    """
    with _pytorch():
        from chainrule.torch import fitting
    return fitting.fit(
        module,
        loss_fn,
        optimizer,
        X,
        y,
        epochs,
        batch_size,
        shuffle=shuffle,
        scheduler=scheduler,
        scheduler_every=scheduler_every,
        validation=validation,
        stopping=stopping,
        engine=engine,
        threads=threads,
        progress=progress,
    )


def check(
    module: nn.Module,
    loss_fn: Callable[..., Any],
    optimizer: Any = None,
    X: Any = None,
    y: Any = None,
    *,
    step: Callable[[Any, Any], Any] | None = None,
    predict: Callable[[Any], Any] | None = None,
) -> Findings:
    """Find the mistakes of a set-up before it is trained; the report is empty when all is well.

    Copies of module, loss and optimizer are run forward and back on at most 256 rows, and take a
    few steps. A step function holds your own module, so it runs on that one, for at least 3 batches
    of at most 32 rows; what it changes is put back. All your objects, and the random numbers to
    come, are as before when this returns.

    Args:
        module: any module of PyTorch.
        loss_fn: called as loss_fn(module(X), y): a loss of torch.nn, a function, or your own.
        optimizer: over the module's parameters; without it membership and learning rate are left out.
        X: rows: a tensor, an array, a table, a tuple of these for a module with several arguments,
            or a Dataset or DataLoader of pairs.
        y: the labels, as you would give them to the loss.
        step: your own training step, called as step(X_batch, y_batch).
        predict: your own prediction, called as predict(X_batch) in the mode in which the module is,
            or in which `step` leaves it.

    Returns:
        Findings, each with code, what, where, why and fix; false when there are none.

    Raises:
        InvalidValue: an argument is not what it should be, there are no rows, or the module cannot
            be copied.
        ShapeError: X and y have different numbers of rows.
        MissingExtra: PyTorch is not installed.
    """
    with _pytorch():
        from chainrule.torch.diagnosis import check as examined
    return examined(module, loss_fn, optimizer, X, y, step=step, predict=predict)


@contextmanager
def _pytorch() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as absent:
        if absent.name != "torch":
            raise
        raise MissingExtra("torch") from absent
