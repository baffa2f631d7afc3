"""`train`: a network, rows and targets in; the trained network and its history out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule import losses
from chainrule.arrays import Array
from chainrule.engines import Engine, State, choose_on
from chainrule.engines.stepwise import order
from chainrule.errors import DivergenceError, InvalidValue
from chainrule.losses import Loss, Own
from chainrule.losses.own import Function
from chainrule.network import Network
from chainrule.optimizers import LBFGS, TOGETHER, BatchOptimizer, Groups, Optimizer
from chainrule.plan import Plan
from chainrule.training import checkpoints, rows, scaling, schedules
from chainrule.training.checkpoints import Book, Checkpoint, Keeper, Page, Settings
from chainrule.training.history import History
from chainrule.training.lbfgs import LBFGSLoop
from chainrule.training.loop import Callback, Loop, Status, write_back
from chainrule.training.progress import Progress
from chainrule.training.runs.log import NetworkLog, RunLog
from chainrule.training.runs.plain import settings as settings_of
from chainrule.training.schedules import Schedule
from chainrule.training.stopping import TO_THE_END, Stopping

BATCH_SIZE = 32  # rows in a step where nothing else is asked for
Log: TypeAlias = str | os.PathLike[str] | RunLog | NetworkLog | None  # where a run is kept
_LARGE = 100.0  # inputs and targets beyond this are named when training diverges


@dataclass
class Result:
    """What came out of a training.

    Attributes:
        network: the network that was given, with its trained parameters.
        engine: the name of the engine.
        engine_reason: why it was that one.
        isa: the instruction set of the engine's code.
        threads: how many it used.
        history: losses, rates and times, epoch by epoch.
        plan: what was trained and how.
        epochs: how many were completed.
        steps: how many updates were made.
        seconds: how long the epochs took, validation included.
        status: "finished", "stopped early", "interrupted" or "diverged".
        best_epoch: the epoch, from 1, with the lowest validation loss (training loss without validation), the last of
            equals; 0 if there is none.
        kept_epoch: the epoch whose parameters the network has: the best with a patience, else the last that was completed.
        state: the engine's whole state at those parameters.
    """

    network: Network
    engine: str
    engine_reason: str
    isa: str
    threads: int
    history: History = field(repr=False)
    plan: Plan = field(repr=False)
    epochs: int
    steps: int
    seconds: float
    status: Status
    best_epoch: int
    kept_epoch: int
    state: State = field(repr=False)

    @property
    def loss(self) -> float | None:
        """The mean training loss of the kept epoch; None if no epoch was completed."""
        return self.history.rows[self.kept_epoch - 1][0] if self.kept_epoch else None


class TrainingDiverged(DivergenceError):
    """The loss of a batch was not finite, and training stopped there.

    Attributes:
        epoch, step: where, counted from 1.
        result: what there is up to that step; its network has the last finite parameters.
    """

    def __init__(self, epoch: int, step: int, message: str, result: Result | None = None) -> None:
        super().__init__(epoch, step, message)
        self.result = result


def train(
    network: Network,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    loss: str | Loss | Function | None = None,
    optimizer: str | Optimizer = "adam",
    epochs: int = 100,
    batch_size: int | None = None,
    validation: tuple[npt.ArrayLike, ...] | float | None = None,
    stopping: int | Stopping | None = None,
    schedule: str | Schedule = "constant",
    dropout: float | Sequence[float] = 0.0,
    weights: npt.ArrayLike | None = None,
    engine: str = "auto",
    device: str = "auto",
    precision: str = "float32",
    distributed: bool = False,
    threads: int | None = None,
    seed: int = 0,
    shuffle: bool = True,
    penalty: float = 0.0,
    groups: Groups = TOGETHER,
    start: State | None = None,
    watched: Callable[[Engine], float] | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
    checkpoint: str | os.PathLike[str] | Checkpoint | Page | None = None,
    resume: bool = False,
    log: Log = None,
) -> Result:
    """Train a network in place.

    Ctrl-C ends the training with a `TrainingInterrupted` warning; the network then holds what it had learned.

    Args:
        network: its parameters are where the training starts and where it puts what it learned.
        X: rows, shape (n, d); finite numbers.
        y: targets, (n,) or (n, outputs); labels of two classes as 0/1, −1/+1 or booleans, of more as class numbers.
        loss: a loss or its name, or a function of your own from outputs and targets to the losses of rows and their
            gradients (see `losses.Own`), which the NumPy engine takes; None takes the one that goes with the output
            activation.
        optimizer: a rule or its name; its learning rate is what the schedule multiplies.
        epochs: passes over the rows, at most; 1 or more.
        batch_size: rows per update; None takes 32, or all where the optimizer needs them all.
        validation: rows and targets to validate on, and perhaps their weights, or the share of the rows to set aside for
            it, or None.
        stopping: epochs without a gain before training stops, or a `Stopping`; 0 or None trains to the end.
        schedule: a schedule or its name: constant, step, cosine, one-cycle, warm-up.
        dropout: share of each hidden layer's outputs that a step drops, or one share per hidden layer.
        weights: of the rows in the training loss, (n,), 0 or more. Rows set aside by a share count once each.
        engine: native, torch, numpy, or auto for the fastest that is there.
        device: for the torch engine: cpu, cuda, cuda:1, mps, or auto for the GPU if there is one. A GPU asked for by name
            takes the torch engine.
        precision: of the torch engine's products in a step: float32, tf32 (NVIDIA's GPUs) or bfloat16.
        distributed: share each batch among the processes that torchrun has started, each of which makes this call with the
            same arguments; a `SlowerTogether` warning says where one process would be quicker.
        threads: how many the engine may use; None lets it choose.
        seed: keys the order of rows, dropout and the choice of validation rows.
        shuffle: whether each epoch takes the rows in an order of its own.
        penalty: α; a step descends (Σ wᵢ ℓᵢ + ½ α ΣW²) / Σ wᵢ over its batch, see `Plan`.
        groups: which parameters learn at rates of their own; all at the same without it.
        start: the `Result.state` of a training with the same plan to go on from, moments and counters included; the
            network then starts with its parameters.
        watched: from the engine after an epoch to the number that `stopping` wants low, in place of the validation
            loss, as which it enters the history.
        callbacks: each is called with an `Event` after every epoch; one that returns True ends the training.
        progress: show a live line on a terminal, plain lines elsewhere, on standard error.
        checkpoint: a file to keep the training in, every 30 seconds, or a `Checkpoint` that says how often, and at the
            end; while it is written, the last one stays whole.
        resume: go on from the checkpoint, if there is one, as if nothing had happened. Data and settings have to be the
            same; `epochs` may be more, under a constant schedule.
        log: a folder to keep the run in, as a file of lines that grows with every epoch, or a
            `RunLog`; `chainrule runs` lists, compares and draws what is there.

    Returns:
        A `Result`.

    Raises:
        TrainingDiverged: a DivergenceError, with the `result` so far: the loss of a batch is not finite. The network
            then has the last finite parameters.
        ShapeError, DataError, InvalidValue, UnknownName: something given does not fit, the gradient of a loss of your own
            does not; the text says what.
        EngineError, MissingExtra: the engine asked for cannot be had.
    """
    if not isinstance(epochs, (int, np.integer)) or epochs < 1:
        raise InvalidValue(f"epochs is a whole number, 1 or more, got {epochs!r}")
    given = losses.default(network.activations[-1]) if loss is None else losses.get(loss)
    plan = Plan.of(
        network,
        given if isinstance(given, Own) else given.name,
        optimizer,
        dropout=dropout,
        batch_size=BATCH_SIZE if batch_size is None else batch_size,
        seed=seed,
        shuffle=shuffle,
        penalty=penalty,
        groups=groups,
    )
    data = rows.prepare(plan, X, y, weights, validation)
    plan = rows.whole(plan, len(data.X), batch_size)
    if isinstance(given, Own):
        given.check(data.t, network.sizes[-1])
    chosen, reason = choose_on(plan, engine, device, precision, distributed)
    worker = chosen(plan, network, data.X, data.t, data.weights, threads)
    if distributed:
        scaling.warn(plan, worker.group)  # type: ignore[attr-defined]  # a DistributedEngine's
    shown = Progress(len(data.X)) if progress and worker.rank == 0 else None
    told: Sequence[Callback] = (*callbacks, shown) if shown else callbacks
    loop = loop_for(
        worker, plan, network, data, epochs, Stopping.of(stopping), schedules.get(schedule), told
    )
    if start is not None:
        worker.load(start)
    loop.watched = watched
    keep(
        loop,
        checkpoint,
        resume,
        lambda: Settings.of(
            plan,
            Stopping.of(stopping),
            schedules.get(schedule),
            epochs,
            checkpoints.described(data),
            worker.name,
            precision,
        ),
    )
    told_of = settings_of(plan, Stopping.of(stopping), schedules.get(schedule), epochs)
    with logged(log, loop, told_of, lambda: _described(data)) as over:
        result = run(
            loop, plan, reason, shown, lambda error: what_happened(error, worker, plan, data)
        )
        over(result)
    return result


@contextmanager
def logged(
    log: Log, loop: Loop, settings: Mapping[str, Any], data: Callable[[], Mapping[str, Any]]
) -> Iterator[Callable[[Result], object]]:
    """A context to run a loop in, which keeps the run; it gives what is to be told of the result.

    Args:
        log: where; None keeps nothing.
        loop: ready to run.
        settings: of the training.
        data: describes what is trained on.

    Raises:
        InvalidValue: no run can be kept there.
    """
    if log is None or loop.engine.rank:  # of several processes, the first tells
        yield lambda _: None
        return
    with log if isinstance(log, NetworkLog) else RunLog.of(log) as run_log:
        loop.callbacks = (*loop.callbacks, run_log.begin(loop, settings, data))
        yield run_log.end


def _described(data: rows.Data) -> dict[str, Any]:
    return {
        "rows": len(data.X),
        "columns": data.X.shape[1],
        "validated": 0 if data.validation is None else len(data.validation[0]),
        "digest": checkpoints.described(data),
    }


def run(
    loop: Loop,
    plan: Plan,
    reason: str,
    shown: Progress | None,
    what_happened: Callable[[DivergenceError], str],
) -> Result:
    """Run a loop to its end and sum up.

    Args:
        loop: ready to run.
        plan: what it trains.
        reason: why the engine was chosen.
        shown: the progress, closed at the end.
        what_happened: the text for a divergence.

    Raises:
        TrainingDiverged: with the result so far.
    """
    try:
        status = loop.run()
    except DivergenceError as error:
        text, result = what_happened(error), _result(loop, plan, reason, "diverged")
        raise TrainingDiverged(error.epoch, error.step, text, result) from None
    finally:
        if shown:
            shown.close()
    return _result(loop, plan, reason, status)


def keep(
    loop: Loop,
    checkpoint: str | os.PathLike[str] | Checkpoint | Page | None,
    resume: bool,
    settings: Callable[[], Settings],
) -> None:
    """Let a loop write checkpoints, and go on from the one that is there if that was asked for.

    Args:
        loop: ready to run.
        checkpoint: where and how often; a page of a book that is open already; None for none.
        resume: whether to go on.
        settings: what the checkpoint has to agree with; called only if there is one.

    Raises:
        InvalidValue: there is nothing to resume from, or it is another training's.
    """
    if checkpoint is None:
        if resume:
            raise InvalidValue(
                "to resume takes a checkpoint to go on from: checkpoint='run.checkpoint'"
            )
        return
    if isinstance(loop, LBFGSLoop):
        raise InvalidValue("lbfgs remembers more than its steps: it makes no checkpoints")
    first = loop.engine.rank == 0
    if not isinstance(checkpoint, Page):
        found = checkpoints.read(Checkpoint.of(checkpoint).path) if resume and first else None
        group = getattr(loop.engine, "group", None)  # the first process tells the others
        book = Book(checkpoint, group.told(found) if resume and group else found)
        if first and found is None:
            book.refuse_to_lose()
        checkpoint = Page(book, 0, alone=True)
    loop.keeper = Keeper(checkpoint, settings(), writes=first)
    loop.keeper.resume(loop)


def loop_for(
    engine: Engine,
    plan: Plan,
    network: Network,
    data: rows.Data,
    epochs: int,
    stopping: Stopping = TO_THE_END,
    schedule: Schedule = schedules.CONSTANT,
    callbacks: Sequence[Callback] = (),
) -> Loop:
    """The loop for a plan: over epochs of batches, or over iterations of L-BFGS.

    Raises:
        InvalidValue: the optimizer has no use for the schedule or the dropout.
    """
    match plan.optimizer:
        case BatchOptimizer(learning_rate=alpha):
            per_epoch = rows.steps_per_epoch(len(data.X), plan.batch_size)
            rates = schedules.by_epoch(schedule, alpha, epochs, per_epoch)
            return Loop(engine, network, rates, epochs, data.validation, stopping, callbacks)
        case LBFGS() as lbfgs:
            if any(plan.dropout) or not isinstance(schedule, schedules.Constant):
                raise InvalidValue("lbfgs compares losses: it takes no dropout and no schedule")
            of_all = (data.X, data.t, data.weights)
            return LBFGSLoop(
                engine, network, lbfgs, of_all, epochs, data.validation, stopping, callbacks
            )
    raise InvalidValue(f"no loop trains with {plan.optimizer.name}")


def _result(loop: Loop, plan: Plan, reason: str, status: Status) -> Result:
    """Go back to the best epoch if there is one, put the parameters into the network, and sum up.

    After a divergence the parameters are the last finite ones, not the best.
    """
    engine, history = loop.engine, loop.history
    state = engine.state()
    steps = state.step
    best = None if status == "diverged" else loop.best
    if best is not None:
        state = best
        engine.load(state)
    return Result(
        network=write_back(loop.network, state),
        engine=engine.name,
        engine_reason=reason,
        isa=engine.isa,
        threads=engine.threads,
        history=history,
        plan=plan,
        epochs=len(history),
        steps=steps,
        seconds=history.rows[-1][3] if history.rows else 0.0,
        status=status,
        best_epoch=loop.watch.best_epoch,
        kept_epoch=loop.watch.best_epoch if best is not None else len(history),
        state=state,
    )


def what_happened(error: DivergenceError, engine: Engine, plan: Plan, data: rows.Data) -> str:
    """The text for a divergence: where, the largest gradient on that batch, and what to try."""
    first = (error.step - 1) * plan.batch_size
    batch = order(plan, len(data.X), error.epoch - 1)[first : first + plan.batch_size]
    X, t = data.X[batch], data.t[batch]
    with np.errstate(all="ignore"):
        _, gradient = engine.loss_and_gradient(
            X, t, None if data.weights is None else data.weights[batch]
        )
    steepest = max(_largest(part) for pair in gradient for part in pair)
    hints = [smaller(plan.optimizer)] if isinstance(plan.optimizer, BatchOptimizer) else []
    if _largest(X) > _LARGE:
        hints.append(f"inputs scaled to about −1 … 1 (they reach {_largest(X):g})")
    if plan.loss == "squared_error" and _largest(t) > _LARGE:
        hints.append(f"targets scaled to about −1 … 1 (they reach {_largest(t):g})")
    return (
        f"the loss is not finite at step {error.step} of epoch {error.epoch}; the last finite"
        f" parameters are kept, and there the largest finite gradient is {steepest:.3g}."
        f" Try {', or '.join(hints or ['other first weights'])}"
    )


def smaller(rule: BatchOptimizer) -> str:
    """The hint for a learning rate that was too large."""
    alpha = rule.learning_rate
    return f"a smaller learning rate (it was {alpha:g}; {alpha / 10:g} is worth a try)"


def _largest(values: Array) -> float:
    """The largest finite magnitude."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0))
