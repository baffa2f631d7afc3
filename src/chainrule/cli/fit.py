"""`chainrule fit`: a table in, a trained network and its file out."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from chainrule.cli.app import INTERRUPTED
from chainrule.cli.data import check_there, is_folder, missing_values, stem
from chainrule.errors import InvalidValue

if TYPE_CHECKING:
    from chainrule.tables import Table
    from chainrule.training.fitting import Fit


def fit(
    data: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    target: str | None = None,
    task: Literal["classification", "regression"] | None = None,
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
    out: Path | None = None,
    checkpoint: Path | None = None,
    every: str | None = None,
    resume: bool = False,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Fit a network to a table and save it.

    Args:
        data: a file (CSV, TSV, JSON lines, Parquet; gzipped too), - for standard input, or moons, circles,
            spirals, blobs, xor, iris, wine, breast-cancer, digits, diabetes; or a folder, or a pattern with *, of
            Parquet files, which are read along the training and may be larger than memory.
        target: the column to learn; the last one without it.
        task: what to learn; inferred from the target without it.
        hidden: sizes of the hidden layers, as 64,64; "" for none.
        activation: of the hidden layers: relu, tanh, gelu, silu, …
        optimizer: sgd, heavy-ball, nesterov, momentum, adagrad, lecture-adagrad, rmsprop, adadelta, adam,
            adamw, amsgrad, nadam, lion, backtracking, sls or lbfgs.
        learning_rate: the optimizer's own without it.
        epochs: passes over the rows, at most.
        batch_size: rows per update.
        dropout: share of each hidden layer's outputs dropped in a step.
        weight_decay: the optimizer's own without it.
        validation: share of the rows to validate on; 0 for none.
        patience: epochs without a gain before training stops; 0 trains to the end.
        engine: native, torch, numpy or auto.
        device: for the torch engine: cpu, cuda, cuda:1, mps or auto; a GPU takes that engine.
        precision: of the torch engine's products.
        dtype: float32 or float64.
        threads: how many to use; found by measurement without it.
        seed: of the first weights, the order of rows, dropout and the split.
        na: texts that mean a missing value, with commas between, as "?,n/a".
        out: where to save the model; DATA's name with .safetensors without it.
        checkpoint: a file to keep the training in while it runs.
        every: how often, as 30s or 10epochs; every 30 seconds without it.
        resume: go on from the checkpoint, if there is one.
        json_: print the result as one JSON object.
    """
    from chainrule.engines import is_started
    from chainrule.storage import check_target, save
    from chainrule.training.checkpoints import EVERY, Checkpoint
    from chainrule.training.fitting import Settings, fit_table, hidden_sizes
    from chainrule.training.loop import TrainingInterrupted

    given: dict[str, Any] = {
        "task": task, "hidden": None if hidden is None else hidden_sizes(hidden), "activation": activation,
        "optimizer": optimizer, "learning_rate": learning_rate, "epochs": epochs, "batch_size": batch_size,
        "dropout": dropout, "weight_decay": weight_decay, "validation": validation, "patience": patience,
        "engine": engine, "device": device, "precision": precision, "dtype": dtype, "threads": threads,
    }  # fmt: skip
    asked = {name: value for name, value in given.items() if value is not None}
    if checkpoint is not None:
        asked["checkpoint"] = Checkpoint(checkpoint, every or EVERY)
    elif resume or every:
        raise InvalidValue("--resume and --every go with --checkpoint FILE")
    together = is_started()  # by torchrun: one of several processes, of which the first writes
    settings = Settings(
        **{
            **_defaults(data, optimizer),
            **asked,
            "seed": seed,
            "distributed": together,
            "resume": resume,
        }
    )
    path = out or Path(f"{stem(data)}.safetensors")
    check_there(data)
    texts = missing_values(na, data)
    check_target(path)  # before the work, not after it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingInterrupted)  # the command says it in its own words
        warnings.showwarning = _say  # type: ignore[assignment]  # the rest is not looked at
        if is_folder(data):
            from chainrule.training.stream_fitting import fit_stream

            found = fit_stream(data, target, settings, progress=not json_)
        else:
            table, held_out = _tables(data, seed, validation, texts)
            found = fit_table(table, target, settings, held_out=held_out, progress=not json_)
    if together and os.environ["RANK"] != "0":
        return 0
    found.model.history["na"] = list(texts)
    save(found.model, path)
    if json_:
        print(json.dumps(_as_json(found, path)))
    else:
        print("\n".join(_report(found, data, path)))
    if found.result.status == "interrupted":
        print("chainrule: interrupted; the model is what it had learned by then", file=sys.stderr)
        return INTERRUPTED
    return 0


def _say(message: Warning | str, *_: Any) -> None:
    """A warning in a line, without the place in the code that it was made at."""
    print(f"chainrule: {message}", file=sys.stderr)


