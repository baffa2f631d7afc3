"""The optimizers: how a gradient g moves the parameters θ.

Each is a frozen dataclass with PyTorch's meaning, names spelled out, and PyTorch's defaults but for
the learning rate of `SGD` (0.01 here, 0.001 there); `Momentum` is the lecture's own. In the
equations α is the learning rate, λ the weight decay, t the number of the update, counted from 1,
and products of arrays are taken entry by entry. Every moment begins at 0 unless said otherwise.

Numbers that do not depend on the entry are worked out in float64; arrays stay in the type of θ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from chainrule.errors import lookup, unknown
from chainrule.optimizers.adam import Adam, AdamW, Lion, NAdam
from chainrule.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from chainrule.optimizers.descent import SGD, Momentum
from chainrule.optimizers.groups import TOGETHER, Groups
from chainrule.optimizers.line_search import LBFGS, Backtracking
from chainrule.optimizers.rule import BatchOptimizer, Moments, Optimizer, Rule

__all__ = [
    "LBFGS", "OPTIMIZERS", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Backtracking", "BatchOptimizer",
    "Groups", "Lion", "Moments", "Momentum", "NAdam", "Optimizer", "RMSprop", "Rule", "TOGETHER", "as_dict", "called",
    "from_dict", "make",
]  # fmt: skip

_CLASSES: dict[str, type[Optimizer]] = {
    kind.name: kind
    for kind in (
        SGD, Momentum, Adagrad, RMSprop, Adadelta, Adam, AdamW, NAdam, Lion, Backtracking, LBFGS,
    )
}  # fmt: skip

# What a name stands for: an optimizer as it is by default, or a well-known setting of one.
OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(),
    "heavy-ball": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True),
    "momentum": Momentum(),
    "adagrad": Adagrad(),
    "lecture-adagrad": Adagrad(epsilon=0),
    "rmsprop": RMSprop(),
    "adadelta": Adadelta(),
    "adam": Adam(),
    "adamw": AdamW(),
    "amsgrad": Adam(amsgrad=True),
    "nadam": NAdam(),
    "lion": Lion(),
    "backtracking": Backtracking(),
    "sls": Backtracking(decrease=0.1, shrink=0.9, restart=False, all_rows=False),
    "lbfgs": LBFGS(),
}


def make(
    optimizer: str | Optimizer, learning_rate: float | None = None, **options: Any
) -> Optimizer:
    """An optimizer from its name, or a given one with other settings.

    Args:
        optimizer: a name from `OPTIMIZERS`, or an optimizer.
        learning_rate: α; None leaves the optimizer's own.
        options: the other hyperparameters.

    Raises:
        UnknownName: no optimizer, or no option of it, is called so.
        InvalidValue: a hyperparameter is out of its range.
    """
    if not isinstance(optimizer, Optimizer):
        optimizer = lookup("optimizer", optimizer, OPTIMIZERS)
    if learning_rate is not None:
        options["learning_rate"] = learning_rate
    return _with(optimizer, options)


def called(optimizer: Optimizer) -> str:
    """The name in `OPTIMIZERS` with these settings, whatever the learning rate; else its class's."""
    for name, known in OPTIMIZERS.items():
        if type(known) is type(optimizer) and _without_rate(known) == _without_rate(optimizer):
            return name
    return optimizer.name


def as_dict(optimizer: Optimizer) -> dict[str, Any]:
    """The optimizer as plain data: the name of its class and every hyperparameter."""
    return {"name": optimizer.name, **asdict(optimizer)}


def from_dict(data: Mapping[str, Any]) -> Optimizer:
    """The optimizer that `as_dict` described; hyperparameters that are not there take their defaults.

    Raises:
        UnknownName, InvalidValue: as `make`.
    """
    options = dict(data)
    return _with(lookup("optimizer", options.pop("name", None), _CLASSES)(), options)


def _with(optimizer: Optimizer, options: Mapping[str, Any]) -> Optimizer:
    """The optimizer with other settings."""
    known = [field.name for field in fields(optimizer)]
    for option in options:
        if option not in known:
            raise unknown(f"option of {optimizer.name}", option, known)
    return replace(optimizer, **options)


def _without_rate(optimizer: Optimizer) -> dict[str, Any]:
    options = as_dict(optimizer)
    options.pop("learning_rate", None)
    return options
