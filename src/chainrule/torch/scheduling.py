"""Learning-rate schedulers of PyTorch, stepped between the epochs or for each step of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.optim import Optimizer as TorchOptimizer
from torch.optim import lr_scheduler

from chainrule.engines.engine import Rates
from chainrule.errors import EngineError, InvalidValue, unknown
from chainrule.training.history import History


@dataclass(frozen=True)
class Scheduling:
    """A scheduler, or none, and when it is stepped.

    Attributes:
        optimizer: whose learning rates they are.
        scheduler: of PyTorch, or None for a constant rate.
        every: "epoch" or "step".

    Raises:
        InvalidValue: the scheduler is none, or stands on another optimizer.
        UnknownName: it is to be stepped at another time.
    """

    optimizer: TorchOptimizer
    scheduler: Any
    every: str

    def __post_init__(self) -> None:
        """Check the parts against each other."""
        if self.every not in ("epoch", "step"):
            raise unknown("time to step a scheduler", self.every, ["epoch", "step"])
        if self.scheduler is None:
            return
        if not callable(getattr(self.scheduler, "step", None)):
            raise InvalidValue(f"a scheduler has a step, {type(self.scheduler).__name__} has none")
        if getattr(self.scheduler, "optimizer", self.optimizer) is not self.optimizer:
            raise InvalidValue("the scheduler stands on another optimizer")

    @property
    def by_step(self) -> bool:
        """Whether each step has a rate of its own."""
        return self.scheduler is not None and self.every == "step"

    def check_rates_only(self) -> None:
        """Refuse a scheduler that may change more than the learning rate.

        Raises:
            EngineError: it is not PyTorch's own, or cycles the momentum too.
        """
        for each in _parts(self.scheduler):
            name = type(each).__name__
            if type(each).__module__ != lr_scheduler.__name__:
                raise EngineError(f"it cannot know what the scheduler {name} changes")
            if getattr(each, "cycle_momentum", False):
                raise EngineError(f"{name} changes the momentum too: cycle_momentum=False")

    def rates(
        self, epochs: int, steps: int | None, history: History
    ) -> Iterator[tuple[Rates, float]]:
        """For each epoch its rates, and its last rate; between two of them the scheduler is stepped.

        Args:
            epochs: how many.
            steps: in an epoch, where the rate of each is to be known before; None where whoever
                makes the steps steps the scheduler too.
            history: of the epochs that were completed.
        """
        for _ in range(epochs):
            if self.by_step and steps is not None:
                each = self._stepped(steps)
                yield each, float(each[-1])
            else:
                yield self._rate, self._rate
            if self.scheduler is not None and self.every == "epoch":
                self._step(history)

    @property
    def _rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def _stepped(self, steps: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        rates = np.empty(steps)
        for i in range(steps):
            rates[i] = self._rate
            self._note_steps()
            self.scheduler.step()
        return rates

    def _step(self, history: History) -> None:
        self._note_steps()
        if isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            loss, validation_loss, *_ = history.rows[-1]
            self.scheduler.step(loss if np.isnan(validation_loss) else validation_loss)
        else:
            self.scheduler.step()

    def _note_steps(self) -> None:
        """Tell the scheduler, which asks, that the optimizer's steps are made, if elsewhere."""
        self.optimizer._opt_called = True  # type: ignore[attr-defined]


def _parts(scheduler: Any) -> Iterator[Any]:
    if scheduler is not None:
        yield scheduler
        for each in getattr(scheduler, "_schedulers", ()):
            yield from _parts(each)
