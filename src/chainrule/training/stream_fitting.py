"""From Parquet files of any size to a trained model: `fitting.fit_table` without the table in memory."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from importlib import import_module
from typing import Any

import numpy.typing as npt

from chainrule import losses
from chainrule.arrays import Array
from chainrule.errors import EngineError, InvalidValue, MissingExtra
from chainrule.network import Network
from chainrule.optimizers import BatchOptimizer
from chainrule.plan import Plan
from chainrule.tables.row_groups import RowGroups
from chainrule.training import checkpoints, scaling, schedules
from chainrule.training.fitting import Fit, Settings, batch_size_for, fit_of
from chainrule.training.loop import Loop
from chainrule.training.problem import Problem
from chainrule.training.progress import Progress
from chainrule.training.runs.plain import settings as settings_of
from chainrule.training.stopping import Stopping
from chainrule.training.streaming import Drawn, Stream
from chainrule.training.trainer import keep, logged, run, smaller


def fit_stream(
    data: str,
    target: str | None = None,
    settings: Settings | None = None,
    *,
    progress: bool = False,
) -> Fit:
    """Fit a network to the Parquet files of a folder or a pattern, reading them anew in each epoch.

    Encoders are fitted on a sample of up to 200,000 rows, spread evenly, of which the share to
    validate on is set aside, up to about 50,000 rows (`streaming.Drawn`). Each process of a
    distributed training reads row groups of its own.

    Args:
        data: a folder, or a pattern with *.
        target: the column to learn; the last one without it.
        settings: how to train.
        progress: show it on standard error.

    Raises:
        ChainruleError: the files, the target or a setting cannot be used; the text says why.
    """
    settings = settings or Settings()
    if settings.engine not in ("auto", "torch"):
        raise EngineError(
            f"files are read along the training by engine='torch', not {settings.engine!r}"
        )
    rule = settings.rule()
    if not isinstance(rule, BatchOptimizer):
        raise InvalidValue(f"{rule.name} takes all rows at every step: files are read in batches")
    groups = RowGroups.of(data)
    name = groups.names[-1] if target is None else target
    groups.check_column(name)
    group = _group(settings)
    rank, world = (group.rank, group.world) if group else (0, 1)
    own, drawn = groups.share(rank, world), Drawn(groups, settings.validation, settings.seed)
    sample, checked = drawn.sample()
    problem = Problem.of_marked(sample, name, checked, settings.task, settings.dtype)
    del sample  # its strings are the largest thing in memory
    network = problem.network(settings.hidden, settings.activation, settings.seed)
    plan = Plan.of(
        network,
        losses.default(network.activations[-1]).name,
        rule,
        dropout=settings.dropout,
        batch_size=settings.batch_size or batch_size_for(len(groups)),
        seed=settings.seed,
    )
    stream = Stream(
        own, drawn, problem.target, problem.encoder, plan.loss_name, plan.layer_sizes[-1],
        settings.seed, settings.dtype, rank,
    )  # fmt: skip
    counts = group.each(stream.count()) if group else [stream.count()]
    loop = _loop(network, plan, problem, settings, stream, counts)
    if group:
        scaling.warn(plan, group)
    shown = Progress(sum(counts)) if progress and rank == 0 else None
    loop.callbacks = (shown,) if shown else ()
    keep(loop, settings.checkpoint, settings.resume, lambda: _kept(plan, settings, groups))
    reason = "files are read along the training"
    told_of = settings_of(plan, Stopping.of(settings.patience), schedules.CONSTANT, settings.epochs)
    with logged(settings.log, loop, told_of, lambda: _described(groups, problem)) as over:
        result = run(
            loop, plan, reason, shown, lambda error: f"{error.message}. Try {smaller(rule)}"
        )
        over(result)
    rows = sum(counts) + (0 if problem.check is None else len(problem.check.target))
    return fit_of(problem, result, sum(counts), rows, len(groups) - rows)


def _group(settings: Settings) -> Any:
    """The processes of this training; None for one alone."""
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as absent:
        raise MissingExtra("torch") from absent
    if not settings.distributed:
        return None
    return import_module("chainrule.engines.torch_group").joined(settings.device)


def _loop(
    network: Network,
    plan: Plan,
    problem: Problem,
    settings: Settings,
    stream: Stream,
    counts: list[int],
) -> Loop:
    """Its engine starts with one row, for the shapes; the others come from the stream."""

    def targets(y: npt.NDArray[Any]) -> Array:
        return losses.targets(y, plan.loss_name, plan.layer_sizes[-1], settings.dtype)

    kinds = import_module("chainrule.engines.torch_stream")
    kind = kinds.DistributedStreamEngine if settings.distributed else kinds.StreamEngine
    engine = kind(
        plan, network, problem.X[:1], targets(problem.y[:1]), None, settings.threads,
        settings.device, settings.precision, source=stream.batches, counts=counts,
    )  # fmt: skip
    validation = problem.validation and (
        problem.validation[0],
        targets(problem.validation[1]),
        None,
    )
    alpha = plan.optimizer.learning_rate  # type: ignore[attr-defined]  # a BatchOptimizer's
    rates = schedules.by_epoch(schedules.CONSTANT, alpha, settings.epochs, engine.steps_per_epoch)
    stopping = Stopping.of(settings.patience)
    return Loop(engine, network, rates, settings.epochs, validation, stopping)


def _digest(groups: RowGroups) -> str:
    """The files in words: their names and their rows."""
    found = hashlib.blake2b(repr(groups).encode(), digest_size=8)
    return f"{len(groups)} × {len(groups.names)}, digest {found.hexdigest()}"


def _described(groups: RowGroups, problem: Problem) -> dict[str, Any]:
    return {
        "rows": len(groups),
        "columns": problem.X.shape[1],
        "validated": 0 if problem.validation is None else len(problem.validation[0]),
        "digest": {"files": _digest(groups)},
    }


def _kept(plan: Plan, settings: Settings, groups: RowGroups) -> checkpoints.Settings:
    """What a checkpoint is checked against."""
    return checkpoints.Settings(
        plan.as_dict(),
        asdict(Stopping.of(settings.patience)),
        repr(schedules.CONSTANT),
        {"files": _digest(groups)},
        "torch",
        settings.precision,
    )
