"""`chainrule sweep`: which settings?"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from chainrule.cli import fitted
from chainrule.cli.data import check_there, is_folder, missing_values, stem
from chainrule.errors import InvalidValue

if TYPE_CHECKING:
    from chainrule.sweeping import Sweep


def sweep(
    data: Annotated[str, Parameter(allow_leading_hyphen=True)],
    /,
    *,
    target: str | None = None,
    trials: int = 200,
    space: Path | None = None,
    storage: str | None = None,
    pruner: Literal["median", "hyperband", "none"] = "median",
    epochs: int | None = None,
    validation: float = 0.2,
    test: float = 0.2,
    task: Literal["classification", "regression"] | None = None,
    threads: int | None = None,
    parallel: int | None = None,
    engine: str = "auto",
    dtype: Literal["float32", "float64"] = "float32",
    seed: int = 0,
    na: str | None = None,
    out: Path | None = None,
    plot: Path | None = None,
    size: Literal["page", "slide"] = "page",
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Try many settings, fit an estimator with the best of them, and save it.

    A trial trains one network and is judged on validation rows; those that do worse than others did
    at the same epoch are stopped. The networks with the best settings are scored on rows that no trial saw.

    Args:
        data: a file (CSV, TSV, JSON lines, Parquet; gzipped too), - for standard input, or moons, circles,
            spirals, blobs, xor, iris, wine, breast-cancer, digits, diabetes.
        target: the column to learn; the last one without it.
        trials: how many in all; those found in the storage count.
        space: a TOML file that says what to try; the usual settings without it.
        storage: a file for the trials, or a database's URL: run the same command again to go on, or on
            other machines to share the work.
        pruner: what stops trials.
        epochs: of a training.
        validation: share of the rows that trials are judged by.
        test: share of the rows that no trial sees; with 0 the scores are those out of fold.
        task: what to learn; inferred from the target without it.
        threads: trials at a time; one a core without it.
        parallel: make the trials in so many processes instead of threads; goes with --storage.
        engine: native, torch, numpy or auto.
        dtype: float32 or float64.
        seed: of the split, the first weights and the settings tried.
        na: texts that mean a missing value, with commas between, as "?,n/a".
        out: where to save the model; DATA's name with .safetensors without it.
        plot: draw trials and settings to a .png, .svg or .html file.
        size: of a picture: page or slide.
        json_: print the result as one JSON object.
    """
    from chainrule.storage import check_target, save
    from chainrule.sweeping import sweep as made
    from chainrule.views.files import check_picture

    check_there(data)
    if is_folder(data):
        raise InvalidValue("a sweep takes a table that fits into memory: a file, not a folder")
    path = out or Path(f"{stem(data)}.safetensors")
    check_target(path)  # before the work, not after it
    if plot is not None:
        check_picture(plot)
    settings: dict[str, Any] = {
        "trials": trials, "space": space, "storage": storage, "pruner": pruner, "epochs": epochs,
        "validation": validation, "test": test, "task": task, "threads": threads, "parallel": parallel,
        "seed": seed, "engine": engine, "dtype": dtype, "na": missing_values(na, data), "progress": not json_,
    }  # fmt: skip
    try:
        found = made(data, target, **settings)
    except KeyboardInterrupt:
        if storage is not None:
            print(f"chainrule: {storage} has the trials; the same command goes on", file=sys.stderr)
        raise
    found.model.history["na"] = list(settings["na"])
    save(found.model, path)
    if plot is not None:
        found.plot(plot, size)
    if json_:
        print(
            json.dumps(
                {
                    **found.as_dict(),
                    "fit": fitted.as_json(found.fit, path),
                    "without_a_sweep": found.usual.scores,
                }
            )
        )
    else:
        same = {"task": task, "seed": seed or None, "na": na}
        print("\n".join(_lines(found, data, same, path, plot)))
    return 0


def _lines(
    found: Sweep, data: str, same: dict[str, Any], path: Path, plot: Path | None
) -> list[str]:
    """What was tried, the best trials, what mattered, and what was fitted.

    Args:
        found: by the sweep.
        data: what was read.
        same: options that the sweep and a fit have in common; those that are None were not given.
        path: the model's file.
        plot: the picture's.
    """
    mattered = ", ".join(f"{name} {100 * share:.0f} %" for name, share in found.importances.items())
    said = [*found.summary, "", *str(found).splitlines(), ""]
    if mattered:
        said.append(f"mattered {mattered}")
    if plot is not None:
        said.append(f"drawn    {plot}")
    said += [
        f"settings {shlex.join(_command(found, data, same))}",
        f"caution  {_caution(found)}",
        "",
    ]
    _, *fit = fitted.lines(
        found.fit, data, path, others={"without a sweep": found.usual.scores}
    )  # less the data, which stand above
    return [*said, *fit]


def _caution(found: Sweep) -> str:
    """Why the best loss flatters, and what does not."""
    chosen = f"trial {found.best.number} was chosen among {len(found.trials)} by the rows that its loss is measured on"
    if found.fit.out_of_fold:
        return f"{chosen}: that flatters it, and a little the scores below, which rest on some of these rows"
    return f"{chosen}, which flatters it; the scores below are on rows that no trial saw"


def _command(found: Sweep, data: str, same: dict[str, Any]) -> list[str]:
    """What fits with these settings, to all rows, without a sweep."""
    given = {name: value for name, value in same.items() if value is not None}
    options: dict[str, Any] = {"target": found.target, **found.settings, **given}
    hidden = options.get("hidden")
    if hidden is not None:
        options["hidden"] = ",".join(map(str, hidden))
    words = ["chainrule", "fit", data]
    for name, value in options.items():
        shown = f"{value:.6g}" if isinstance(value, float) else str(value)
        words += [f"--{name.replace('_', '-')}", shown]
    return words
