"""Training by PyTorch: autograd finds the derivatives and torch.optim makes the updates.

Nothing here was derived by this project, so the tests hold the other engines against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.arrays import Array
from chainrule.engines.engine import Losses, Rates, State
from chainrule.engines.stepwise import Rows, Stepwise, pairs
from chainrule.gradients import Gradients
from chainrule.network import Network
from chainrule.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    NAdam,
    Optimizer,
    RMSprop,
    Rule,
)
from chainrule.plan import Plan

_EXACT = 50.0  # softplus(u) = u to float64's last bit from here; from PyTorch's own 20 it is not

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda u: u,
    "relu": F.relu,
    "leaky_relu": lambda u: F.leaky_relu(u, 0.01),
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": lambda u: F.softplus(u, threshold=_EXACT),
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "softmax": lambda u: torch.softmax(u, dim=-1),
    "exponential": torch.exp,
}


def _cross_entropy(u: Tensor, t: Tensor) -> Tensor:
    numbered = t.shape[1] == 1 and u.shape[1] > 1
    return F.cross_entropy(u, t[:, 0].long() if numbered else t, reduction="none")


def _by_output(entry: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """ℓ of each row: the mean over its outputs."""
    return lambda a, t: entry(a, t, reduction="none").mean(dim=1)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared_error": _by_output(F.mse_loss),
    "binary_cross_entropy": _by_output(F.binary_cross_entropy_with_logits),
    "cross_entropy": _cross_entropy,
    "absolute_error": _by_output(F.l1_loss),
    "huber": _by_output(F.huber_loss),
    "poisson": _by_output(F.poisson_nll_loss),
}
_ON_LOGITS = ("binary_cross_entropy", "cross_entropy", "poisson")

# The names of our slots in torch.optim's state.
_ADAM = {"first": "exp_avg", "second": "exp_avg_sq", "largest": "max_exp_avg_sq"}
_SLOTS = {
    "sgd": {"velocity": "momentum_buffer"},
    "adagrad": {"squares": "sum"},
    "rmsprop": {"squares": "square_avg", "mean": "grad_avg", "velocity": "momentum_buffer"},
    "adadelta": {"squares": "square_avg", "steps": "acc_delta"},
    "adam": _ADAM,
    "adamw": _ADAM,
    "nadam": _ADAM,
}


def torch_optimizer(rule: Optimizer, parameters: list[Tensor]) -> torch.optim.Optimizer | None:
    """The rule's twin in torch.optim; None where it has none."""
    match rule:
        case SGD():
            return torch.optim.SGD(
                parameters,
                lr=rule.learning_rate,
                momentum=rule.momentum,
                dampening=rule.dampening,
                nesterov=rule.nesterov,
                weight_decay=rule.weight_decay,
            )
        case Adagrad() if rule.epsilon > 0:  # without it, theirs divides 0 by 0
            return torch.optim.Adagrad(
                parameters,
                lr=rule.learning_rate,
                lr_decay=rule.learning_rate_decay,
                initial_accumulator_value=rule.initial_accumulator,
                eps=rule.epsilon,
                weight_decay=rule.weight_decay,
            )
        case RMSprop():
            return torch.optim.RMSprop(
                parameters,
                lr=rule.learning_rate,
                alpha=rule.alpha,
                eps=rule.epsilon,
                momentum=rule.momentum,
                centered=rule.centered,
                weight_decay=rule.weight_decay,
            )
        case Adadelta():
            return torch.optim.Adadelta(
                parameters,
                lr=rule.learning_rate,
                rho=rule.rho,
                eps=rule.epsilon,
                weight_decay=rule.weight_decay,
            )
        case Adam():
            twin = torch.optim.AdamW if isinstance(rule, AdamW) else torch.optim.Adam
            return twin(
                parameters,
                lr=rule.learning_rate,
                betas=(rule.beta1, rule.beta2),
                eps=rule.epsilon,
                weight_decay=rule.weight_decay,
                amsgrad=rule.amsgrad,
            )
        case NAdam():
            return torch.optim.NAdam(
                parameters,
                lr=rule.learning_rate,
                betas=(rule.beta1, rule.beta2),
                eps=rule.epsilon,
                weight_decay=rule.weight_decay,
                momentum_decay=rule.momentum_decay,
                decoupled_weight_decay=rule.decoupled,
            )
    return None


