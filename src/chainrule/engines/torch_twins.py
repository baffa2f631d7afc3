"""The activations, losses and optimizers of this library and their twins in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from chainrule.losses import Quantile, get
from chainrule.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    NAdam,
    Optimizer,
    RMSprop,
)

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

# Over u, where nothing asks for it afterwards: a hidden layer's outputs are written once.
IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu_,
    "logistic": torch.sigmoid_,
    "tanh": torch.tanh_,
}


def _cross_entropy(u: Tensor, t: Tensor, reduction: str = "none") -> Tensor:
    numbered = t.shape[1] == 1 and u.shape[1] > 1
    return F.cross_entropy(u, t[:, 0].long() if numbered else t, reduction=reduction)


def _by_output(entry: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """ℓ of each row is the mean over its outputs."""

    def loss(a: Tensor, t: Tensor, reduction: str = "none") -> Tensor:
        found = entry(a, t, reduction=reduction)
        return found.mean(dim=1) if reduction == "none" else found

    return loss


# Of outputs and targets: ℓ of each row, or with the reduction "mean" their mean.
LOSSES: dict[str, Callable[..., Tensor]] = {
    "squared_error": _by_output(F.mse_loss),
    "binary_cross_entropy": _by_output(F.binary_cross_entropy_with_logits),
    "cross_entropy": _cross_entropy,
    "absolute_error": _by_output(F.l1_loss),
    "huber": _by_output(F.huber_loss),
    "poisson": _by_output(F.poisson_nll_loss),
}
ON_LOGITS = ("binary_cross_entropy", "cross_entropy", "poisson")


def loss_named(name: str) -> Callable[..., Tensor]:
    """The twin of a loss, as those in LOSSES; that of quantiles is made for its levels."""
    loss = get(name)
    return _of_quantiles(loss.levels) if isinstance(loss, Quantile) else LOSSES[name]


def _of_quantiles(levels: Sequence[float]) -> Callable[..., Tensor]:
    on: dict[tuple[torch.device, torch.dtype], Tensor] = {}  # a CUDA graph copies nothing to a GPU

    def entry(z: Tensor, t: Tensor, reduction: str) -> Tensor:
        where = (z.device, z.dtype)
        if where not in on:
            on[where] = z.new_tensor(levels)
        tau, d = on[where], t - z
        found = torch.maximum(tau * d, (tau - 1) * d)
        return found.mean() if reduction == "mean" else found

    return _by_output(entry)


# The names of our slots in torch.optim's state.
_ADAM = {"first": "exp_avg", "second": "exp_avg_sq", "largest": "max_exp_avg_sq"}
SLOTS = {
    "sgd": {"velocity": "momentum_buffer"},
    "adagrad": {"squares": "sum"},
    "rmsprop": {"squares": "square_avg", "mean": "grad_avg", "velocity": "momentum_buffer"},
    "adadelta": {"squares": "square_avg", "steps": "acc_delta"},
    "adam": _ADAM,
    "adamw": _ADAM,
    "nadam": _ADAM,
}


def torch_optimizer(rule: Optimizer, parameters: Sequence[Tensor]) -> torch.optim.Optimizer | None:
    """The rule's twin in torch.optim, all parameters in one pass where it can; None without a twin."""
    fused = parameters[0].device.type in ("cpu", "cuda")
    match rule:
        case SGD() if not rule.of_steps:
            return torch.optim.SGD(
                parameters,
                lr=rule.learning_rate,
                momentum=rule.momentum,
                dampening=rule.dampening,
                nesterov=rule.nesterov,
                weight_decay=rule.weight_decay,
                fused=parameters[0].is_cuda,  # on the CPU it is slower than one by one
            )
        case Adagrad() if rule.epsilon > 0:  # without it, theirs divides 0 by 0
            return torch.optim.Adagrad(
                parameters,
                lr=rule.learning_rate,
                lr_decay=rule.learning_rate_decay,
                initial_accumulator_value=rule.initial_accumulator,
                eps=rule.epsilon,
                weight_decay=rule.weight_decay,
                fused=parameters[0].device.type == "cpu",
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
        case Adam() if not rule.epsilon_hat:
            twin = torch.optim.AdamW if isinstance(rule, AdamW) else torch.optim.Adam
            return twin(
                parameters,
                lr=rule.learning_rate,
                betas=(rule.beta1, rule.beta2),
                eps=rule.epsilon,
                weight_decay=rule.weight_decay,
                amsgrad=rule.amsgrad,
                fused=fused,
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
