"""How to train on a table when nobody says how: chosen by measurement, see docs/quality.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.arrays import DType
from chainrule.network import Network
from chainrule.optimizers import AdamW, Groups
from chainrule.training.rows import steps_per_epoch
from chainrule.training.schedules import CosLog

HIDDEN = (128, 128, 128)
ACTIVATION = "relu"
DROPOUT = 0.1
MEMBERS = 8
CATEGORIES = 300  # of a column of text, that get a column of their own

_BINS, _BINNED = 16, 512  # of a number, and of all numbers together
_ROWS_A_BIN = 8

SCHEDULE = CosLog()
_CLASSES_RATE, _NUMBERS_RATE = 0.08, 0.12
_SCALES = 0.0

_STEPS, _MOST_EPOCHS, _FEWEST_EPOCHS = 1500, 100, 10
_BATCHES = ((1_000, 32), (3_000, 64), (10_000, 128))  # below so many rows, so many in a batch
_LARGEST_BATCH = 256


@dataclass(frozen=True)
class Recipe:
    """The settings for a number of rows, as `train` takes them.

    Attributes:
        batch_size: rows in a step.
        epochs: as many as make about 1,500 steps, from 10 to 100.
    """

    batch_size: int
    epochs: int

    @classmethod
    def of(cls, rows: int) -> Recipe:
        """The recipe for so many rows to train on."""
        batch = next((size for below, size in _BATCHES if rows < below), _LARGEST_BATCH)
        epochs = round(_STEPS / steps_per_epoch(rows, batch))
        return cls(batch, min(_MOST_EPOCHS, max(_FEWEST_EPOCHS, epochs)))


def network(sizes: list[int], activation: str | Sequence[str], seed: int, dtype: DType) -> Network:
    """A network to begin with: units that bend in different places, and outputs of 0."""
    made = Network.of_sizes(sizes, activation, seed=seed, dtype=dtype, initializer="normal")
    last = made.layers[-1]
    last.W[...] = last.b[...] = 0
    return made


def rule(regression: bool) -> AdamW:
    """AdamW at a high rate, which `groups` divides by √d for a matrix with d inputs."""
    return AdamW(_NUMBERS_RATE if regression else _CLASSES_RATE, beta2=0.95, weight_decay=0.02)


def bins(rows: int, columns: int) -> int:
    """How many bins each of some columns of numbers gets."""
    return min(_BINS, _BINNED // max(1, columns), rows // _ROWS_A_BIN)


def groups(sizes: list[int]) -> Groups:
    """The rates of the neural tangent parametrisation, slow biases without decay, fast scales."""
    return Groups.ntk(sizes, biases=0.1, bias_decay=False, scales=_SCALES)
