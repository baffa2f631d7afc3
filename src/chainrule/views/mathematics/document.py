"""What is said in formulas, before it is set as text, LaTeX or HTML.

Letters are written as they are read, in plain strings: "∂L/∂W_2 = ∂L/∂z_2·∇φ_2"; `notation` takes
them apart. Numbers stand in matrices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from chainrule.arrays import Array

EDGE = 3  # entries shown at each end of what is too long to be shown whole, as NumPy does


@dataclass(frozen=True, eq=False)
class Matrix:
    """Numbers in brackets.

    Attributes:
        values: (m,) is a row, (n, m) a matrix, and what holds one number is that number.
        rows: the names of the rows, or none.
        columns: the names of the columns, or none.
    """

    values: Array
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether it is set without brackets."""
        return self.values.size == 1 and not self.rows and not self.columns

    @property
    def table(self) -> Array:
        """The values as (n, m)."""
        return self.values.reshape(1, -1) if self.values.ndim < 2 else self.values


Part: TypeAlias = str | Matrix


@dataclass(frozen=True, eq=False)
class Formula:
    """Letters and numbers in a line; a line may be broken before a string.

    Attributes:
        parts: from left to right; a string that stands between matrices is an operator.
        shape: of what the formula gives.
    """

    parts: tuple[Part, ...]
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Heading:
    """The beginning of a section."""

    text: str


@dataclass(frozen=True)
class Sentence:
    """Words; what stands between two backticks is a formula."""

    text: str


Item: TypeAlias = Heading | Sentence | Formula


@dataclass(frozen=True, eq=False)
class Document:
    """What is said, from top to bottom."""

    title: str
    items: tuple[Item, ...]


def shown(count: int, edge: int) -> list[int | None]:
    """The indices of the entries to show; None stands for those between, where they are too many.

    A gap hides two entries at least: for one, the dots would take its place.
    """
    if count <= 2 * edge + 1:
        return list(range(count))
    return [*range(edge), None, *range(count - edge, count)]


def entry(value: float) -> str:
    """A number to four figures."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}".replace("-", "−") if value else "0"


def number(matrix: Matrix, before: str) -> str:
    """A matrix that is a number, in brackets where it is below 0 and an operator stands before it."""
    text = entry(float(matrix.values.reshape(-1)[0]))
    return f"({text})" if text.startswith("−") and before.endswith(("·", "+ ", "− ")) else text


def pairs(parts: Sequence[Part]) -> Iterator[tuple[Part, str]]:
    """Each part with the string before it."""
    before = ""
    for part in parts:
        yield part, before
        before = part if isinstance(part, str) else ""


def by(shape: tuple[int, ...]) -> str:
    """A shape in words: "2×3"."""
    return "×".join(map(str, shape))


def is_apart(part: Part) -> bool:
    """Whether a string begins a formula of its own in the same line, as two spaces before it say."""
    return isinstance(part, str) and part.startswith("  ")


def spans(text: str) -> list[tuple[bool, str]]:
    """The pieces of a sentence, each with whether it is a formula."""
    return [(i % 2 == 1, piece) for i, piece in enumerate(text.split("`")) if piece]
