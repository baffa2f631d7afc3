"""`chainrule runs`: what was trained, with which settings, and what came of it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from chainrule.training.runs import Run

WIDEST, TALLEST = 100, 16  # columns and lines of curves in characters


def runs(
    folder: Path,
    names: tuple[str, ...] = (),
    /,
    *,
    sort: Literal["when", "data", "loss", "score", "epochs", "time", "status"] = "when",
    plot: Path | None = None,
    size: Literal["page", "slide"] = "page",
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """List the runs in a folder; compare some of them.

    Without names it lists all, a line for each. With names it shows the settings in which those differ,
    their scores side by side and their losses; of one alone, all its settings. A run that is under way is
    read as far as it has come.

    Args:
        folder: where `chainrule fit … --log FOLDER` or `train(…, log=FOLDER)` kept them.
        names: of runs, or any part of a name that no other has.
        sort: by when they began, their data, the best validation loss, the score, the epochs, the time, or
            the status; the best first.
        plot: draw the losses to a .png, .svg or .html file.
        size: of a picture: page or slide.
        json_: print the result as one JSON object.
    """
    from chainrule.cli import remembered
    from chainrule.training.runs import find, runs_in
    from chainrule.views.files import check_picture

    if plot is not None:
        check_picture(plot)
    passed_over: list[str] = []
    if names:
        found = list({run.path: run for run in (find(folder, name) for name in names)}.values())
    else:
        found, passed_over = runs_in(folder)
    found = remembered.ordered(found, sort)
    for reason in passed_over:
        print(f"chainrule: passed over: {reason}", file=sys.stderr)
    if plot is not None:
        remembered.draw(found, plot, size, f"Runs in {folder}")
    if json_:
        print(json.dumps(remembered.as_json(found, passed_over, compared=bool(names))))
        return
    print("\n".join(_lines(found, folder, compared=bool(names))))
    if plot is not None:
        print(f"\ndrawn    {plot}")


def _lines(found: Sequence[Run], folder: Path, compared: bool) -> list[str]:
    from chainrule.cli import remembered

    if not found:
        return [f"there are no runs in {folder}; chainrule fit DATA --log {folder} keeps one"]
    if not compared:
        return remembered.listed(found)
    width = min(shutil.get_terminal_size((80, 24)).columns, WIDEST)
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    lines = remembered.compared(found)
    curves = remembered.characters(found, width, TALLEST, not plain)
    return [*lines, "", curves] if curves else lines
