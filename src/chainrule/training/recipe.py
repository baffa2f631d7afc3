"""How to train on a table when nobody says how: chosen by measurement, see docs/quality.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule import optimizers
from chainrule.arrays import DType
from chainrule.network import Network
from chainrule.optimizers import LBFGS, TOGETHER, AdamW, Groups, Optimizer
from chainrule.tables import Encoder, Table
from chainrule.training.rows import steps_per_epoch
from chainrule.training.schedules import CosLog, Schedule

HIDDEN = (128, 128, 128)
DROPOUT = 0.1
MEMBERS = 12
CATEGORIES = 300  # of a column of text, that get a column of their own
SCHEDULE = CosLog()

_BINS, _BINNED, _ROWS_A_BIN = 16, 512, 8
_MANY = 5_000  # rows, from which on there are more bins and smaller steps for classes
_BINS_OF_MANY, _BINNED_OF_MANY, _SMALLER = 64, 1024, 0.375
_STEPS, _STEPS_OF_MOST, _MOST_ROWS = 1500, 4500, 10_000  # more steps from so many rows on
_MOST_EPOCHS, _FEWEST_EPOCHS = 100, 10
_BATCHES = ((1_000, 32), (3_000, 64), (10_000, 128))  # below so many rows, so many in a batch
_LARGEST_BATCH = 256


@dataclass(frozen=True)
class Kind:
    """A kind of member; two that differ err less alike than two of the better one.

    Attributes:
        activation: of its hidden layers.
        hidden: whether it has hidden layers, or is linear.
        binned: whether it sees the bins of numbers, or the numbers alone.
        scales: the factor of the rate at which the scales of its inputs are learned; 0 for none.
        of_classes, of_numbers: its learning rate for classification and for regression, before
            `groups`.
        prior: what speaks for its share in probabilities before anything is known, in rows: the simpler
            kind fits the rows that it is stopped by the least.
    """

    activation: str
    hidden: bool
    binned: bool
    scales: float
    of_classes: float
    of_numbers: float
    prior: float

    def rule(self, rows: int, regression: bool) -> AdamW:
        """AdamW at a high rate, which `groups` divides by √d for a matrix with d inputs."""
        of_classes = self.of_classes * (_SMALLER if rows >= _MANY else 1)
        rate = self.of_numbers if regression else of_classes
        return AdamW(rate, beta2=0.95, weight_decay=0.02)

    def groups(self, sizes: Sequence[int]) -> Groups:
        """The rates of the neural tangent parametrisation, slow biases without decay, fast scales."""
        return Groups.ntk(sizes, biases=0.1, bias_decay=False, scales=self.scales)


KINDS = (
    Kind("relu", hidden=True, binned=True, scales=6.0, of_classes=0.08, of_numbers=0.12, prior=1),
    Kind("silu", hidden=True, binned=False, scales=0.0, of_classes=0.04, of_numbers=0.04, prior=1),
    Kind(
        "identity", hidden=False, binned=False, scales=0.0, of_classes=0.3, of_numbers=0.04, prior=3
    ),
)


@dataclass(frozen=True)
class Length:
    """How long to train on a number of rows.

    Attributes:
        batch_size: rows in a step.
        epochs: as many as make about 1,500 steps, from 10 to 100; for 10,000 rows and more 4,500
            steps.
    """

    batch_size: int
    epochs: int

    @classmethod
    def of(cls, rows: int) -> Length:
        """For so many rows to train on."""
        batch = next((size for below, size in _BATCHES if rows < below), _LARGEST_BATCH)
        steps = _STEPS if rows < _MOST_ROWS else _STEPS_OF_MOST
        epochs = min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, round(steps / steps_per_epoch(rows, batch))))
        return cls(batch, epochs)


def network(
    sizes: Sequence[int], activation: str | Sequence[str], seed: int, dtype: DType
) -> Network:
    """A network to begin with: units that bend in different places, and outputs of 0."""
    made = Network.of_sizes(sizes, activation, seed=seed, dtype=dtype, initializer="normal")
    last = made.layers[-1]
    last.W[...] = last.b[...] = 0
    return made


def training(
    kind: Kind,
    sizes: Sequence[int],
    rows: int,
    regression: bool,
    *,
    optimizer: str | Optimizer | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    schedule: str | Schedule | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    dropout: float | Sequence[float] | None = None,
) -> dict[str, Any]:
    """How `train` is to train a network of a kind on so many rows: None leaves a choice to the recipe.

    An optimizer that is asked for trains all parameters at one rate, which stays, as elsewhere.
    """
    length, plain = Length.of(rows), optimizer is not None
    decay = {} if weight_decay is None else {"weight_decay": weight_decay}
    rule = optimizers.make(optimizer or kind.rule(rows, regression), learning_rate, **decay)
    if batch_size is None and not rule.takes_all_rows:
        batch_size = length.batch_size
    if dropout is None:  # losses that are compared along a line need the same units at each try
        dropout = 0.0 if isinstance(rule, LBFGS) else DROPOUT
    return {
        "optimizer": rule,
        "groups": TOGETHER if plain else kind.groups(sizes),
        "schedule": schedule or ("constant" if plain else SCHEDULE),
        "epochs": length.epochs if epochs is None else epochs,
        "batch_size": batch_size,
        "dropout": dropout if len(sizes) > 2 else 0.0,
    }


def bins(rows: int, columns: int) -> int:
    """How many bins each of some columns of numbers gets."""
    if rows >= _MANY:
        return min(_BINS_OF_MANY, _BINNED_OF_MANY // max(1, columns))
    return min(_BINS, _BINNED // max(1, columns), rows // _ROWS_A_BIN)


def encoder(table: Table, most: int | None = None) -> Encoder:
    """The encoder for a table without its target, with so many bins of a number at most; None chooses."""
    numbers = sum(table.kind(name) == "number" for name in table.names)
    most = bins(len(table), numbers) if most is None else most
    return Encoder.fit(table, cap=CATEGORIES, robust=True, bins=most)
