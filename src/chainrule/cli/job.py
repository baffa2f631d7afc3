"""What `chainrule fit` is to do: train one network, or several as an estimator."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli.data import is_file, is_folder
from chainrule.errors import InvalidValue

if TYPE_CHECKING:
    from chainrule.sklearn.fitting import EstimatorFit
    from chainrule.tables import Table
    from chainrule.training.fitting import Fit
    from chainrule.training.runs import RunLog

_SHARE = 0.2  # of the rows, set aside for one network of a table
_SMALL = 8 << 20  # bytes of a file that is read without asking how much it takes


@dataclass(frozen=True)
class Job:
    """What is to be fitted, and how.

    Attributes:
        data, target, task, validation, seed: as `fit` takes them.
        na: texts that mean a missing value.
        progress: whether to show it.
        asked: what was said of the training, by the names of the settings.
        of_estimators: what was said that only estimators know.
        keeping: the settings of checkpoints, if there are to be any.
        together: whether this process is one of several.
        log: of the run, if it is to be kept.
        memory, cache: as `fit` takes them.
    """

    data: str
    target: str | None
    task: str | None
    validation: float | None
    seed: int
    na: tuple[str, ...]
    progress: bool
    asked: dict[str, Any]
    of_estimators: dict[str, Any]
    keeping: dict[str, Any]
    together: bool
    log: RunLog | None = None
    memory: str | None = None
    cache: Path | None = None

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return not self.together or os.environ["RANK"] == "0"

    @property
    def by_estimator(self) -> bool:
        """Whether an estimator is fitted, which has several networks as a rule.

        Raises:
            InvalidValue: what only estimators know was said of a training that is one network's.
        """
        alone = self.together or is_folder(self.data) or self.large
        said = [
            name for name, value in self.of_estimators.items() if (name, value) != ("members", 1)
        ]
        if alone and said:
            raise InvalidValue(
                f"--{said[0]} does not go with a folder or torchrun, nor with a file larger than memory:"
                " there one network is trained, with the loss that its task brings"
            )
        return not alone and bool(self.of_estimators or not self._is_shape)

    @cached_property
    def large(self) -> tuple[int, str] | None:
        """The memory in bytes that the file's rows do not fit into, and a line that says so; None where they do.

        Raises:
            InvalidValue: --memory was given, and the data are no file, or those of several processes.
        """
        from chainrule.training import memory, recipe

        one_file = is_file(self.data) and not self.together
        if not one_file and (self.memory or self.cache):
            raise InvalidValue("--memory and --cache are for one file, in one process")
        if not one_file or (self.memory is None and Path(self.data).stat().st_size < _SMALL):
            return None
        most = memory.parsed(self.memory) if self.memory else (memory.free() or 0) // 2
        if not most:  # the system does not say what is free
            return None
        networks = self.of_estimators.get("members", recipe.MEMBERS)
        bins = self.of_estimators.get("bins") != 0
        takes = memory.Estimate.of(self.data, self.na).together(networks, bins)
        limit = f"--memory {self.memory}" if self.memory else "half of what is free"
        line = (
            f"{Path(self.data).name} takes about {memory.shown(takes)} in memory, more than {limit}"
            f" ({memory.shown(most)}): it is read once, on to the disk, and one network is trained"
        )
        return (most, line) if takes > most else None

    def fit_estimator(self) -> EstimatorFit:
        """Several networks, or one, as `Classifier` and `Regressor` train them."""
        from chainrule.sklearn.fitting import fit_estimator

        settings = {
            **self.asked,
            **self.of_estimators,
            "progress": self.progress,
            "log": self.log,
        }
        settings.pop("report", None)  # is made afterwards
        if "quantiles" in settings and settings.setdefault("loss", "quantile") != "quantile":
            raise InvalidValue(f"--quantiles goes with --loss quantile, not {settings['loss']}")
        if settings.get("patience") == 0:
            del settings["patience"]  # to the end, as without it
        alone = settings.get("members") == 1
        share = self.validation if self.validation is not None else _SHARE * alone
        table = self._table(self.seed)
        return fit_estimator(
            table,
            self.target,
            settings,
            task=self.task,
            validation=share,
            seed=self.seed,
            **self.keeping,
        )

    def fit_network(self) -> Fit:
        """One network, from a table or from Parquet files as they are read."""
        from chainrule.training.fitting import Settings, fit_table

        known = {"task": self.task, "validation": self.validation}
        settings = Settings(
            **{
                **self._lecture(),
                **self.asked,
                **{name: value for name, value in known.items() if value is not None},
                **self.keeping,
                "seed": self.seed,
                "distributed": self.together,
                "log": self.log,
            }
        )
        if is_folder(self.data):
            from chainrule.training.stream_fitting import fit_stream

            return fit_stream(self.data, self.target, settings, progress=self.progress)
        if self.large:
            from chainrule.training.large_fitting import fit_large

            most, line = self.large
            print(f"chainrule: {line}", file=sys.stderr)
            return fit_large(
                self.data, self.target, settings, memory_size=most, cache=self.cache,
                na=self.na, progress=self.progress,
            )  # fmt: skip
        fresh = self._is_shape and self.validation is None  # points to validate on
        held_out = self._table(self.seed + 1) if fresh else None
        table = self._table(self.seed)
        return fit_table(table, self.target, settings, held_out=held_out, progress=self.progress)

    @property
    def _is_shape(self) -> bool:
        """Whether the data are one of the shapes that are drawn."""
        from chainrule.tables import SHAPES, is_builtin

        return self.data in SHAPES and is_builtin(self.data)

    def _lecture(self) -> dict[str, Any]:
        """The lecture's settings for the shapes.

        Its learning rate goes with its optimizer, and its batches with those that take batches.
        """
        from chainrule.optimizers import make
        from chainrule.training.fitting import LECTURE

        if not self._is_shape:
            return {}
        optimizer = self.asked.get("optimizer")
        if optimizer is None:
            return LECTURE
        batches = {"batch_size": None} if make(optimizer).takes_all_rows else {}
        return {**LECTURE, "learning_rate": None, **batches}

    def _table(self, seed: int) -> Table:
        from chainrule.tables import builtin, is_builtin, read_table

        if is_builtin(self.data):
            return builtin(self.data, seed=seed)
        return read_table(self.data, na=self.na)
