"""A data set as a file inside an installed package, opened by path: the package is not imported."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

Task = Literal["binary", "multiclass", "regression"]


class NotInstalledError(Exception):
    """The package that ships a data set is not here."""


@dataclass(frozen=True)
class DataSet:
    """An ordinary table: one row for each case, one column to predict.

    Attributes:
        name: What it is called in results.
        package: The package that ships the file, as it is imported.
        file: The path inside the package.
        target: The column to predict.
        task: What kind of column that is.
        shape: Rows with a target, and columns to predict it from.
        drop: Columns that name the row, or that are known only when the target is.
        names: The columns of a file without a header; None where the file names them.
        skip: Lines before the table.
        separator: Between cells; a regular expression where it is longer than a character.
        target_file: The file with the target alone, where the table has it not.
        above: Predict whether the target lies above this number, where it is given.
    """

    name: str
    package: str
    file: str
    target: str
    task: Task
    shape: tuple[int, int]
    drop: Sequence[str] = ()
    names: Sequence[str] | None = None
    skip: int = 0
    separator: str = ","
    target_file: str = ""
    above: float | None = None

    def load(self) -> tuple[pd.DataFrame, pd.Series]:
        """X with each column in its natural type, gaps left as gaps, and y; rows as in the file.

        Raises:
            NotInstalledError: If the package is not here.
        """
        table = self._read()
        if self.target_file:
            table[self.target] = pd.read_csv(self.path(self.target_file), header=None)[0]
        table = table[table[self.target].notna()].reset_index(drop=True)
        y = table.pop(self.target)
        X = table.drop(columns=list(self.drop))
        return X, y if self.above is None else (y > self.above).astype(int).rename(self.target)

    def _read(self) -> pd.DataFrame:
        path = self.path(self.file)
        if ".pkl" in path.name:
            table: pd.DataFrame = pd.read_pickle(
                path, compression="bz2" if path.suffix == ".bz2" else "xz"
            )
            return table
        return pd.read_csv(
            path,
            sep=self.separator,
            header=None if self.names else 0,
            names=list(self.names) if self.names else None,
            skiprows=self.skip,
            na_values="?",
            skipinitialspace=True,
            quotechar="'" if self.separator == "\t" else '"',
        )

    def path(self, file: str) -> Path:
        """Where the package has this file.

        Raises:
            NotInstalledError: If the package is not here.
        """
        found = importlib.util.find_spec(self.package)
        if found is None or not found.submodule_search_locations:
            raise NotInstalledError(f"the data set {self.name} needs the package {self.package}")
        return Path(found.submodule_search_locations[0], file)


def numbered(count: int, *last: str) -> tuple[str, ...]:
    """Names x1, x2, … for columns that have none, and then the last ones."""
    return (*(f"x{j + 1}" for j in range(count)), *last)
