"""The one loop over the epochs, for every engine: history, validation, stopping, callbacks, Ctrl-C."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Literal, TypeAlias

from chainrule.engines import Engine, State
from chainrule.network import Network
from chainrule.plan import Plan
from chainrule.training.history import History
from chainrule.training.rows import Checked
from chainrule.training.schedules import Rates
from chainrule.training.stopping import TO_THE_END, Stopping, Watch

if TYPE_CHECKING:
    from chainrule.training.checkpoints import Keeper

Status: TypeAlias = Literal["finished", "stopped early", "interrupted", "diverged"]


class TrainingInterrupted(RuntimeWarning):
    """Ctrl-C ended the training; the network holds what it had learned."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended the training of several networks, which a checkpoint holds."""


class Event:
    """What a callback is told after an epoch.

    Attributes:
        epoch: counted from 1.
        epochs: how many there are to be at most.
        loss: the epoch's mean training loss.
        validation_loss: the loss on the validation rows; nan without them.
        learning_rate: of the epoch's last update.
        seconds: since the training began.
    """

    __slots__ = ("_loop", "epoch", "epochs", "learning_rate", "loss", "seconds", "validation_loss")

    def __init__(self, loop: Loop, epoch: int, row: tuple[float, float, float, float]) -> None:
        self._loop = loop
        self.epoch = epoch
        self.epochs = loop.epochs
        self.loss, self.validation_loss, self.learning_rate, self.seconds = row

    @property
    def plan(self) -> Plan:
        """What is trained and how."""
        return self._loop.engine.plan

    @property
    def network(self) -> Network:
        """The network as it is now, brought up to date with the engine."""
        return write_back(self._loop.network, self.state)

    @property
    def state(self) -> State:
        """A copy of the engine's state, which costs less than the network brought up to date."""
        return self._loop.engine.state()


Callback: TypeAlias = Callable[[Event], object]


class Loop:
    """A training under way.

    Attributes:
        engine: what runs the epochs.
        network: where `Event.network` puts the parameters.
        history: a row for each epoch that was completed.
        epochs: how many there are to be at most.
        watch: which epoch was best.
        best: the state after that epoch, kept where there is a patience.
        keeper: what writes checkpoints, if anything does.
        watched: what takes the place of the validation loss, if anything does.
        start: when it began, on the clock of `perf_counter`.
    """

    def __init__(
        self,
        engine: Engine,
        network: Network,
        rates: Iterable[tuple[Rates, float]],
        epochs: int,
        validation: Checked | None = None,
        stopping: Stopping = TO_THE_END,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        """Take what is to be run: for each epoch its rates, and its last rate."""
        self.engine, self.network = engine, network
        self.rates, self.epochs = rates, epochs
        self.validation = validation
        self.watch = Watch(stopping)
        self.callbacks = tuple(callbacks)
        self.history = History()
        self.best: State | None = None
        self.keeper: Keeper | None = None
        self._whole = True  # whether the engine stands where the history ends
        self.watched: Callable[[Engine], float] | None = None
        self.start = perf_counter()

    def run(self) -> Status:
        """Run the epochs; Ctrl-C ends them with a warning.

        Raises:
            DivergenceError: the engine's.
        """
        try:
            status = self._epochs()
            if self.keeper:
                self.keeper.end(self, whole=True)
            return status
        except KeyboardInterrupt:
            if self.keeper:
                self.keeper.end(self, whole=self._whole)
            warnings.warn(
                f"interrupted after {len(self.history)} of {self.epochs} epochs",
                TrainingInterrupted,
                stacklevel=3,
            )
            return "interrupted"

    def _epochs(self) -> Status:
        engine_epoch, after, rows = self.engine.epoch, self._after, self.history.rows
        before = rows[-1][3] if rows else 0.0
        if self.watch.out_of_patience:  # a training that is resumed after its end
            return "stopped early"
        if self.keeper:
            self.keeper.start(self)
        self.start = perf_counter() - before
        for number, (rates, last_rate) in enumerate(islice(self.rates, len(rows), None), len(rows)):
            self._whole = False
            if after(engine_epoch(number, rates), last_rate):
                return "stopped early"
        return "finished"

    def _after(self, loss: float, rate: float) -> bool:
        """Note an epoch that was completed; whether it is to be the last."""
        validation, watch, rows = self.validation, self.watch, self.history.rows
        checked = validation is not None or self.watched is not None
        validation_loss = math.nan
        if self.watched is not None:
            validation_loss = self.watched(self.engine)
        elif validation is not None:
            validation_loss = self.engine.evaluate(*validation)
        row = (loss, validation_loss, rate, perf_counter() - self.start)
        rows.append(row)
        is_best = watch.see(len(rows), validation_loss if checked else loss)
        if is_best and watch.patience:
            self.best = self.engine.state()
        told_to_stop = self.callbacks and self._tell(len(rows), row)
        self._whole = True
        if self.keeper:
            self.keeper.after_epoch(self)
        return bool(told_to_stop or watch.out_of_patience)

    def _tell(self, epoch: int, row: tuple[float, float, float, float]) -> bool:
        event = Event(self, epoch, row)
        answers = [callback(event) for callback in self.callbacks]
        return any(answer is True for answer in answers)


def write_back(network: Network, state: State) -> Network:
    """Put the parameters of a state into the network's own arrays."""
    for layer, (W, b) in zip(network.layers, state.parameters, strict=True):
        layer.W[...], layer.b[...] = W, b
    return network
