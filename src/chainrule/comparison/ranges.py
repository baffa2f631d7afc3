"""The range test: one training in which the learning rate grows with every step (Smith 2017)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainrule.arrays import DType
from chainrule.comparison.bench import Bench
from chainrule.comparison.entries import DEFAULT, named
from chainrule.errors import DivergenceError, InvalidValue
from chainrule.optimizers import Optimizer
from chainrule.training import rows
from chainrule.views import words
from chainrule.views.data import Numbers, Range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 300  # at least; whole epochs
FIRST, LAST = 1e-7, 10.0  # the rates at both ends
MEMORY = 0.95  # of the running mean of losses
TOO_MUCH = 4.0  # it ends where the running mean is so many times its lowest value
SAFE = 3.0  # the rate suggested is so many times below the one with the lowest running mean


@dataclass
class RangeTest:
    """The loss of each optimizer while the rate grows.

    Attributes:
        title: what the data are called.
        summary: what was tested, a line each.
        ranges: one for each optimizer.
    """

    title: str
    summary: list[str] = field(repr=False)
    ranges: list[Range]

    def __str__(self) -> str:
        return words.table(*self.table())

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Headers and rows of text, a row for each optimizer."""
        rows = [
            [
                each.name,
                "–" if each.suggested is None else f"{each.suggested:.2g}",
                words.number(lowest),
                f"{end:.2g}",
            ]
            for each in self.ranges
            for lowest, end in [_lowest(each)]
        ]
        return ["optimizer", "suggested rate", "lowest loss", "loss grows from rate"], rows

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON; None where there is no number."""
        return {
            "title": self.title,
            "optimizers": [
                {
                    "name": each.name,
                    "suggested": each.suggested,
                    "rates": each.rates.tolist(),
                    "losses": [x if math.isfinite(x) else None for x in each.losses.tolist()],
                }
                for each in self.ranges
            ],
        }

    def plot(self, path: str | os.PathLike[str] | None = None, size: str = "page") -> Figure | None:
        """Draw the losses against the rate, as `Comparison.plot`."""
        from chainrule.views import files, page, pictures

        title = f"{self.title}: the loss while the learning rate grows"
        return files.put(
            path,
            lambda: pictures.range_test(self.ranges, title, size),
            lambda: page.range_test(title, self.ranges),
        )

    def characters(self, width: int, height: int, unicode: bool = True) -> str:
        """The losses against the rate, drawn in characters."""
        from chainrule.views import characters

        return characters.ranges(self.ranges, width, height, unicode)


def range_test(
    data: object,
    target: str | npt.ArrayLike | None = None,
    *,
    optimizers: Sequence[str | Optimizer] = DEFAULT,
    batch_size: int | None = None,
    hidden: Sequence[int] | None = None,
    activation: str = "relu",
    task: str | None = None,
    validation: float | None = None,
    seed: int = 0,
    engine: str = "auto",
    dtype: DType = "float32",
    na: Sequence[str] = (),
) -> RangeTest:
    """Train once with each optimizer while its learning rate grows from 10⁻⁷ to 10 (Smith 2017).

    Args:
        data: this and all but `optimizers` as in `compare`.
        target: the column to learn, or targets (n,).
        optimizers: names, or optimizers with settings of their own; one that finds its rate by itself
            has nothing to test.
        batch_size: rows per update.
        hidden: sizes of the hidden layers.
        activation: of the hidden layers.
        task: "classification" or "regression".
        validation: share of the rows that are not trained on.
        seed: of the first weights and the order of rows.
        engine: its name.
        dtype: float32 or float64.
        na: texts that mean a missing value in a file.

    Raises:
        ChainruleError: something given does not fit; the text says what.
    """
    bench = Bench.of(
        data, target, batch_size=batch_size, hidden=hidden, activation=activation, task=task,
        validation=validation, seed=seed, engine=engine, dtype=dtype, na=na,
    )  # fmt: skip
    entered = named(optimizers)
    for name, optimizer in entered.items():
        if optimizer.finds_rate:
            raise InvalidValue(f"{name} finds its own learning rate: there is no range to test")
    found = [_range(bench, *each, seed) for each in entered.items()]
    steps = (
        f"range    from {FIRST:g} to {LAST:g} in {len(found[0].rates):,} steps, one training each"
    )
    return RangeTest(bench.title, [*bench.summary(), steps], found)


def _range(bench: Bench, name: str, optimizer: Optimizer, seed: int) -> Range:
    """The running mean of the batches' losses while the rate grows from step to step.

    The mean of step k is Σ 0.95^(k−i) ℓ_i / Σ 0.95^(k−i). The rate suggested is a third of the one
    at the lowest mean; there is none if the mean never fell.
    """
    network = bench.network(seed)
    plan = bench.plan(optimizer, network, seed)
    engine, data = bench.start(plan, network)
    steps = rows.steps_per_epoch(len(data.X), plan.batch_size)
    epochs = max(1, math.ceil(STEPS / steps))
    rates = np.geomspace(FIRST, LAST, epochs * steps)
    losses = np.full(len(rates), math.nan)
    for epoch in range(epochs):
        part = slice(epoch * steps, (epoch + 1) * steps)
        try:
            engine.epoch(epoch, rates[part], losses[part])
        except DivergenceError:
            break  # as it has to; the losses before it are what the test is about
    smooth = _smoothed(losses)
    if math.isnan(smooth[0]):
        raise DivergenceError(1, 1)
    return Range(name, rates, smooth, _suggested(rates, smooth))


def _smoothed(losses: Numbers) -> Numbers:
    """Running means; nan from where a loss is not finite or the mean is far above its lowest."""
    smooth = np.full(len(losses), math.nan)
    total = weight = 0.0
    least = math.inf
    for k, loss in enumerate(losses):
        total, weight = MEMORY * total + loss, MEMORY * weight + 1
        if not math.isfinite(loss) or total / weight > TOO_MUCH * least:
            break
        smooth[k] = total / weight
        least = min(least, smooth[k])
    return smooth


def _suggested(rates: Numbers, smooth: Numbers) -> float | None:
    lowest = int(np.nanargmin(smooth))
    if smooth[lowest] > 0.9 * smooth[0]:
        return None
    below = np.flatnonzero(rates <= rates[lowest] / SAFE)
    return float(rates[below[-1]]) if len(below) else None


def _lowest(each: Range) -> tuple[float, float]:
    """The lowest mean, and the rate there."""
    at = int(np.nanargmin(each.losses))
    return float(each.losses[at]), float(each.rates[at])
