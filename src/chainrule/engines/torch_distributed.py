"""Several processes, on one machine or many, that share each batch: DistributedDataParallel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from chainrule.arrays import Array
from chainrule.engines.engine import Losses
from chainrule.engines.torch_device import computing, using_threads
from chainrule.engines.torch_engine import Forward, TorchEngine
from chainrule.engines.torch_group import Group, joined
from chainrule.engines.torch_memory import Batch
from chainrule.errors import EngineError
from chainrule.network import Network
from chainrule.plan import Plan


class DistributedEngine(TorchEngine):
    """The torch engine on one process of several; see `Engine`.

    Each process takes its rows of each batch and their share of the loss, Σ wℓ over them divided by
    Σ w of the whole batch; gradients are summed over all. So the steps are those of one process with
    the same batches, to rounding, and all processes have the same parameters.
    """

    def __init__(
        self,
        plan: Plan,
        network: Network,
        X: Array,
        t: Array,
        weights: Array | None = None,
        threads: int | None = None,
        device: str = "auto",
        precision: str = "float32",
    ) -> None:
        """Take what the torch engine takes; all processes take the same.

        Raises:
            EngineError: nothing has started the processes, or the optimizer is not in PyTorch.
        """
        self.group: Group = joined(device)
        self.rank, self.world = self.group.rank, self.group.world
        own = str(self.group.device)
        super().__init__(plan, network, X, t, weights, threads, own, precision)
        if self._optimizer is None:
            raise EngineError(f"{self.untwinned} is not in PyTorch: it runs in one process only")
        self.isa = f"{self.world} processes, {self.device.type}"
        layers = _Layers(self._flat, self.forward)
        self._together = DistributedDataParallel(layers)

    def _loss_with_gradient(self, batch: Batch) -> Tensor:
        """This process's share of L over a batch, times their number, for the gradients are averaged."""
        for theta in self._flat:
            theta.grad = None
        with computing(self.precision, self.device):
            ell = self.losses(batch, self._together)
        total = ell.sum() if batch.w is None else (batch.w * ell).sum()
        least = torch.finfo(ell.dtype).tiny
        share = total * self.world / torch.as_tensor(batch.whole).clamp(min=least)
        share.backward()  # type: ignore[no-untyped-call]
        return share.detach() / self.world

    def _fetched(self, losses: Tensor) -> Losses:
        """The losses of the whole batches."""
        return super()._fetched(self.group.sum(losses))

    def evaluate(self, X: Array, t: Array, weights: Array | None = None) -> float:
        """L over other rows, without dropout; each process takes its share, and all get the same."""
        own = slice(self.rank, None, self.world)
        batch = self._batch(X[own], t[own], None if weights is None else weights[own])
        with using_threads(self.threads), torch.no_grad():
            ell = self.losses(batch, self.forward)
            w = torch.ones_like(ell) if batch.w is None else batch.w
            total, weight = self.group.sum(torch.stack([(w * ell).sum(), w.sum()])).tolist()
        return float(total / weight) if weight else 0.0


class _Layers(nn.Module):
    """The engine's parameters and its forward pass, as DistributedDataParallel takes them."""

    def __init__(self, parameters: list[nn.Parameter], forward: Forward) -> None:
        super().__init__()
        self._theta = nn.ParameterList(parameters)
        self._forward = forward

    def forward(self, X: Tensor, masks: list[Tensor | None]) -> Any:
        """The logits and the outputs."""
        return self._forward(X, masks)
