"""An optimizer of PyTorch under its name here, and its moments both ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer as TorchOptimizer

from chainrule.arrays import Array
from chainrule.engines import State
from chainrule.engines.torch_twins import SLOTS
from chainrule.errors import EngineError
from chainrule.gradients import Gradients
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

Settings = dict[str, Any]

_RULES: dict[type[TorchOptimizer], Callable[[Settings], Optimizer]] = {
    torch.optim.SGD: lambda g: SGD(
        learning_rate=float(g["lr"]),
        momentum=float(g["momentum"]),
        dampening=float(g["dampening"]),
        nesterov=bool(g["nesterov"]),
        weight_decay=float(g["weight_decay"]),
    ),
    torch.optim.Adagrad: lambda g: Adagrad(
        learning_rate=float(g["lr"]),
        learning_rate_decay=float(g["lr_decay"]),
        initial_accumulator=float(g["initial_accumulator_value"]),
        epsilon=float(g["eps"]),
        weight_decay=float(g["weight_decay"]),
    ),
    torch.optim.RMSprop: lambda g: RMSprop(
        learning_rate=float(g["lr"]),
        alpha=float(g["alpha"]),
        epsilon=float(g["eps"]),
        momentum=float(g["momentum"]),
        centered=bool(g["centered"]),
        weight_decay=float(g["weight_decay"]),
    ),
    torch.optim.Adadelta: lambda g: Adadelta(
        learning_rate=float(g["lr"]),
        rho=float(g["rho"]),
        epsilon=float(g["eps"]),
        weight_decay=float(g["weight_decay"]),
    ),
    torch.optim.Adam: lambda g: _adam(g),
    torch.optim.AdamW: lambda g: _adam(g | {"decoupled_weight_decay": True}),
    torch.optim.NAdam: lambda g: NAdam(
        learning_rate=float(g["lr"]),
        beta1=float(g["betas"][0]),
        beta2=float(g["betas"][1]),
        epsilon=float(g["eps"]),
        weight_decay=float(g["weight_decay"]),
        momentum_decay=float(g["momentum_decay"]),
        decoupled=bool(g["decoupled_weight_decay"]),
    ),
}
_NOT_HERE = ("maximize", "differentiable")
_HOW_IT_COMPUTES = ("params", "foreach", "fused", "capturable", "param_names", "initial_lr")


def rule_of(optimizer: TorchOptimizer) -> Optimizer:
    """An optimizer of PyTorch as a rule of ours, with the learning rate of now.

    Raises:
        EngineError: there is no twin, or groups of parameters have settings of their own.
        InvalidValue: a setting is out of the range that it has here.
    """
    kind = type(optimizer)
    if kind not in _RULES:
        raise EngineError(f"it has no optimizer {kind.__name__}")
    if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks:
        raise EngineError("it calls no hooks of the optimizer's step")
    settings = [_settings(group) for group in optimizer.param_groups]
    for i, other in enumerate(settings[1:], start=1):
        apart = [name for name, value in other.items() if value != settings[0].get(name)]
        if apart:
            raise EngineError(
                f"it has one rule for all parameters, and group {i} of the optimizer has another"
                f" {apart[0]}"
            )
    for name in _NOT_HERE:
        if settings[0].get(name):
            raise EngineError(f"it has no {kind.__name__} with {name}=True")
    return _RULES[kind](settings[0])


def _settings(group: Settings) -> Settings:
    return {name: value for name, value in group.items() if name not in _HOW_IT_COMPUTES}


def _adam(g: Settings) -> Adam:
    kind = AdamW if g.get("decoupled_weight_decay") else Adam
    return kind(
        learning_rate=float(g["lr"]),
        beta1=float(g["betas"][0]),
        beta2=float(g["betas"][1]),
        epsilon=float(g["eps"]),
        weight_decay=float(g["weight_decay"]),
        amsgrad=bool(g["amsgrad"]),
    )


def load_state(
    state: State, optimizer: TorchOptimizer, rule: Optimizer, linears: Sequence[nn.Linear]
) -> None:
    """Put the moments and the number of steps of an optimizer of PyTorch into an engine's state.

    Raises:
        EngineError: they are not what the rule would have made.
    """
    names = SLOTS[rule.name]
    if not all(optimizer.state.get(p) for p in _flat(linears)):
        if any(optimizer.state.get(p) for p in _flat(linears)):
            raise EngineError("the optimizer has moved some of the parameters and not others")
        return
    for slot in rule.slots:
        state.moments[slot] = [
            (
                np.array(_numpy(_held(optimizer, linear.weight, names[slot])).T, order="C"),
                _numpy(_held(optimizer, linear.bias, names[slot])).copy(),
            )
            for linear in linears
        ]
    steps = {float(optimizer.state[p].get("step", 1)) for p in _flat(linears)}  # SGD counts none
    if len(steps) > 1:
        raise EngineError("the optimizer has made more steps with some parameters than with others")
    state.step = int(steps.pop())
    if isinstance(rule, NAdam) and state.step:
        _check_product(rule, state.step, optimizer.state[linears[0].weight])


def _held(optimizer: TorchOptimizer, parameter: torch.Tensor, name: str) -> torch.Tensor:
    value = optimizer.state[parameter].get(name)
    if value is None:
        raise EngineError(f"the optimizer has begun without {name}, which its settings now ask for")
    assert isinstance(value, torch.Tensor)
    return value


def _check_product(rule: NAdam, step: int, theirs: Settings) -> None:
    product = rule.momenta(step)[2]
    if abs(float(theirs["mu_product"]) - product) > 1e-4 * product + 1e-12:
        raise EngineError("the settings of NAdam have changed since its first step")


def store_state(
    state: State, optimizer: TorchOptimizer, rule: Optimizer, linears: Sequence[nn.Linear]
) -> None:
    """Put an engine's moments and its number of steps into an optimizer of PyTorch."""
    if rule.name == "sgd" and not rule.slots:
        return  # it keeps nothing
    moments: dict[str, list[Array]] = {
        SLOTS[rule.name][slot]: _transposed(state.moments[slot]) for slot in rule.slots
    }
    for i, parameter in enumerate(_flat(linears)):
        held = optimizer.state[parameter]
        for name, arrays in moments.items():
            held[name] = torch.tensor(arrays[i], dtype=parameter.dtype)
        if rule.name != "sgd":
            held["step"] = torch.tensor(float(state.step))
        if isinstance(rule, NAdam):
            held["mu_product"] = torch.tensor(rule.momenta(state.step)[2])


def store_parameters(state: State, linears: Sequence[nn.Linear]) -> None:
    """Put an engine's parameters into the layers of a module."""
    with torch.no_grad():
        for linear, (W, b) in zip(linears, state.parameters, strict=True):
            linear.weight.copy_(torch.from_numpy(W).T)
            linear.bias.copy_(torch.from_numpy(b))


def _flat(linears: Sequence[nn.Linear]) -> list[torch.Tensor]:
    return [p for linear in linears for p in (linear.weight, linear.bias)]


def _transposed(pairs: Gradients) -> list[Array]:
    """weight, bias, weight, bias … as PyTorch has them."""
    return [part for W, b in pairs for part in (np.ascontiguousarray(W.T), b)]


def _numpy(tensor: torch.Tensor) -> Array:
    return np.asarray(tensor.detach().cpu().numpy())
