"""From a row's columns to x, in C."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from chainrule.export.c.words import number
from chainrule.export.formula import Column
from chainrule.tables.features import MISSING, VALUE, Category, Date, Number
from chainrule.tables.scaling import Scale

Named: TypeAlias = list[tuple[str, Column]]

_TURNS = {
    "month": "{p}_month(v) / 12",
    "weekday": "{p}_weekday(v) / 7",
    "time": "v - floor(v)",
}
_GAP = "    *x++ = gap;"


def parts(columns: Named) -> set[str]:
    """The functions that these columns need."""
    used: set[str] = set()
    for _, column in columns:
        match column:
            case Category():
                used.add("category")
            case Number() | Date() if _reads(column):
                used.add("filled")
                if column.scale.smooth and VALUE in column.outputs:
                    used.add("smooth")
        if isinstance(column, Number) and column.bins:
            used.add("bins")
        if isinstance(column, Date):
            used |= {"turn" for turn in _TURNS if turn in column.outputs}
            used |= {"month", "weekday"} & set(column.outputs)
    return used


def function(columns: Named, prefix: str) -> str:
    """The function that fills x; 0 where a boolean is none."""
    lines = [
        "",
        f"static int {prefix}_encode(const struct {prefix}_row *row, {prefix}_real *x)",
        "{",
    ]
    if any(_reads(column) for _, column in columns):
        lines += ["    double v;", "    int gap;"]
    for name, column in columns:
        match column:
            case Category():
                lines.append(
                    f"    x = {prefix}_category(row->{name}, {prefix}_values_of_{name}, {len(column.values)}, "
                    f"{column.other:d}, {column.missing:d}, x);"
                )
            case _ if not _reads(column):  # its gaps alone say something
                lines += [f"    *x++ = isnan(row->{name}) ? 1 : 0;" for _ in column.outputs]
            case Number():
                lines += _number(name, column, prefix)
            case Date():
                lines += _date(name, column, prefix)
    return "\n".join([*lines, "    return 1;", "}", ""])


def _reads(column: Column) -> bool:
    """Whether more of a column is read than where it has gaps."""
    if isinstance(column, Category):
        return False
    checked = isinstance(column, Number) and (column.kind == "boolean" or column.bins > 0)
    return checked or not set(column.outputs) <= {MISSING}


def _filled(name: str, scale: Scale, prefix: str) -> str:
    return f"    v = {prefix}_filled(row->{name}, {number(scale.fill)}, &gap);"


def _number(name: str, column: Number, prefix: str) -> Iterator[str]:
    yield _filled(name, column.scale, prefix)
    if column.kind == "boolean":
        yield "    if (!gap && v != 0 && v != 1)"
        yield "        return 0;"
    for output in column.outputs:
        yield _GAP if output == MISSING else _scaled(column.scale, prefix)
    if column.bins:
        yield f"    x = {prefix}_bins(v, {prefix}_edges_of_{name}, {column.bins}, x);"


def _date(name: str, column: Date, prefix: str) -> Iterator[str]:
    yield _filled(name, column.scale, prefix)
    for output in column.outputs:
        if output in _TURNS:
            yield f"    x = {prefix}_turn({_TURNS[output].format(p=prefix)}, x);"
        else:
            yield _GAP if output == MISSING else _scaled(column.scale, prefix)


def _scaled(scale: Scale, prefix: str) -> str:
    z = f"(v - {number(scale.center)}) / {number(scale.spread)}"
    return f"    *x++ = ({prefix}_real)" + (f"{prefix}_smooth({z});" if scale.smooth else f"({z});")
