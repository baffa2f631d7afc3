"""What all optimizers share, and what the rules that work entry by entry share."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from chainrule.arrays import Array
from chainrule.errors import InvalidValue

Moments = dict[str, Array]


@dataclass(frozen=True)
class Optimizer:
    """A way to move the parameters θ, with its hyperparameters."""

    name: ClassVar[str]
    at_most_1: ClassVar[tuple[str, ...]] = ()  # shares that may be 1
    below_1: ClassVar[tuple[str, ...]] = ()  # shares that may not
    above_0: ClassVar[tuple[str, ...]] = ()
    finds_rate: ClassVar[bool] = False  # it looks for the size of its steps by itself

    def __post_init__(self) -> None:
        """Check every hyperparameter."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, bool):
                require(isinstance(value, bool), f"{field.name} is true or false, got {value!r}")
            elif isinstance(field.default, int):
                whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
                require(whole, f"{field.name} is a whole number, 1 or more, got {value!r}")
            else:
                self._check_number(field.name, value)

    def _check_number(self, name: str, value: Any) -> None:
        number = isinstance(value, Real) and not isinstance(value, bool)
        require(
            number and 0 <= value <= sys.float_info.max,
            f"{name} is a finite number, 0 or more, got {value!r}",
        )
        require(name not in self.above_0 or value > 0, f"{name} is above 0, got {value!r}")
        require(name not in self.at_most_1 or value <= 1, f"{name} is at most 1, got {value!r}")
        require(name not in self.below_1 or value < 1, f"{name} is below 1, got {value!r}")
        object.__setattr__(self, name, float(value))

    @property
    def takes_all_rows(self) -> bool:
        """Whether every step is to see all rows, not a mini-batch of them."""
        return False

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the arrays, shaped like θ, that are kept between updates."""
        return ()

    def start(self, theta: Array) -> Moments:
        """The moments before the first update."""
        return {slot: np.zeros_like(theta) for slot in self.slots}


@dataclass(frozen=True)
class BatchOptimizer(Optimizer):
    """An optimizer that makes one step for each batch, with a learning rate α."""

    learning_rate: float = 0.01


@dataclass(frozen=True)
class Rule(BatchOptimizer, ABC):
    """An optimizer that updates each entry of θ by that entry's own gradient and moments."""

    @property
    def decays_apart(self) -> bool:
        """Whether the decay is a step of its own, θ ← (1 − αλ)θ, and not a part of the gradient."""
        return False

    @abstractmethod
    def update(
        self, theta: Array, g: Array, moments: Moments, t: int, learning_rate: float
    ) -> None:
        """Move θ and the moments in place.

        Args:
            theta: the parameters θ, any shape.
            g: the gradient ∂L/∂θ, the same shape; left as it is.
            moments: the arrays named by `slots`.
            t: the number of this update, counted from 1.
            learning_rate: α of this update; schedules change it from step to step.
        """


def decayed(g: Array, weight_decay: float, theta: Array) -> Array:
    """The gradient with its decay, g + λθ."""
    return g + weight_decay * theta if weight_decay else g


def require(holds: bool, otherwise: str) -> None:
    """Refuse a setting.

    Raises:
        InvalidValue: it does not hold.
    """
    if not holds:
        raise InvalidValue(otherwise)
