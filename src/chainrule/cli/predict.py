"""`chainrule predict`: a row of predictions for each row of a table."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, TypeAlias

from cyclopts import Parameter

from chainrule.cli.data import check_there, is_folder, missing_values
from chainrule.errors import InvalidValue

if TYPE_CHECKING:
    from chainrule.storage import Model
    from chainrule.tables import Table

Rows: TypeAlias = Iterator[list[object]]

# Rows and values that are read at once.
_FEWEST, _MOST, _VALUES = 100, 50_000, 1 << 20


def predict(
    model: Path,
    data: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    na: str | None = None,
    out: Path | None = None,
) -> None:
    """Predict each row of a table with a saved model.

    Writes CSV: a column `prediction`, and `probability:<class>` for each class, or `quantile:<level>` for each
    quantile. Files larger than memory are read piece by piece.

    Args:
        model: a file that `chainrule fit` saved.
        data: as `chainrule fit` takes it; the target's column may be there or not.
        na: texts that mean a missing value, with commas between; those of `chainrule fit` without it.
        out: where to write; standard output without it.
    """
    from chainrule.storage import load

    check_there(data)
    loaded = load(model)
    if loaded.encoder is None:
        raise InvalidValue(f"{model} holds a network without columns: it cannot read tables")
    spellings = tuple(loaded.history.get("na") or ()) if na is None else missing_values(na, data)
    pieces = _of_files(loaded, data) if is_folder(data) else _of_table(loaded, data, spellings)
    first = next(pieces, None)  # what is wrong with the data shows before anything is written
    with _destination(out) as stream:
        write = csv.writer(stream, lineterminator="\n").writerows
        columns = [f"probability:{label}" for label in loaded.classes]
        columns += [f"quantile:{level:g}" for level in loaded.levels]
        write([["prediction", *columns]])
        if first is not None:
            write(first)
        for piece in pieces:
            write(piece)


def _of_table(model: Model, data: str, na: tuple[str, ...]) -> Iterator[Rows]:
    """The rows of a file or of a built-in table, piece by piece."""
    from chainrule.tables import builtin, is_builtin, read_chunks

    assert model.encoder is not None
    if is_builtin(data):
        yield _rows(model, builtin(data))
        return
    rows = max(_FEWEST, min(_MOST, _VALUES // len(model.encoder.features)))
    for table in read_chunks(data, rows, na=na, kinds=model.encoder.kinds):
        yield _rows(model, table)


def _of_files(model: Model, data: str) -> Iterator[Rows]:
    """The rows of Parquet files, in the order of the files' names."""
    from chainrule.tables.row_groups import RowGroups, naming, read

    groups = RowGroups.of(data)
    columns = [name for name in groups.names if name != model.target_name]
    for piece in read(groups.groups, columns):
        with naming(piece.group):
            rows = _rows(model, piece.table)
        yield rows


def _rows(model: Model, table: Table) -> Rows:
    """A prediction, and a probability for each class or a number for each quantile."""
    if model.levels:
        q, middle = model.predict_quantiles(table), model.middle
        return ([row[middle], *row] for row in q.tolist())
    if model.task == "regression":
        return ([value] for value in model.predict(table).tolist())
    p = model.predict_probability(table)
    labels = [model.classes[c] for c in p.argmax(axis=1).tolist()]
    return ([label, *row] for label, row in zip(labels, p.tolist(), strict=True))


@contextmanager
def _destination(out: Path | None) -> Iterator[TextIO]:
    """Standard output; or a file that is there only when all of it is."""
    if out is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    from chainrule.storage import replacing

    with replacing(out) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.detach()  # flushes, and leaves the file open to be synced
