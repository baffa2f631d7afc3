"""Several networks for one table: each leaves out one fold of the rows, and their answers are averaged.

A row's out-of-fold output comes from the networks that did not train on it. So every row is
predicted honestly, and early stopping costs none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.arrays import Array
from chainrule.engines.native_engine import predictor
from chainrule.network import Network
from chainrule.training.pool import Pool
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
        folds: of each row, the number of the member that leaves it out, or NEVER_OUT, (n,).
        held_out: other rows with their targets and perhaps weights, on which every member is
            validated instead of on its own fold; or None.
    """

    X: Array
    y: npt.NDArray[Any]
    weights: Array | None
    folds: Folds
    held_out: tuple[npt.ArrayLike, ...] | None = None

    def without(self, member: int) -> dict[str, Any]:
        """What a member trains on, and validates on, as arguments of `train`."""
        out = self.folds == member
        if self.held_out is not None:
            validation: tuple[npt.ArrayLike, ...] | None = self.held_out
        else:
            validation = self._taken(out) if out.any() else None
        X, y, *w = self._taken(~out) if out.any() else self._taken(slice(None))
        return {"X": X, "y": y, "weights": w[0] if w else None, "validation": validation}

    def _taken(self, which: Any) -> tuple[npt.NDArray[Any], ...]:
        own = (self.X[which], self.y[which])
        return own if self.weights is None else (*own, self.weights[which])


def train_members(
    networks: Sequence[Network],
    rows: Rows,
    seeds: Sequence[int],
    threads: int,
    progress: bool = False,
    **settings: Any,
) -> list[Result]:
    """Train each network on all rows but its fold, one on each thread.

    Args:
        networks: one for each member; trained in place.
        rows: what to train on.
        seeds: one for each member.
        threads: how many members train at the same time.
        progress: show how many are done.
        settings: all else that `train` takes.

    Raises:
        ChainruleError: as `train`.
    """
    alone = len(networks) == 1
    with Pool(1 if alone else min(threads, len(networks)), progress and not alone) as pool:

        def job(member: int) -> Callable[[], Result]:
            return lambda: train(
                networks[member],
                **rows.without(member),
                seed=seeds[member],
                threads=threads if alone else 1,
                callbacks=[lambda _: pool.stop.is_set()],
                progress=progress and alone,
                **settings,
            )

        return pool.run("networks", [job(member) for member in range(len(networks))])


def members_outputs(networks: Sequence[Network], X: Array, threads: int | None = None) -> Array:
    """What each network gives for the rows, before any link: (members, n, outputs)."""
    found = [_forward(network, threads)(X) for network in networks]
    return np.stack(found) if found else np.empty((0, len(X), 0))


def out_of_fold(networks: Sequence[Network], X: Array, folds: Folds) -> Array:
    """The outputs for each row of the member that left it out, (n, outputs); NaN where none did."""
    found = np.full((len(X), networks[0].sizes[-1]), np.nan, X.dtype)
    for member, network in enumerate(networks):
        out = folds == member
        if out.any():
            found[out] = _forward(network, None)(X[out])
    return found


def _forward(network: Network, threads: int | None) -> Callable[[Array], Array]:
    return network if "softmax" in network.activations[:-1] else predictor(network, threads)


def folds_of(rows: int, members: int, classes: npt.NDArray[np.int64] | None = None) -> Folds:
    """Which member leaves out each of a number of different rows, dealt out in their order.

    Args:
        rows: n.
        members: how many; one leaves nothing out.
        classes: of each row, (n,), to be spread evenly; a class with a single row is never left out.

    Returns:
        (n,); a member may have no rows where there are few.
    """
    folds = np.full(rows, NEVER_OUT)
    if members < 2:
        return folds
    dealt = 0
    for c in [None] if classes is None else np.unique(classes):
        own = np.arange(rows) if classes is None else np.flatnonzero(classes == c)
        if classes is None or len(own) > 1:
            folds[own] = (dealt + np.arange(len(own))) % members
            dealt += len(own)
    return folds
