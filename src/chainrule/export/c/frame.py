"""What every part of the file of C has to know."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from chainrule.export.c.words import members
from chainrule.export.formula import Column, Formula
from chainrule.tables.features import Category

_TYPES = {"float32": ("float", 4), "float64": ("double", 8)}


@dataclass(frozen=True)
class Frame:
    """A formula, and the names that it has in C.

    Attributes:
        formula: what the file computes.
        prefix: of all that it defines.
    """

    formula: Formula
    prefix: str

    @property
    def upper(self) -> str:
        """The prefix of macros."""
        return self.prefix.upper()

    @cached_property
    def columns(self) -> list[tuple[str, Column]]:
        """The members of the struct; none where a row is the network's x."""
        columns = self.formula.columns or ()
        return list(zip(members([column.name for column in columns]), columns, strict=True))

    @property
    def declared(self) -> list[str]:
        """The members as they are declared."""
        return [
            f"const char *{name}" if isinstance(column, Category) else f"double {name}"
            for name, column in self.columns
        ]

    @property
    def real(self) -> tuple[str, int]:
        """The type that the networks compute in, and its bytes."""
        return _TYPES[self.formula.dtype]

    @property
    def answers(self) -> int:
        """How many numbers are answered."""
        return len(self.formula.classes) or self.formula.outputs

    @property
    def signature(self) -> str:
        """How the function is called."""
        row = f"const struct {self.prefix}_row *row"
        if not self.columns:
            row = f"const double row[{self.upper}_INPUTS]"
        return f"int {self.prefix}_predict({row}, double answer[{self.upper}_ANSWERS])"
