"""What pictures need to know of their numbers: medians, limits, and what is there at all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from chainrule.views.data import Curve, Numbers


def finite(values: Numbers) -> Numbers:
    """The same values, nan for what is not finite."""
    return np.where(np.isfinite(values), values, np.nan)


def pooled(many: Sequence[Numbers]) -> Numbers:
    """All values that are there, in one row; none so large that limits or ticks would overflow."""
    values: Numbers = np.concatenate([np.ravel(each) for each in many] or [np.empty(0)])
    return np.clip(values[np.isfinite(values)], -1e150, 1e150)


def spread(losses: Numbers) -> Numbers:
    """The lowest, median and highest loss of each epoch, of the runs still alive, (3, epochs)."""
    alive = finite(losses)  # (repeats, epochs)
    some = np.isfinite(alive).any(axis=0)
    spread = np.full((3, losses.shape[1]), np.nan)
    spread[:, some] = np.nanquantile(alive[:, some], (0, 0.5, 1), axis=0)
    return spread


def median_of(curves: Sequence[Curve], each: str = "run") -> str:
    """What the lines of some curves are: the median of how many runs, or whatever each is of."""
    repeats = {len(curve.losses) for curve in curves}
    if repeats <= {1}:
        return "mean loss"
    return f"loss, median of {max(repeats) if len(repeats) == 1 else 'all'} {each}s"


def settles(values: Numbers) -> bool:
    """Whether values that are there to the end fall."""
    return bool(values.size and np.isfinite(values).all() and values[-1] <= values[0])


def first(values: Numbers) -> Numbers:
    """The first value that is there, (1,) or (0,)."""
    return values[np.isfinite(values)][:1]


def lowest(values: Numbers, share: float) -> Numbers:
    """The lowest values, so large a share of them."""
    ordered = np.sort(values[np.isfinite(values)])
    return ordered[: math.ceil(share * ordered.size)]


def lowest_so_far(values: Numbers, counted: npt.NDArray[np.bool_]) -> Numbers:
    """The lowest of the values up to each that are counted; nan before the first."""
    kept = np.where(counted, values, np.inf)
    return finite(np.minimum.accumulate(kept))
