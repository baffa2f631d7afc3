"""From one file that is larger than memory to a trained model: `fitting.fit_table` by way of the disk."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule import chance, losses
from chainrule.arrays import Array
from chainrule.engines import Engine
from chainrule.engines.native_blocks import NativeBlockEngine
from chainrule.engines.native_engine import NativeEngine
from chainrule.errors import EngineError, InvalidValue
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
from chainrule.training.loop import Loop
from chainrule.training.memory import PROGRAM, shown
from chainrule.training.problem import network_for
from chainrule.training.progress import Progress
from chainrule.training.runs.plain import settings as settings_of
from chainrule.training.stopping import Stopping
from chainrule.training.trainer import keep, logged, run, smaller

Pieces: TypeAlias = Iterable[tuple[Array, Array]]  # outputs, and targets (n,)

LEAST = 64_000_000  # bytes beside those of the program
_USED = 0.8  # of the rest, for rows; what the system's allocator keeps is in neither
_ORDER = 48  # bytes of a row's place in the order, while that is drawn
_TO_CHECK = 0.15  # of the memory for rows, for those to validate on
_BLOCKS = 32  # in a group, at least as far as they have a whole batch each
_BLOCK_BYTES = 1 << 20  # of a block, about: it is read at once
_KEY_BLOCKS, _KEY_ROWS = 2, 3  # words of a key, which keep its uses apart


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
    fit.notes = list(_notes(fit))
    return fit


def _notes(fit: LargeFit) -> Iterator[str]:
    there = "was there from before" if fit.reused else "can be used again, or deleted"
    yield f"the encoded rows are in {fit.cache} ({shown(fit.cache.stat().st_size)}), which {there}"
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
    if (
        settings.device not in ("auto", "cpu")
        or settings.precision != "float32"
        or settings.distributed
    ):
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


@dataclass(frozen=True)
class Groups:
    """The rows of a cache in groups that memory holds.

    Attributes:
        cache: the rows.
        batch: rows of a step.
        spare: bytes for rows.
        seed: of the orders.
    """

    cache: Cache
    batch: int
    spare: int
    seed: int

    @property
    def row(self) -> int:
        """Bytes of a row and its target."""
        return (self.cache.contents.encoder.width + 1) * self.cache.contents.size

    @property
    def whole(self) -> bool:
        """Whether memory holds all rows, those to validate on included."""
        contents = self.cache.contents
        return (contents.rows + contents.checked) * self.row <= _USED * self.spare

    @property
    def block(self) -> int:
        """Rows of a block, which are whole batches."""
        most = min(self._most // _BLOCKS, _BLOCK_BYTES // self.row)
        return max(1, most // self.batch) * self.batch

    @property
    def blocks(self) -> int:
        """Blocks of a group.

        Raises:
            InvalidValue: not even one.
        """
        found = self._most // self.block - 1  # the last group may have a short block besides
        if found < 1:
            raise InvalidValue(f"memory for {self._most:,} rows holds no batches of {self.batch:,}")
        return found

    @property
    def count(self) -> int:
        """How many groups there are."""
        return (
            1 if self.whole else max(1, -(-(self.cache.contents.rows // self.block) // self.blocks))
        )

    @property
    def _most(self) -> int:
        return int((1 - _TO_CHECK) * _USED * self.spare / (self.row + _ORDER))

    def memory(self) -> tuple[Array, Array]:
        """Memory for the rows of a group, and their targets."""
        return self._rows((self.blocks + 1) * self.block)

    def orders(self, X: Array, t: Array) -> Callable[[int], Iterator[npt.NDArray[np.int64]]]:
        """From the number of an epoch to its groups: each is read into X and t; given is its order.

        The blocks of the file are dealt to the groups anew in each epoch; what is left of the rows
        after the last whole block is in the last group.
        """
        n = self.cache.contents.rows

        def groups(epoch: int) -> Iterator[npt.NDArray[np.int64]]:
            blocks = chance.permutation(n // self.block, self._key(epoch, _KEY_BLOCKS))
            for number in range(self.count):
                chosen = blocks[number * self.blocks : (number + 1) * self.blocks]
                starts = (chosen * self.block).tolist()
                if number == self.count - 1:
                    starts.append(n - n % self.block)
                at = 0
                for start in starts:
                    end = at + min(self.block, n - start)
                    self.cache.read("", start, X[at:end], t[at:end])
                    at = end
                yield chance.permutation(at, self._key(epoch, _KEY_ROWS, number))

        return groups

    def _key(self, epoch: int, *words: int) -> int:
        return chance.key(self.seed, chance.Stream.ORDER, epoch, *words)

    def all(self, part: str = "") -> tuple[Array, Array]:
        """All rows of a part at once."""
        X, t = self._rows(self.cache.contents.shapes[f"{part}X"][0])
        self.cache.read(part, 0, X, t)
        return X, t

    def to_check(self) -> Iterator[tuple[Array, Array]]:
        """The rows to validate on, in pieces of one memory."""
        n = self.cache.contents.checked
        X, t = self._rows(min(n, max(1, int(_TO_CHECK * _USED * self.spare / (2 * self.row)))))
        for start in range(0, n, max(1, len(X))):
            count = min(len(X), n - start)
            self.cache.read("check.", start, X[:count], t[:count])
            yield X[:count], t[:count]

    def validation_loss(self, engine: Engine) -> float:
        """The mean loss over the rows to validate on."""
        total = sum(len(X) * engine.evaluate(X, t) for X, t in self.to_check())
        return total / self.cache.contents.checked

    def _rows(self, count: int) -> tuple[Array, Array]:
        contents = self.cache.contents
        return (
            np.zeros((count, contents.encoder.width), contents.dtype),
            np.zeros((count, 1), contents.dtype),
        )


def _fit(
    cache: Cache, settings: Settings, rule: BatchOptimizer, spare: int, progress: bool
) -> LargeFit:
    contents = cache.contents
    network = network_for(
        contents.encoder,
        contents.target,
        settings.hidden,
        settings.activation,
        settings.seed,
        settings.dtype,
    )
    plan = Plan.of(
        network,
        losses.default(network.activations[-1]).name,
        rule,
        dropout=settings.dropout,
        batch_size=settings.batch_size or batch_size_for(contents.rows),
        seed=settings.seed,
    )
    refusal = NativeEngine.refusal(plan)
    if refusal:
        raise EngineError(refusal)
    groups = Groups(cache, plan.batch_size, spare, settings.seed)
    if groups.whole:
        engine = NativeEngine(plan, network, *groups.all(), None, settings.threads)
    else:
        X, t = groups.memory()
        engine = NativeBlockEngine(
            plan, network, X, t, None, settings.threads, orders=groups.orders(X, t)
        )
    stopping = Stopping.of(settings.patience)
    rates = schedules.by_epoch(schedules.CONSTANT, rule.learning_rate, settings.epochs, 1)
    shown_ = Progress(contents.rows) if progress else None
    loop = Loop(
        engine, network, rates, settings.epochs, None, stopping, (shown_,) if shown_ else ()
    )
    if contents.checked and groups.whole:
        loop.validation = (*groups.all("check."), None)
    elif contents.checked:
        loop.watched = groups.validation_loss
    keep(loop, settings.checkpoint, settings.resume, lambda: _kept(plan, stopping, groups))
    reason = f"rows on the disk, {groups.count} group{'s' * (groups.count > 1)} an epoch"
    told_of = settings_of(plan, stopping, schedules.CONSTANT, settings.epochs)
    with logged(settings.log, loop, told_of, lambda: _described(contents)) as over:
        result = run(
            loop, plan, reason, shown_, lambda error: f"{error.message}. Try {smaller(rule)}"
        )
        over(result)
    model = model_of(result, contents.encoder, contents.target, contents.rows)
    fit = LargeFit(
        model,
        [result],
        contents.rows + contents.checked,
        contents.dropped,
        result.seconds,
        contents.checked,
        groups=groups.count,
        error=contents.error,
    )
    if contents.checked:
        fit.scores, fit.baseline = _scores(model, groups)
    return fit


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
