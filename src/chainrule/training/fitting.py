"""From a table to a trained model: choose what was left open, train, and score."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import optimizers
from chainrule.arrays import DType
from chainrule.errors import InvalidValue
from chainrule.optimizers import Optimizer
from chainrule.storage import Model
from chainrule.tables import Encoder, Supervised, Table, TargetEncoder
from chainrule.training.checkpoints import Checkpoint
from chainrule.training.problem import Problem
from chainrule.training.trainer import Log, Result, train

STEPS, SMALLEST_BATCH, LARGEST_BATCH = 100, 32, 256  # steps an epoch, as far as the bounds allow

# The lecture's notebook: every point trained on, 2-20-40-20-1, batches of 10, 100 epochs of plain SGD.
LECTURE: dict[str, Any] = {
    "hidden": (20, 40, 20), "optimizer": "sgd", "learning_rate": 0.1, "epochs": 100, "batch_size": 10,
    "patience": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How to train on a table; None leaves a choice to `fit_table`.

    Attributes:
        task: "classification" or "regression"; None infers it from the target.
        hidden: sizes of the hidden layers.
        activation: of the hidden layers.
        optimizer: a name.
        learning_rate: None takes the optimizer's own.
        epochs: at most.
        batch_size: None takes about a hundred steps an epoch, of 32 to 256 rows.
        dropout: share of each hidden layer's outputs dropped in a step.
        weight_decay: None takes the optimizer's own.
        validation: share of the rows set aside to validate on; 0 for none.
        patience: epochs without a gain before training stops; 0 trains to the end.
        engine, device, precision, distributed, threads, dtype, seed, checkpoint, resume, log: as in
            `train`.
    """

    task: str | None = None
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "relu"
    optimizer: str = "adamw"
    learning_rate: float | None = None
    epochs: int = 200
    batch_size: int | None = None
    dropout: float = 0.0
    weight_decay: float | None = None
    validation: float = 0.2
    patience: int = 20
    engine: str = "auto"
    device: str = "auto"
    precision: str = "float32"
    distributed: bool = False
    threads: int | None = None
    dtype: DType = "float32"
    seed: int = 0
    checkpoint: str | os.PathLike[str] | Checkpoint | None = None
    resume: bool = False
    log: Log = None

    def rule(self) -> Optimizer:
        """The optimizer with its settings."""
        decay = {} if self.weight_decay is None else {"weight_decay": self.weight_decay}
        return optimizers.make(self.optimizer, self.learning_rate, **decay)


Scores = dict[str, float]


@dataclass
class Fit:
    """What fitting to a table found.

    Attributes:
        model: ready to predict, and to be saved.
        results: the training of each of its networks.
        rows: how many of the table's rows have a target.
        dropped: how many have none.
        seconds: how long the training took.
        validated: how many rows the scores stand on.
        scores: on the validation rows: accuracy and log_loss, or r2 and rmse, or of quantiles
            pinball_loss and coverage; empty without them.
        baseline: the same of the best constant guess, taken from the training rows.
        out_of_fold: whether they stand on rows that some of the networks trained on, each predicted
            by those that did not.
        notes: what else is to be said of it.
    """

    model: Model
    results: Sequence[Result]
    rows: int
    dropped: int
    seconds: float
    validated: int = 0
    scores: Scores = field(default_factory=dict)
    baseline: Scores = field(default_factory=dict)
    out_of_fold: bool = False
    notes: Sequence[str] = ()

    @property
    def result(self) -> Result:
        """The training of the first network."""
        return self.results[0]


def fit_table(
    table: Table,
    target: str | None = None,
    settings: Settings | None = None,
    *,
    held_out: Table | None = None,
    progress: bool = False,
) -> Fit:
    """Fit a network to a table.

    The encoders are fitted on the rows that are trained on; only the list of classes is taken from
    all rows.

    Args:
        table: with the target among its columns.
        target: its name; the last column's without it.
        settings: how to train.
        held_out: other rows to validate on, instead of a share of the table's.
        progress: show it on standard error.

    Raises:
        ChainruleError: the table, the target or a setting cannot be used; the text says why.
    """
    settings = settings or Settings()
    problem = Problem.of(
        table, target, settings.task, settings.validation, held_out, settings.seed, settings.dtype
    )
    rule, batch_size = settings.rule(), settings.batch_size
    if batch_size is None and not rule.takes_all_rows:
        batch_size = batch_size_for(len(problem.X))
    result = train(
        problem.network(settings.hidden, settings.activation, settings.seed),
        problem.X,
        problem.y,
        optimizer=rule,
        epochs=settings.epochs,
        batch_size=batch_size,
        validation=problem.validation,
        stopping=settings.patience,
        dropout=settings.dropout,
        engine=settings.engine,
        device=settings.device,
        precision=settings.precision,
        distributed=settings.distributed,
        threads=settings.threads,
        seed=settings.seed,
        progress=progress,
        checkpoint=settings.checkpoint,
        resume=settings.resume,
        log=settings.log,
    )
    return fit_of(problem, result, len(problem.X), problem.rows, problem.learn.dropped)


