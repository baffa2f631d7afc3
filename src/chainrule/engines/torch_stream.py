"""The torch engine on rows that are read as they are trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from chainrule.arrays import Array
from chainrule.engines.torch_distributed import DistributedEngine
from chainrule.engines.torch_engine import TorchEngine
from chainrule.engines.torch_memory import Batch

Source: TypeAlias = Callable[[int, int], Iterator[tuple[Array, Array]]]


class _Streamed(TorchEngine):
    """The torch engine whose batches come from a source.

    A batch has its rows from all processes, as evenly as its size allows; where one process has
    fewer rows than another, it makes its last steps without rows.
    """

    def __init__(self, *given: Any, source: Source, counts: Sequence[int], **more: Any) -> None:
        """Take what the engine takes, some rows for their shape, and where the others come from.

        Args:
            given: see `TorchEngine`.
            source: from the number of an epoch and a size to that epoch's batches of this process.
            counts: how many rows each process has.
            more: see `TorchEngine`.
        """
        super().__init__(*given, **more)
        self._source, self._counts = source, tuple(counts)

    def _size(self, rank: int) -> int:
        """How many rows of a batch a process takes."""
        return len(range(rank, self.plan.batch_size, self.world))

    @property
    def steps_per_epoch(self) -> int:
        """As many as the process with the most batches needs."""
        return max(-(-count // self._size(rank)) for rank, count in enumerate(self._counts))

    def _whole(self, step: int) -> float:
        """How many rows a step has over all processes."""
        sizes = [(self._size(rank), count) for rank, count in enumerate(self._counts)]
        return float(sum(min(size, max(0, count - step * size)) for size, count in sizes))

    def _batches(self, number: int) -> Iterator[Batch]:
        source = self._source(number, self._size(self.rank))
        none = self.X[:0], self.t[:0]
        for step in range(self.steps_per_epoch):
            X, t = (
                torch.from_numpy(np.ascontiguousarray(part)).to(self.device)
                for part in next(source, none)
            )
            masks = self._masks(number, step, len(X), self.rank)
            yield Batch(X, t, None, masks, self._whole(step))


class StreamEngine(_Streamed):
    """In one process."""


class DistributedStreamEngine(_Streamed, DistributedEngine):
    """In several processes, each with rows of its own."""
