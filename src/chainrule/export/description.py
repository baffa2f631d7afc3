"""A formula in JSON's terms, and as a document."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from chainrule.export.formula import Column, Formula
from chainrule.export.written import Written
from chainrule.storage.atomic import write
from chainrule.tables.encoder_data import described
from chainrule.tables.features import RISE, Category
from chainrule.tables.scaling import SMOOTH
from chainrule.version import __version__

FORMAT, FORMAT_VERSION = "chainrule formula", 1


def description(formula: Formula) -> dict[str, Any]:
    """Everything but the networks; `docs/export.md` says what each field means."""
    columns = None if formula.columns is None else [*map(_column, formula.columns)]
    return {
        "title": formula.title,
        "answer": formula.answer,
        "dtype": formula.dtype,
        "classes": list(formula.classes),
        "levels": list(formula.levels),
        "middle": formula.middle,
        "mean": formula.mean,
        "spread": formula.spread,
        "rise": RISE,
        "limit": SMOOTH,
        "columns": columns,
    }


def to_json(given: object, path: str | os.PathLike[str]) -> Written:
    """Write a model as JSON: see `chainrule.export`."""
    formula = Formula.of(given)
    alone = formula.answer == "outputs"
    text = formula.networks[0].to_json() if alone else _document(formula)
    columns = formula.columns
    inputs = f"{formula.inputs} numbers" if columns is None else f"{len(columns)} columns"
    facts = (("from", inputs), ("to", formula.answer), ("networks", str(len(formula.networks))))
    return Written((write(path, text.encode()),), facts)


def _document(formula: Formula) -> str:
    """An object with a line for each field, each column and each layer."""
    start = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "written_by": f"chainrule {__version__}",
    }
    fields: dict[str, Any] = {**start, **description(formula)}
    columns = fields.pop("columns")
    lines = [f"{json.dumps(name)}: {_line(value)}" for name, value in fields.items()]
    lines.append('"columns": ' + ("null" if columns is None else _list(map(_line, columns))))
    each = zip(formula.shares, formula.networks, strict=True)
    entries = (
        f'{{"share": {share!r}, "network": {network.to_json().strip()}}}' for share, network in each
    )
    lines.append('"networks": ' + _list(entries))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _list(entries: Iterable[str]) -> str:
    return "[\n" + ",\n".join(entries) + "\n]"


def _column(column: Column) -> dict[str, Any]:
    if isinstance(column, Category):
        return described(column)
    scale = {
        "center": column.scale.center,
        "spread": column.scale.spread,
        "fill": column.scale.fill,
    }
    return described(column) | scale
