"""Rows on a device, the parameters as they were, and a step recorded as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Rows on the device.

    Attributes:
        X: (n, d).
        t: targets, (n, k) or (n, 1).
        w: weights, (n,), or None.
        masks: dropout's factors of each hidden layer, (n, units), or None.
        whole: the weight of the batch over all processes that share it.
    """

    X: Tensor
    t: Tensor
    w: Tensor | None
    masks: list[Tensor | None]
    whole: Tensor | float = 0.0

    def rows(
        self,
        which: Tensor | slice,
        masks: list[Tensor | None] | None = None,
        whole: Tensor | float = 0.0,
    ) -> Batch:
        """Some of them, with masks of their own."""
        w = None if self.w is None else self.w[which]
        return Batch(self.X[which], self.t[which], w, masks or self.masks, whole)

    def copied(self, which: Tensor, into: Batch | None) -> Batch:
        """Some of them, in memory that is used again if it is there and large enough."""
        if into is None or len(into.X) < len(which):
            return self.rows(which)
        found = into.rows(slice(0, len(which)))
        for source, target in zip(self.tensors, found.tensors, strict=True):
            torch.index_select(source, 0, which, out=target)
        return found

    @property
    def tensors(self) -> list[Tensor]:
        """All that differs from step to step."""
        return [part for part in (self.X, self.t, self.w, *self.masks) if part is not None]


class Recorded:
    """Loss and gradient of a batch as a CUDA graph: recorded once, replayed with other rows."""

    def __init__(
        self, backward: Callable[[Batch], Tensor], theta: Sequence[Tensor], batch: Batch
    ) -> None:
        """Record what `backward` does with a batch on its device."""
        self._theta, device = theta, batch.X.device
        self._batch = replace(
            batch,
            X=batch.X.clone(),
            t=batch.t.clone(),
            w=None if batch.w is None else batch.w.clone(),
            masks=[None if mask is None else mask.clone() for mask in batch.masks],
        )
        # PyTorch asks for a few runs on another stream before it records.
        aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(3):
                backward(self._batch)
        torch.cuda.current_stream(device).wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = backward(self._batch)
        self._gradients = [theta.grad for theta in self._theta]

    def __call__(self, batch: Batch) -> Tensor:
        """The loss of a batch of the same size; the gradient is in the parameters' `grad`."""
        for held, given in zip(self._batch.tensors, batch.tensors, strict=True):
            held.copy_(given)
        self._graph.replay()
        for theta, gradient in zip(self._theta, self._gradients, strict=True):
            theta.grad = gradient
        return self._loss.clone()


class Snapshot:
    """Parameters and an optimizer's state as they were, on the device, in memory that is used again."""

    def __init__(self, theta: Sequence[Tensor], optimizer: torch.optim.Optimizer) -> None:
        self._theta, self._optimizer, self._step = theta, optimizer, 0
        self._held: list[Tensor] = []

    def take(self, step: int) -> None:
        """Remember how it is now, after so many steps."""
        self._step, now = step, self._tensors()
        if len(self._held) == len(now):
            with torch.no_grad():
                for held, each in zip(self._held, now, strict=True):
                    held.copy_(each)
        else:  # an optimizer makes its moments at the first step
            self._held = [each.detach().clone() for each in now]

    def restore(self) -> int:
        """Go back; the number of steps then."""
        if len(self._held) < len(self._tensors()):
            self._optimizer.state.clear()
        with torch.no_grad():
            for each, held in zip(self._tensors(), self._held, strict=True):
                each.copy_(held)
        return self._step

    def _tensors(self) -> list[Tensor]:
        states = [self._optimizer.state.get(theta, {}) for theta in self._theta]
        moments = [value for state in states for value in state.values() if _is_tensor(value)]
        return [*self._theta, *moments]


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)
