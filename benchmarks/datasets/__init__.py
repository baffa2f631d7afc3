"""Data sets on real subjects, from files inside installed packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.datasets.apart import APART
from benchmarks.datasets.dataset import DataSet, NotInstalledError, Task
from benchmarks.datasets.development import DEVELOPMENT

SUITES: Mapping[str, Sequence[DataSet]] = {"development": DEVELOPMENT, "apart": APART}

__all__ = ["APART", "DEVELOPMENT", "DataSet", "NotInstalledError", "SUITES", "Task", "named"]


def named(suite: str, name: str) -> DataSet:
    """The data set of a suite that has this name."""
    return next(data for data in SUITES[suite] if data.name == name)
