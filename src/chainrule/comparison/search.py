"""The learning rate of each optimizer: a log grid, coarse, then fine around the best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from chainrule.errors import InvalidValue
from chainrule.optimizers import Optimizer

# Exponents of ten, in eighths: half decades from 10⁻⁵ to 10; further out if the best lies at an end; then the eighths
# between the best and its neighbours.
_COARSE, _FIRST, _LAST = 4, -40, 8
_LEAST, _MOST = -64, 24
_FINE = (-3, -2, -1, 1, 2, 3)

# The loss reached with each of the given optimizers and rates; inf where training diverged.
Reach: TypeAlias = Callable[[Sequence[tuple[Optimizer, float]]], Sequence[float]]


@dataclass
class RateSearch:
    """What one optimizer reached with each rate that was tried.

    Attributes:
        reached: rate ↦ loss, in the order of the trials; inf where training diverged.
    """

    reached: dict[float, float] = field(default_factory=dict)

    @property
    def rates(self) -> list[float]:
        """The rates that were tried, ascending."""
        return sorted(self.reached)

    @property
    def losses(self) -> list[float]:
        """The losses reached with them."""
        return [self.reached[rate] for rate in self.rates]

    @property
    def best(self) -> float:
        """The rate with the lowest loss, the smallest of equals."""
        return min(self.rates, key=lambda rate: self.reached[rate])


def search(optimizers: Mapping[str, Optimizer], reach: Reach) -> dict[str, RateSearch]:
    """The best rate of each optimizer.

    Args:
        optimizers: by name.
        reach: trains; all rates of a round are tried at once.

    Raises:
        InvalidValue: an optimizer diverges with every rate.
    """
    found = {name: _Grid(optimizer) for name, optimizer in optimizers.items()}
    _try(found, {name: range(_FIRST, _LAST + 1, _COARSE) for name in found}, reach)
    while any((further := {name: grid.further() for name, grid in found.items()}).values()):
        _try(found, further, reach)
    for name, grid in found.items():
        if math.isinf(grid.reached[grid.best]):
            raise InvalidValue(f"{name} diverges with every learning rate that was tried")
    _try(found, {name: [grid.best + step for step in _FINE] for name, grid in found.items()}, reach)
    return {name: grid.search() for name, grid in found.items()}


def among(
    optimizers: Mapping[str, Optimizer], rates: Sequence[float], reach: Reach
) -> dict[str, RateSearch]:
    """The best of given rates for each optimizer."""
    jobs = [(name, rate) for name in optimizers for rate in rates]
    losses = reach([(optimizers[name], rate) for name, rate in jobs])
    found = {name: RateSearch() for name in optimizers}
    for (name, rate), loss in zip(jobs, losses, strict=True):
        found[name].reached[rate] = loss
    return found


class _Grid:
    """The losses that one optimizer reached, by the exponent of the rate."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.reached: dict[int, float] = {}

    @property
    def best(self) -> int:
        return min(sorted(self.reached), key=self.reached.__getitem__)

    def further(self) -> list[int]:
        """Where to look next if the best lies at an end of what was tried."""
        step = {min(self.reached): -_COARSE, max(self.reached): _COARSE}.get(self.best, 0)
        if not step or math.isinf(self.reached[self.best]):
            return []
        beyond = [self.best + step * i for i in (1, 2)]
        return [k for k in beyond if _LEAST <= k <= _MOST]

    def search(self) -> RateSearch:
        return RateSearch({_rate(k): loss for k, loss in self.reached.items()})


def _try(found: Mapping[str, _Grid], where: Mapping[str, Sequence[int]], reach: Reach) -> None:
    jobs = [(grid, k) for name, grid in found.items() for k in where[name]]
    losses = reach([(grid.optimizer, _rate(k)) for grid, k in jobs])
    for (grid, k), loss in zip(jobs, losses, strict=True):
        grid.reached[k] = loss


def _rate(eighths: int) -> float:
    """10^(k/8) to two figures."""
    return float(f"{10 ** (eighths / 8):.2g}")
