"""`chainrule fit`: a table in, a trained network and its file out."""

from __future__ import annotations

import json
import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from chainrule.cli import fitted
from chainrule.cli.data import check_there, missing_values, stem
from chainrule.cli.interruption import interruptible
from chainrule.cli.job import Job
from chainrule.errors import InvalidValue

if TYPE_CHECKING:
    from chainrule.training.fitting import Fit

_NOTHING = "; nothing is saved: a training with --checkpoint FILE is, and can be gone on with"


def fit(
    data: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    target: str | None = None,
    task: Literal["classification", "regression"] | None = None,
    loss: Literal["squared_error", "absolute_error", "huber", "poisson", "quantile"] | None = None,
    quantiles: str | None = None,
    members: int | None = None,
    bins: int | None = None,
    hidden: str | None = None,
    activation: str | None = None,
    optimizer: str | None = None,
    learning_rate: float | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    dropout: float | None = None,
    weight_decay: float | None = None,
    validation: float | None = None,
    patience: int | None = None,
    engine: str | None = None,
    device: str | None = None,
    precision: Literal["float32", "tf32", "bfloat16"] | None = None,
    dtype: Literal["float32", "float64"] | None = None,
    threads: int | None = None,
    seed: int = 0,
    na: str | None = None,
    memory: str | None = None,
    cache: Path | None = None,
    out: Path | None = None,
    report: Path | None = None,
    checkpoint: Path | None = None,
    every: str | None = None,
    resume: bool = False,
    log: Path | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Fit networks to a table and save them.

    A table gets several networks, each of which leaves out a share of the rows, and their answers are
    averaged; so every row is scored by networks that did not train on it. One network alone gets a shape that
    is drawn, a folder, a file that is larger than memory, and what is trained under torchrun.

    Args:
        data: a file (CSV, TSV, JSON lines, Parquet; gzipped too), - for standard input, or moons, circles,
            spirals, blobs, xor, iris, wine, breast-cancer, digits, diabetes; or a folder, or a pattern with *, of
            Parquet files, which are read along the training and may be larger than memory.
        target: the column to learn; the last one without it.
        task: what to learn; inferred from the target without it.
        loss: what numbers are learned by.
        quantiles: for the loss quantile: levels with commas between; 0.05,0.5,0.95 without it.
        members: how many networks; 1 sets rows aside to validate on.
        bins: of a column of numbers, each of which the networks see beside the number; 0 for none.
        hidden: sizes of the hidden layers, as 64,64; "" for none.
        activation: of the hidden layers: relu, tanh, gelu, silu, …
        optimizer: sgd, heavy-ball, nesterov, momentum, adagrad, lecture-adagrad, rmsprop, adadelta, adam,
            adamw, amsgrad, nadam, lion, backtracking, sls or lbfgs.
        learning_rate: the optimizer's own without it.
        epochs: passes over the rows, at most.
        batch_size: rows per update.
        dropout: share of each hidden layer's outputs dropped in a step.
        weight_decay: the optimizer's own without it.
        validation: share of the rows set aside to validate on; 0 for none.
        patience: epochs without a gain before training stops; 0 trains to the end, as several networks do without
            it, which keep their best epoch.
        engine: native, torch, numpy or auto.
        device: for the torch engine: cpu, cuda, cuda:1, mps or auto; a GPU takes that engine.
        precision: of the torch engine's products.
        dtype: float32 or float64.
        threads: how many to use; found by measurement without it.
        seed: of the first weights, the order of rows, dropout and the split.
        na: texts that mean a missing value, with commas between, as "?,n/a".
        memory: what a file may take, as 500M or 2G; half of what is free without it. A larger one is read once into a
            cache on the disk, from which one network is trained.
        cache: where that cache is; beside DATA without it.
        out: where to save the model; DATA's name with .safetensors without it.
        report: also write a page on the data, the networks and the scores, to a .html file.
        checkpoint: a file to keep the training in while it runs, and when it is interrupted.
        every: how often, as 30s or 10epochs; every 30 seconds without it.
        resume: go on from the checkpoint, if there is one.
        log: a folder to keep the run in, epoch by epoch, for `chainrule runs`.
        json_: print the result as one JSON object.
    """
    arguments = {
        name.rstrip("_"): value
        for name, value in locals().items()
        if value is not None and value is not False
    }
    from chainrule.engines import is_started
    from chainrule.storage import check_target, save
    from chainrule.training.fitting import hidden_sizes
    from chainrule.training.loop import Interrupted, TrainingInterrupted
    from chainrule.training.runs import RunLog
    from chainrule.views.files import check_page

    given: dict[str, Any] = {
        "hidden": None if hidden is None else hidden_sizes(hidden), "activation": activation,
        "optimizer": optimizer, "learning_rate": learning_rate, "epochs": epochs, "batch_size": batch_size,
        "dropout": dropout, "weight_decay": weight_decay, "patience": patience,
        "engine": engine, "device": device, "precision": precision, "dtype": dtype, "threads": threads,
    }  # fmt: skip
    of_estimators = {
        "members": members,
        "bins": bins,
        "loss": loss,
        "quantiles": _levels(quantiles),
        "report": report,
    }
    path = out or Path(f"{stem(data)}.safetensors")
    check_there(data)
    texts = missing_values(na, data)
    run_log = None if log is None else RunLog(log, data=Path(data).name, arguments=arguments)
    job = Job(
        data, target, task, validation, seed, texts, not json_,
        asked={name: value for name, value in given.items() if value is not None},
        of_estimators={name: value for name, value in of_estimators.items() if value is not None},
        keeping=_keeping(checkpoint, every, resume),
        together=is_started(),  # by torchrun: one of several processes, of which the first writes
        log=run_log,
        memory=memory, cache=cache,
    )  # fmt: skip
    by_estimator = job.by_estimator
    check_target(path)  # before the work, not after it
    if checkpoint is not None and checkpoint.resolve() in (path.resolve(), Path(data).resolve()):
        raise InvalidValue(
            f"{checkpoint} is the model's file or the data: the checkpoint takes another"
        )
    if report is not None:
        check_page(report)
    with warnings.catch_warnings(), interruptible() as signals:
        warnings.simplefilter("ignore", TrainingInterrupted)  # the command says it in its own words
        warnings.showwarning = _say  # type: ignore[assignment]  # the rest is not looked at
        try:
            with run_log or nullcontext():
                found = job.fit_estimator() if by_estimator else job.fit_network()
                if report is not None:
                    _write_report(data, found, report)
                if job.writes:
                    found.model.history["na"] = list(texts)
                    save(found.model, path)
                    if run_log is not None:
                        run_log.note(**fitted.for_log(found, path))
        except KeyboardInterrupt as error:
            _say(f"interrupted{_kept(checkpoint) if isinstance(error, Interrupted) else _NOTHING}")
            return signals.code
    code = signals.code if found.result.status == "interrupted" else 0
    if not job.writes:
        return code
    if json_:
        print(json.dumps(fitted.as_json(found, path)))
    else:
        print("\n".join(fitted.lines(found, data, path, report)))
    if code:
        _say(f"interrupted; the model is what it had learned by then{_kept(checkpoint)}")
    return code


def _write_report(data: str, found: Fit, path: Path) -> None:
    """The page on an estimator and what it was fitted to."""
    from chainrule.sklearn.fitting import EstimatorFit
    from chainrule.sklearn.report import report

    assert isinstance(found, EstimatorFit)  # a report is refused where it is none
    target = found.model.target_name
    made = report(
        found.estimator,
        found.features,
        found.target,
        target=target,
        title=f"{target} in {Path(data).name}",
    )
    made.save(path)


def _keeping(checkpoint: Path | None, every: str | None, resume: bool) -> dict[str, Any]:
    """The settings of a training that is kept in a file while it runs."""
    from chainrule.training.checkpoints import EVERY, Checkpoint

    if checkpoint is not None:
        return {"checkpoint": Checkpoint(checkpoint, every or EVERY), "resume": resume}
    if resume or every:
        raise InvalidValue("--resume and --every go with --checkpoint FILE")
    return {}


def _kept(checkpoint: Path | None) -> str:
    """What to do after an interruption, if anything is kept."""
    if checkpoint is None:
        return ""
    return f"; {checkpoint} holds the training: the same command with --resume goes on"


def _levels(text: str | None) -> tuple[float, ...] | None:
    """The levels in "0.05,0.95"."""
    if text is None:
        return None
    try:
        return tuple(map(float, text.split(",")))
    except ValueError as error:
        raise InvalidValue(
            f"quantiles are levels with commas between, as 0.05,0.95; got {text!r}"
        ) from error


def _say(message: Warning | str, *_: Any) -> None:
    """A warning in a line, without the place in the code that it was made at."""
    print(f"chainrule: {message}", file=sys.stderr)
