"""Early stopping: when the loss has not fallen for a while, stop and go back to the best epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chainrule.errors import InvalidValue


@dataclass(frozen=True)
class Stopping:
    """Stop after `patience` epochs in a row without a gain; keep the parameters of the best epoch.

    The loss watched is the validation loss, or the training loss where there is no validation. The best epoch is the
    one with the lowest loss, the last of equals. A gain is a loss lower by more than `minimum_gain` than the loss at the
    gain before. A loss that is not a number is neither best nor a gain.

    Args:
        patience: epochs without a gain before the stop; 0 trains to the end and keeps the last parameters.
        minimum_gain: what a fall in the loss must exceed to count, in units of the loss.
    """

    patience: int = 20
    minimum_gain: float = 0.0

    def __post_init__(self) -> None:
        if self.patience < 0:
            raise InvalidValue(f"patience is a number of epochs, 0 or more, got {self.patience}")
        if not self.minimum_gain >= 0 or math.isinf(self.minimum_gain):
            raise InvalidValue(f"minimum_gain is 0 or more, got {self.minimum_gain}")

    @classmethod
    def of(cls, stopping: int | Stopping | None) -> Stopping:
        """From a patience, a Stopping, or None, which trains to the end."""
        if isinstance(stopping, Stopping):
            return stopping
        return TO_THE_END if stopping is None else cls(stopping)


TO_THE_END = Stopping(patience=0)


class Watch:
    """The losses seen so far, epoch by epoch: which was best, and how long ago the last gain was."""

    __slots__ = ("best", "best_epoch", "minimum_gain", "patience", "reference", "waited")

    def __init__(self, stopping: Stopping) -> None:
        self.patience = stopping.patience
        self.minimum_gain = stopping.minimum_gain
        self.best = math.inf
        self.best_epoch = 0  # counted from 1; 0 while every loss was not a number
        self.reference = math.inf  # the loss at the last gain
        self.waited = 0

    def see(self, epoch: int, loss: float) -> bool:
        """Take in the loss of an epoch (counted from 1); True where it is the best so far or equal to it."""
        if self.reference - loss > self.minimum_gain:
            self.reference = loss
            self.waited = 0
        else:
            self.waited += 1
        if loss <= self.best:
            self.best, self.best_epoch = loss, epoch
            return True
        return False

    @property
    def out_of_patience(self) -> bool:
        """Whether training should stop now; never with a patience of 0."""
        return 0 < self.patience <= self.waited