def fit_of(problem: Problem, result: Result, trained_on: int, rows: int, dropped: int) -> Fit:
    """The model that a training made, and its scores on the rows to check.

    Args:
        problem: what was learned.
        result: the training.
        trained_on: how many rows.
        rows: how many have a target.
        dropped: how many have none.
    """
    model = model_of(result, problem.encoder, problem.target, trained_on)
    fit = Fit(model, [result], rows, dropped, result.seconds)
    if problem.check is not None:
        fit.validated = len(problem.check.target)
        fit.scores, fit.baseline = _scores(model, problem.target, problem.learn, problem.check)
    return fit


def model_of(result: Result, encoder: Encoder, target: TargetEncoder, trained_on: int) -> Model:
    """The model of a network that was trained on so many rows."""
    trained_by = {"name": result.engine, "isa": result.isa, "threads": result.threads}
    summary = _summary(result, trained_on)
    return Model(result.network, result.plan, encoder, target, summary, trained_by)


def batch_size_for(rows: int) -> int:
    """The power of two nearest to a hundredth of the rows, from 32 to 256."""
    wanted: int = 2 ** round(math.log2(max(1, rows / STEPS)))
    return min(LARGEST_BATCH, max(SMALLEST_BATCH, wanted))


def _summary(result: Result, trained_rows: int) -> dict[str, Any]:
    """The history in a few numbers, for the model file; losses of the epoch whose parameters were kept."""
    kept = result.kept_epoch
    validation_loss = result.history.validation_loss[kept - 1] if kept else None
    return {
        "rows": trained_rows,
        "epochs": result.epochs,
        "steps": result.steps,
        "seconds": result.seconds,
        "status": result.status,
        "kept_epoch": kept,
        "loss": result.loss,
        "validation_loss": validation_loss,
    }


def _scores(
    model: Model, target: TargetEncoder, learn: Supervised, check: Supervised
) -> tuple[Scores, Scores]:
    """Scores of the model and of the constant guess, on the rows to check."""
    known = np.asarray(learn.target)
    if target.task == "regression":
        y = np.asarray(check.target, dtype=np.float64)
        return regression_scores(y, model.predict(check.features)), constant_scores(y, known)
    codes, p = target.encode(check.target), model.predict_probability(check.features)
    return classification_scores(codes, p), constant_scores(codes, target.encode(known), p.shape[1])


def constant_scores(y: npt.NDArray[Any], known: npt.NDArray[Any], classes: int = 0) -> Scores:
    """The scores of the best constant guess: the mean of numbers that are known, or their classes' shares.

    Args:
        y: what is guessed, numbers or class numbers, (n,).
        known: what the guess stands on, (m,).
        classes: how many there are; 0 where numbers are guessed.
    """
    if not classes:
        return regression_scores(y, np.full(len(y), np.mean(known.astype(np.float64))))
    shares = np.bincount(known, minlength=classes) / len(known)
    return classification_scores(y, np.tile(shares, (len(y), 1)))


def classification_scores(codes: npt.NDArray[Any], p: npt.NDArray[Any]) -> Scores:
    """Accuracy, and the mean of −log p of the true class.

    Args:
        codes: class numbers, (n,).
        p: probabilities, (n, classes); below the smallest step of their type they count as that.
    """
    right = p.argmax(axis=1) == codes
    least = float(np.finfo(p.dtype).eps)
    true = np.clip(p[np.arange(len(codes)), codes].astype(np.float64), least, None)
    return {"accuracy": float(right.mean()), "log_loss": float(-np.log(true).mean())}


def regression_scores(y: npt.NDArray[Any], z: npt.NDArray[Any]) -> Scores:
    """R² = 1 − Σ(y − z)²/Σ(y − ȳ)², nan where y does not vary; and √(Σ(y − z)²/n). Both y and z are (n,)."""
    residual, spread = float(np.sum((y - z) ** 2)), float(np.sum((y - y.mean()) ** 2))
    r2 = 1 - residual / spread if spread > 0 else math.nan
    return {"r2": r2, "rmse": math.sqrt(residual / len(y))}


def quantile_scores(y: npt.NDArray[Any], z: npt.NDArray[Any], levels: Sequence[float]) -> Scores:
    """The mean loss of quantiles, over rows and levels, and the share of rows from the first to the last.

    Args:
        y: numbers, (n,).
        z: the quantiles, (n, levels).
        levels: τ of each.
    """
    above, tau = y[:, None] - z, np.asarray(levels)
    loss = np.maximum(tau * above, (tau - 1) * above)
    within = (z[:, 0] <= y) & (y <= z[:, -1])
    return {"pinball_loss": float(loss.mean()), "coverage": float(within.mean())}


def hidden_sizes(text: str) -> tuple[int, ...]:
    """Layer sizes from "64,64"; an empty text is no hidden layer.

    Raises:
        InvalidValue: it is something else.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InvalidValue(f"hidden layers are sizes with commas between, as 64,64; got {text!r}")
    return tuple(int(part) for part in parts)