class TorchEngine(Stepwise):
    """An engine in PyTorch on the CPU; see `Engine`."""

    name = "torch"
    isa = "torch"

    def __init__(
        self,
        plan: Plan,
        network: Network,
        X: Array,
        t: Array,
        weights: Array | None = None,
        threads: int | None = None,
    ) -> None:
        """Take a plan, the network that it describes, and the data to train on."""
        super().__init__(plan, network, X, t, weights)
        self.threads = threads or torch.get_num_threads()
        self._phi = [ACTIVATIONS[name] for name in plan.activations]
        self._parameters = [
            (torch.tensor(layer.W, requires_grad=True), torch.tensor(layer.b, requires_grad=True))
            for layer in network.layers
        ]
        self._start_optimizer()
        self._fill_optimizer()

    @classmethod
    def refusal(cls, plan: Plan) -> str | None:
        """None: it trains every plan."""
        return None

    @property
    def _flat(self) -> list[Tensor]:
        return [theta for pair in self._parameters for theta in pair]

    @property
    def theta(self) -> list[Array]:
        """The parameters' own memory: W and b of each layer in turn."""
        return [_numpy(theta) for theta in self._flat]

    def _start_optimizer(self) -> None:
        self._optimizer = torch_optimizer(self.plan.optimizer, self._flat)
        self.start_moments()

    def epoch(self, number: int, learning_rates: Rates, step_losses: Losses | None = None) -> float:
        """One pass over the data; see `Engine.epoch`."""
        with _threads(self.threads):
            return super().epoch(number, learning_rates, step_losses)

    def _forward(self, X: Tensor, masks: list[Array | None]) -> tuple[Tensor, Tensor]:
        """The logits u_2 and the outputs z_1."""
        z, dropped = X, [*masks, None]
        for (W, b), phi, mask in zip(self._parameters, self._phi, dropped, strict=True):
            u = z @ W + b
            z = phi(u) if mask is None else phi(u) * torch.from_numpy(mask)
        return u, z

    def _loss(self, X: Array, t: Array, weights: Array | None, masks: list[Array | None]) -> Tensor:
        u, z = self._forward(torch.tensor(X), masks)
        ell = LOSSES[self.plan.loss](u if self.plan.loss in _ON_LOGITS else z, torch.tensor(t))
        if weights is None:
            return ell.mean()
        w = torch.tensor(weights)
        return (w * ell).sum() / w.sum() if w.any() else (w * ell).sum()

    @property
    def _no_masks(self) -> list[Array | None]:
        return [None] * (len(self._parameters) - 1)

    def differentiate(self, rows: Rows, masks: list[Array | None]) -> tuple[float, list[Array]]:
        """L over the rows, and ∂L/∂θ of each array in `theta`."""
        for theta in self._flat:
            theta.grad = None
        w = None if self.weights is None else self.weights[rows]
        loss = self._loss(self.X[rows], self.t[rows], w, masks)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.item()), [_numpy(_gradient(theta)) for theta in self._flat]

    def update(self, rule: Rule, gradient: list[Array], t: int, learning_rate: float) -> None:
        """Let torch.optim move the parameters, if it has the rule."""
        if self._optimizer is None:
            super().update(rule, gradient, t, learning_rate)
            return
        self._optimizer.param_groups[0]["lr"] = learning_rate
        self._optimizer.step()

    def evaluate(self, X: Array, t: Array, weights: Array | None = None) -> float:
        """L over other rows, without dropout."""
        with _threads(self.threads), torch.no_grad():
            return float(self._loss(X, t, weights, self._no_masks).item())

    def predict(self, X: Array) -> Array:
        """z_1 of rows (n, d), without dropout: (n, k)."""
        with _threads(self.threads), torch.no_grad():
            return _numpy(self._forward(torch.tensor(X), self._no_masks)[1])

    def loss_and_gradient(
        self, X: Array, t: Array, weights: Array | None = None
    ) -> tuple[float, Gradients]:
        """L and (∂L/∂W, ∂L/∂b) of each layer over the given rows as one batch, without dropout."""
        with _threads(self.threads):
            loss = self._loss(X, t, weights, self._no_masks)
            gradients = torch.autograd.grad(loss, self._flat)
        return float(loss.item()), pairs([_numpy(g) for g in gradients])

    def state(self) -> State:
        """A copy of the state."""
        if self._optimizer is not None and self.step > 0:  # before the first step it has none
            for theta, own in zip(self._flat, self.moments, strict=True):
                theirs = self._optimizer.state[theta]
                for slot, moment in own.items():
                    moment[...] = _numpy(theirs[_SLOTS[self.plan.optimizer.name][slot]])
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
        names = _SLOTS[rule.name]
        for theta, own in zip(self._flat, self.moments, strict=True):
            theirs = {names[slot]: torch.tensor(array) for slot, array in own.items()}
            theirs["step"] = torch.tensor(float(self.step))
            if isinstance(rule, NAdam):
                product = rule.momenta(self.step)[2]
                theirs["mu_product"] = torch.tensor(product, dtype=torch.float64)
            self._optimizer.state[theta] = theirs


def _numpy(tensor: Tensor) -> Array:
    """The tensor's own memory as an array."""
    return np.asarray(tensor.detach().numpy())


def _gradient(theta: Tensor) -> Tensor:
    return torch.zeros_like(theta) if theta.grad is None else theta.grad


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """PyTorch's number of threads for a while; it is one for the whole process."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
