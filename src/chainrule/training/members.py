"""Several networks for one table: each leaves out one fold of the rows, and their answers are averaged.

A row's out-of-fold output comes from the networks that did not train on it. So every row is
predicted honestly, and early stopping costs none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array
from chainrule.engines import Engine, State
from chainrule.engines.native_engine import predictor
from chainrule.errors import InvalidValue
from chainrule.losses import Own
from chainrule.network import Layer, Network
from chainrule.optimizers import BatchOptimizer
from chainrule.training.checkpoints import Book
from chainrule.training.loop import Callback, Interrupted
from chainrule.training.pool import Pool
from chainrule.training.runs.log import RunLog
from chainrule.training.trainer import Result, train

Folds = npt.NDArray[np.int64]
NEVER_OUT = -1  # the fold of rows that every member trains on


@dataclass(frozen=True)
class Rows:
    """What members train on.

    Attributes:
        X: (n, d).
        y: targets as `train` takes them, (n,) or (n, outputs).
        weights: of the rows, (n,), or None.
        folds: of each row, the number of its fold, or NEVER_OUT, (n,).
        turns: of each member, with the fold that it leaves out.
        held_out: other rows with their targets and perhaps weights, on which every member is
            validated instead of on its own fold; or None.
    """

    X: Array
    y: npt.NDArray[Any]
    weights: Array | None
    folds: Folds
    turns: Sequence[Turn]
    held_out: tuple[Any, ...] | None = None

    def without(self, member: int) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
        """What a member trains on, and what it is validated on: rows, targets and perhaps weights of each."""
        out = self.folds == self.turns[member].fold
        if self.held_out is not None or not out.any():
            return self._taken(slice(None)), self.held_out
        return self._taken(~out), self._taken(out)

    def _taken(self, which: Any) -> tuple[npt.NDArray[Any], ...]:
        own = (self.X[which], self.y[which])
        return own if self.weights is None else (*own, self.weights[which])


@dataclass(frozen=True)
class Member:
    """A network to be trained.

    Attributes:
        network: where it begins.
        columns: the numbers of the columns of X that it sees, or None for all.
        settings: all else that `train` takes.
        watch: from rows, targets and perhaps weights to validate on to what is wanted low in place of
            the loss, of the engine after an epoch; or None.
    """

    network: Network
    columns: npt.NDArray[np.int64] | None
    settings: Mapping[str, Any]
    watch: Callable[..., Callable[[Engine], float]] | None = None

    def going_on(self, before: Member, state: State) -> Member:
        """The same with the network of another and an engine's state to go on from."""
        settings = {**self.settings, "start": state}
        return replace(self, network=before.network, columns=before.columns, settings=settings)

    def for_one_epoch(self, slower: float) -> Member:
        """The same for one more epoch, at the optimizer's rate divided by a number.

        Raises:
            InvalidValue: the optimizer does not work batch by batch.
        """
        rule = self.settings["optimizer"]
        if not isinstance(rule, BatchOptimizer):
            raise InvalidValue(
                f"{rule.name} takes all rows at every step: it has no epochs to go on for"
            )
        more = {
            "optimizer": replace(rule, learning_rate=rule.learning_rate / slower),
            "schedule": "constant",
            "epochs": 1,
            "stopping": None,
            "seed": self.settings["seed"] + 1,  # another order of the rows
        }
        return replace(self, settings={**self.settings, **more}, watch=None)

    def seen(self, data: tuple[Any, ...]) -> tuple[Any, ...]:
        """(X, …) less the columns that it does not see."""
        return data if self.columns is None else (data[0][:, self.columns], *data[1:])

    def widened(self, width: int) -> Network:
        """The same network over all columns: those that it does not see have weights of 0."""
        if self.columns is None:
            return self.network
        first, *others = self.network.layers
        W = np.zeros((width, first.outputs), first.W.dtype)
        W[self.columns] = first.W
        return Network([Layer(W, first.b, first.activation), *others])


def train_members(
    members: Sequence[Member],
    rows: Rows,
    threads: int,
    progress: bool = False,
    around: Callable[[int], AbstractContextManager[Callback]] | None = None,
    book: Book | None = None,
    log: RunLog | None = None,
) -> list[Result]:
    """Train each member's network in place on all rows but its fold, one on each thread.

    Args:
        members: what to train.
        rows: what to train on.
        threads: how many members train at the same time.
        progress: show how many are done.
        around: for the number of a member, a context to train it in, which gives a callback.
        book: to keep them in, and to go on from.
        log: of the run, which is begun; each member is told of under its number, from 1.

    Raises:
        ChainruleError: as `train`.
        Interrupted: Ctrl-C; those that are under way end after their epoch.
    """
    try:
        return _trained(members, rows, threads, progress, around, book, log)
    except KeyboardInterrupt:
        if book is None:
            raise
        raise Interrupted from None
    finally:
        if book:
            book.write()  # all have ended by now, after an epoch


