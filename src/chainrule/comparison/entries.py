"""Who enters, and with which learning rates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import InvalidValue
from chainrule.optimizers import BatchOptimizer, Optimizer, called, make

DEFAULT = ("sgd", "momentum", "adagrad", "rmsprop", "adam")

Rates = str | float | Sequence[float]


def named(optimizers: Sequence[str | Optimizer]) -> dict[str, Optimizer]:
    """The optimizers by name; those that differ in nothing but their rate get it into the name.

    Raises:
        UnknownName: no optimizer is called so; the text names the nearest.
        InvalidValue: there is none, or one is given twice.
    """
    made = [
        (given if isinstance(given, str) else called(given), make(given)) for given in optimizers
    ]
    names = [name for name, _ in made]
    found: dict[str, Optimizer] = {}
    for name, optimizer in made:
        if names.count(name) > 1 and isinstance(optimizer, BatchOptimizer):
            name = f"{name} {optimizer.learning_rate:g}"
        if name in found:
            raise InvalidValue(f"{name} is given twice")
        found[name] = optimizer
    if not found:
        raise InvalidValue("there is no optimizer to compare")
    return found


def rates_given(learning_rates: Rates) -> list[float] | None:
    """The rates to choose among; None where none were given.

    Raises:
        InvalidValue: a rate is not a finite number above 0, or the text is neither "auto" nor "own".
    """
    if isinstance(learning_rates, str):
        if learning_rates not in ("auto", "own"):
            raise InvalidValue(
                f'learning rates are numbers, "auto" or "own", got {learning_rates!r}'
            )
        return None
    rates = [float(rate) for rate in np.atleast_1d(np.asarray(learning_rates, np.float64))]
    for rate in rates:
        if not 0 < rate < math.inf:
            raise InvalidValue(f"learning rates are finite and above 0, got {rate:g}")
    if not rates:
        raise InvalidValue("there is no learning rate to choose")
    return rates


def with_rate(
    optimizers: Mapping[str, Optimizer], given: Sequence[float] | None
) -> dict[str, Optimizer]:
    """The optimizers with the one rate that was given, if it is one; not those that find their own."""
    if given is None or len(given) > 1:
        return dict(optimizers)
    return {
        name: rule if rule.finds_rate else make(rule, given[0]) for name, rule in optimizers.items()
    }


def whole(name: str, value: Any) -> int:
    """A whole number, 1 or more.

    Raises:
        InvalidValue: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InvalidValue(f"{name} is a whole number, 1 or more, got {value!r}")
    return int(value)
