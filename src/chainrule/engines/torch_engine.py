"""Training by PyTorch: autograd finds the derivatives and torch.optim makes the updates.

Nothing here was derived by this project, so the tests hold the other engines against it. The data
lie on the device once; an epoch asks the device for nothing before its end.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from chainrule import chance
from chainrule.arrays import Array
from chainrule.engines.engine import Losses, Rates, State
from chainrule.engines.stepwise import Rows, Stepwise, order, pairs, rates
from chainrule.engines.torch_device import (
    check_precision,
    computing,
    device_named,
    keep_mask,
    using_threads,
)
from chainrule.engines.torch_memory import Batch, Recorded, Snapshot
from chainrule.engines.torch_twins import (
    ACTIVATIONS,
    IN_PLACE,
    ON_LOGITS,
    SLOTS,
    loss_named,
    torch_optimizer,
)
from chainrule.errors import DivergenceError, EngineError
from chainrule.gradients import Gradients
from chainrule.network import Network
from chainrule.optimizers import TOGETHER, NAdam
from chainrule.plan import Plan

Forward: TypeAlias = Callable[[Tensor, list[Tensor | None]], tuple[Tensor, Tensor]]

_TOGETHER = 256  # losses of steps: small memory that stays keeps the batches' from being given back
_GATHERED = 2**23  # numbers of X that are put in order at once


class TorchEngine(Stepwise):
    """An engine in PyTorch, on the CPU or a GPU; see `Engine`.

    On CUDA the forward and the backward pass of a full batch are recorded once as a CUDA graph and
    replayed. Losses are looked at when the epoch is over: after one that is not finite, the epoch is
    run again up to that step.

    Attributes:
        device: where it computes.
        precision: of the products in a training step; see `PRECISIONS`.
        rank: which process this is of those that share each batch, from 0.
        world: how many there are; it takes every world-th row of a batch.
    """

    name = "torch"

    def __init__(
        self,
        plan: Plan,
        network: Network,
        X: Array,
        t: Array,
        weights: Array | None = None,
        threads: int | None = None,
        device: str = "cpu",
        precision: str = "float32",
    ) -> None:
        """Take a plan, the network that it describes, and the data to train on.

        Raises:
            EngineError: the device is not there, or does not compute so.
        """
        super().__init__(plan, network, X, t, weights)
        self.device = device_named(device)
        self.precision = precision
        self._optimizer: torch.optim.Optimizer | None = None
        if self.device.type != "cpu" and self._twin([torch.zeros(1)]) is None:
            raise EngineError(f"{self.untwinned} is not in PyTorch: it runs on the CPU only")
        check_precision(precision, self.device, plan)
        self.isa = "torch" if self.device.type == "cpu" else str(self.device)
        self.threads = threads or torch.get_num_threads()
        *hidden, last = plan.activations  # whose u_2 is needed after it
        self._phi = [*({**ACTIVATIONS, **IN_PLACE}[name] for name in hidden), ACTIVATIONS[last]]
        self._ell = loss_named(plan.loss_name)
        self._parameters = [
            (nn.Parameter(self._put(layer.W)), nn.Parameter(self._put(layer.b)))
            for layer in network.layers
        ]
        self._data = Batch(
            self._on_device(X),
            self._on_device(t),
            None if weights is None else self._on_device(weights),
            self._no_masks,
        )
        self._ordered: Batch | None = None  # memory that the next epoch uses again
        self._snapshot: Snapshot | None = None
        self._recorded: Recorded | None = None
        self._start_optimizer()
        self._fill_optimizer()

    @classmethod
    def refusal(cls, plan: Plan) -> str | None:
        """None: it trains every plan."""
        return None

    def _put(self, values: Array) -> Tensor:
        """A copy on the device."""
        return torch.tensor(values, device=self.device)

    def _on_device(self, values: Array) -> Tensor:
        """The values themselves on the CPU, a copy elsewhere."""
        with warnings.catch_warnings():  # nothing here writes into the data
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            return torch.from_numpy(values).to(self.device)

    @property
    def _flat(self) -> list[nn.Parameter]:
        return [theta for pair in self._parameters for theta in pair]

    @property
    def theta(self) -> list[Array]:
        """W and b of each layer in turn: the parameters' own memory on the CPU, copies elsewhere."""
        return [_numpy(theta) for theta in self._flat]

    def write(self, values: list[Array]) -> None:
        """Put values into the parameters."""
        with torch.no_grad():
            for theta, value in zip(self._flat, values, strict=True):
                theta.copy_(torch.from_numpy(value))

    def _twin(self, parameters: Sequence[Tensor]) -> torch.optim.Optimizer | None:
        """The optimizer in torch.optim that does all that the plan says; None without one."""
        one_by_one = self.plan.penalty or self.plan.groups != TOGETHER
        return None if one_by_one else torch_optimizer(self.plan.optimizer, parameters)

    @property
    def untwinned(self) -> str:
        """What of the plan torch.optim has not, where there is no twin."""
        if self.plan.penalty:
            return "a penalty"
        return self.plan.optimizer.name if self.plan.groups == TOGETHER else "groups of rates"

    def _start_optimizer(self) -> None:
        self._optimizer = self._twin(self._flat)
        self._recorded = self._snapshot = None
        self.start_moments()

    def epoch(self, number: int, learning_rates: Rates, step_losses: Losses | None = None) -> float:
        """One pass over the data; see `Engine.epoch`."""
        with using_threads(self.threads):
            if self._optimizer is None:
                return super().epoch(number, learning_rates, step_losses)
            return self._epoch(self._optimizer, number, learning_rates, step_losses)

    def _epoch(
        self,
        optimizer: torch.optim.Optimizer,
        number: int,
        learning_rates: Rates,
        step_losses: Losses | None,
    ) -> float:
        """The epoch with PyTorch's own optimizer."""
        each = rates(learning_rates, self.steps_per_epoch)
        start = self._snapshot = self._snapshot or Snapshot(self._flat, optimizer)
        start.take(self.step)
        losses, weights = self._steps(optimizer, number, each)
        if not np.isfinite(losses).all():
            first = int(np.flatnonzero(~np.isfinite(losses))[0])
            self.step = start.restore()
            self._steps(optimizer, number, each[:first])
            if not all(theta.isfinite().all() for theta in self._flat):
                self.step = start.restore()
            raise DivergenceError(number + 1, first + 1)
        if step_losses is not None:
            step_losses[:] = losses
        total = weights.sum()
        return float(losses @ weights / total) if total else 0.0

    def _steps(
        self, optimizer: torch.optim.Optimizer, number: int, each: list[float]
    ) -> tuple[Losses, Losses]:
        """As many steps of an epoch as there are rates: the loss of each batch, and its weight."""
        losses, recent, weights = [], [], []
        for batch, rate in zip(self._batches(number), each, strict=False):
            recent.append(self._loss_with_gradient(batch))
            weights.append(batch.whole)
            if len(recent) == _TOGETHER:
                losses.append(torch.stack(recent))
                recent = []
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
            self.step += 1
        if recent:
            losses.append(torch.stack(recent))
        return self._fetched(torch.cat(losses)) if losses else np.empty(0), _numbers(weights)

    def _fetched(self, losses: Tensor) -> Losses:
        """The losses of the steps, brought from the device at once."""
        return np.asarray(losses.cpu().numpy(), float)

    @property
    def steps_per_epoch(self) -> int:
        """⌈rows / batch_size⌉."""
        return -(-len(self.X) // self.plan.batch_size)

    def _batches(self, number: int) -> Iterator[Batch]:
        """This process's batches of an epoch; many are put in order at once, so that each is a view."""
        plan, data, size = self.plan, self._data, self.plan.batch_size
        rows = torch.from_numpy(order(plan, len(self.X), number)).to(self.device)
        at_once = size * max(1, _GATHERED // (size * self.X.shape[1]))
        for first in range(0, len(rows), at_once):
            some = rows[first : first + at_once]
            mine = some if self.world == 1 else some[self._own(len(some))]
            if plan.shuffle or self.world > 1:
                ordered = self._ordered = data.copied(mine, self._ordered)
            else:
                ordered = data.rows(slice(first, first + len(some)))
            at = 0
            for start in range(0, len(some), size):
                whole = some[start : start + size]
                count = len(range(self.rank, len(whole), self.world))
                yield ordered.rows(
                    slice(at, at + count),
                    self._shared(self._masks(number, (first + start) // size, len(whole))),
                    float(len(whole)) if data.w is None else data.w[whole].sum(),
                )
                at += count

    def _shared(self, masks: list[Tensor | None]) -> list[Tensor | None]:
        """This process's rows of a batch's masks."""
        if self.world == 1:
            return masks
        return [None if mask is None else mask[self.rank :: self.world] for mask in masks]

    def _own(self, rows: int) -> Tensor:
        """Which of some batches' rows are this process's."""
        places = torch.arange(rows, device=self.device) % self.plan.batch_size
        return places % self.world == self.rank

    def _masks(self, epoch: int, step: int, rows: int, *words: int) -> list[Tensor | None]:
        """Dropout's factors for each hidden layer, as `stepwise.masks` gives them; words go into the key."""
        plan, factors = self.plan, self._no_masks
        for layer, p in enumerate(plan.dropout):
            if p:
                key = chance.key(plan.seed, chance.Stream.DROPOUT, epoch, step, layer, *words)
                kept = keep_mask(rows, plan.layer_sizes[layer + 1], p, key, self.device)
                factors[layer] = kept.to(self._flat[0].dtype) * (1 / (1 - p))
        return factors

    def _loss_with_gradient(self, batch: Batch) -> Tensor:
        """L over a batch, a tensor; ∂L/∂θ is in the parameters' `grad`."""
        if self.device.type != "cuda" or len(batch.X) < self.plan.batch_size:
            return self.backward(batch)
        if self._recorded is None:
            self._recorded = Recorded(self.backward, self._flat, batch)
        return self._recorded(batch)

    def backward(self, batch: Batch) -> Tensor:
        """The same without a recording."""
        for theta in self._flat:
            theta.grad = None
        with computing(self.precision, self.device):
            loss = self._loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def forward(self, X: Tensor, masks: list[Tensor | None]) -> tuple[Tensor, Tensor]:
        """The logits u_2 and the outputs z_1."""
        z = X
        for (W, b), phi, mask in zip(self._parameters, self._phi, [*masks, None], strict=True):
            u = torch.addmm(b, z, W)
            z = phi(u) if mask is None else phi(u) * mask
        return u, z

    def _loss(self, batch: Batch) -> Tensor:
        if batch.w is None:
            return self.losses(batch, self.forward, "mean")
        ell = self.losses(batch, self.forward)
        least = torch.finfo(ell.dtype).tiny  # weights that are all 0 make a loss of 0
        return (batch.w * ell).sum() / batch.w.sum().clamp(min=least)

    def losses(self, batch: Batch, forward: Forward, reduction: str = "none") -> Tensor:
        """ℓ of each row of a batch, (n,), or with the reduction "mean" their mean."""
        u, z = forward(batch.X, batch.masks)
        out = (u if self.plan.loss_name in ON_LOGITS else z).to(batch.t.dtype)
        return self._ell(out, batch.t, reduction)

    @property
    def _no_masks(self) -> list[Tensor | None]:
        return [None] * (len(self.plan.layer_sizes) - 2)

    def differentiate(self, rows: Rows, masks: list[Array | None]) -> tuple[float, list[Array]]:
        """L over the rows, and ∂L/∂θ of each array in `theta`."""
        batch = self._data.rows(torch.from_numpy(rows).to(self.device))
        factors = [None if mask is None else self._put(mask) for mask in masks]
        loss = self.backward(replace(batch, masks=factors))
        return float(loss), [_numpy(_gradient(theta)) for theta in self._flat]

    def _batch(self, X: Array, t: Array, weights: Array | None) -> Batch:
        w = None if weights is None else self._put(weights)
        return Batch(self._put(X), self._put(t), w, self._no_masks)

    def evaluate(self, X: Array, t: Array, weights: Array | None = None) -> float:
        """L over other rows, without dropout, in full precision."""
        with using_threads(self.threads), torch.no_grad():
            return float(self._loss(self._batch(X, t, weights)))

    def predict(self, X: Array) -> Array:
        """z_1 of rows (n, d), without dropout, in full precision: (n, k)."""
        with using_threads(self.threads), torch.no_grad():
            return _numpy(self.forward(self._put(X), self._no_masks)[1])

    def loss_and_gradient(
        self, X: Array, t: Array, weights: Array | None = None
    ) -> tuple[float, Gradients]:
        """L and (∂L/∂W, ∂L/∂b) of each layer over the given rows as one batch, without dropout."""
        with using_threads(self.threads):
            loss = self._loss(self._batch(X, t, weights))
            gradients = torch.autograd.grad(loss, self._flat)
        return float(loss.detach()), pairs([_numpy(g) for g in gradients])

    def state(self) -> State:
        """A copy of the state."""
        if self._optimizer is not None and self.step > 0:  # before the first step it has none
            for theta, own in zip(self._flat, self.moments, strict=True):
                theirs = self._optimizer.state[theta]
                for slot, moment in own.items():
                    moment[...] = _numpy(theirs[SLOTS[self.plan.optimizer.name][slot]])
        return super().state()

    def load(self, state: State) -> None:
        """Go on from a state."""
        self._start_optimizer()
        super().load(state)
        self._fill_optimizer()

    def _fill_optimizer(self) -> None:
        """Give torch.optim the step and the moments; before its first step it makes its own.

        NAdam's it gets from the start: theirs keeps a product in float32 whatever the parameters' type.
        """
        rule = self.plan.optimizer
        if self._optimizer is None or (self.step == 0 and not isinstance(rule, NAdam)):
            return
        names = SLOTS[rule.name]
        for theta, own in zip(self._flat, self.moments, strict=True):
            theirs = {names[slot]: self._put(array) for slot, array in own.items()}
            theirs["step"] = torch.tensor(
                float(self.step), device=_of_steps(self._optimizer, theta)
            )
            if isinstance(rule, NAdam):
                product = rule.momenta(self.step)[2]
                theirs["mu_product"] = torch.tensor(product, dtype=torch.float64)
            self._optimizer.state[theta] = theirs


def _numbers(values: Sequence[Tensor | float]) -> Losses:
    if any(isinstance(value, Tensor) for value in values):
        values = torch.stack([torch.as_tensor(value) for value in values]).cpu().tolist()
    return np.asarray(values, float)


def _numpy(tensor: Tensor) -> Array:
    """The tensor's own memory as an array, or a copy of it from a device."""
    return np.asarray(tensor.detach().cpu().numpy())


def _gradient(theta: Tensor) -> Tensor:
    return torch.zeros_like(theta) if theta.grad is None else theta.grad


def _of_steps(optimizer: torch.optim.Optimizer, theta: Tensor) -> torch.device:
    """Where an optimizer counts its steps: a fused one beside the parameter, others on the CPU."""
    fused = optimizer.param_groups[0].get("fused")
    return theta.device if fused else torch.device("cpu")
