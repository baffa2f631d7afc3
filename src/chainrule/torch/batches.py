"""What is trained on: rows that are read once and taken in a loader's order, or any loader as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
)

from chainrule.errors import DataError, InvalidValue, ShapeError

Pair: TypeAlias = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Rows:
    """Rows and targets, and the order in which a loader would take them.

    Attributes:
        X, y: read once.
        loader: a DataLoader over them, asked for the order of each epoch and for nothing else.
    """

    X: Tensor
    y: Tensor
    loader: DataLoader[Any]

    @property
    def batch_size(self) -> int:
        """Rows in a batch; the last may have fewer."""
        return int(self.loader.batch_size or 0)

    @property
    def taken(self) -> int:
        """How many rows an epoch takes."""
        count = len(self.loader.sampler)  # type: ignore[arg-type]
        return count - count % self.batch_size if self.loader.drop_last else count

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return len(self.loader)

    def order(self) -> Tensor:
        """The rows of the next epoch, (taken,), drawn as the loader would draw them.

        Chance is asked as often as a pass through the loader asks it, so that a training here and
        one by hand go through the same batches and leave the generator alike.
        """
        sampler, generator = self.loader.sampler, self.loader.generator
        number = torch.empty((), dtype=torch.int64)
        number.random_(generator=generator)  # the seed of its workers
        if type(sampler) is RandomSampler and not sampler.replacement:
            order = _drawn(sampler, len(self.X), number)
        elif type(sampler) is SequentialSampler:
            order = torch.arange(len(self.X))
        else:
            order = torch.as_tensor(list(sampler), dtype=torch.int64)
        return order[: self.taken] if self.loader.drop_last else order

    def __iter__(self) -> Iterator[Pair]:
        """The batches of one epoch."""
        for rows in torch.split(self.order(), self.batch_size):
            where = rows.to(self.X.device)
            yield self.X[where], self.y[where]

    def to(self, device: torch.device) -> Rows:
        """The same rows on a device."""
        return Rows(self.X.to(device), self.y.to(device), self.loader)


def _drawn(sampler: RandomSampler, n: int, number: Tensor) -> Tensor:
    """A RandomSampler's order without replacement, and without a Python number for each row."""
    count, generator = sampler.num_samples, sampler.generator
    if generator is None:
        generator = torch.Generator()
        generator.manual_seed(int(number.random_()))
        if count == n:
            return torch.randperm(n, generator=generator)
    orders = [torch.randperm(n, generator=generator) for _ in range(count // n + 1)]
    return torch.cat(orders)[:count]  # the last is drawn also where nothing of it is taken


def batches(
    X: Any,
    y: Any,
    batch_size: int | None,
    shuffle: bool | None,
    like: Tensor,
    whole_numbers: bool,
) -> tuple[Rows | Iterable[Any], str]:
    """What to train on, and why it cannot be read once, if it cannot.

    Args:
        X: rows as a tensor or an array, or a Dataset, or a loader.
        y: targets of rows.
        batch_size: rows in a step; 32 without it.
        shuffle: whether each epoch takes the rows in an order of its own; so it is without it.
        like: a parameter, whose type arrays are brought to.
        whole_numbers: whether targets are class numbers.

    Raises:
        InvalidValue, DataError, ShapeError: it cannot be trained on; the text says why.
    """
    if isinstance(X, DataLoader) or (not isinstance(X, (Tensor, Dataset)) and y is None):
        _check_loader(X, y, batch_size, shuffle)
        return _read(X)
    dataset = X
    if not isinstance(X, Dataset):
        dataset = TensorDataset(*as_tensors(X, y, like, whole_numbers))
    elif y is not None:
        raise InvalidValue("a dataset holds its targets: leave y out")
    if not hasattr(dataset, "__len__"):
        return _read(DataLoader(dataset, batch_size=_size(batch_size)))
    if not len(dataset):
        raise ShapeError("there are no rows to train on")
    return _read(
        DataLoader(dataset, batch_size=_size(batch_size), shuffle=shuffle is None or shuffle)
    )


def _size(batch_size: int | None) -> int:
    if batch_size is None:
        return 32
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise InvalidValue(f"batch_size is a whole number, 1 or more, got {batch_size!r}")
    return batch_size


def _check_loader(loader: Any, y: Any, batch_size: int | None, shuffle: bool | None) -> None:
    if not isinstance(loader, Iterable):
        raise InvalidValue(f"rows are a tensor, a dataset or a loader, got {type(loader).__name__}")
    given = {"y": y, "batch_size": batch_size, "shuffle": shuffle}
    for name, value in given.items():
        if value is not None:
            raise InvalidValue(f"a loader decides about {name} itself: leave it out")


def as_tensors(X: Any, y: Any, like: Tensor, whole_numbers: bool) -> Pair:
    """Rows and targets; arrays are brought to the parameters' type, tensors stay what they are.

    Raises:
        InvalidValue, ShapeError: they are no numbers, or not row for row.
    """
    if y is None:
        raise InvalidValue("rows need targets: fit(module, loss_fn, optimizer, X, y)")
    rows = X if isinstance(X, Tensor) else _from_array(X, "X").to(like.dtype)
    t = y
    if not isinstance(y, Tensor):
        t = _from_array(y, "y")
        t = t.long() if whole_numbers and t.ndim == 1 else t.to(like.dtype)
    if not rows.ndim or not t.ndim or len(rows) != len(t):
        raise ShapeError(f"X has shape {tuple(rows.shape)}, y {tuple(t.shape)}: not row for row")
    return rows, t


def _from_array(values: Any, name: str) -> Tensor:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise InvalidValue(f"{name} must be numbers, got an array of {array.dtype}")
    return torch.from_numpy(np.ascontiguousarray(array))


def _read(loader: Any) -> tuple[Rows | Iterable[Any], str]:
    """The rows behind a loader, if they lie in tensors and come as they lie."""
    against = _not_tensors(loader)
    if against:
        return loader, against
    X, y = _held(loader.dataset)
    rows = Rows(X, y, loader)
    if not rows.taken:
        raise InvalidValue("the loader has no batches")
    _check_finite(X)
    return rows, ""


def _not_tensors(loader: Any) -> str:
    """Why a loader has to be consumed as it is."""
    if type(loader) is not DataLoader:
        return f"{type(loader).__name__} is no DataLoader"
    dataset: Any = loader.dataset
    while type(dataset) is Subset:
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset:
        return f"the data are a {type(dataset).__name__} and no TensorDataset"
    if len(dataset.tensors) != 2:
        return f"the TensorDataset holds {len(dataset.tensors)} tensors and not two"
    if type(loader.batch_sampler) is not BatchSampler:
        return "the DataLoader has its own way to make batches"
    if loader.collate_fn is not default_collate:
        return "the DataLoader has its own collate_fn"
    return ""


def _held(dataset: Any) -> Pair:
    if type(dataset) is Subset:
        X, y = _held(dataset.dataset)
        where = torch.as_tensor(dataset.indices, dtype=torch.int64)
        return X[where], y[where]
    X, y = dataset.tensors
    return X, y


def _check_finite(X: Tensor) -> None:
    if not X.is_floating_point():
        return
    finite = torch.isfinite(X)
    if not finite.all():
        at = tuple(torch.nonzero(~finite)[0].tolist())
        place = ", ".join(map(str, at))
        raise DataError(f"X[{place}] is {X[at].item()}: not a finite number")


def checked(batch: Any, number: int, device: torch.device) -> Pair:
    """A batch of any loader as rows and targets on the module's device.

    Raises:
        InvalidValue: it is no pair of tensors.
        DataError: a row holds something that is no finite number.
    """
    pair = isinstance(batch, (tuple, list)) and len(batch) == 2
    if not pair or not all(isinstance(part, Tensor) for part in batch):
        raise InvalidValue(f"batch {number} of the loader is no pair of tensors (rows, targets)")
    X, y = batch
    try:
        _check_finite(X)
    except DataError as error:
        raise DataError(f"batch {number} of the loader: {error}") from error
    return X.to(device), y.to(device)


def device_of(module: nn.Module) -> torch.device:
    """Where the parameters are.

    Raises:
        InvalidValue: there are none, or they are on more than one device.
    """
    devices = {p.device for p in module.parameters()}
    if not devices:
        raise InvalidValue("the module has no parameters to train")
    if len(devices) > 1:
        names = " and ".join(sorted(map(str, devices)))
        raise InvalidValue(f"the module's parameters are on {names}: bring them to one by .to()")
    return devices.pop()
