"""One lane: a network that one optimizer trains, step by step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import optimizers
from chainrule.arrays import Array
from chainrule.engines.native_engine import NativeEngine
from chainrule.engines.stepwise import order
from chainrule.errors import ChainruleError, DivergenceError, InvalidValue
from chainrule.network import Network
from chainrule.plan import Plan
from chainrule.training import rows
from chainrule.training.loop import write_back
from chainrule.training.trainer import what_happened
from chainrule.web import limits
from chainrule.web.experiment import STEPPING, Experiment
from chainrule.web.scene import Scene

LEARNING, DIVERGED, REACHED = "learning", "diverged", "reached its loss"
_AT_ONCE = 64  # epochs between two looks at whether to stop


@dataclass(frozen=True)
class Measures:
    """How good a lane's network is.

    Attributes:
        step: after how many steps.
        loss, validation: the mean loss over the rows, and over those that validate (nan without them).
        score: the share of rows whose class is right, or R²; of the rows that validate, if there are.
        confusion: (k, k), how many rows of each class (down) got each answer (across); empty for numbers.
    """

    step: int
    loss: float
    validation: float
    score: float
    confusion: npt.NDArray[np.int32]


class Lane:
    """A network and its optimizer.

    Attributes:
        scene: what is learned.
        network: the network; `current` brings it up to date.
        step: how many steps were made.
        status: LEARNING, DIVERGED or REACHED.
        message: why it stopped.
        rate: the learning rate of the next step.
    """

    def __init__(self, experiment: Experiment, number: int, scene: Scene) -> None:
        """Begin.

        Args:
            experiment: what to do.
            number: which of its lanes, from 0.
            scene: what is learned.

        Raises:
            ChainruleError: the optimizer or the network cannot be had so.
        """
        rule = experiment.lanes[number]
        self.rate = rule.learning_rate
        self.target = experiment.stop.loss
        self.step, self.status, self.message = 0, LEARNING, ""
        self._epoch, self._position = 0, 0
        self._order: tuple[int, npt.NDArray[np.int64]] = -1, np.empty(0, np.int64)
        self.network = scene.network(experiment.net, experiment.seed)
        try:
            self._start(experiment, rule.optimizer, scene)
        except ChainruleError as error:
            raise InvalidValue(f"lane {number + 1}, {rule.optimizer}: {error}") from error

    def _start(self, experiment: Experiment, optimizer: str, scene: Scene) -> None:
        batch = min(experiment.batch_size, len(scene.X))
        if STEPPING[optimizer].takes_all_rows:
            batch = len(scene.X)
        self.scene = scene
        self.plan = Plan.of(
            self.network,
            scene.loss,
            optimizers.make(optimizer, self.rate),
            dropout=experiment.net.dropout,
            batch_size=batch,
            seed=experiment.seed,
            penalty=experiment.net.weight_decay * batch,
        )
        self._per_epoch = rows.steps_per_epoch(len(scene.X), batch)
        self.engine = NativeEngine(self.plan, self.network, scene.X, scene.t, None, 1)
        self._measured = _some(scene.X, scene.t)
        self._checked = None if scene.validation is None else _some(*scene.validation)

    @property
    def epochs(self) -> float:
        """How many times the rows were seen."""
        return self._epoch + self._position / self._per_epoch

    @property
    def steps_per_epoch(self) -> int:
        """How many steps go once over the rows."""
        return self._per_epoch

    @property
    def current_plan(self) -> Plan:
        """The plan, with the learning rate that it has now."""
        return replace(self.plan, optimizer=optimizers.make(self.plan.optimizer, self.rate))

    def advance(self, steps: int) -> None:
        """Make so many steps; fewer where training ends."""
        end = self.step + steps
        while self.step < end and self.status == LEARNING:
            try:
                self._piece(end - self.step)
            except DivergenceError as error:
                self._diverged(error)

    def _piece(self, most: int) -> None:
        """Whole epochs, as many as fit; or the steps up to the end of the epoch."""
        if self._position == 0 and most >= self._per_epoch:
            count = 1 if self.target is not None else min(_AT_ONCE, most // self._per_epoch)
            self.engine.epochs(self._epoch, self.rate, np.empty(count))
            self._epoch += count
            self.step += count * self._per_epoch
        else:
            steps = min(most, self._per_epoch - self._position)
            first, size = self._position, self.plan.batch_size
            batch = self._rows()[first * size : (first + steps) * size]
            self.engine.epoch_over(batch, self._epoch, self.rate, first=first)
            self.step += steps
            self._position += steps
            if self._position == self._per_epoch:
                self._epoch, self._position = self._epoch + 1, 0
        if self.target is not None and self._position == 0:
            self._look_at(self.target)

    def _look_at(self, target: float) -> None:
        loss = self.engine.evaluate(self.scene.X, self.scene.t)
        if loss <= target:
            self.status = REACHED
            self.message = f"the loss is {loss:.4g} after {self.step:,} steps"

    def _rows(self) -> npt.NDArray[np.int64]:
        """The order in which this epoch takes the rows."""
        if self._order[0] != self._epoch:
            self._order = self._epoch, order(self.plan, len(self.scene.X), self._epoch)
        return self._order[1]

    def _diverged(self, error: DivergenceError) -> None:
        self.step += (error.epoch - 1 - self._epoch) * self._per_epoch + error.step - 1 - self._position  # fmt: skip
        data = rows.Data(self.scene.X, self.scene.t)
        said = what_happened(error, self.engine, self.current_plan, data)
        self.status = DIVERGED
        self.message = f"diverged at step {self.step + 1:,}: {said}"

    def take(self, experiment: Experiment, scene: Scene) -> None:
        """Go on with other rows; they begin a new epoch.

        Raises:
            ChainruleError: they do not fit.
        """
        state = self.engine.state()
        self._start(experiment, optimizers.called(self.plan.optimizer), scene)
        self.engine.load(state)
        self._epoch, self._position = self._epoch + 1, 0
        self._order = -1, self._order[1]

    def set_weight(self, layer: int, row: int | None, column: int, value: float) -> None:
        """Set one number of W, or of b where the row is None; all counted from 0, layers from the input.

        Raises:
            InvalidValue: there is no such weight.
        """
        state = self.engine.state()
        if not 0 <= layer < len(state.parameters):
            raise InvalidValue(f"there is no layer {layer}")
        W, b = state.parameters[layer]
        if not 0 <= column < len(b) or (row is not None and not 0 <= row < len(W)):
            raise InvalidValue(f"there is no weight ({row}, {column}) in a layer of {len(W)}×{len(b)}")  # fmt: skip
        if row is None:
            b[column] = value
        else:
            W[row, column] = value
        self.engine.load(state)

    def current(self) -> Network:
        """The network as it is now."""
        return write_back(self.network, self.engine.state())

    def measures(self) -> Measures:
        """How good it is, over no more than `limits.POINTS` rows of each part for the score."""
        scene = self.scene
        loss = self.engine.evaluate(scene.X, scene.t)
        validation = np.nan if scene.validation is None else self.engine.evaluate(*scene.validation)
        X, t = self._measured if self._checked is None else self._checked
        said = self.engine.predict(X)
        confusion = np.zeros((len(scene.classes),) * 2, np.int32)
        if not scene.classes:
            return Measures(self.step, loss, validation, _r2(said[:, 0], t[:, 0]), confusion)
        answers = (said[:, 0] > 0.5).astype(np.int64) if scene.outputs == 1 else said.argmax(axis=1)
        np.add.at(confusion, (t[:, 0].astype(np.int64), answers), 1)
        return Measures(self.step, loss, validation, float(np.trace(confusion) / len(t)), confusion)


def _some(X: Array, t: Array) -> tuple[Array, Array]:
    """No more rows than are shown, evenly chosen."""
    if len(X) <= limits.POINTS:
        return X, t
    chosen = np.linspace(0, len(X) - 1, limits.POINTS).astype(np.int64)
    return X[chosen], t[chosen]


def _r2(said: Array, t: Array) -> float:
    """1 − Σ(t − z)²/Σ(t − t̄)²; nan where the numbers are all the same."""
    rest: Any = np.square(t - said, dtype=np.float64).sum()
    whole: Any = np.square(t - t.mean(dtype=np.float64), dtype=np.float64).sum()
    return float(1 - rest / whole) if whole else float("nan")
