"""`chainrule predict`: a row of predictions for each row of a table."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from chainrule.cli.data import is_builtin, missing_values
from chainrule.errors import InvalidValue
from chainrule.storage import Model, load, replacing
from chainrule.tables import Table, builtin, read_chunks


def predict(model: Path, data: str, /, *, na: str | None = None, out: Path | None = None) -> None:
    """Predict each row of a table with a saved model.

    Writes CSV: a column `prediction`, and `probability:<class>` for each class. Files larger than
    memory are read piece by piece.

    Examples: chainrule predict churn.safetensors new.csv; cat new.csv | chainrule predict churn.safetensors - --out p.csv

    Args:
        model: a file that `chainrule fit` saved.
        data: as `chainrule fit` takes it; the target's column may be there or not.
        na: texts that mean a missing value, with commas between.
        out: where to write; standard output without it.
    """
    loaded = load(model)
    if loaded.encoder is None:
        raise InvalidValue(f"{model} holds a network without columns: it cannot read tables")
    chunks = _chunks(loaded, data, missing_values(na))
    first = next(chunks, None)  # what is wrong with the data shows before anything is written
    with _destination(out) as stream:
        write = csv.writer(stream, lineterminator="\n").writerows
        write([["prediction", *(f"probability:{label}" for label in loaded.classes)]])
        if first is not None:
            write(_rows(loaded, first))
        for chunk in chunks:
            write(_rows(loaded, chunk))


def _chunks(model: Model, data: str, na: tuple[str, ...]) -> Iterator[Table]:
    if is_builtin(data):
        return iter([builtin(data)])
    assert model.encoder is not None
    return read_chunks(data, na=na, kinds=model.encoder.kinds)


def _rows(model: Model, table: Table) -> Iterator[list[object]]:
    """A prediction, and a probability for each class."""
    if model.task == "regression":
        return ([value] for value in model.predict(table).tolist())
    p = model.predict_probability(table)
    labels = np.asarray(model.classes, dtype=object)[p.argmax(axis=1)].tolist()
    return ([label, *row] for label, row in zip(labels, p.tolist(), strict=True))


@contextmanager
def _destination(out: Path | None) -> Iterator[TextIO]:
    """Standard output; or a file that is there only when all of it is."""
    if out is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    with replacing(out) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.detach()  # flushes, and leaves the file open to be synced
