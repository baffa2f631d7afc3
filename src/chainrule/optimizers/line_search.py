"""Steps whose size is looked for: Armijo's condition, and L-BFGS."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from chainrule.optimizers.rule import BatchOptimizer, Optimizer, require

SMALLEST = 2.0**-50  # of the learning rate: below it rounding decides, not the function


@dataclass(frozen=True)
class Backtracking(BatchOptimizer):
    """Gradient descent whose steps meet Armijo's condition (1966) on the loss f of the batch.

        f(θ − ηg) ≤ f(θ) − cη‖g‖²,   g = ∇f(θ)

    η begins at a first trial and is multiplied by β until the condition holds. With `restart` the
    first trial is α at every step; else it is min(α, η·γ^(b/n)), where η is the last accepted one
    and the batch has b of the n rows (Vaswani et al. 2019, "Painless stochastic gradient", algorithm
    1 with option 2; the cap by α is ours). Where no η above 2⁻⁵⁰α will do, no step is made.

    As it stands it is the textbook's, on all rows; `OPTIMIZERS["sls"]` is Vaswani's, on mini-batches.

    Args:
        learning_rate: α, the largest step.
        decrease: c, in (0, 1).
        shrink: β, in (0, 1).
        growth: γ, 1 or more.
        restart: begin every search at α.
        all_rows: refuse mini-batches.
    """

    name: ClassVar[str] = "backtracking"
    above_0: ClassVar[tuple[str, ...]] = ("learning_rate", "decrease", "shrink")
    below_1: ClassVar[tuple[str, ...]] = ("decrease", "shrink")
    finds_rate: ClassVar[bool] = True

    learning_rate: float = 1.0
    decrease: float = 1e-4
    shrink: float = 0.5
    growth: float = 2.0
    restart: bool = True
    all_rows: bool = True

    def __post_init__(self) -> None:
        """Check every hyperparameter."""
        super().__post_init__()
        require(self.growth >= 1, f"growth is 1 or more, got {self.growth!r}")

    @property
    def takes_all_rows(self) -> bool:
        """As it was asked for."""
        return self.all_rows

    def first_trial(self, accepted: float, share: float, learning_rate: float) -> float:
        """The η to begin with.

        Args:
            accepted: the last η; 0 if there was none.
            share: b/n, of the rows in this batch.
            learning_rate: α of this step.
        """
        if self.restart or accepted == 0:
            return learning_rate
        return min(learning_rate, accepted * math.pow(self.growth, share))

    def search(
        self, trial: float, value: float, squared_norm: float, loss_at: Callable[[float], float]
    ) -> float:
        """The first η of trial, β·trial, β²·trial, … that meets the condition; 0 if none does.

        Args:
            trial: the η to begin with.
            value: f(θ).
            squared_norm: ‖g‖².
            loss_at: η ↦ f(θ − ηg); it may be inf or nan.
        """
        eta, least = trial, trial * SMALLEST
        while eta > least:
            if loss_at(eta) <= value - self.decrease * eta * squared_norm:
                return eta
            eta *= self.shrink
        return 0.0


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """L-BFGS (Liu & Nocedal 1989) by SciPy's L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995), on all rows.

    The direction is −Hg, where H approximates the inverse of the Hessian from the last steps and the
    changes of the gradient along them; the size of the step meets Wolfe's conditions.

    Args:
        memory: how many such pairs are kept.
        tolerance: it ends where no entry of the gradient is larger.
    """

    name: ClassVar[str] = "lbfgs"
    finds_rate: ClassVar[bool] = True

    memory: int = 10
    tolerance: float = 1e-8

    @property
    def takes_all_rows(self) -> bool:
        """True."""
        return True
