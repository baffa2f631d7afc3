"""From one file that is larger than memory to a trained model: `fitting.fit_table` by way of the disk."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from chainrule import losses
from chainrule.arrays import Array
from chainrule.engines.native_blocks import NativeBlockEngine
from chainrule.engines.native_engine import NativeEngine
from chainrule.errors import EngineError, InvalidValue
from chainrule.network import Network
from chainrule.optimizers import BatchOptimizer
from chainrule.plan import Plan
from chainrule.storage import Model
from chainrule.training import checkpoints, memory, schedules
from chainrule.training.cache import Cache, Contents
from chainrule.training.caching import Reading, cached, place
from chainrule.training.fitting import (
    Fit,
    Scores,
    Settings,
    batch_size_for,
    classification_scores,
    model_of,
)
from chainrule.training.groups import Groups
from chainrule.training.loop import Loop
from chainrule.training.memory import PROGRAM, shown
from chainrule.training.problem import network_for
from chainrule.training.progress import Progress
from chainrule.training.runs.plain import settings as settings_of
from chainrule.training.stopping import Stopping
from chainrule.training.trainer import keep, logged, run, smaller

Pieces: TypeAlias = Iterable[tuple[Array, Array]]  # outputs, and targets (n,)

LEAST = 64_000_000  # bytes beside those of the program


@dataclass
class LargeFit(Fit):
    """What fitting to a file by way of the disk found.

    Attributes:
        cache: the file's cache.
        reused: whether it was there before.
        groups: in how many groups the rows to train on are read in each epoch.
        error: by what share of ranks the medians that fill gaps may be off.
    """

    cache: Path = Path()
    reused: bool = False
    groups: int = 1
    error: float = 0.0


def fit_large(
    path: str | os.PathLike[str],
    target: str | None = None,
    settings: Settings | None = None,
    *,
    memory_size: int | str,
    cache: str | os.PathLike[str] | None = None,
    na: Collection[str] = (),
    progress: bool = False,
) -> LargeFit:
    """Fit a network to the table in a file, with no more than so much memory.

    The file is read once, into a cache on the disk: rows encoded as `fit_table` would encode them, in
    the order of the file. They are trained on in groups of blocks: each epoch draws the order of the
    blocks, and in each group the order of its rows. Where one group holds them all, what comes out is
    what `fit_table` makes of the same encoders, bit for bit.

    Args:
        path: of a file as `read_table` takes it.
        target: the column to learn; the last one without it.
        settings: how to train; by the native engine.
        memory_size: bytes, or a size as 500M or 1.5GiB, of all that the process may have.
        cache: the cache's file, or its folder; beside the file without it.
        na: texts that mean a missing value.
        progress: show it on standard error.

    Raises:
        ChainruleError: the file, the target or a setting cannot be used; the text says why.
    """
    settings = settings or Settings()
    rule, spare = _rule(settings), _spare(memory_size)
    reading = Reading(
        os.fspath(path), target, settings.task, settings.validation, settings.seed,
        tuple(na), settings.dtype, spare,
    )  # fmt: skip
    say = _say if progress else lambda line: None
    where = place(reading.path, cache)
    opened, reused = cached(reading, where, say)
    with opened:
        fit = _fit(opened, settings, rule, spare, progress)
    fit.cache, fit.reused = where, reused
    fit.notes = list(_notes(fit, opened.contents.extent))
    return fit


def _notes(fit: LargeFit, size: int) -> Iterator[str]:
    there = "was there from before" if fit.reused else "can be used again, or deleted"
    yield f"the encoded rows are in {fit.cache} ({shown(size)}), which {there}"
    if fit.error:
        yield (
            "the medians that fill gaps are estimates: between them and the true ones lie at most"
            f" {100 * fit.error:.2g} % of the rows"
        )


def _say(line: str) -> None:
    print(f"chainrule: {line}", file=sys.stderr, flush=True)


def _rule(settings: Settings) -> BatchOptimizer:
    """The optimizer, once all settings are such as go with rows on the disk."""
    if settings.engine not in ("auto", "native"):
        raise EngineError(
            f"rows on the disk are trained on by the native engine, not {settings.engine!r}"
        )
    plain = settings.device in ("auto", "cpu") and settings.precision == "float32"
    if not plain or settings.distributed:
        raise EngineError(
            "rows on the disk are trained on by the native engine, in one process on the CPU"
        )
    rule = settings.rule()
    if not isinstance(rule, BatchOptimizer):
        raise InvalidValue(
            f"{rule.name} takes all rows at every step: rows on the disk are read in groups"
        )
    return rule


def _spare(size: int | str) -> int:
    """Bytes for rows."""
    spare = memory.parsed(size) - PROGRAM
    if spare < LEAST:
        raise InvalidValue(
            f"{shown(memory.parsed(size))} of memory is too little: the program itself takes up to"
            f" {shown(PROGRAM)}, and reading takes some; {shown(PROGRAM + LEAST)} is the least"
        )
    return spare


def _fit(
    cache: Cache, settings: Settings, rule: BatchOptimizer, spare: int, progress: bool
) -> LargeFit:
    contents = cache.contents
    network = network_for(
        contents.encoder, contents.target, settings.hidden, settings.activation,
        settings.seed, settings.dtype,
    )  # fmt: skip
    plan = Plan.of(
        network,
        losses.default(network.activations[-1]).name,
        rule,
        dropout=settings.dropout,
        batch_size=settings.batch_size or batch_size_for(contents.rows),
        seed=settings.seed,
    )
    groups = Groups(cache, plan.batch_size, spare, settings.seed)
    bar = Progress(contents.rows) if progress else None
    loop = _loop(network, plan, rule.learning_rate, groups, settings, bar)
    reason = f"rows on the disk, {groups.count} group{'s' * (groups.count > 1)} an epoch"
    told_of = settings_of(plan, Stopping.of(settings.patience), schedules.CONSTANT, settings.epochs)
    with logged(settings.log, loop, told_of, lambda: _described(contents)) as over:
        result = run(loop, plan, reason, bar, lambda error: f"{error.message}. Try {smaller(rule)}")
        over(result)
    model = model_of(result, contents.encoder, contents.target, contents.rows)
    fit = LargeFit(
        model, [result], contents.rows + contents.checked, contents.dropped, result.seconds,
        contents.checked, groups=groups.count, error=contents.error,
    )  # fmt: skip
    if contents.checked:
        fit.scores, fit.baseline = _scores(model, groups)
    return fit


def _loop(
    network: Network,
    plan: Plan,
    rate: float,
    groups: Groups,
    settings: Settings,
    bar: Progress | None,
) -> Loop:
    """The loop, ready to run: over all rows in memory, or over groups of them."""
    refusal, stopping = NativeEngine.refusal(plan), Stopping.of(settings.patience)
    if refusal:
        raise EngineError(refusal)
    X, t = groups.all() if groups.whole else groups.memory()
    given = plan, network, X, t, None, settings.threads
    engine = (
        NativeEngine(*given)
        if groups.whole
        else NativeBlockEngine(*given, orders=groups.orders(X, t))
    )
    rates = schedules.by_epoch(schedules.CONSTANT, rate, settings.epochs, per_epoch=1)
    told = (bar,) if bar else ()
    loop = Loop(engine, network, rates, settings.epochs, None, stopping, told)
    if groups.cache.contents.checked and groups.whole:
        loop.validation = (*groups.all("check."), None)
    elif groups.cache.contents.checked:
        loop.watched = groups.validation_loss
    keep(loop, settings.checkpoint, settings.resume, lambda: _kept(plan, stopping, groups))
    return loop


def _kept(plan: Plan, stopping: Stopping, groups: Groups) -> checkpoints.Settings:
    """What a checkpoint is checked against; of the rows the identity of the cache."""
    engine = (
        "native" if groups.whole else f"native, by groups of {groups.blocks * groups.block:,} rows"
    )
    return checkpoints.Settings(
        plan.as_dict(),
        asdict(stopping),
        repr(schedules.CONSTANT),
        {"file": _digest(groups.cache.contents)},
        engine,
        "float32",
    )


def _described(contents: Contents) -> dict[str, Any]:
    return {
        "rows": contents.rows,
        "columns": contents.encoder.width,
        "validated": contents.checked,
        "digest": {"file": _digest(contents)},
    }


def _digest(contents: Contents) -> str:
    """Of what the cache was made of."""
    identity = json.dumps(contents.identity, sort_keys=True)
    return hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()


def _scores(model: Model, groups: Groups) -> tuple[Scores, Scores]:
    """Scores of the model and of the best constant guess on the rows to validate on."""
    outputs = model.members[0].outputs
    pieces = ((outputs(X), t[:, 0]) for X, t in groups.to_check())
    contents = groups.cache.contents
    if contents.target.task == "regression":
        return _of_numbers(pieces, contents.target.spread)
    return _of_classes(pieces, contents.shares)


def _of_classes(pieces: Pieces, shares: Sequence[float]) -> tuple[Scores, Scores]:
    """Those of `classification_scores`, from sums over pieces."""
    right = loss = 0.0
    counts = np.zeros(len(shares))
    for z, t in pieces:
        p, codes = np.hstack([1 - z, z]) if z.shape[1] == 1 else z, t.astype(np.int64)
        own = classification_scores(codes, p)
        right, loss = right + len(t) * own["accuracy"], loss + len(t) * own["log_loss"]
        counts += np.bincount(codes, minlength=len(shares))
    n = counts.sum()
    least = np.finfo(np.float64).eps
    entropy = -float(counts @ np.log(np.clip(shares, least, None))) / n
    baseline = {"accuracy": float(counts[int(np.argmax(shares))] / n), "log_loss": entropy}
    return {"accuracy": right / n, "log_loss": loss / n}, baseline


def _of_numbers(pieces: Pieces, spread: float) -> tuple[Scores, Scores]:
    """Those of `regression_scores`, from sums over pieces of standardised numbers."""
    n, off, sum_, squares = 0, 0.0, 0.0, 0.0
    for z, t in pieces:
        t = t.astype(np.float64)
        n, off = n + len(t), off + float(np.sum((t - z[:, 0]) ** 2))
        sum_, squares = sum_ + float(t.sum()), squares + float(np.sum(t**2))
    around = squares - sum_**2 / n

    def scores(residual: float) -> Scores:
        r2 = 1 - residual / around if around > 0 else math.nan
        return {"r2": r2, "rmse": spread * math.sqrt(residual / n)}

    return scores(off), scores(squares)
