"""Rows of whatever holds them: tensors, arrays, tables of pandas, data sets, loaders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from chainrule.errors import InvalidValue, ShapeError

MOST = 256  # rows that are sent through the module


@dataclass(frozen=True)
class Rows:
    """What the module is given and what it should answer.

    Attributes:
        inputs: the arguments of the module, each with all rows that are in memory.
        targets: of these rows; None if there are none.
        columns: the names of the columns of the only argument, where it has names.
    """

    inputs: tuple[Any, ...]
    targets: Any
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs[0])

    def some(self) -> Rows:
        """At most 256 of them, evenly chosen: sorted tables begin with one class only."""
        count = len(self)
        if count <= MOST:
            return self
        return self.at(torch.linspace(0, count - 1, MOST).long())

    def at(self, rows: Tensor) -> Rows:
        """Those with some numbers."""
        targets = None if self.targets is None else self.targets[rows.to(self.targets.device)]
        return Rows(tuple(x[rows.to(x.device)] for x in self.inputs), targets, self.columns)


def rows_of(X: Any, y: Any) -> Rows:
    """The rows that the user gave.

    Args:
        X: a tensor, an array, a table, a tuple of these for a module with several arguments, or a
            Dataset or DataLoader of pairs.
        y: the labels; None with a Dataset or DataLoader.

    Raises:
        InvalidValue: they are none of these, or there are none.
        ShapeError: X and y have different numbers of rows.
    """
    if X is None:
        raise InvalidValue("the check needs rows: X=… and y=…, or a DataLoader as X")
    if isinstance(X, DataLoader | Dataset):
        if y is not None:
            raise InvalidValue("a Dataset or DataLoader brings its own labels: leave y out")
        X, y = _pairs(X)
    columns = tuple(map(str, X.columns)) if hasattr(X, "columns") else ()
    arguments = tuple(X) if isinstance(X, tuple) else (X,)
    rows = Rows(tuple(_tensor(x, "X") for x in arguments), _tensor(y, "y"), columns)
    _check_counts(rows)
    return rows


def _check_counts(rows: Rows) -> None:
    given = [*rows.inputs, *([] if rows.targets is None else [rows.targets])]
    if not given or any(each.ndim == 0 or not len(each) for each in given):
        raise InvalidValue("X or y is empty: the check needs at least one row")
    if len({len(each) for each in given}) > 1:
        raise ShapeError(
            f"X has {len(rows):,} rows and y has {len(given[-1]):,}: give a label for each row"
        )


def _tensor(value: Any, name: str) -> Any:
    """As a tensor of the same type, so that float64 stays what it is."""
    if value is None or isinstance(value, Tensor):
        return value if value is None else value.detach()
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise InvalidValue(
            f"{name} is of numbers: a tensor or an array, got {type(value).__name__} of {array.dtype}"
        )
    return torch.from_numpy(np.ascontiguousarray(array).copy())


def _pairs(source: Any) -> tuple[Any, Any]:
    """The first batches of a loader, or rows of a data set, evenly chosen."""
    batch = _joined(source) if isinstance(source, DataLoader) else _collated(source)
    if not isinstance(batch, list | tuple) or len(batch) != 2:
        raise InvalidValue("a Dataset or DataLoader gives pairs here: (X, y)")
    X, y = batch
    return (tuple(X) if isinstance(X, list) else X), y


@contextmanager
def _drawn_again(loader: Any) -> Iterator[None]:
    """The loader's own generators are as before afterwards."""
    holders = (loader, loader.sampler, loader.batch_sampler)
    own = [getattr(each, "generator", None) for each in holders]
    states = [(each, each.get_state()) for each in own if isinstance(each, torch.Generator)]
    try:
        yield
    finally:
        for generator, state in states:
            generator.set_state(state)


def _joined(loader: DataLoader[Any]) -> Any:
    with _drawn_again(loader):
        return _first(loader)


def _first(loader: Iterable[Any]) -> Any:
    batches: list[Any] = []
    count = 0
    for batch in loader:
        batches.append(batch)
        count += len(batch[-1]) if isinstance(batch, list | tuple) and len(batch) else 0
        if count >= MOST:
            break
    if not batches:
        raise InvalidValue("the DataLoader is empty: it has no batch")
    if all(isinstance(each, Tensor) for batch in batches for each in batch):
        return [torch.cat(parts) for parts in zip(*batches, strict=True)]
    return batches[0]


def _collated(data: Any) -> Any:
    if not hasattr(data, "__len__"):
        return default_collate(list(islice(iter(data), MOST)))
    count = len(data)
    if not count:
        raise InvalidValue("the Dataset is empty")
    chosen = sorted({round(i) for i in np.linspace(0, count - 1, min(count, MOST))})
    return default_collate([data[i] for i in chosen])
