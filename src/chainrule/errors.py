"""What can go wrong; each error is also the built-in one that fits.

The tree:

    ChainruleError
    ├── ShapeError        (ValueError)         rows, columns or lengths that do not fit together
    ├── InvalidValue      (ValueError)         a number or setting outside its range
    ├── UnknownName       (ValueError)         a name that stands in no table
    ├── DataError         (ValueError)         a data file or a table that cannot be used
    ├── MissingFile       (FileNotFoundError)  no such file
    ├── ModelFileError    (ValueError)         a model file that does not add up
    ├── DivergenceError   (ArithmeticError)    a loss that stopped being finite
    ├── MissingExtra      (ImportError)        an optional dependency that is not installed
    ├── EngineError       (ValueError)         an engine that cannot do what was asked
    └── OutOfMemory       (MemoryError)        memory that the system does not give

Nothing else is raised on purpose.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

Entry = TypeVar("Entry")


class ChainruleError(Exception):
    """The root: `except ChainruleError` catches whatever this library raises on purpose."""


class ShapeError(ChainruleError, ValueError):
    """Arrays whose shapes do not fit together."""


class InvalidValue(ChainruleError, ValueError):
    """A number or a setting outside the range in which it has a meaning."""


class UnknownName(ChainruleError, ValueError):
    """A name that stands in no table; `unknown` writes its text."""


class DataError(ChainruleError, ValueError):
    """A data file or a table whose content cannot be used; the text says what and where."""


class MissingFile(ChainruleError, FileNotFoundError):
    """A file that is not there."""


class ModelFileError(ChainruleError, ValueError):
    """A model file that is truncated, foreign, or contradicts itself."""


class DivergenceError(ChainruleError, ArithmeticError):
    """The loss of a batch is not finite.

    Attributes:
        epoch: the epoch in which it happened, counted from 1.
        step: the step within that epoch, counted from 1.
        message: the text of the error.
    """

    def __init__(self, epoch: int, step: int, message: str = "") -> None:
        """Say where it happened, both counted from 1."""
        self.epoch = epoch
        self.step = step
        self.message = message or f"the loss is not finite at step {step} of epoch {epoch}"
        super().__init__(self.message)

    def __reduce__(self) -> tuple[type[DivergenceError], tuple[int, int, str]]:
        """The error travels between processes with its numbers."""
        return type(self), (self.epoch, self.step, self.message)


class MissingExtra(ChainruleError, ImportError):
    """An optional dependency is not installed; the text is the line that installs it.

    Args:
        extra: the name of the extra, as in `pip install 'chainrule[extra]'`.
    """

    def __init__(self, extra: str) -> None:
        """Name the extra."""
        self.extra = extra
        super().__init__(
            f"this needs packages that are not installed: pip install 'chainrule[{extra}]'"
        )

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str]]:
        """The error travels between processes with the name of its extra."""
        return type(self), (self.extra,)


class EngineError(ChainruleError, ValueError):
    """An engine that is not there, or that cannot train what it was given."""


class OutOfMemory(ChainruleError, MemoryError):
    """The system does not give the memory that something takes; the text says what."""


def unknown(kind: str, name: object, choices: Iterable[str]) -> UnknownName:
    """The error for a name that is not among the choices: the nearest one, and all of them.

    Args:
        kind: what the name should be, as in "activation".
        name: what was given.
        choices: the names there are.
    """
    names = list(choices)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return UnknownName(f"no {kind} is called {name!r}{hint} (there are: {', '.join(names)})")


def lookup(kind: str, name: object, table: Mapping[str, Entry]) -> Entry:
    """What a table has under a name.

    Raises:
        UnknownName: the table does not have the name, or it is no string.
    """
    if not isinstance(name, str) or name not in table:
        raise unknown(kind, name, table)
    return table[name]
