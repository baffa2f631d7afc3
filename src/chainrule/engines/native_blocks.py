"""The native engine on rows that are read group by group into the same memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.engines.engine import Losses, Rates
from chainrule.engines.native_engine import NativeEngine
from chainrule.errors import InvalidValue

Orders: TypeAlias = Callable[[int], Iterator[npt.NDArray[np.int64]]]


class NativeBlockEngine(NativeEngine):
    """The native engine whose epoch is made of groups of rows.

    The memory of the rows that it is given is filled anew for each group.
    """

    def __init__(self, *given: Any, orders: Orders) -> None:
        """Take what the engine takes, and where the groups come from.

        Args:
            given: see `NativeEngine`.
            orders: from the number of an epoch to its groups: each fills the rows' memory, and is the
                order in which to take them. All but the last are of whole batches.
        """
        super().__init__(*given)
        self._orders = orders

    def epoch(self, number: int, learning_rates: Rates, step_losses: Losses | None = None) -> float:
        """One pass over all groups, at one learning rate; see `Engine.epoch`."""
        if step_losses is not None or np.ndim(learning_rates):
            raise InvalidValue("rows in groups are trained on at one learning rate an epoch")
        total, rows = 0.0, 0
        for order in self._orders(number):
            steps = rows // self.plan.batch_size
            total += len(order) * self.epoch_over(order, number, learning_rates, first=steps)
            rows += len(order)
        return total / rows