def _trained(
    members: Sequence[Member],
    rows: Rows,
    threads: int,
    progress: bool,
    around: Callable[[int], AbstractContextManager[Callback]] | None,
    book: Book | None,
    log: RunLog | None,
) -> list[Result]:
    """The same, without the last writing."""
    alone = len(members) == 1
    with (
        _single_products(members),
        Pool(1 if alone else min(threads, len(members)), progress and not alone) as pool,
    ):

        def job(number: int) -> Callable[[], Result]:
            member = members[number]

            def run() -> Result:
                learn, check = rows.without(number)
                X, y, *w = member.seen(learn)
                seen = None if check is None else member.seen(check)
                with around(number) if around else nullcontext() as told:
                    return train(
                        member.network,
                        X,
                        y,
                        weights=w[0] if w else None,
                        validation=seen,
                        watched=member.watch(*seen) if member.watch and seen else None,
                        threads=threads if alone else 1,
                        callbacks=[lambda _: pool.stop.is_set(), *([told] if told else [])],
                        progress=progress and alone,
                        checkpoint=book.page(number) if book else None,
                        log=log and log.network(number + 1),
                        **member.settings,
                    )

            return run

        return pool.run("networks", [job(number) for number in range(len(members))])


def _single_products(members: Sequence[Member]) -> AbstractContextManager[object]:
    """One thread for each of NumPy's matrix products, where members are trained by them: they are small."""
    settings = [member.settings for member in members]
    if not any(isinstance(s["loss"], Own) or s["engine"] == "numpy" for s in settings):
        return nullcontext()
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return cast(AbstractContextManager[object], threadpool_limits(1, "blas"))


def members_outputs(networks: Sequence[Network], X: Array, threads: int | None = None) -> Array:
    """What each network gives for the rows, before any link: (members, n, outputs)."""
    found = [_forward(network, threads)(X) for network in networks]
    return np.stack(found) if found else np.empty((0, len(X), 0))


def out_of_fold(
    networks: Sequence[Network], X: Array, folds: Folds, turns: Sequence[Turn]
) -> Array:
    """The outputs for each row of the members that left it out, by kind: (kinds, n, outputs); NaN where none did."""
    kinds = max(turn.place for turn in turns) + 1
    found = np.full((kinds, len(X), networks[0].sizes[-1]), np.nan, X.dtype)
    for network, turn in zip(networks, turns, strict=True):
        out = folds == turn.fold
        if out.any():
            found[turn.place, out] = _forward(network, None)(X[out])
    return found


def _forward(network: Network, threads: int | None) -> Callable[[Array], Array]:
    return network if "softmax" in network.activations[:-1] else predictor(network, threads)


@dataclass(frozen=True)
class Turn:
    """What falls to a member.

    Attributes:
        fold: the fold that it leaves out.
        kind: of which kind it is.
        place: which it is of the members that leave out this fold; their kinds differ.
    """

    fold: int
    kind: int
    place: int


def turns_of(members: int, kinds: int) -> list[Turn]:
    """A turn for each of some members.

    Where they suffice, every fold is left out by a member of each kind, and there are three folds
    or more. Otherwise every member has a fold of its own, and the first two kinds take turns.
    """
    if members % kinds == 0 and members >= 3 * kinds:
        return [Turn(i // kinds, i % kinds, i % kinds) for i in range(members)]
    return [Turn(i, i % min(2, kinds), 0) for i in range(members)]


def folds_of(rows: int, parts: int, classes: npt.NDArray[np.int64] | None = None) -> Folds:
    """The fold of each of a number of different rows, dealt out in their order.

    Args:
        rows: n.
        parts: how many folds; with one, no row is left out.
        classes: of each row, (n,), to be spread evenly; a class with a single row is never left out.

    Returns:
        (n,); a fold may have no rows where there are few.
    """
    folds = np.full(rows, NEVER_OUT)
    if parts < 2:
        return folds
    dealt = 0
    for c in [None] if classes is None else np.unique(classes):
        own = np.arange(rows) if classes is None else np.flatnonzero(classes == c)
        if classes is None or len(own) > 1:
            folds[own] = (dealt + np.arange(len(own))) % parts
            dealt += len(own)
    return folds
