"""`chainrule compare`: which optimizer, and with which learning rate?"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from chainrule.cli.data import check_there, missing_values

if TYPE_CHECKING:
    from chainrule.comparison import Comparison, Descents, RangeTest

WIDEST, TALLEST = 100, 18  # columns and lines of curves in characters


def compare(
    data: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    target: str | None = None,
    optimizers: str | None = None,
    learning_rates: str = "auto",
    repeats: int = 5,
    epochs: int | None = None,
    batch_size: int | None = None,
    hidden: str | None = None,
    activation: str = "relu",
    task: Literal["classification", "regression"] | None = None,
    validation: float | None = None,
    search_steps: int = 5000,
    sort: str = "loss",
    range_test: Annotated[bool, Parameter(negative="")] = False,
    on: str | None = None,
    steps: int = 100,
    plot: Path | None = None,
    size: Literal["page", "slide"] = "page",
    engine: str = "auto",
    dtype: Literal["float32", "float64"] = "float32",
    threads: int | None = None,
    seed: int = 0,
    na: str | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Compare optimizers on one network and one table, each with the learning rate that suits it.

    Args:
        data: a file (CSV, TSV, JSON lines, Parquet; gzipped too), - for standard input, or moons, circles,
            spirals, blobs, xor, iris, wine, breast-cancer, digits, diabetes. None with --on.
        target: the column to learn; the last one without it.
        optimizers: names with commas between, or all: sgd, heavy-ball, nesterov, momentum, adagrad,
            lecture-adagrad, rmsprop, adadelta, adam, adamw, amsgrad, nadam, lion, backtracking, sls, lbfgs.
        learning_rates: auto to search for each optimizer's best, own for the optimizers' own, or numbers
            with commas between to choose among.
        repeats: trainings of each optimizer, each with a seed of its own.
        epochs: passes over the rows.
        batch_size: rows per update; optimizers that need all rows get them without it.
        hidden: sizes of the hidden layers, as 64,64; "" for none.
        activation: of the hidden layers.
        task: what to learn; inferred from the target without it.
        validation: share of the rows set aside for the score; 0 for none.
        search_steps: updates of a training that judges a learning rate.
        sort: loss, score, steps, time, rate or given.
        range_test: instead, train once with each while its rate grows with every step.
        on: instead, walk down a function of two variables: valley or rosenbrock.
        steps: on a function, at most.
        plot: draw it to a .png, .svg or .html file.
        size: of a picture: page or slide.
        engine: native, torch, numpy or auto.
        dtype: float32 or float64.
        threads: trainings at a time; one a core without it.
        seed: of the split, the first weights and the order of rows in the first repeat.
        na: texts that mean a missing value, with commas between, as "?,n/a".
        json_: print the result as one JSON object.
    """
    from chainrule import comparison
    from chainrule.comparison.entries import DEFAULT
    from chainrule.errors import InvalidValue
    from chainrule.optimizers import OPTIMIZERS
    from chainrule.training.fitting import hidden_sizes
    from chainrule.views.files import check_picture

    if plot is not None:
        check_picture(plot)  # before the work, not after it
    names = tuple(_parts(optimizers)) if optimizers is not None else DEFAULT
    entered = tuple(OPTIMIZERS) if names == ("all",) else names
    found: Comparison | RangeTest | Descents
    if on is not None:
        if data is not None or range_test:
            raise InvalidValue(f"on the {on} there are no data: leave out {data or '--range-test'}")
        found = comparison.descents(
            on, optimizers=entered, learning_rates=_rates(learning_rates), steps=steps
        )
    else:
        if data is None:
            raise InvalidValue("DATA is missing: a file or the name of built-in data, as moons")
        check_there(data)
        bench: dict[str, Any] = {
            "optimizers": entered, "batch_size": batch_size, "activation": activation, "task": task,
            "hidden": None if hidden is None else hidden_sizes(hidden), "validation": validation,
            "seed": seed, "engine": engine, "dtype": dtype, "na": missing_values(na),
        }  # fmt: skip
        if range_test:
            found = comparison.range_test(data, target, **bench)
        else:
            found = comparison.compare(
                data, target, **bench, learning_rates=_rates(learning_rates), repeats=repeats,
                epochs=epochs, search_steps=search_steps, sort=sort, threads=threads,
                progress=not json_,
            )  # fmt: skip
    if plot is not None:
        found.plot(plot, size)
    print(json.dumps(found.as_dict()) if json_ else "\n".join(_report(found, plot)))
    return 0


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _rates(text: str) -> str | list[float]:
    """What `learning_rates` takes.

    Raises:
        InvalidValue: a part is no number.
    """
    from chainrule.errors import InvalidValue

    if text in ("auto", "own"):
        return text
    try:
        return [float(part) for part in _parts(text)]
    except ValueError:
        raise InvalidValue(
            f"learning rates are auto, own, or numbers with commas between, got {text!r}"
        ) from None


def _report(found: Comparison | RangeTest | Descents, plot: Path | None) -> list[str]:
    """What was compared, the table, and the curves or where they were drawn."""
    lines = [*found.summary, "", str(found), ""]
    if plot is not None:
        return [*lines, f"drawn    {plot}"]
    width = min(shutil.get_terminal_size((80, 24)).columns, WIDEST)
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    return [*lines, found.characters(width, TALLEST, not plain)]