def _defaults(data: str, optimizer: str | None) -> dict[str, Any]:
    """The lecture's settings for the shapes that are drawn.

    Its learning rate goes with its optimizer, and its batches with those that take batches.
    """
    from chainrule.optimizers import make
    from chainrule.tables import SHAPES, is_builtin
    from chainrule.training.fitting import LECTURE

    if data not in SHAPES or not is_builtin(data):
        return {}
    if optimizer is None:
        return LECTURE
    batches = {"batch_size": None} if make(optimizer).takes_all_rows else {}
    return {**LECTURE, "learning_rate": None, **batches}


def _tables(
    data: str, seed: int, validation: float | None, na: tuple[str, ...]
) -> tuple[Table, Table | None]:
    """The table; and for a shape that can be drawn at will, fresh points to validate on."""
    from chainrule.tables import SHAPES, builtin, is_builtin, read_table

    if not is_builtin(data):
        return read_table(data, na=na), None
    fresh = data in SHAPES and validation is None
    return builtin(data, seed=seed), builtin(data, seed=seed + 1) if fresh else None


def _as_json(found: Fit, path: Path) -> dict[str, Any]:
    model, result = found.model, found.result
    target, encoder = model.target, model.encoder
    assert target is not None
    assert encoder is not None
    numbers = {
        "task": model.task,
        "rows": found.rows,
        "rows_without_target": found.dropped,
        "columns": len(encoder.features),
        "target": target.name,
        "classes": list(target.classes) or None,
        "notes": list(encoder.notes),
        "layer_sizes": list(model.plan.layer_sizes),
        "parameters": model.network.parameter_count,
        "engine": result.engine,
        "engine_reason": result.engine_reason,
        "isa": result.isa,
        "threads": result.threads,
        "status": result.status,
        "epochs": result.epochs,
        "steps": result.steps,
        "train_seconds": result.seconds,
        "seconds_per_step": result.seconds / result.steps if result.steps else None,
        "train_loss": result.loss,
        "validation": {"rows": found.validated, **found.scores} if found.scores else None,
        "baseline": found.baseline or None,
        "model": str(path),
    }
    return {key: _without_nan(value) for key, value in numbers.items()}


def _without_nan(value: Any) -> Any:
    """JSON has no nan: it becomes null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _report(found: Fit, data: str, path: Path) -> list[str]:
    """What was read, the network, the time, the scores, the file, and what to do next, a line each."""
    from chainrule.optimizers import called
    from chainrule.views import words

    model, result = found.model, found.result
    plan, target, encoder = model.plan, model.target, model.encoder
    assert target is not None
    assert encoder is not None
    what = f"{len(target.classes)} classes" if target.classes else "numbers"
    dropped = f", {found.dropped:,} more without a target left out" if found.dropped else ""
    per_step = f", {words.time(result.seconds / result.steps)} each" if result.steps else ""
    stopped = "" if result.status == "finished" else f", {result.status}"
    best = f", best at epoch {result.best_epoch}" if result.status == "stopped early" else ""
    lines = [
        f"data     {Path(data).name}: {found.rows:,} rows, {len(encoder.features)} columns{dropped}",
        f"target   {target.name}: {what} ({model.task})",
        *(f"note     {note}" for note in encoder.notes),
        f"network  {'-'.join(map(str, plan.layer_sizes))}, {model.network.parameter_count:,} parameters, "
        f"{plan.activations[0]}, {plan.loss}, {called(plan.optimizer)}, batches of {plan.batch_size}",
        f"trained  {result.epochs} epochs, {result.steps:,} steps in {words.time(result.seconds)}{per_step}{stopped}{best}",
        f"engine   {result.engine}, {result.isa}, {words.many(result.threads, 'thread')} ({result.engine_reason})",
    ]
    if found.scores:
        lines += ["", *_score_table(found)]
    command = ["chainrule", "predict", str(path), data]
    return [*lines, "", f"saved    {path}", f"next     {shlex.join(command)}"]


_LABELS = {"accuracy": "accuracy", "log_loss": "log loss", "r2": "R²", "rmse": "RMSE"}


def _score_table(found: Fit) -> list[str]:
    """The scores on the rows that were not trained on, beside those of the constant guess."""
    columns = [(_LABELS[name], value, found.baseline[name]) for name, value in found.scores.items()]
    rows = [
        [f"{found.validated:,} rows not trained on", *(label for label, _, _ in columns)],
        ["this network", *(_number(label, value) for label, value, _ in columns)],
        ["constant guess", *(_number(label, value) for label, _, value in columns)],
    ]
    width = max(len(row[0]) for row in rows)
    return [row[0].ljust(width) + "".join(cell.rjust(12) for cell in row[1:]) for row in rows]


def _number(label: str, value: float) -> str:
    return f"{100 * value:.1f} %" if label == "accuracy" else f"{value:.4g}"
