"""Callbacks that tell TensorBoard or MLflow of a training."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any

from chainrule.errors import InvalidValue, MissingExtra
from chainrule.training.runs.settings import flat

if TYPE_CHECKING:
    from chainrule.training.loop import Event

_PATIENCE = 1.0  # seconds from one writing to the next
_MOST = 1000  # numbers that MLflow takes at a time


class _Tracker(AbstractContextManager[Any], ABC):
    """Tells of the plan once, of epochs, and sees to it that what was told is written once a second."""

    def __init__(self, every: int) -> None:
        if not isinstance(every, int) or every < 1:
            raise InvalidValue(f"every is a number of epochs, 1 or more, got {every!r}")
        self.every = every
        self._begun, self._due = False, 0.0

    def __call__(self, event: Event) -> None:
        """Tell of an epoch."""
        if not self._begun:
            self._begin(flat(event.plan.described()))
            self._begun = True
        if event.epoch % self.every == 0:
            self._tell(event.epoch, _numbers(event))
        if monotonic() >= self._due or event.epoch == event.epochs:
            self._write()
            self._due = monotonic() + _PATIENCE

    @abstractmethod
    def _begin(self, plan: dict[str, str]) -> None: ...

    @abstractmethod
    def _tell(self, epoch: int, numbers: dict[str, float]) -> None: ...

    @abstractmethod
    def _write(self) -> None: ...


class TensorBoard(_Tracker):
    """Writes what each epoch gave as scalars, and the plan as text.

        with chainrule.TensorBoard("boards/first") as board:
            chainrule.train(network, X, y, callbacks=[board])

    Args:
        folder: where TensorBoard looks for it, one for each run.
        every: the number of epochs from one that is written to the next.

    Raises:
        MissingExtra: TensorBoard or PyTorch is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str], every: int = 1) -> None:
        super().__init__(every)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as absent:
            raise MissingExtra("tensorboard") from absent
        self._writer: Any = SummaryWriter(os.fspath(folder))

    def _begin(self, plan: dict[str, str]) -> None:
        lines = [f"    {name:<20} {value}" for name, value in plan.items()]
        self._writer.add_text("plan", "\n".join(lines))

    def _tell(self, epoch: int, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, epoch)

    def _write(self) -> None:
        self._writer.flush()

    def __exit__(self, *_: object) -> None:
        """Write the rest."""
        self._writer.close()


class MLflow(_Tracker):
    """Logs what each epoch gave as metrics, and the plan as parameters, to MLflow.

        with chainrule.MLflow() as tracked:
            chainrule.train(network, X, y, callbacks=[tracked])

    They go into the run that is active; where none is, one begins with the first epoch and ends with
    the `with` statement.

    Args:
        every: the number of epochs from one that is logged to the next.

    Raises:
        MissingExtra: MLflow is not installed.
    """

    def __init__(self, every: int = 1) -> None:
        super().__init__(every)
        try:
            import mlflow
        except ModuleNotFoundError as absent:
            raise MissingExtra("mlflow") from absent
        self._mlflow, self._own = mlflow, False
        self._points: list[Any] = []

    def _begin(self, plan: dict[str, str]) -> None:
        run = self._mlflow.active_run()
        self._own = run is None
        if run is None:
            run = self._mlflow.start_run()
        self._run: str = run.info.run_id
        self._mlflow.log_params(plan)

    def _tell(self, epoch: int, numbers: dict[str, float]) -> None:
        now = time_ns() // 1_000_000
        metric = self._mlflow.entities.Metric
        self._points += [metric(name, value, now, epoch) for name, value in numbers.items()]

    def _write(self) -> None:
        client = self._mlflow.MlflowClient()
        for at in range(0, len(self._points), _MOST):
            client.log_batch(self._run, metrics=self._points[at : at + _MOST])
        self._points = []

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Log the rest; a run that was begun here ends, after an error as failed."""
        self._write()
        if self._own:
            self._mlflow.end_run("FINISHED" if kind is None else "FAILED")


def _numbers(event: Event) -> dict[str, float]:
    """What an epoch gave, as far as it is a number."""
    found = {
        "loss": event.loss,
        "validation_loss": event.validation_loss,
        "learning_rate": event.learning_rate,
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}
